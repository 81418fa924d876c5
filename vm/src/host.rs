//! What the machine asks of whoever runs it, and what a run comes to.

use aureon_types::{Address, Amount, GenesisId, Hash};
use bytes::Bytes;

/// Where a contract is entered: an export that takes and returns nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Entry {
    /// The constructor.
    Deploy,
    /// A call.
    Call,
    /// A question.
    Query,
    /// After an upgrade.
    Migrate,
}

impl Entry {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Deploy, Self::Call, Self::Query, Self::Migrate];

    /// Name of the export.
    pub fn name(self) -> &'static str {
        match self {
            Self::Deploy => "deploy",
            Self::Call => "call",
            Self::Query => "query",
            Self::Migrate => "migrate",
        }
    }
}

/// One run.
#[derive(Clone, Copy, Debug)]
pub struct Run<'a> {
    /// SHA-256 of the code. The code itself is asked of the host, and only if it is not in the cache.
    pub code_hash: Hash,
    /// Where to enter.
    pub entry: Entry,
    /// What the contract reads by `input`.
    pub input: &'a [u8],
    /// Most gas that the run may use.
    pub gas: u64,
}

/// What a contract can learn about its run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Context {
    /// Whose code runs.
    pub contract: Address,
    /// Who called.
    pub caller: Address,
    /// What came with the call.
    pub value: Amount,
    /// Height of the block.
    pub height: u64,
    /// Time of the block in milliseconds since 1970-01-01 UTC.
    pub time_ms: u64,
    /// The network.
    pub chain: GenesisId,
}

/// What the machine asks of whoever runs it. All of it is of one run: if the run fails, whoever runs it
/// undoes it.
///
/// Sizes are checked and paid for before a function of the host is called, but who implements it decides
/// what is allowed: it answers [`Halt::Trap`] to end the run.
pub trait Host {
    /// What the contract can learn about its run.
    fn context(&self) -> Context;

    /// The code of the run: exactly the bytes with the run's code hash.
    fn code(&mut self) -> Result<Bytes, Halt>;

    /// Balance of an account.
    fn balance(&mut self, address: &Address) -> Result<Amount, Halt>;

    /// Moves base units from the contract to an account.
    fn transfer(&mut self, to: &Address, amount: Amount) -> Result<Result<(), NoTransfer>, Halt>;

    /// The value of the contract's `key` (1 to 256 bytes).
    fn load(&mut self, key: &[u8]) -> Result<Option<Bytes>, Halt>;

    /// Sets the value of `key` and answers the length of the value that stood there.
    fn store(&mut self, key: &[u8], value: &[u8]) -> Result<Option<usize>, Halt>;

    /// Removes `key` and answers the length of its value.
    fn remove(&mut self, key: &[u8]) -> Result<Option<usize>, Halt>;

    /// Emits an event.
    fn emit_log(&mut self, topic: &[u8], data: &[u8]) -> Result<(), Halt>;

    /// Calls another contract (or the same). May run the machine again on this thread.
    fn call(&mut self, call: &Nested<'_>) -> Result<NestedOutcome, Halt>;
}

/// A call from contract to contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nested<'a> {
    /// Whom.
    pub contract: Address,
    /// [`Entry::Call`] or [`Entry::Query`].
    pub entry: Entry,
    /// At most [`crate::limits::MAX_INPUT_BYTES`].
    pub input: &'a [u8],
    /// Goes with a call; zero in a query.
    pub value: Amount,
    /// Most gas that it may use: never more than the caller has left.
    pub gas: u64,
}

/// What a nested call came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NestedOutcome {
    /// The caller pays it.
    pub gas_used: u64,
    /// The output, or why nothing of the call remains.
    pub result: Result<Bytes, NestedFailure>,
}

/// Why nothing of a nested call remains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NestedFailure {
    /// There is no contract at the address.
    NotAContract,
    /// Too many contracts call each other.
    DepthExceeded,
    /// The caller has less than the value.
    InsufficientBalance,
    /// The called contract failed. The text is what `call_result` gives to the caller.
    Failed(Bytes),
}

/// Why a transfer did nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoTransfer {
    /// The contract has less.
    InsufficientBalance,
    /// The recipient takes no transfer.
    RecipientRefused,
}

/// The host ends the run at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Halt {
    /// The contract did what it may not.
    Trap(TrapKind),
    /// Whoever runs the machine cannot go on; the contract has no fault in it.
    Interrupted,
}

/// What a run came to. Equal on every machine, fresh or cached, unless `end` is [`End::Interrupted`] or
/// [`End::Broken`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Gas used, at most the run's, with that of nested calls.
    pub gas_used: u64,
    /// Deposits that this run gave back, in gas, without those of nested calls. Counts only if the run and
    /// all around it end well.
    pub refund: u64,
    /// How it ended.
    pub end: End,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// With this output.
    Done(Bytes),
    /// By the contract's own fault.
    Failed(Fault),
    /// The host said so ([`Halt::Interrupted`]).
    Interrupted,
    /// The machine itself failed: no memory, or a mistake in it. Nothing can be said about the run.
    Broken(String),
}

/// The fault of a contract that ended its run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It used up its gas.
    #[error("out of gas")]
    OutOfGas,
    /// It trapped.
    #[error("trapped: {kind}{}", in_functions(functions))]
    Trap {
        /// Why.
        kind: TrapKind,
        /// Names of the functions that stood on each other, innermost first, as far as the module has them.
        functions: Vec<String>,
    },
    /// It said why itself.
    #[error("aborted: {message}")]
    Abort {
        /// Its words.
        message: String,
    },
    /// It has no such export.
    #[error("the contract has no entry point `{}`", .0.name())]
    NoEntry(Entry),
}

fn in_functions(functions: &[String]) -> String {
    match functions {
        [] => String::new(),
        [one] => format!(" in `{one}`"),
        [first, rest @ ..] => format!(" in `{first}`, called by `{}`", rest.join("`, `")),
    }
}

/// Why a contract trapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum TrapKind {
    /// It came to code that it declared unreachable: mostly a panic.
    #[error("unreachable code was reached")]
    Unreachable,
    /// It read or wrote outside its memory.
    #[error("memory access out of bounds")]
    MemoryOutOfBounds,
    /// It called through an index outside its table.
    #[error("table access out of bounds")]
    TableOutOfBounds,
    /// It called an element of the table that holds nothing.
    #[error("indirect call to nothing")]
    IndirectCallToNull,
    /// It called a function by another signature.
    #[error("indirect call by another signature")]
    BadSignature,
    /// A result does not fit.
    #[error("integer overflow")]
    IntegerOverflow,
    /// It divided by zero.
    #[error("integer division by zero")]
    DivisionByZero,
    /// It converted a float that is no such integer.
    #[error("conversion of a float that is not an integer of this size")]
    BadConversion,
    /// Its functions call each other too deeply.
    #[error("functions call each other more than {} deep", crate::limits::MAX_CALL_DEPTH)]
    CallDepth,
    /// It handed a pointer to the host that leaves its memory.
    #[error("a pointer given to the host leaves the memory")]
    BadPointer,
    /// It handed something to the host that is too long, or empty where it must not be.
    #[error("a length given to the host is not allowed")]
    BadLength,
    /// It wrote, sent, logged or called with value inside a query.
    #[error("a query may not change anything")]
    ReadOnly,
    /// It emitted too many events.
    #[error("too many events")]
    TooManyEvents,
    /// It was called by runs that have too much memory for it to start with its own.
    #[error(
        "the contracts that wait for each other would have more than {} pages of memory",
        crate::limits::MAX_WAITING_PAGES
    )]
    TooMuchMemory,
}
