//! The disks of one machine: two databases on crashing disks, and the consensus log.

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use aureon_node::adapters::consensus_log::LogMedium;
use aureon_storage::memory::CrashDisk;

use crate::{random::Random, scenario::DiskName};

/// Everything of a machine that outlives a crash.
#[derive(Clone, Debug, Default)]
pub struct Disks {
    /// Holds `blocks.redb`.
    pub blocks: CrashDisk,
    /// Holds `state.redb`.
    pub states: CrashDisk,
    /// Holds the consensus log.
    pub log: LogDisk,
}

impl Disks {
    /// One of them fails in the sync after the next `count`, and after that, until [`Disks::crash`].
    pub fn die_after_syncs(&self, disk: DiskName, count: u64) {
        match disk {
            DiskName::Blocks => self.blocks.die_after_syncs(count),
            DiskName::States => self.states.die_after_syncs(count),
            DiskName::Log => self.log.die_after_syncs(count),
        }
    }

    /// Power is lost: of what was not synced, each disk keeps a seeded part.
    pub fn crash(&self, random: &mut Random) {
        self.blocks.crash(Some(random.draw()));
        self.states.crash(Some(random.draw()));
        self.log.crash(random);
    }
}

/// A disk with the consensus log on it. What is appended survives a crash for certain only after the
/// next sync; of the rest, any beginning may survive. Cloning gives another handle to the same disk.
#[derive(Clone, Debug, Default)]
pub struct LogDisk {
    state: Arc<Mutex<LogState>>,
}

#[derive(Debug, Default)]
struct LogState {
    content: Vec<u8>,
    /// So many bytes are safe.
    synced: usize,
    /// Syncs done in all lives.
    syncs: u64,
    /// Power is lost in the sync with this number.
    dies_at: Option<u64>,
    /// It was; only a crash brings it back.
    dead: bool,
    /// A broken disk: it says that it synced and did not.
    lies: bool,
}

impl LogDisk {
    /// Power is lost in the sync after the next `count`: that sync and everything after it fails, until
    /// [`LogDisk::crash`].
    pub fn die_after_syncs(&self, count: u64) {
        let mut state = self.lock();
        state.dies_at = Some(state.syncs.saturating_add(count));
    }

    /// Syncs done so far, in all lives.
    pub fn syncs(&self) -> u64 {
        self.lock().syncs
    }

    /// From now on syncs do nothing. For simulations that must fail.
    pub fn lie_about_syncs(&self) {
        self.lock().lies = true;
    }

    /// Power is lost: a seeded beginning of what was not synced survives.
    pub fn crash(&self, random: &mut Random) {
        let mut state = self.lock();
        let unsynced = state.content.len().saturating_sub(state.synced);
        let kept = state
            .synced
            .saturating_add(random.below(unsynced.saturating_add(1)));
        state.content.truncate(kept);
        state.synced = kept;
        state.dies_at = None;
        state.dead = false;
    }

    fn lock(&self) -> MutexGuard<'_, LogState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LogState {
    fn alive(&self) -> io::Result<()> {
        if self.dead {
            Err(io::Error::other("the simulated log disk lost power"))
        } else {
            Ok(())
        }
    }

    /// A sync begins.
    fn begin_sync(&mut self) -> io::Result<()> {
        self.dead |= self.dies_at == Some(self.syncs);
        self.alive()?;
        self.syncs = self.syncs.saturating_add(1);
        Ok(())
    }
}

impl LogMedium for LogDisk {
    fn read(&mut self) -> io::Result<Vec<u8>> {
        Ok(self.lock().content.clone())
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.lock();
        state.alive()?;
        state.content.extend_from_slice(bytes);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.lock();
        state.begin_sync()?;
        if !state.lies {
            state.synced = state.content.len();
        }
        Ok(())
    }

    fn replace(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.lock();
        state.begin_sync()?;
        state.content = bytes.to_vec();
        state.synced = bytes.len();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crash_keeps_what_was_synced_and_a_beginning_of_the_rest() {
        let mut lengths = Vec::new();
        for seed in 0..50 {
            let mut disk = LogDisk::default();
            disk.append(b"safe").unwrap();
            disk.sync().unwrap();
            disk.append(b"rest").unwrap();
            disk.die_after_syncs(0);
            assert!(disk.sync().is_err() && disk.append(b"more").is_err() && disk.replace(b"").is_err());
            disk.crash(&mut Random::new(seed));
            let left = disk.read().unwrap();
            assert!(b"saferest".starts_with(&left) && left.len() >= 4);
            assert!(disk.sync().is_ok(), "power is back");
            lengths.push(left.len());
        }
        assert!((4..=8).all(|length| lengths.contains(&length)), "{lengths:?}");
    }

    #[test]
    fn a_lying_disk_loses_what_it_promised() {
        let mut disk = LogDisk::default();
        disk.lie_about_syncs();
        disk.append(&[7; 100]).unwrap();
        disk.sync().unwrap();
        disk.crash(&mut Random::new(3));
        assert!(disk.read().unwrap().len() < 100);
    }
}
