//! Is this module one that may be stored? Everything is counted and validated here, before the compiler sees it.

mod charges;
mod count;
mod function;
mod runs;
mod values;
mod ways;

use wasmer::sys::wasmparser::{Encoding, Parser, Payload, Validator, WasmFeatures};

use crate::{
    abi::{self, HostFunction},
    cost,
    host::Entry,
    limits as l,
};
pub(crate) use charges::Charges;
use count::Counts;

/// The features of WebAssembly that modules may use: version 1, and of what came later mutable globals, sign
/// extension, saturating conversion, bulk memory and multi-value. The overlong form of `call_indirect`'s table
/// index is only a way to write it, which Rust's linker uses.
pub(crate) fn features() -> WasmFeatures {
    WasmFeatures::MUTABLE_GLOBAL
        | WasmFeatures::SATURATING_FLOAT_TO_INT
        | WasmFeatures::SIGN_EXTENSION
        | WasmFeatures::MULTI_VALUE
        | WasmFeatures::BULK_MEMORY
        | WasmFeatures::CALL_INDIRECT_OVERLONG
        | WasmFeatures::FLOATS
        // Only lets the parser name the types `funcref` and `(ref func)` alike; no instruction comes with it.
        | WasmFeatures::GC_TYPES
}

/// What a module offers, needs and measures.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CodeReport {
    /// Its entry points.
    pub entries: Vec<Entry>,
    /// Names of its exports.
    pub exports: Vec<String>,
    /// The host functions it imports.
    pub imports: Vec<HostFunction>,
    /// How much of each limit it uses: what, how much, limit.
    pub used: Vec<(Limit, u64)>,
    /// Gas that every run pays before the first instruction: entering, code, memory, table, data.
    pub start_gas: u64,
}

/// Which limit. `Display` names it in the plural, as in "10001 functions".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Limit {
    /// Bytes of the module.
    #[error("bytes of code")]
    CodeBytes,
    /// Function types.
    #[error("function types")]
    Types,
    /// Functions with the imported ones.
    #[error("functions")]
    Functions,
    /// Imports.
    #[error("imports")]
    Imports,
    /// Exports.
    #[error("exports")]
    Exports,
    /// Globals.
    #[error("globals")]
    Globals,
    /// Tables.
    #[error("tables")]
    Tables,
    /// Elements of the table.
    #[error("table elements")]
    TableElements,
    /// Memories.
    #[error("memories")]
    Memories,
    /// Pages that the memory starts with.
    #[error("pages of memory")]
    MemoryPages,
    /// Parameters of one function.
    #[error("parameters of a function")]
    Parameters,
    /// Results of one function or block.
    #[error("results of a function")]
    Results,
    /// Parameters, locals and operands of one function.
    #[error("values in the frame of a function")]
    FrameSlots,
    /// Values of one function: operators, and what blocks and loops merge.
    #[error("values computed in a function")]
    FunctionValues,
    /// Values of all functions.
    #[error("values computed in all functions")]
    ModuleValues,
    /// Blocks within each other.
    #[error("blocks within each other")]
    Nesting,
    /// Targets of one `br_table`.
    #[error("targets of a br_table")]
    BranchTargets,
    /// Data segments.
    #[error("data segments")]
    DataSegments,
    /// Element segments.
    #[error("element segments")]
    ElementSegments,
    /// Custom sections.
    #[error("custom sections")]
    CustomSections,
    /// Bytes of all custom sections.
    #[error("bytes of custom sections")]
    CustomBytes,
    /// Bytes of a name.
    #[error("bytes in a name")]
    NameBytes,
}

impl Limit {
    /// The most that is allowed.
    pub fn most(self) -> u64 {
        match self {
            Self::CodeBytes => l::MAX_CODE_BYTES as u64,
            Self::Types => l::MAX_TYPES,
            Self::Functions => l::MAX_FUNCTIONS,
            Self::Imports => l::MAX_IMPORTS,
            Self::Exports => l::MAX_EXPORTS,
            Self::Globals => l::MAX_GLOBALS,
            Self::Tables => l::MAX_TABLES,
            Self::TableElements => l::MAX_TABLE_ELEMENTS,
            Self::Memories => l::MAX_MEMORIES,
            Self::MemoryPages => l::MAX_MEMORY_PAGES,
            Self::Parameters => l::MAX_PARAMETERS,
            Self::Results => l::MAX_RESULTS,
            Self::FrameSlots => l::MAX_FRAME_SLOTS,
            Self::FunctionValues => l::MAX_FUNCTION_VALUES,
            Self::ModuleValues => l::MAX_MODULE_VALUES,
            Self::Nesting => l::MAX_NESTING,
            Self::BranchTargets => l::MAX_BRANCH_TARGETS,
            Self::DataSegments => l::MAX_DATA_SEGMENTS,
            Self::ElementSegments => l::MAX_ELEMENT_SEGMENTS,
            Self::CustomSections => l::MAX_CUSTOM_SECTIONS,
            Self::CustomBytes => l::MAX_CUSTOM_BYTES,
            Self::NameBytes => l::MAX_NAME_BYTES,
        }
    }
}

