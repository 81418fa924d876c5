//! What both databases have in common: how they are opened and recognised, how a commit is made
//! durable, and what errors of redb mean.
//!
//! The table `meta` says what a file holds (`kind`), in which version (`schema`) and for which network
//! (`genesis`). A file of another kind, of a newer schema or of another network is refused before
//! anything in it is touched.

use std::{
    fmt, fs, io,
    ops::Bound,
    path::{Path, PathBuf},
};

use aureon_types::{DecodeError, GenesisId};
use redb::{BackendError, ReadableDatabase as _, StorageBackend, TableDefinition};

use crate::error::{Result, StorageError};

const META: TableDefinition<'static, &str, &[u8]> = TableDefinition::new("meta");

/// The schema that this version writes. There is no older one yet, so nothing to migrate from.
pub const SCHEMA: u32 = 1;

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
    /// Opens or creates a database of `kind` for the network `genesis`.
    pub fn open(
        backend: Backend,
        cache_bytes: usize,
        kind: &'static str,
        genesis: GenesisId,
    ) -> Result<Self> {
        let name = backend.name;
        let mut builder = redb::Builder::new();
        builder.set_cache_size(cache_bytes);
        let (opened, path) = match backend.place {
            Place::File(path) => {
                if let Some(folder) = path.parent() {
                    fs::create_dir_all(folder).map_err(|source| StorageError::Io {
                        database: name.clone(),
                        source,
                    })?;
                }
                (builder.create(&path), Some(path))
            }
            Place::Custom(backend) => (builder.create_with_backend(AnyBackend(backend)), None),
        };
        let redb = opened.map_err(|error| Fault::from(error).of(&name))?;
        let database = Self { redb, name, path };
        database.recognise(kind, genesis)?;
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

    fn recognise(&self, kind: &'static str, genesis: GenesisId) -> Result<()> {
        let found = self.read(|transaction| {
            let table = match transaction.open_table(META) {
                Ok(table) => table,
                Err(redb::TableError::TableDoesNotExist(_)) => return Ok(None),
                Err(error) => return Err(error.into()),
            };
            let get = |key| Ok::<_, Fault>(table.get(key)?.map(|value| value.value().to_vec()));
            Ok(Some((get("kind")?, get("schema")?, get("genesis")?)))
        })?;
        match found {
            None => self.commit(|transaction| {
                let mut table = transaction.open_table(META)?;
                table.insert("kind", kind.as_bytes())?;
                table.insert("schema", &SCHEMA.to_le_bytes()[..])?;
                table.insert("genesis", &genesis.as_bytes()[..])?;
                Ok(())
            }),
            Some((found_kind, schema, found_genesis)) => {
                let database = || self.name.clone();
                let found = String::from_utf8_lossy(&found_kind.unwrap_or_default()).into_owned();
                if found != kind {
                    return Err(StorageError::WrongKind {
                        database: database(),
                        found,
                        expected: kind,
                    });
                }
                let schema = schema
                    .and_then(|bytes| bytes.try_into().ok())
                    .map_or(0, u32::from_le_bytes);
                if schema > SCHEMA {
                    let supported = SCHEMA;
                    return Err(StorageError::NewerSchema {
                        database: database(),
                        found: schema,
                        supported,
                    });
                }
                if schema < SCHEMA {
                    let supported = SCHEMA;
                    return Err(StorageError::OlderSchema {
                        database: database(),
                        found: schema,
                        supported,
                    });
                }
                let found = found_genesis
                    .and_then(|bytes| GenesisId::from_slice(&bytes))
                    .unwrap_or_default();
                if found != genesis {
                    return Err(StorageError::ForeignGenesis {
                        database: database(),
                        found,
                        expected: genesis,
                    });
                }
                Ok(())
            }
        }
    }
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
