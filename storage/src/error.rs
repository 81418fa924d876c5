//! What can go wrong here, and whose fault it is.

use std::io;

use aureon_types::{Address, BlockId, DecodeError, GenesisId, Hash};

/// Why a store did not do what it was asked. `database` is the file's path, or the name of a backend
/// that is no file.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// Another process, or another part of this one, has the database open. The user's to resolve.
    #[error("{database} is open in another process: stop the other node, or give this one its own directory")]
    Locked {
        /// The database.
        database: String,
    },
    /// No space is left. The user's to resolve; nothing that was committed is lost.
    #[error(
        "the disk is full: {database} could not be written ({reason}). Everything committed before is safe; make room and start again"
    )]
    DiskFull {
        /// The database.
        database: String,
        /// The system's words.
        reason: String,
    },
    /// The system failed to read or write. After it every use of the store fails; stop and open again.
    #[error("{database}: input/output error: {source}")]
    Io {
        /// The database.
        database: String,
        /// The system's error.
        source: io::Error,
    },
    /// An earlier write failed, so the store refuses everything until it is opened again.
    #[error("{database} is out of use since an earlier input/output error; stop the node and start it again")]
    OutOfUse {
        /// The database.
        database: String,
    },
    /// The content contradicts itself: a damaged disk, a foreign file, or our own mistake.
    #[error("{database} is damaged: {reason}")]
    Corrupt {
        /// The database.
        database: String,
        /// What was found and what was expected.
        reason: String,
    },
    /// The file is a database of something else.
    #[error("{database} holds \"{found}\", expected \"{expected}\": was a file renamed?")]
    WrongKind {
        /// The database.
        database: String,
        /// What it says it holds.
        found: String,
        /// What was expected.
        expected: &'static str,
    },
    /// Written by a later version of this software.
    #[error(
        "{database} has schema {found}, this version knows {supported}: use the version that wrote it, or a later one"
    )]
    NewerSchema {
        /// The database.
        database: String,
        /// Schema version found.
        found: u32,
        /// Newest schema version known.
        supported: u32,
    },
    /// Written by an earlier version that this one cannot migrate from.
    #[error(
        "{database} has schema {found}, which this version (schema {supported}) cannot migrate; sync into a new directory"
    )]
    OlderSchema {
        /// The database.
        database: String,
        /// Schema version found.
        found: u32,
        /// Schema version needed.
        supported: u32,
    },
    /// The database belongs to another network.
    #[error("{database} belongs to the network with genesis {found}, this node is configured for {expected}")]
    ForeignGenesis {
        /// The database.
        database: String,
        /// Genesis id in the database.
        found: GenesisId,
        /// Genesis id of the node.
        expected: GenesisId,
    },
    /// A block does not follow the head. Our own mistake.
    #[error("block {given} (height {given_height}) does not follow the head {head} (height {head_height})")]
    NotNext {
        /// The block given.
        given: BlockId,
        /// Its height.
        given_height: u64,
        /// The head.
        head: BlockId,
        /// The head's height.
        head_height: u64,
    },
    /// A switch to another branch that would undo final blocks, or begins above the head. Our own
    /// mistake.
    #[error(
        "cannot switch to another branch at height {fork}: it must lie between the last final height {finalized} and the head's height {head}"
    )]
    BadFork {
        /// Height of the last common block.
        fork: u64,
        /// No block up to this height is undone.
        finalized: u64,
        /// The head's height.
        head: u64,
    },
    /// A state does not follow the state below it. Our own mistake.
    #[error("the state of height {given} does not follow the state of height {head} with root {root}")]
    NotDescendant {
        /// Height of the state given.
        given: u64,
        /// Height of the state it was to follow.
        head: u64,
        /// Root of the state it was to follow.
        root: Hash,
    },
    /// An account was given a storage root that its storage does not have. Our own mistake.
    #[error("account {address} was given the storage root {given}, but its storage has the root {expected}")]
    StorageRoot {
        /// The account.
        address: Address,
        /// The root given.
        given: Hash,
        /// The root of its storage.
        expected: Hash,
    },
    /// The state is ahead of the blocks: the block store was replaced or cut.
    #[error(
        "the state is at height {state}, but the blocks end at {blocks}: the two databases do not belong together; restore both from one copy, or remove both and sync again"
    )]
    StateAheadOfBlocks {
        /// Height of the durable state.
        state: u64,
        /// Height of the last block.
        blocks: u64,
    },
    /// Not one receipt for each transaction. Our own mistake.
    #[error("block {block} has {transactions} transactions and {receipts} receipts")]
    ReceiptCount {
        /// The block.
        block: BlockId,
        /// Receipts given.
        receipts: usize,
        /// Transactions of the block.
        transactions: usize,
    },
    /// More than the format can hold.
    #[error("{what}: {given} is more than the limit of {limit}")]
    TooLarge {
        /// What is limited.
        what: &'static str,
        /// The value.
        given: u64,
        /// The limit.
        limit: u64,
    },
    /// Stored bytes that do not decode: a damaged disk.
    #[error("{database}: a stored record is damaged: {source}")]
    Decode {
        /// The database.
        database: String,
        /// What is wrong.
        source: DecodeError,
    },
}

impl StorageError {
    /// Whether the store is out of use until it is opened again, so that the node must stop.
    pub fn is_fatal(&self) -> bool {
        !matches!(
            self,
            Self::NotNext { .. }
                | Self::BadFork { .. }
                | Self::NotDescendant { .. }
                | Self::StorageRoot { .. }
                | Self::ReceiptCount { .. }
                | Self::TooLarge { .. }
        )
    }
}

/// The result of a store.
pub type Result<T, E = StorageError> = std::result::Result<T, E>;
