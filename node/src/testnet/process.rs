//! Processes: starting nodes, finding them again, and ending them.

use std::{
    fs::{self, File, OpenOptions},
    io::{Read as _, Seek as _, SeekFrom},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

use super::TestnetError;
use crate::config::{files, runtime::Runtime};

/// How long nodes may take to end cleanly before they are killed.
const STOP_PATIENCE: Duration = Duration::from_secs(20);
/// Between two looks at a process.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// As much of a log's end is shown.
const TAIL_BYTES: u64 = 2_000;
/// The only variable of ours that the nodes take over: the others would give all of them one port or
/// one database.
const KEPT_VARIABLE: &str = "AUREON_LOG_FILTER";

/// Where a node logs.
pub fn log_path(dir: &Path) -> PathBuf {
    dir.join("node.log")
}

/// Starts `run --dir dir` in a process group of its own, its output going to the log.
pub fn spawn(dir: &Path, bootstrap: &[String], mdns: bool) -> Result<Child, TestnetError> {
    let failed = |what: &str| TestnetError::io(format!("{what} for {}", dir.display()));
    let program = std::env::current_exe().map_err(failed("find this program"))?;
    let log = OpenOptions::new()
        .create(true)
        .append(true)
        .open(log_path(dir))
        .map_err(failed("open the log"))?;
    let errors = log.try_clone().map_err(failed("open the log"))?;
    let mut command = Command::new(program);
    command.arg("run").arg("--dir").arg(dir);
    for address in bootstrap {
        command.arg("--bootstrap").arg(address);
    }
    if !mdns {
        command.arg("--no-mdns");
    }
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("AUREON_") && name != KEPT_VARIABLE {
            command.env_remove(name);
        }
    }
    // What an earlier process told holds no more.
    Runtime::remove(dir);
    command
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(errors)
        .process_group(0);
    let child = command.spawn().map_err(failed("start a node"))?;
    let pid = format!("{}\n", child.id());
    files::replace(&pid_path(dir), pid.as_bytes(), files::PUBLIC).map_err(failed("write the process id"))?;
    Ok(child)
}

fn pid_path(dir: &Path) -> PathBuf {
    dir.join("node.pid")
}

/// The process that runs the node in `dir`, started by the launcher or by hand. A process id that now
/// belongs to another program is not taken for it.
pub fn running(dir: &Path) -> Option<u32> {
    let started = fs::read_to_string(pid_path(dir))
        .ok()
        .and_then(|text| text.trim().parse().ok());
    let told = Runtime::read(dir).map(|runtime| runtime.pid);
    [told, started].into_iter().flatten().find(|pid| runs(*pid, dir))
}

/// The arguments of a process, each ended by a zero byte. A process that has ended and was not waited
/// for has none; one that is between `fork` and `exec` has none yet.
fn command_line(pid: u32) -> Option<Vec<u8>> {
    for _ in 0..20 {
        let line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        if !line.is_empty() {
            return Some(line);
        }
        // The state follows the program's name, which is in brackets and may hold anything.
        if stat
            .rsplit_once(") ")
            .is_some_and(|(_, rest)| rest.starts_with('Z'))
        {
            return None;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    None
}

/// Whether process `pid` is a node with this directory, by its command line.
fn runs(pid: u32, dir: &Path) -> bool {
    let Some(line) = command_line(pid) else {
        return false;
    };
    let arguments: Vec<String> = line
        .split(|byte| *byte == 0)
        .map(|part| String::from_utf8_lossy(part).into_owned())
        .collect();
    let base = fs::read_link(format!("/proc/{pid}/cwd")).unwrap_or_default();
    let same = |text: &str| {
        let given = base.join(text);
        given.canonicalize().ok() == dir.canonicalize().ok() || given == dir
    };
    let directory = |pair: &[String]| pair[0] == "--dir" && same(&pair[1]);
    arguments.windows(2).any(directory)
        || arguments
            .iter()
            .any(|a| a.strip_prefix("--dir=").is_some_and(same))
}

fn signal(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw)
        // It may have ended by itself in the meantime.
        && let Err(error) = kill_process(pid, signal)
    {
        tracing::debug!("cannot signal process {pid:?}: {error}");
    }
}

/// Ends the nodes of `dirs`: asks all, waits, and kills those that do not end. Returns the directories of
/// the nodes that ran, and of those that had to be killed. `reap` is called while waiting, for a parent
/// to collect its children.
pub fn stop_all(dirs: &[PathBuf], mut reap: impl FnMut()) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let mut left: Vec<(PathBuf, u32)> = dirs
        .iter()
        .filter_map(|dir| Some((dir.clone(), running(dir)?)))
        .collect();
    let ran = left.iter().map(|(dir, _)| dir.clone()).collect();
    left.iter().for_each(|(_, pid)| signal(*pid, Signal::TERM));
    let deadline = Instant::now() + STOP_PATIENCE;
    while !left.is_empty() && Instant::now() < deadline {
        std::thread::sleep(LOOK_AGAIN);
        reap();
        left.retain(|(dir, pid)| runs(*pid, dir));
    }
    left.iter().for_each(|(_, pid)| signal(*pid, Signal::KILL));
    reap();
    (ran, left.into_iter().map(|(dir, _)| dir).collect())
}

/// The end of a node's log, whole lines.
pub fn log_tail(dir: &Path) -> String {
    let read = || -> std::io::Result<String> {
        let mut file = File::open(log_path(dir))?;
        let start = file.metadata()?.len().saturating_sub(TAIL_BYTES);
        file.seek(SeekFrom::Start(start))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Ok(match text.split_once('\n') {
            Some((_, whole)) if start > 0 => whole.to_owned(),
            _ => text,
        })
    };
    match read() {
        Ok(text) if text.trim().is_empty() => "(the log is empty)".to_owned(),
        Ok(text) => text.trim_end().to_owned(),
        Err(error) => format!("(the log cannot be read: {error})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_known_by_its_directory() {
        let dir = tempfile::tempdir().unwrap();
        let mut child = Command::new("sh")
            .args(["-c", "read line", "sh", "--dir"])
            .arg(dir.path())
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let pid = child.id();
        assert!(runs(pid, dir.path()));
        assert!(!runs(pid, &dir.path().join("other")));
        files::replace(&pid_path(dir.path()), pid.to_string().as_bytes(), files::PUBLIC).unwrap();
        assert_eq!(running(dir.path()), Some(pid));
        let (ran, killed) = stop_all(&[dir.path().to_owned()], || drop(child.try_wait()));
        assert_eq!((ran.len(), killed.len()), (1, 0));
        assert_eq!(running(dir.path()), None);
    }

    #[test]
    fn a_log_is_shown_from_a_line_s_beginning() {
        let dir = tempfile::tempdir().unwrap();
        assert!(log_tail(dir.path()).contains("cannot be read"));
        let line = format!("{}\n", "x".repeat(99));
        fs::write(log_path(dir.path()), line.repeat(100)).unwrap();
        let tail = log_tail(dir.path());
        assert!(tail.lines().all(|line| line.len() == 99) && tail.len() > 1_000);
    }
}