/// Why code cannot be stored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodeFault {
    /// More than a limit.
    #[error("the module has {value} {limit}; at most {} are allowed", limit.most())]
    TooMany {
        /// Which.
        limit: Limit,
        /// What the module has.
        value: u64,
    },
    /// Not a WebAssembly module, or one that uses a feature that is off.
    #[error("the module is not valid: {reason} (at byte {offset})")]
    Invalid {
        /// The validator's words.
        reason: String,
        /// Where.
        offset: u64,
    },
    /// A component instead of a module.
    #[error("this is a WebAssembly component; contracts are modules")]
    Component,
    /// It would run code before it is entered.
    #[error("the module has a start function; a contract runs only what is called")]
    StartFunction,
    /// It imports what is not there.
    #[error(
        "the module imports `{module}.{name}`; only the functions of `env` can be imported, and `{name}` is not one of them"
    )]
    UnknownImport {
        /// The module named by the import.
        module: String,
        /// The import's name.
        name: String,
    },
    /// It imports a host function with another signature.
    #[error("the module imports `env.{name}` with another signature; it is {expected}")]
    ImportSignature {
        /// The import's name.
        name: String,
        /// The right signature.
        expected: String,
    },
    /// An entry point takes or returns something.
    #[error("the export `{name}` is not a function without parameters and results")]
    EntrySignature {
        /// The export's name.
        name: String,
    },
    /// It has none of the four entry points.
    #[error("the module exports none of `deploy`, `call`, `query`, `migrate`")]
    NoEntry,
    /// Host functions have no memory to work on.
    #[error("the module imports host functions but exports no memory named `memory`")]
    NoMemory,
    /// A name that the machine keeps for itself.
    #[error("the export `{name}` begins with `aureon_`, which is kept for the machine")]
    ReservedExport {
        /// The export's name.
        name: String,
    },
    /// The compiler refused what the validator let pass.
    #[error("the module cannot be compiled: {reason}")]
    Compile {
        /// The compiler's words.
        reason: String,
    },
}

/// Whether the rules of the contract interface apply, or only those of WebAssembly and the limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rules {
    /// A contract.
    Contract,
    /// Any module, to test the machine with.
    Any,
}

/// Checks `code` against every rule and limit.
pub(crate) fn inspect(code: &[u8], rules: Rules) -> Result<(CodeReport, Charges), CodeFault> {
    within(Limit::CodeBytes, code.len() as u64)?;
    let mut counts = Counts::default();
    counts.note(Limit::CodeBytes, code.len() as u64)?;
    let mut validator = Validator::new_with_features(features());
    let mut functions = function::Functions::default();
    let mut parser = Parser::new(0);
    parser.set_features(features());
    for payload in parser.parse_all(code) {
        let payload = payload.map_err(invalid)?;
        if let Payload::Version {
            encoding: Encoding::Component,
            ..
        } = payload
        {
            return Err(CodeFault::Component);
        }
        if rules == Rules::Contract && matches!(payload, Payload::StartSection { .. }) {
            return Err(CodeFault::StartFunction);
        }
        // Limits first: what is too much is not even validated.
        counts.section(&payload, rules)?;
        if let Some((function, body)) = functions.next(&mut validator, &payload)? {
            functions.validate(function, &body, &mut counts)?;
        }
    }
    Ok((counts.report(rules)?, functions.charges))
}

pub(crate) fn within(limit: Limit, value: u64) -> Result<(), CodeFault> {
    if value > limit.most() {
        return Err(CodeFault::TooMany { limit, value });
    }
    Ok(())
}

pub(crate) fn invalid(error: wasmer::sys::wasmparser::BinaryReaderError) -> CodeFault {
    CodeFault::Invalid {
        reason: error.message().to_string(),
        offset: error.offset(),
    }
}

/// Names that the guard exports for itself.
pub(crate) fn is_reserved(name: &str) -> bool {
    name.starts_with("aureon_")
}

/// What every instance of a module is made of.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Start {
    /// Bytes of functions' bodies and data segments.
    pub(crate) loaded_bytes: u64,
    /// The module's own functions.
    pub(crate) functions: u64,
    /// Imported functions.
    pub(crate) imports: u64,
    /// Globals, data segments and element segments.
    pub(crate) records: u64,
    /// Pages of memory.
    pub(crate) pages: u64,
    /// Elements of the table and of element segments.
    pub(crate) table_elements: u64,
    /// Bytes of active data segments.
    pub(crate) data_bytes: u64,
}

impl Start {
    /// Gas before the first instruction.
    pub(crate) fn gas(&self) -> u64 {
        // All of them are bounded by limits: no overflow.
        cost::ENTER
            + self.loaded_bytes * cost::CODE_BYTE
            + self.functions * cost::START_FUNCTION
            + self.imports * cost::START_IMPORT
            + self.records * cost::START_RECORD
            + self.pages * cost::MEMORY_PAGE
            + (self.table_elements + self.data_bytes / 8) * cost::START_ELEMENT
    }
}

pub(crate) fn is_entry(name: &str) -> Option<Entry> {
    Entry::ALL.into_iter().find(|e| e.name() == name)
}

pub(crate) fn is_memory(name: &str) -> bool {
    name == abi::MEMORY
}
