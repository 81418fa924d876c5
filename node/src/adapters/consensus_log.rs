//! The validator's write-ahead log and sign-mark: one append-only file.
//!
//! It is not in redb: a vote waits for its log entry, and a redb commit takes many milliseconds and
//! excludes other writers.
//!
//! A frame is `length (u32) || check (4 bytes) || kind (1 byte) || payload`, numbers little-endian;
//! `length` counts kind and payload, `check` is the beginning of their BLAKE3. Kinds: a height begins,
//! a record of that height, a sign-mark. Only the records after the last beginning count, and the last
//! sign-mark.
//!
//! *What a crash leaves.* A torn tail was never synced, so nothing it held was published: it is cut
//! off. A damaged frame with whole frames behind it is something else (the disk lost what it had
//! promised): then the records before it are all that is used, and the sign-mark counts as lost, which
//! makes the engine listen before it signs.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read as _, Seek as _, Write as _},
    path::{Path, PathBuf},
};

/// Above this size, in bytes, the log is written anew when a height begins.
const COMPACT_ABOVE: usize = 4 << 20;
/// Largest frame. A record is a vote, a proposal or a certificate of at most 1,000 signatures.
const MAX_FRAME: usize = 1 << 20;
const PREFIX: usize = 8;

const KIND_HEIGHT: u8 = 0;
const KIND_RECORD: u8 = 1;
const KIND_MARK: u8 = 2;

/// The medium of the log: a file, or the simulated disk of a test.
pub trait LogMedium: Send {
    /// All that is there.
    fn read(&mut self) -> io::Result<Vec<u8>>;
    /// Appends; durable only after [`LogMedium::sync`].
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Makes all appends durable.
    fn sync(&mut self) -> io::Result<()>;
    /// Replaces everything, atomically and durably.
    fn replace(&mut self, bytes: &[u8]) -> io::Result<()>;
}

/// What the log held when it was opened.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// The height that the records are of; 0 if the log is new.
    pub height: u64,
    /// Encoded records in order.
    pub records: Vec<Vec<u8>>,
    /// The encoded sign-mark; `None` if there is none or it was lost.
    pub mark: Option<Vec<u8>>,
    /// Whether frames behind a damaged one were found and dropped.
    pub damaged: bool,
}

/// The log, open for appending.
pub struct ConsensusLog<M> {
    medium: M,
    size: usize,
    mark: Option<Vec<u8>>,
}

impl<M: LogMedium> ConsensusLog<M> {
    /// Reads what is there and cuts off a torn tail. What is damaged is written anew without a sign-mark:
    /// an older one that survived must not count as the newest at the next start.
    pub fn open(mut medium: M) -> io::Result<(Self, Recovered)> {
        let bytes = medium.read()?;
        let (recovered, mut valid) = recover(&bytes);
        if recovered.damaged {
            let mut whole = frame(KIND_HEIGHT, &recovered.height.to_le_bytes());
            for record in &recovered.records {
                whole.extend_from_slice(&frame(KIND_RECORD, record));
            }
            medium.replace(&whole)?;
            valid = whole.len();
        } else if valid < bytes.len() {
            medium.replace(bytes.get(..valid).unwrap_or_default())?;
        }
        let mark = recovered.mark.clone();
        Ok((
            Self {
                medium,
                size: valid,
                mark,
            },
            recovered,
        ))
    }

    /// What is there; changes nothing.
    pub fn inspect(mut medium: M) -> io::Result<Recovered> {
        Ok(recover(&medium.read()?).0)
    }

    /// Forgets the records of earlier heights. Durable with the next [`ConsensusLog::append`]: until then
    /// the old records are harmless, because their height is decided.
    pub fn begin(&mut self, height: u64) -> io::Result<()> {
        let beginning = frame(KIND_HEIGHT, &height.to_le_bytes());
        if self.size <= COMPACT_ABOVE {
            self.size = self.size.saturating_add(beginning.len());
            return self.medium.append(&beginning);
        }
        let mut bytes = self
            .mark
            .as_ref()
            .map(|mark| frame(KIND_MARK, mark))
            .unwrap_or_default();
        bytes.extend_from_slice(&beginning);
        self.medium.replace(&bytes)?;
        self.size = bytes.len();
        Ok(())
    }

