//! What both databases have in common: how they are opened and recognised, how a commit is made
//! durable, and what errors of redb mean.
//!
//! The table `meta` says what a file holds (`kind`), in which version (`schema`) and for which network
//! (`genesis`). A file of another kind, of a newer schema or of another network is refused before
//! anything in it is touched.

use std::{
    cmp::Ordering,
    fmt, fs, io,
    ops::Bound,
    path::{Path, PathBuf},
};

use aureon_types::{DecodeError, GenesisId};
use redb::{BackendError, ReadableDatabase as _, StorageBackend, TableDefinition};

use crate::error::{Result, StorageError};

const META: TableDefinition<'static, &str, &[u8]> = TableDefinition::new("meta");

/// The schema that this version writes. Schema 1 had no storage of accounts and no branches of blocks,
/// schema 2 no code of contracts, and under schema 3 withdrawals stood elsewhere and gas was counted otherwise; they are
/// not migrated, but refused.
pub const SCHEMA: u32 = 4;

/// Length of the mark that redb writes at the start of a file, last when it makes one.
const MARK_BYTES: usize = 9;

/// Where a database lives.
pub struct Backend {
    name: String,
    place: Place,
}

enum Place {
    File(PathBuf),
    Custom(Box<dyn StorageBackend>),
}

impl Backend {
    /// A file. It is created if it does not exist, with its folders, and locked while it is open.
    pub fn file(path: impl AsRef<Path>) -> Self {
        let path = path.as_ref().to_path_buf();
        Self {
            name: path.display().to_string(),
            place: Place::File(path),
        }
    }

    /// Anything else that redb can keep a database in. `name` stands in error messages.
    pub fn custom(name: impl Into<String>, backend: impl StorageBackend) -> Self {
        Self {
            name: name.into(),
            place: Place::Custom(Box::new(backend)),
        }
    }
}

impl fmt::Debug for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Backend({})", self.name)
    }
}

/// An open database.
pub(crate) struct Database {
    redb: redb::Database,
    name: String,
    path: Option<PathBuf>,
}

/// A failure inside a transaction, before it is known which database it was.
pub(crate) enum Fault {
    Redb(Box<redb::Error>),
    Corrupt(String),
    Decode(DecodeError),
    Storage(Box<StorageError>),
}

macro_rules! fault_from_redb {
    ($($error:ident),+) => {
        $(impl From<redb::$error> for Fault {
            fn from(error: redb::$error) -> Self {
                Self::Redb(Box::new(error.into()))
            }
        })+
    };
}
fault_from_redb!(
    StorageError,
    TableError,
    TransactionError,
    CommitError,
    DatabaseError,
    SetDurabilityError
);

impl From<StorageError> for Fault {
    fn from(error: StorageError) -> Self {
        Self::Storage(Box::new(error))
    }
}

impl From<DecodeError> for Fault {
    fn from(error: DecodeError) -> Self {
        Self::Decode(error)
    }
}

impl Fault {
    pub fn corrupt(reason: impl Into<String>) -> Self {
        Self::Corrupt(reason.into())
    }

    /// The error to hand out, for the database called `name`.
    pub fn of(self, name: &str) -> StorageError {
        let database = name.to_owned();
        match self {
            Self::Redb(error) => redb_error(*error, database),
            Self::Corrupt(reason) => StorageError::Corrupt { database, reason },
            Self::Decode(source) => StorageError::Decode { database, source },
            Self::Storage(error) => *error,
        }
    }
}

fn redb_error(error: redb::Error, database: String) -> StorageError {
    match error {
        redb::Error::DatabaseAlreadyOpen => StorageError::Locked { database },
        redb::Error::PreviousIo | redb::Error::DatabaseClosed => StorageError::OutOfUse { database },
        redb::Error::Io(error) => match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StorageError::DiskFull {
                database,
                reason: error.to_string(),
            },
            io::ErrorKind::InvalidData => StorageError::Corrupt {
                database,
                reason: error.to_string(),
            },
            _ => StorageError::Io {
                database,
                source: error,
            },
        },
        other => StorageError::Corrupt {
            database,
            reason: other.to_string(),
        },
    }
}

impl Database {
    /// Opens a database of `kind` for the network `genesis`, or creates it: the first commit makes
    /// `meta` and what `create` adds.
    pub fn open(
        backend: Backend,
        cache_bytes: usize,
        kind: &'static str,
        genesis: GenesisId,
        create: impl FnOnce(&redb::WriteTransaction) -> std::result::Result<(), Fault>,
    ) -> Result<Self> {
        let name = backend.name;
        let (redb, path) = match backend.place {
            Place::File(path) => (open_file(&path, cache_bytes, &name)?, Some(path)),
            Place::Custom(backend) => (open_custom(backend, cache_bytes, &name)?, None),
        };
        let database = Self { redb, name, path };
        match database.meta()? {
            Some(meta) => database.recognise(&meta, kind, genesis)?,
            None => database.commit(|transaction| {
                let mut table = transaction.open_table(META)?;
                table.insert("kind", kind.as_bytes())?;
                table.insert("schema", &SCHEMA.to_le_bytes()[..])?;
                table.insert("genesis", &genesis.as_bytes()[..])?;
                create(transaction)
            })?,
        }
        Ok(database)
    }

