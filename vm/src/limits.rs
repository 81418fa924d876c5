//! What a module and a run may have at most. Each is part of consensus: a change is a new cost table version.
//!
//! The native stack follows from two of them. The compiler keeps a value of a function in a register, or in a slot of
//! its frame of at most 16 bytes: [`MAX_FUNCTION_VALUES`] are 256 KiB. [`MAX_CALL_DEPTH`] such frames are 64 MiB, two
//! thirds of [`STACK_BYTES`]. The rest is for arguments, saved registers, the frame of the function that finds out that
//! it is one too many, and what the middleware inserts. So the count always traps before the stack ends, on every
//! machine. The same number bounds what the compiler has to do, with [`MAX_MODULE_VALUES`] for the whole module: in the
//! form it works on, every local that is set in a block or a loop makes one more value there, and code of a few
//! kilobytes could make millions.

/// Largest module in bytes.
pub const MAX_CODE_BYTES: usize = 512 << 10;
/// Most function types.
pub const MAX_TYPES: u64 = 1_000;
/// Most functions, imported ones included.
pub const MAX_FUNCTIONS: u64 = 10_000;
/// Most imports.
pub const MAX_IMPORTS: u64 = 64;
/// Most exports.
pub const MAX_EXPORTS: u64 = 64;
/// Most global variables.
pub const MAX_GLOBALS: u64 = 1_000;
/// Most tables: more need reference types.
pub const MAX_TABLES: u64 = 1;
/// Most elements of the table.
pub const MAX_TABLE_ELEMENTS: u64 = 10_000;
/// Most memories.
pub const MAX_MEMORIES: u64 = 1;
/// Most pages (64 KiB each) that a memory may start with or grow to: 16 MiB.
pub const MAX_MEMORY_PAGES: u64 = 256;
/// Most pages of the memories of all runs that wait for each other: 32 MiB. A run that would start with more fails, and
/// `memory.grow` beyond answers -1.
pub const MAX_WAITING_PAGES: u64 = 512;
/// Most parameters of a function.
pub const MAX_PARAMETERS: u64 = 128;
/// Most results of a function or a block.
pub const MAX_RESULTS: u64 = 16;
/// Most values of a frame: parameters, locals and the operand stack at its highest.
pub const MAX_FRAME_SLOTS: u64 = 1_024;
/// Most values that a function computes: one for each operator, result of a call, parameter and local, and at each
/// block, loop and `if` one for each local that is set in it, and for its parameters and results.
pub const MAX_FUNCTION_VALUES: u64 = 16_384;
/// Most values of all functions together.
pub const MAX_MODULE_VALUES: u64 = 1_000_000;
/// Most blocks within each other in one function.
pub const MAX_NESTING: u64 = 512;
/// Most targets of a `br_table`, its default included.
pub const MAX_BRANCH_TARGETS: u64 = 4_096;
/// Most data segments.
pub const MAX_DATA_SEGMENTS: u64 = 1_000;
/// Most element segments.
pub const MAX_ELEMENT_SEGMENTS: u64 = 1_000;
/// Most custom sections.
pub const MAX_CUSTOM_SECTIONS: u64 = 32;
/// Most bytes of all custom sections together.
pub const MAX_CUSTOM_BYTES: u64 = 256 << 10;
/// Longest name of an import, export or custom section, in bytes.
pub const MAX_NAME_BYTES: u64 = 128;

/// Most wasm functions that may call each other before the run traps.
pub const MAX_CALL_DEPTH: i64 = 256;
/// Size of the native stack that wasm runs on. Reserved, and used only as far as it is touched.
pub const STACK_BYTES: usize = 96 << 20;

/// Longest input of a run.
pub const MAX_INPUT_BYTES: usize = 64 << 10;
/// Longest output of a run.
pub const MAX_OUTPUT_BYTES: usize = 16 << 10;
/// Longest storage key; the shortest has one byte.
pub const MAX_KEY_BYTES: usize = 256;
/// Longest storage value.
pub const MAX_VALUE_BYTES: usize = 16 << 10;
/// Longest topic of a log.
pub const MAX_TOPIC_BYTES: usize = 64;
/// Longest data of a log.
pub const MAX_LOG_BYTES: usize = 4 << 10;
/// Longest message of an abort. A longer one is cut.
pub const MAX_ABORT_BYTES: usize = 1 << 10;
/// Most function names that a trap reports, innermost first.
pub const MAX_TRACE: usize = 8;
/// Longest function name that a trap reports. A longer one is cut.
pub const MAX_TRACE_NAME_BYTES: usize = 96;
