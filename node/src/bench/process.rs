//! What a process takes of the machine, from `/proc`. On systems without it nothing is known, and
//! nothing is claimed.

use std::{fs, os::unix::fs::MetadataExt as _, path::Path, time::Duration};

/// Clock ticks per second in `/proc`: `USER_HZ`, which Linux keeps at 100 for every program.
const TICKS_PER_SECOND: u64 = 100;

/// A process at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Memory that it holds: resident bytes.
    pub resident_bytes: u64,
    /// CPU time of all its threads since it began.
    pub cpu: Duration,
}

/// Looks at a process; `None`: it is not there, or the system does not tell.
pub fn usage(pid: u32) -> Option<Usage> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    Some(Usage {
        resident_bytes: resident_bytes(&status)?,
        cpu: cpu(&stat)?,
    })
}

fn resident_bytes(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1_024)
}

/// The fields after the command, which stands in parentheses and may hold anything: `utime` and `stime`
/// are the 12th and 13th of them.
fn cpu(stat: &str) -> Option<Duration> {
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |place: usize| fields.get(place)?.parse::<u64>().ok();
    let ticks = ticks(11)?.checked_add(ticks(12)?)?;
    Some(Duration::from_millis(
        ticks.checked_mul(1_000 / TICKS_PER_SECOND)?,
    ))
}

/// Runnable programs over the last minute; `None`: the system does not tell.
pub fn load_average() -> Option<f64> {
    fs::read_to_string("/proc/loadavg")
        .ok()?
        .split(' ')
        .next()?
        .parse()
        .ok()
}

/// Bytes that the files below `dir` take on the disk (not their lengths: databases make their files
/// larger than what is in them). What cannot be read counts nothing.
pub fn disk_bytes(dir: &Path) -> u64 {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let bytes = |entry: fs::DirEntry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => disk_bytes(&entry.path()),
        // `st_blocks` is in units of 512 bytes everywhere.
        Ok(metadata) => metadata.blocks().saturating_mul(512),
        Err(_) => 0,
    };
    entries.map(bytes).fold(0, u64::saturating_add)
}

/// Whether `dir` is kept in memory, where making data durable costs nothing.
pub fn is_in_memory(dir: &Path) -> bool {
    let (Ok(mounts), Ok(dir)) = (fs::read_to_string("/proc/self/mounts"), dir.canonicalize()) else {
        return false;
    };
    let mut mounted = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ').skip(1);
        Some((fields.next()?, fields.next()?))
    });
    let longest = mounted
        .by_ref()
        .filter(|(point, _)| dir.starts_with(point))
        .max_by_key(|(point, _)| point.len());
    longest.is_some_and(|(_, kind)| kind == "tmpfs" || kind == "ramfs")
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn lines_of_proc_are_read() {
        let status = "Name:\tx\nVmHWM:\t    99 kB\nVmRSS:\t    12 kB\n";
        assert_eq!(resident_bytes(status), Some(12_288));
        assert_eq!(resident_bytes("Name:\tx\n"), None);
        let stat = "7 (a) b (c)) S 1 7 7 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 9 0 1 2 3";
        assert_eq!(cpu(stat), Some(Duration::from_secs(3)));
        assert_eq!(cpu("7 (a) S 1"), None);
    }

    #[test]
    fn files_count_with_what_they_take_on_the_disk() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("inner")).unwrap();
        let mut file = fs::File::create(dir.path().join("inner/file")).unwrap();
        // Some file systems find a place for what was written only when it must be durable.
        file.write_all(&[1; 100_000])
            .and_then(|()| file.sync_all())
            .unwrap();
        // A hole takes nothing.
        fs::File::create(dir.path().join("sparse"))
            .unwrap()
            .set_len(1 << 30)
            .unwrap();
        let bytes = disk_bytes(dir.path());
        assert!((100_000..10_000_000).contains(&bytes), "{bytes}");
        assert_eq!(disk_bytes(&dir.path().join("absent")), 0);
    }
}
