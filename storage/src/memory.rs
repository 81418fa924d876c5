//! A disk in memory that can crash and fill up, for simulation and tests.
//!
//! What is written is readable at once, but survives a crash for certain only after the next sync, as
//! on a real disk. [`CrashDisk::crash`] throws away all that was not synced, or all but a seeded
//! choice of it (a disk may have written any part of what it was given, in any order). Whoever had
//! the database open before the crash gets errors from then on, like a process that is no more.

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use redb::StorageBackend;

use crate::database::Backend;

/// Disks write whole sectors: the unit in which a write can be torn.
const SECTOR: usize = 512;

/// A disk with one file on it. Cloning gives another handle to the same disk.
#[derive(Clone, Debug, Default)]
pub struct CrashDisk {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// What readers see.
    current: Vec<u8>,
    /// What certainly survives.
    durable: Vec<u8>,
    /// What happened since the last sync, in order.
    unsynced: Vec<Operation>,
    /// Grows with every crash; backends of an earlier life are dead.
    life: u64,
    /// Syncs done in all lives.
    syncs: u64,
    /// The sync with this number does not happen any more.
    dies_at: Option<u64>,
    /// It has died; only a crash brings it back.
    dead: bool,
    /// Largest file.
    capacity: Option<u64>,
}

#[derive(Debug)]
enum Operation {
    Resize(usize),
    Write(usize, Vec<u8>),
}

impl CrashDisk {
    /// An empty disk.
    pub fn new() -> Self {
        Self::default()
    }

    /// The disk as a place for a database. After a crash, take it again.
    pub fn backend(&self, name: impl Into<String>) -> Backend {
        let life = self.lock().life;
        Backend::custom(
            name,
            Mounted {
                disk: self.clone(),
                life,
            },
        )
    }

    /// Loses what was not synced: all of it without a seed, else all but a choice that the seed makes.
    /// Power is back afterwards.
    pub fn crash(&self, seed: Option<u64>) {
        let mut state = self.lock();
        let unsynced = std::mem::take(&mut state.unsynced);
        if let Some(seed) = seed {
            let mut chance = Chance(seed);
            for operation in &unsynced {
                operation.survive(&mut state.durable, &mut chance);
            }
        }
        state.current = state.durable.clone();
        state.life += 1;
        state.dies_at = None;
        state.dead = false;
    }

    /// Syncs done so far, in all lives.
    pub fn syncs(&self) -> u64 {
        self.lock().syncs
    }

    /// The disk dies in the sync after the next `count`: that sync and everything after it fails,
    /// until [`CrashDisk::crash`].
    pub fn die_after_syncs(&self, count: u64) {
        let mut state = self.lock();
        state.dies_at = Some(state.syncs + count);
    }

    /// Limits the size of the file, in bytes: growing beyond it fails as on a full disk. `None`: no
    /// limit.
    pub fn set_capacity(&self, capacity: Option<u64>) {
        self.lock().capacity = capacity;
    }

    /// Size of the file, in bytes.
    pub fn size(&self) -> u64 {
        self.lock().current.len() as u64
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Operation {
    fn apply(&self, file: &mut Vec<u8>) {
        match self {
            Self::Resize(length) => file.resize(*length, 0),
            Self::Write(offset, data) => put(file, *offset, data),
        }
    }

    /// Reaches the disk or not, sector by sector.
    fn survive(&self, file: &mut Vec<u8>, chance: &mut Chance) {
        match self {
            Self::Resize(_) if chance.coin() => self.apply(file),
            Self::Resize(_) => {}
            Self::Write(offset, data) => {
                for (index, sector) in data.chunks(SECTOR).enumerate() {
                    if chance.coin() {
                        put(file, offset + index * SECTOR, sector);
                    }
                }
            }
        }
    }
}

fn put(file: &mut Vec<u8>, offset: usize, data: &[u8]) {
    let end = offset + data.len();
    if file.len() < end {
        file.resize(end, 0);
    }
    file[offset..end].copy_from_slice(data);
}

/// SplitMix64: a seed's stream of coins.
struct Chance(u64);

impl Chance {
    fn coin(&mut self) -> bool {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) & 1 == 1
    }
}

/// The disk as one life of a process sees it.
#[derive(Debug)]
struct Mounted {
    disk: CrashDisk,
    life: u64,
}

impl Mounted {
    /// The disk, if this life goes on.
    fn alive(&self) -> io::Result<MutexGuard<'_, State>> {
        let state = self.disk.lock();
        if state.life != self.life || state.dead {
            return Err(io::Error::other("the simulated disk has lost power"));
        }
        Ok(state)
    }
}