    /// The path, or the name of a backend that is no file.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Bytes on disk; 0 for a backend that is no file.
    pub fn disk_bytes(&self) -> u64 {
        self.path
            .as_ref()
            .and_then(|path| fs::metadata(path).ok())
            .map_or(0, |metadata| metadata.len())
    }

    /// One durable commit: all that `change` writes, or nothing. It is on disk when this returns.
    ///
    /// Quick repair costs a little more per commit and makes opening after a crash instant instead of
    /// a walk through the whole file.
    pub fn commit<T>(
        &self,
        change: impl FnOnce(&redb::WriteTransaction) -> std::result::Result<T, Fault>,
    ) -> Result<T> {
        let run = || {
            let mut transaction = self.redb.begin_write()?;
            transaction.set_quick_repair(true);
            let value = change(&transaction)?;
            transaction.commit()?;
            Ok(value)
        };
        run().map_err(|fault: Fault| fault.of(&self.name))
    }

    /// Reads from a snapshot of the last commit.
    pub fn read<T>(
        &self,
        look: impl FnOnce(&redb::ReadTransaction) -> std::result::Result<T, Fault>,
    ) -> Result<T> {
        let run = || look(&self.redb.begin_read()?);
        run().map_err(|fault: Fault| fault.of(&self.name))
    }

    /// What the file says of itself; `None`: it is new.
    fn meta(&self) -> Result<Option<Meta>> {
        self.read(|transaction| {
            let table = match transaction.open_table(META) {
                Ok(table) => table,
                Err(redb::TableError::TableDoesNotExist(_)) => return Ok(None),
                Err(error) => return Err(error.into()),
            };
            let get = |key| {
                let value = table.get(key)?.map(|value| value.value().to_vec());
                Ok::<_, Fault>(value.unwrap_or_default())
            };
            let schema = get("schema")?.try_into().map_or(0, u32::from_le_bytes);
            let genesis = GenesisId::from_slice(&get("genesis")?).unwrap_or_default();
            let kind = String::from_utf8_lossy(&get("kind")?).into_owned();
            Ok(Some(Meta {
                kind,
                schema,
                genesis,
            }))
        })
    }

    fn recognise(&self, meta: &Meta, kind: &'static str, genesis: GenesisId) -> Result<()> {
        let database = self.name.clone();
        if meta.kind != kind {
            return Err(StorageError::WrongKind {
                database,
                found: meta.kind.clone(),
                expected: kind,
            });
        }
        match meta.schema.cmp(&SCHEMA) {
            Ordering::Greater => Err(StorageError::NewerSchema {
                database,
                found: meta.schema,
                supported: SCHEMA,
            }),
            Ordering::Less => Err(StorageError::OlderSchema {
                database,
                found: meta.schema,
                supported: SCHEMA,
            }),
            Ordering::Equal if meta.genesis != genesis => Err(StorageError::ForeignGenesis {
                database,
                found: meta.genesis,
                expected: genesis,
            }),
            Ordering::Equal => Ok(()),
        }
    }
}

struct Meta {
    kind: String,
    schema: u32,
    genesis: GenesisId,
}

fn builder(cache_bytes: usize) -> redb::Builder {
    let mut builder = redb::Builder::new();
    builder.set_cache_size(cache_bytes);
    builder
}

/// Opens a file, and makes it anew if its making was interrupted: redb writes its mark (not zeros)
/// last, and a file without it never held anything.
fn open_file(path: &Path, cache_bytes: usize, name: &str) -> Result<redb::Database> {
    let failed = |source| StorageError::Io {
        database: name.to_owned(),
        source,
    };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    let opened = match builder(cache_bytes).create(path) {
        // Only now, when the file was found not to be in use.
        Err(redb::DatabaseError::Storage(redb::StorageError::Io(error)))
            if error.kind() == io::ErrorKind::InvalidData =>
        {
            let mut mark = [0; MARK_BYTES];
            let mut file = fs::OpenOptions::new()
                .read(true)
                .write(true)
                .open(path)
                .map_err(failed)?;
            if io::Read::read_exact(&mut file, &mut mark).is_err() || mark != [0; MARK_BYTES] {
                return Err(Fault::corrupt(error.to_string()).of(name));
            }
            file.set_len(0).map_err(failed)?;
            drop(file);
            builder(cache_bytes).create(path)
        }
        opened => opened,
    };
    opened.map_err(|error| Fault::from(error).of(name))
}

/// The same for any other backend.
fn open_custom(backend: Box<dyn StorageBackend>, cache_bytes: usize, name: &str) -> Result<redb::Database> {
    let reset = || {
        let mut mark = [0; MARK_BYTES];
        if backend.len()? >= MARK_BYTES as u64 {
            backend.read(0, &mut mark)?;
            if mark == [0; MARK_BYTES] {
                backend.set_len(0)?;
            }
        }
        Ok(())
    };
    reset().map_err(|source| StorageError::Io {
        database: name.to_owned(),
        source,
    })?;
    let opened = builder(cache_bytes).create_with_backend(AnyBackend(backend));
    opened.map_err(|error| Fault::from(error).of(name))
}

/// `redb` wants a sized backend.
#[derive(Debug)]
struct AnyBackend(Box<dyn StorageBackend>);

impl StorageBackend for AnyBackend {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.0.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.0.try_lock_range(start, end)
    }

    fn try_lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.0.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.0.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.0.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.0.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.0.query_lock_range(start, end)
    }
}