    /// Appends records and the sign-mark, and returns when they are durable.
    pub fn append(&mut self, records: &[Vec<u8>], mark: Option<&[u8]>) -> io::Result<()> {
        let mut bytes = Vec::new();
        for record in records {
            bytes.extend_from_slice(&frame(KIND_RECORD, record));
        }
        if let Some(mark) = mark {
            bytes.extend_from_slice(&frame(KIND_MARK, mark));
            self.mark = Some(mark.to_vec());
        }
        self.medium.append(&bytes)?;
        self.size = self.size.saturating_add(bytes.len());
        self.medium.sync()
    }
}

fn check(body: &[u8]) -> [u8; 4] {
    let mut check = [0; 4];
    check.copy_from_slice(&blake3::hash(body).as_bytes()[..4]);
    check
}

fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
    let mut body = Vec::with_capacity(payload.len().saturating_add(1));
    body.push(kind);
    body.extend_from_slice(payload);
    let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
    let mut frame = length.to_le_bytes().to_vec();
    frame.extend_from_slice(&check(&body));
    frame.extend_from_slice(&body);
    frame
}

/// The first frame of `bytes`: kind, payload, and its whole length.
fn parse(bytes: &[u8]) -> Option<(u8, &[u8], usize)> {
    let length = u32::from_le_bytes(bytes.get(..4)?.try_into().ok()?);
    let length = usize::try_from(length)
        .ok()
        .filter(|length| (1..=MAX_FRAME).contains(length))?;
    let end = PREFIX.checked_add(length)?;
    let body = bytes.get(PREFIX..end)?;
    if bytes.get(4..PREFIX)? != check(body) {
        return None;
    }
    let (kind, payload) = body.split_first()?;
    Some((*kind, payload, end))
}

/// What the valid beginning of `bytes` says, and where it ends.
fn recover(bytes: &[u8]) -> (Recovered, usize) {
    let (mut recovered, mut position) = (Recovered::default(), 0);
    while let Some((kind, payload, length)) = parse(bytes.get(position..).unwrap_or_default()) {
        match kind {
            KIND_HEIGHT => {
                let Ok(height) = payload.try_into() else { break };
                recovered.height = u64::from_le_bytes(height);
                recovered.records.clear();
            }
            KIND_RECORD => recovered.records.push(payload.to_vec()),
            KIND_MARK => recovered.mark = Some(payload.to_vec()),
            _ => break,
        }
        position = position.saturating_add(length);
    }
    let rest = bytes.get(position..).unwrap_or_default();
    recovered.damaged =
        (1..rest.len()).any(|offset| rest.get(offset..).is_some_and(|rest| parse(rest).is_some()));
    if recovered.damaged {
        recovered.mark = None;
    }
    (recovered, position)
}

/// The log as a file. Locked as long as it is open, so that no two programs write it.
pub struct LogFile {
    path: PathBuf,
    file: File,
}

impl LogFile {
    /// Opens or creates the file, readable by its owner only.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = open_options().create(true).open(path)?;
        lock(&file)?;
        sync_directory(path)?;
        Ok(Self {
            path: path.to_owned(),
            file,
        })
    }
}

/// The system unlocks when the file is closed, also by SIGKILL.
fn lock(file: &File) -> io::Result<()> {
    file.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => io::Error::new(
            io::ErrorKind::ResourceBusy,
            "another program has it open, which is a running node: stop the node first",
        ),
        TryLockError::Error(error) => error,
    })
}

fn open_options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// A new or renamed file survives a crash only when its directory was synced too.
fn sync_directory(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => File::open(parent)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}

