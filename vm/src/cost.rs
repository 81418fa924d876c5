//! What everything costs, version 1. One unit is about one nanosecond of the slowest machine we care about.
//!
//! The genesis names the version, and a table once used is never changed: a new price is a new version.

use wasmer::sys::wasmparser::Operator;

/// The version of this table.
pub const VERSION: u32 = 1;

/// A page (64 KiB) of memory at the start or by `memory.grow`: the system clears it at its first touch.
pub const MEMORY_PAGE: u64 = 4_000;
/// `memory.grow` itself, whatever comes of it.
pub const MEMORY_GROW: u64 = 1_000;
/// Bytes that `memory.copy`, `memory.fill` and `memory.init` move for one unit, as a power of two: 8.
pub const BULK_BYTES_SHIFT: u32 = 3;
/// Unit per element that `table.copy` and `table.init` move, as a power of two: 8 units.
pub const TABLE_ELEMENT_SHIFT: u32 = 3;
/// An element of a table, and 8 bytes of a data segment, put in place at the start.
pub const START_ELEMENT: u64 = 8;
/// A function of the module's own: each instance has an entry for it.
pub const START_FUNCTION: u64 = 8;
/// A global, a data or an element segment: each instance has a record of it.
pub const START_RECORD: u64 = 40;
/// An imported function: it is made and compared with the import for each instance.
pub const START_IMPORT: u64 = 150;
/// Locals that a function clears for one unit, beyond those that a call pays for.
pub const LOCALS_PER_UNIT: u64 = 4;
/// Locals that a call pays for.
pub const LOCALS_IN_CALL: u64 = 32;

/// Most gas that a function may pay without looking whether it had it. A function that waits for another may have as much
/// unseen again, so a run can do work of at most `(MAX_CALL_DEPTH + 1) * MAX_UNSEEN` that it has no gas for: 33
/// microseconds.
pub const MAX_UNSEEN: u64 = 128;

/// Entering the machine: instance, memory, imports.
pub const ENTER: u64 = 5_000;
/// A byte of a contract's functions and data each time it is entered: what was made of them may have to be read from the
/// disk.
pub const CODE_BYTE: u64 = 1;
/// Any host function: leaving wasm and coming back.
pub const HOST_CALL: u64 = 150;
/// A byte that a host function copies out of or into the memory.
pub const COPY_BYTE: u64 = 1;
/// Reading an account's balance.
pub const BALANCE: u64 = 1_000;
/// A transfer to an account.
pub const TRANSFER: u64 = 8_000;
/// Looking a key up.
pub const LOAD: u64 = 2_000;
/// A byte of the value that was found, however much of it is copied.
pub const LOAD_BYTE: u64 = 1;
/// Writing or removing a key: the trie's path is hashed again.
pub const STORE: u64 = 5_000;
/// A byte of key or value written.
pub const STORE_BYTE: u64 = 10;
/// Deposit for a new key, given back when it is removed.
pub const DEPOSIT_ENTRY: u64 = 5_000;
/// Deposit for a byte of a value beyond the length that stood there, given back when it goes.
pub const DEPOSIT_BYTE: u64 = 100;
/// A log.
pub const LOG: u64 = 3_000;
/// A byte of a log. Like the next two it stands in a receipt, which is kept for ever, and not in the transaction that
/// makes it: a block of the default gas limit can so hold 32 MB of them.
pub const LOG_BYTE: u64 = 80;
/// A byte of output.
pub const OUTPUT_BYTE: u64 = 80;
/// A byte of the message of an abort.
pub const ABORT_BYTE: u64 = 80;
/// A nested call or query, before what it uses itself.
pub const CALL: u64 = 5_000;
/// A run that ends by a trap, or by an instruction for which it had no gas: the system tells the machine by a signal.
pub const TRAP: u64 = 1_000;
/// Each function that stood on the stack of such a run: the compiler's library walks over all of them.
pub const TRAP_FRAME: u64 = 400;
/// SHA-256, and per byte.
pub const SHA256: u64 = 300;
/// SHA-256 per byte.
pub const SHA256_BYTE: u64 = 3;
/// BLAKE3.
pub const BLAKE3: u64 = 200;
/// BLAKE3 per byte.
pub const BLAKE3_BYTE: u64 = 2;
/// Keccak-256.
pub const KECCAK256: u64 = 500;
/// Keccak-256 per byte.
pub const KECCAK256_BYTE: u64 = 6;
/// One Ed25519 signature.
pub const ED25519: u64 = 60_000;
/// Ed25519 per byte of the message (SHA-512).
pub const ED25519_BYTE: u64 = 3;

