//! The host functions by name: what a module may import, with which signature. `docs/contract-abi.md` describes each.

/// Module that every import names.
pub const MODULE: &str = "env";
/// Export that a module with imports has: the memory that host functions read and write.
pub const MEMORY: &str = "memory";

/// There is nothing under this key.
pub const NOT_FOUND: i32 = -1;
/// The contract has less than the amount.
pub const INSUFFICIENT_BALANCE: i32 = -2;
/// There is no contract at the address.
pub const NOT_A_CONTRACT: i32 = -3;
/// Too many contracts call each other.
pub const DEPTH_EXCEEDED: i32 = -4;
/// The called contract failed; nothing that it did remains.
pub const CALL_FAILED: i32 = -5;
/// The recipient takes no transfer: it is a contract, or the system account.
pub const RECIPIENT_REFUSED: i32 = -6;

/// Kinds of numbers in signatures, as wasm names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Number {
    /// Pointers, lengths, answers.
    I32,
    /// Amounts, gas, heights, times.
    I64,
}

macro_rules! host_functions {
    ($($(#[$doc:meta])* $variant:ident $name:literal ($($parameter:ident),*) -> ($($result:ident)?);)*) => {
        /// A host function.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum HostFunction { $($(#[$doc])* $variant,)* }

        impl HostFunction {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Its name in module `env`.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The numbers it takes.
            pub fn parameters(self) -> &'static [Number] {
                match self { $(Self::$variant => &[$(Number::$parameter),*],)* }
            }

            /// The number it answers, if it does.
            pub fn result(self) -> Option<Number> {
                match self { $(Self::$variant => [$(Number::$result,)?].first().copied(),)* }
            }
        }
    };
}

host_functions! {
    /// Balance of an account.
    Balance "balance" (I32) -> (I64);
    /// Sends base units to an account.
    Transfer "transfer" (I32, I64) -> (I32);
    /// Writes a key.
    Store "store" (I32, I32, I32, I32) -> ();
    /// Reads a key.
    Load "load" (I32, I32, I32, I32) -> (I32);
    /// Removes a key.
    Remove "remove" (I32, I32) -> (I32);
    /// Emits an event.
    EmitLog "emit_log" (I32, I32, I32, I32) -> ();
    /// Who called.
    Caller "caller" (I32) -> ();
    /// The contract's own address.
    SelfAddress "self_address" (I32) -> ();
    /// What came with the call.
    Value "value" () -> (I64);
    /// The caller's words.
    Input "input" (I32, I32) -> (I32);
    /// The answer.
    Output "output" (I32, I32) -> ();
    /// Height of the block.
    BlockHeight "block_height" () -> (I64);
    /// Time of the block.
    BlockTime "block_time" () -> (I64);
    /// The network's identity.
    ChainId "chain_id" (I32) -> ();
    /// Calls a contract.
    Call "call" (I32, I32, I32, I64, I64) -> (I32);
    /// Asks a contract.
    Query "query" (I32, I32, I32, I64) -> (I32);
    /// What the last call or query answered.
    CallResult "call_result" (I32, I32) -> (I32);
    /// SHA-256.
    Sha256 "sha256" (I32, I32, I32) -> ();
    /// BLAKE3.
    Blake3 "blake3" (I32, I32, I32) -> ();
    /// Keccak-256.
    Keccak256 "keccak256" (I32, I32, I32) -> ();
    /// Verifies a signature by ZIP-215.
    Ed25519Verify "ed25519_verify" (I32, I32, I32, I32) -> (I32);
    /// Ends the run with a message.
    Abort "abort" (I32, I32) -> ();
}

impl HostFunction {
    /// The host function of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|f| f.name() == name)
    }

    /// Its signature in words, for error messages.
    pub fn signature(self) -> String {
        let list = |numbers: &[Number]| numbers.iter().map(|n| n.name()).collect::<Vec<_>>().join(", ");
        let result = self
            .result()
            .map(|n| format!(" -> {}", n.name()))
            .unwrap_or_default();
        format!("({}){result}", list(self.parameters()))
    }
}

impl Number {
    /// As wasm names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::I32 => "i32",
            Self::I64 => "i64",
        }
    }
}