impl LogMedium for LogFile {
    fn read(&mut self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.file.rewind()?;
        self.file.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn replace(&mut self, bytes: &[u8]) -> io::Result<()> {
        let new = self.path.with_extension("new");
        let mut file = open_options().create(true).open(&new)?;
        lock(&file)?;
        file.set_len(0)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&new, &self.path)?;
        sync_directory(&self.path)?;
        self.file = file;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Memory(Vec<u8>);

    impl LogMedium for Memory {
        fn read(&mut self) -> io::Result<Vec<u8>> {
            Ok(self.0.clone())
        }
        fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
            self.0.extend_from_slice(bytes);
            Ok(())
        }
        fn sync(&mut self) -> io::Result<()> {
            Ok(())
        }
        fn replace(&mut self, bytes: &[u8]) -> io::Result<()> {
            self.0 = bytes.to_vec();
            Ok(())
        }
    }

    fn written() -> Vec<u8> {
        let (mut log, _) = ConsensusLog::open(Memory::default()).unwrap();
        log.begin(1).unwrap();
        log.append(&[b"old".to_vec()], Some(b"m1")).unwrap();
        log.begin(2).unwrap();
        log.append(&[b"a".to_vec(), b"bb".to_vec()], Some(b"m2")).unwrap();
        log.medium.0
    }

    fn reopen(bytes: Vec<u8>) -> Recovered {
        ConsensusLog::open(Memory(bytes)).unwrap().1
    }

    #[test]
    fn only_the_last_height_and_the_last_mark_count() {
        let expected = Recovered {
            height: 2,
            records: vec![b"a".to_vec(), b"bb".to_vec()],
            mark: Some(b"m2".to_vec()),
            damaged: false,
        };
        assert_eq!(reopen(written()), expected);
    }

    #[test]
    fn every_torn_tail_leaves_whole_frames_and_can_be_appended_to() {
        let whole = written();
        for cut in 0..whole.len() {
            let (mut log, recovered) = ConsensusLog::open(Memory(whole[..cut].to_vec())).unwrap();
            assert!(!recovered.damaged, "cut at {cut}");
            log.append(&[b"new".to_vec()], None).unwrap();
            assert_eq!(
                reopen(log.medium.0).records.last(),
                Some(&b"new".to_vec()),
                "cut at {cut}"
            );
        }
    }

    #[test]
    fn damage_in_the_middle_costs_the_mark() {
        let whole = written();
        let last = whole.len() - 1;
        for position in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[position] ^= 0x40;
            let recovered = reopen(bytes);
            let last_frame = position + PREFIX + 3 > last; // the mark itself: as if torn
            assert_eq!(recovered.damaged, !last_frame, "byte {position}");
            assert!(recovered.mark.is_none() || !recovered.damaged, "byte {position}");
        }
    }

    #[test]
    fn a_mark_that_was_lost_stays_lost_at_the_next_start() {
        let mut bytes = written();
        let record = bytes.len() - 11 - 11 - 5; // before the newest mark, behind an older one
        bytes[record] ^= 0x40;
        let (log, first) = ConsensusLog::open(Memory(bytes)).unwrap();
        assert!(first.damaged);
        let second = reopen(log.medium.0);
        assert_eq!((second.damaged, second.mark), (false, None));
        assert_eq!((second.height, second.records), (first.height, first.records));
    }

    #[test]
    fn a_large_log_is_written_anew_and_keeps_the_mark() {
        let (mut log, _) = ConsensusLog::open(Memory::default()).unwrap();
        log.append(&vec![vec![7; 1 << 16]; 80], Some(b"mark")).unwrap();
        log.begin(9).unwrap();
        assert!(log.medium.0.len() < 100);
        let recovered = reopen(log.medium.0);
        assert_eq!((recovered.height, recovered.mark), (9, Some(b"mark".to_vec())));
    }

    #[test]
    fn a_file_survives_replacement() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("consensus.log");
        let (mut log, _) = ConsensusLog::open(LogFile::open(&path).unwrap()).unwrap();
        log.append(&vec![vec![7; 1 << 16]; 80], Some(b"mark")).unwrap();
        log.begin(9).unwrap();
        log.append(&[b"x".to_vec()], None).unwrap();
        drop(log);
        let (_, recovered) = ConsensusLog::open(LogFile::open(&path).unwrap()).unwrap();
        assert_eq!((recovered.height, recovered.records), (9, vec![b"x".to_vec()]));
    }
}