/// The price of a trap below `functions` functions of the run.
pub fn trap(functions: u64) -> u64 {
    TRAP + TRAP_FRAME.saturating_mul(functions)
}

/// The price of clearing a function's parameters and locals.
pub fn locals(count: u64) -> u64 {
    count.saturating_sub(LOCALS_IN_CALL) / LOCALS_PER_UNIT
}

/// The price of one operator. What depends on an operand (growth, copies) is charged beside it.
///
/// Nothing is free: `end` and `nop` have a price too, or a module of them would run unmetered.
pub fn operator(operator: &Operator<'_>) -> u64 {
    use Operator as O;
    match operator {
        // What comes then pays for itself: the counter is read and written.
        O::Loop { .. } | O::If { .. } | O::Else | O::Br { .. } | O::BrIf { .. } | O::Return => 3,
        O::BrTable { .. } => 5,
        // The frame, the depth count, registers spilled.
        O::Call { .. } => 12,
        O::CallIndirect { .. } => 20,
        // Through the cache and past a bounds check.
        O::I32Load { .. }
        | O::I64Load { .. }
        | O::F32Load { .. }
        | O::F64Load { .. }
        | O::I32Load8S { .. }
        | O::I32Load8U { .. }
        | O::I32Load16S { .. }
        | O::I32Load16U { .. }
        | O::I64Load8S { .. }
        | O::I64Load8U { .. }
        | O::I64Load16S { .. }
        | O::I64Load16U { .. }
        | O::I64Load32S { .. }
        | O::I64Load32U { .. }
        | O::I32Store { .. }
        | O::I64Store { .. }
        | O::F32Store { .. }
        | O::F64Store { .. }
        | O::I32Store8 { .. }
        | O::I32Store16 { .. }
        | O::I64Store8 { .. }
        | O::I64Store16 { .. }
        | O::I64Store32 { .. } => 2,
        // Dividers are slow and check for zero and overflow.
        O::I32DivS
        | O::I32DivU
        | O::I32RemS
        | O::I32RemU
        | O::I64DivS
        | O::I64DivU
        | O::I64RemS
        | O::I64RemU => 10,
        O::F32Div | O::F64Div | O::F32Sqrt | O::F64Sqrt => 12,
        // Their result is made canonical, or their operand checked.
        O::F32Add
        | O::F32Sub
        | O::F32Mul
        | O::F64Add
        | O::F64Sub
        | O::F64Mul
        | O::F32Ceil
        | O::F32Floor
        | O::F32Trunc
        | O::F32Nearest
        | O::F64Ceil
        | O::F64Floor
        | O::F64Trunc
        | O::F64Nearest
        | O::F32Min
        | O::F32Max
        | O::F64Min
        | O::F64Max
        | O::F32DemoteF64
        | O::F64PromoteF32 => 4,
        O::I32TruncF32S
        | O::I32TruncF32U
        | O::I32TruncF64S
        | O::I32TruncF64U
        | O::I64TruncF32S
        | O::I64TruncF32U
        | O::I64TruncF64S
        | O::I64TruncF64U
        | O::I32TruncSatF32S
        | O::I32TruncSatF32U
        | O::I32TruncSatF64S
        | O::I32TruncSatF64U
        | O::I64TruncSatF32S
        | O::I64TruncSatF32U
        | O::I64TruncSatF64S
        | O::I64TruncSatF64U => 6,
        // A call into the runtime each.
        O::MemoryGrow { .. } => MEMORY_GROW,
        O::MemoryCopy { .. }
        | O::MemoryFill { .. }
        | O::MemoryInit { .. }
        | O::DataDrop { .. }
        | O::TableCopy { .. }
        | O::TableInit { .. }
        | O::ElemDrop { .. } => 100,
        O::MemorySize { .. } => 10,
        _ => 1,
    }
}
