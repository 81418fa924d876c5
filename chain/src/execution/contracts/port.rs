//! The port to the machine that runs contracts, and what a running contract may ask of the ledger.

use aureon_types::{
    Address, Amount, GenesisId, Hash,
    contract::{ContractFault, TrapCode},
};
use bytes::Bytes;

/// Port: checks and runs the code of contracts.
///
/// *Deterministic.* The same run against the same host answers the same, to the unit of gas, on every
/// machine and at every time, whatever is cached. It makes no difference to the result which of several
/// threads calls.
pub trait ContractMachine: Send + Sync {
    /// Whether `code` may be stored, and what it offers.
    fn check(&self, code: &[u8]) -> Result<CodeReport, CodeFault>;

    /// Runs one entry point to its end. Nested calls come back through `host`, which runs the machine
    /// again on the same thread, at most [`aureon_types::limits::MAX_CALL_FRAMES`] deep.
    fn run(&self, run: Run<'_>, host: &mut dyn ContractHost) -> RunOutcome;
}

/// What a module offers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CodeReport {
    /// Its entry points, each once.
    pub entries: Vec<Entry>,
}

impl CodeReport {
    /// Whether the module has this entry point.
    pub fn offers(&self, entry: Entry) -> bool {
        self.entries.contains(&entry)
    }
}

/// Code that cannot be stored. Becomes part of a receipt: equal on every machine.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct CodeFault {
    /// What is wrong, with value and limit.
    pub reason: String,
}

/// Where a contract is entered: an export that takes and returns nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Entry {
    /// The constructor, once, when it is deployed.
    Deploy,
    /// A call, which may change the state.
    Call,
    /// A question, which may not.
    Query,
    /// Once, with new code, when it is upgraded.
    Migrate,
}

impl Entry {
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
    /// SHA-256 of the code. The code itself is the host's to give ([`ContractHost::code`]): a machine
    /// that has it compiled does not need it.
    pub code_hash: Hash,
    /// The version of the cost table, from the genesis.
    pub cost_table: u32,
    /// Where to enter.
    pub entry: Entry,
    /// The caller's words; at most [`aureon_types::limits::MAX_CALL_INPUT_BYTES`].
    pub input: &'a [u8],
    /// Most gas that the run may use.
    pub gas: u64,
}

/// What a run came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunOutcome {
    /// At most the run's gas; with that of its nested calls.
    pub gas_used: u64,
    /// Deposits for storage that the run itself gave back, in gas, without those of nested calls. Counts
    /// only if the run, and every run around it, ends well.
    pub refund: u64,
    /// How it ended.
    pub end: RunEnd,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunEnd {
    /// With this output, at most [`aureon_types::limits::MAX_RETURN_BYTES`].
    Done(Bytes),
    /// By its own fault: everything it did is undone.
    Failed(ContractFault),
    /// The host said [`Halt::Interrupted`].
    Interrupted,
    /// The machine itself failed (no memory, a bug): nothing can be said of the block. The reason is for
    /// the log.
    Broken(String),
}

/// The host ends the run: the machine stops the contract at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Halt {
    /// The contract did what it may not: [`RunEnd::Failed`] with this trap.
    #[error("{0}")]
    Trap(TrapCode),
    /// The ledger cannot go on: [`RunEnd::Interrupted`]. The host knows why.
    #[error("the state cannot be read")]
    Interrupted,
}

/// What a contract knows about its run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunContext {
    /// Whose code runs.
    pub contract: Address,
    /// Who called: an account or a contract.
    pub caller: Address,
    /// Base units that came with the call; they are in the contract's balance already.
    pub value: Amount,
    /// Height of the block.
    pub height: u64,
    /// Time of the block, in milliseconds since 1970-01-01 UTC.
    pub timestamp_ms: u64,
    /// The network.
    pub genesis_id: GenesisId,
    /// Whether writes, events and value are refused: inside a query.
    pub read_only: bool,
}

/// Port: what the ledger does for a running contract. All of it belongs to one frame: when the run fails,
/// nothing of it has happened.
pub trait ContractHost {
    /// What the run knows.
    fn context(&self) -> RunContext;

    /// The code of the run.
    fn code(&mut self) -> Result<Bytes, Halt>;

    /// Balance of any account.
    fn balance(&mut self, address: &Address) -> Result<Amount, Halt>;

    /// Moves base units from the contract to a plain account. Traps in a query.
    fn transfer(&mut self, recipient: &Address, amount: Amount) -> Result<Result<(), TransferRefused>, Halt>;

    /// The value of the contract's own `key`; `None` if there is none. Traps if the key has not 1 to 256
    /// bytes.
    fn load(&mut self, key: &[u8]) -> Result<Option<Bytes>, Halt>;

    /// Sets the value of `key` and tells the length of the one it replaced: the machine charges the
    /// deposit by it. Traps in a query, and if key or value is too long.
    fn store(&mut self, key: &[u8], value: &[u8]) -> Result<Option<usize>, Halt>;

    /// Removes `key` and tells the length of its value, for which the machine gives the deposit back;
    /// `None` if there was none. Traps in a query.
    fn remove(&mut self, key: &[u8]) -> Result<Option<usize>, Halt>;

    /// Emits an event. Traps in a query, and beyond the limits of number and size.
    fn emit(&mut self, topic: &[u8], data: &[u8]) -> Result<(), Halt>;

    /// Calls another contract (or itself), or asks it. What a call does is undone if it fails; who called
    /// goes on.
    fn call(&mut self, call: &NestedCall<'_>) -> Result<NestedOutcome, Halt>;
}

/// A call from contract to contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NestedCall<'a> {
    /// Whom.
    pub contract: Address,
    /// [`Entry::Query`] asks, anything else calls.
    pub entry: Entry,
    /// At most [`aureon_types::limits::MAX_CALL_INPUT_BYTES`].
    pub input: &'a [u8],
    /// Moves with the call. Zero in a query.
    pub value: Amount,
    /// Most gas that the call may use: no more than the caller has left.
    pub gas: u64,
}

/// What a nested call came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NestedOutcome {
    /// By the call, at most its gas: the caller pays it.
    pub gas_used: u64,
    /// Its output, or why nothing of it happened.
    pub result: Result<Bytes, NestedFailure>,
}

/// Why a nested call did nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NestedFailure {
    /// There is no contract at the address.
    NotAContract,
    /// Too many calls within each other.
    DepthExceeded,
    /// The caller does not have the value.
    InsufficientBalance,
    /// The called contract failed. Why, in words for the caller: those of a contract that aborted as they
    /// are, so that a caller can hand them on. Equal on every machine.
    Failed(String),
}

/// Why a contract's transfer did nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransferRefused {
    /// The contract has less.
    InsufficientBalance {
        /// What it has.
        available: Amount,
    },
    /// A contract receives with a call only.
    ToContract,
    /// Nobody can send to the system account.
    ToSystemAccount,
}