fn place(offset: u64) -> io::Result<usize> {
    usize::try_from(offset).map_err(io::Error::other)
}

fn within_capacity(state: &State, length: u64) -> io::Result<()> {
    match state.capacity {
        Some(capacity) if length > capacity.max(state.current.len() as u64) => {
            Err(io::Error::from(io::ErrorKind::StorageFull))
        }
        _ => Ok(()),
    }
}

impl StorageBackend for Mounted {
    fn len(&self) -> io::Result<u64> {
        Ok(self.alive()?.current.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let state = self.alive()?;
        let start = place(offset)?;
        let source = state.current.get(start..start + out.len());
        out.copy_from_slice(source.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.alive()?;
        within_capacity(&state, len)?;
        state.record(Operation::Resize(place(len)?));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.alive()?;
        if state.dies_at == Some(state.syncs) {
            state.dead = true;
            return Err(io::Error::other("the simulated disk lost power during a sync"));
        }
        state.syncs += 1;
        let unsynced = std::mem::take(&mut state.unsynced);
        for operation in &unsynced {
            operation.apply(&mut state.durable);
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut state = self.alive()?;
        within_capacity(&state, offset + data.len() as u64)?;
        state.record(Operation::Write(place(offset)?, data.to_vec()));
        Ok(())
    }
}

impl State {
    fn record(&mut self, operation: Operation) {
        operation.apply(&mut self.current);
        self.unsynced.push(operation);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mounted(disk: &CrashDisk) -> Mounted {
        Mounted {
            disk: disk.clone(),
            life: disk.lock().life,
        }
    }

    fn content(disk: &CrashDisk) -> Vec<u8> {
        disk.lock().current.clone()
    }

    #[test]
    fn a_crash_loses_what_was_not_synced_and_ends_a_life() {
        let disk = CrashDisk::new();
        let before = mounted(&disk);
        before.set_len(4).unwrap();
        before.write(0, b"safe").unwrap();
        before.sync_data().unwrap();
        before.write(0, b"lost").unwrap();
        assert_eq!(content(&disk), b"lost");
        disk.crash(None);
        assert_eq!(content(&disk), b"safe");
        assert!(before.write(0, b"dead").is_err());
        assert!(mounted(&disk).write(0, b"next").is_ok());
    }

    #[test]
    fn a_seeded_crash_keeps_a_repeatable_choice_of_sectors() {
        let survivors = |seed| {
            let disk = CrashDisk::new();
            let mounted = mounted(&disk);
            mounted.set_len(32 * SECTOR as u64).unwrap();
            mounted.sync_data().unwrap();
            mounted.write(0, &[1; 32 * SECTOR]).unwrap();
            disk.crash(Some(seed));
            content(&disk)
                .chunks(SECTOR)
                .map(|sector| sector[0])
                .collect::<Vec<_>>()
        };
        assert_eq!(survivors(1), survivors(1));
        assert_ne!(survivors(1), survivors(2));
        assert!(survivors(1).contains(&0) && survivors(1).contains(&1));
    }

    #[test]
    fn a_disk_dies_in_the_sync_it_was_told_to_and_a_full_one_does_not_grow() {
        let disk = CrashDisk::new();
        let life = mounted(&disk);
        disk.die_after_syncs(1);
        assert!(life.sync_data().is_ok());
        assert!(life.sync_data().is_err());
        assert!(life.len().is_err());
        disk.crash(None);
        disk.set_capacity(Some(10));
        let life = mounted(&disk);
        assert!(life.set_len(10).is_ok());
        assert_eq!(life.set_len(11).unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert!(life.write(5, &[0; 5]).is_ok());
        assert_eq!(
            life.write(5, &[0; 6]).unwrap_err().kind(),
            io::ErrorKind::StorageFull
        );
    }
}
