//! Our middleware: makes a module count its gas and the depth of its calls.
//!
//! Two globals behind the module's own, which its code cannot name, count down: the gas that is left, and how many calls
//! may still be made within each other. If one is negative, the run has ended, and it says why.
//!
//! Where what is paid was found by [`crate::inspect`]; what operators cost by their operands, beyond their price, is
//! charged here, before them.

use std::sync::{Arc, OnceLock};

use wasmer::{
    ExportIndex, GlobalInit, GlobalType, LocalFunctionIndex, Mutability, Pages, Type,
    sys::wasmparser::{BlockType, Operator},
    sys::{FunctionMiddleware, MiddlewareError, MiddlewareReaderState, ModuleMiddleware},
};
use wasmer_types::{GlobalIndex, ModuleInfo};

use crate::{
    abi, cost,
    inspect::{self, Charges},
    limits,
};

/// How the code counts, for the name under which compiled code is kept: code that counts otherwise is not ours. It
/// changes with whatever this middleware inserts, and with where [`crate::inspect`] has it inserted.
pub(crate) const SCHEME: &str = "runs-1";

/// Export of the global with the gas that is left.
pub(crate) const GAS: &str = "aureon_gas";
/// Export of the global with the calls that may still be made within each other.
pub(crate) const DEPTH: &str = "aureon_depth";

/// Indexes of the globals in a module.
#[derive(Clone, Copy, Debug)]
struct Globals {
    gas: u32,
    depth: u32,
    /// Holds an operand while its price is computed.
    operand: u32,
}

/// One per module: the payments and indexes are the module's.
#[derive(Debug)]
pub(crate) struct Guard {
    charges: Arc<Charges>,
    globals: OnceLock<Globals>,
    /// Functions below this index are the host's.
    imported: OnceLock<u32>,
    /// Leave all exports, for tests of the machine: a contract's are only its entry points and its memory.
    keep_exports: bool,
}

impl Guard {
    pub(crate) fn new(charges: Charges, keep_exports: bool) -> Self {
        Self {
            charges: Arc::new(charges),
            globals: OnceLock::new(),
            imported: OnceLock::new(),
            keep_exports,
        }
    }
}

/// What the counter of gas starts with. It is signed, and more than it holds cannot be used up in a lifetime.
pub(crate) fn counter(gas: u64) -> i64 {
    i64::try_from(gas).unwrap_or(i64::MAX)
}

fn failed(what: &str) -> MiddlewareError {
    MiddlewareError::new("Guard", what.to_string())
}

fn push_global(info: &mut ModuleInfo, ty: Type, initial: GlobalInit) -> GlobalIndex {
    let index = info.globals.push(GlobalType::new(ty, Mutability::Var));
    info.global_initializers.push(initial);
    index
}

impl ModuleMiddleware for Guard {
    fn generate_function_middleware<'a>(
        &self,
        function: LocalFunctionIndex,
    ) -> Box<dyn FunctionMiddleware<'a> + 'a> {
        Box::new(FunctionGuard {
            globals: self.globals.get().copied(),
            imported: self.imported.get().copied().unwrap_or(0),
            charges: Arc::clone(&self.charges),
            next: self.charges.of(function.as_u32()),
            position: 0,
        })
    }

    fn transform_module_info(&self, info: &mut ModuleInfo) -> Result<(), MiddlewareError> {
        let gas = push_global(info, Type::I64, GlobalInit::I64Const(0));
        let depth = push_global(info, Type::I64, GlobalInit::I64Const(limits::MAX_CALL_DEPTH));
        let operand = push_global(info, Type::I32, GlobalInit::I32Const(0));
        if !self.keep_exports {
            // Each export is looked up and copied at every instantiation.
            info.exports
                .retain(|name, _| inspect::is_entry(name).is_some() || name == abi::MEMORY);
        }
        info.exports.insert(GAS.to_string(), ExportIndex::Global(gas));
        info.exports.insert(DEPTH.to_string(), ExportIndex::Global(depth));
        // Nothing reads them after this.
        info.custom_sections.clear();
        info.custom_sections_data.clear();
        // Nothing grows a table, and a maximum beyond wasmer's own would fail when it is made.
        for (_, table) in info.tables.iter_mut() {
            table.maximum = Some(table.minimum);
        }
        for (_, memory) in info.memories.iter_mut() {
            let most = Pages(u32::try_from(limits::MAX_MEMORY_PAGES).unwrap_or(u32::MAX));
            memory.maximum = Some(memory.maximum.map_or(most, |maximum| maximum.min(most)));
        }
        let globals = Globals {
            gas: gas.as_u32(),
            depth: depth.as_u32(),
            operand: operand.as_u32(),
        };
        self.globals
            .set(globals)
            .map_err(|_| failed("one guard for two modules"))?;
        let imported = u32::try_from(info.num_imported_functions).unwrap_or(u32::MAX);
        self.imported
            .set(imported)
            .map_err(|_| failed("one guard for two modules"))
    }
}

#[derive(Debug)]
struct FunctionGuard {
    globals: Option<Globals>,
    imported: u32,
    charges: Arc<Charges>,
    /// Charges of this function that are still to come.
    next: std::ops::Range<usize>,
    /// Operators of this function so far.
    position: u32,
}

impl<'a> FunctionMiddleware<'a> for FunctionGuard {
    fn feed(
        &mut self,
        operator: Operator<'a>,
        state: &mut MiddlewareReaderState<'a>,
    ) -> Result<(), MiddlewareError> {
        let globals = self.globals.ok_or_else(|| failed("no module"))?;
        if let Some(charge) = self.charges.due(&mut self.next, self.position) {
            subtract(state, globals.gas, constant(charge.price));
            if charge.checked {
                trap_if_negative(state, &[globals.gas, globals.depth]);
            }
        }
        self.position += 1;
        match operator {
            Operator::Call { function_index } if function_index < self.imported => {
                state.push_operator(operator)
            }
            Operator::Call { .. } | Operator::CallIndirect { .. } => deeper(state, globals, operator),
            Operator::MemoryGrow { .. } => {
                by_operand(state, globals, cost::MEMORY_PAGE, Operator::I64Mul);
                state.push_operator(operator);
            }
            Operator::MemoryCopy { .. } | Operator::MemoryFill { .. } | Operator::MemoryInit { .. } => {
                by_operand(
                    state,
                    globals,
                    u64::from(cost::BULK_BYTES_SHIFT),
                    Operator::I64ShrU,
                );
                state.push_operator(operator);
            }
            Operator::TableCopy { .. } | Operator::TableInit { .. } => {
                by_operand(
                    state,
                    globals,
                    u64::from(cost::TABLE_ELEMENT_SHIFT),
                    Operator::I64Shl,
                );
                state.push_operator(operator);
            }
            _ => state.push_operator(operator),
        }
        Ok(())
    }
}

fn constant<'a>(value: u64) -> [Operator<'a>; 1] {
    let value = value.cast_signed();
    [Operator::I64Const { value }]
}

/// `depth -= 1; call; depth += 1`. The called function sees whether it may be.
fn deeper<'a>(state: &mut MiddlewareReaderState<'a>, globals: Globals, call: Operator<'a>) {
    subtract(state, globals.depth, [Operator::I64Const { value: 1 }]);
    state.push_operator(call);
    subtract(state, globals.depth, [Operator::I64Const { value: -1 }]);
}

/// Charges the operand on top of the stack (an unsigned 32-bit number, as 64 bits) `operator` `by`, and leaves the
/// operand there.
fn by_operand<'a>(state: &mut MiddlewareReaderState<'a>, globals: Globals, by: u64, operator: Operator<'a>) {
    let global_index = globals.operand;
    state.push_operator(Operator::GlobalSet { global_index });
    let value = by.cast_signed();
    let price = [
        Operator::GlobalGet { global_index },
        Operator::I64ExtendI32U,
        Operator::I64Const { value },
        operator,
    ];
    subtract(state, globals.gas, price);
    trap_if_negative(state, &[globals.gas]);
    state.push_operator(Operator::GlobalGet { global_index });
}

/// `global -= amount`; `amount` leaves one `i64`.
fn subtract<'a>(
    state: &mut MiddlewareReaderState<'a>,
    global_index: u32,
    amount: impl IntoIterator<Item = Operator<'a>>,
) {
    state.push_operator(Operator::GlobalGet { global_index });
    state.extend(amount);
    state.extend([Operator::I64Sub, Operator::GlobalSet { global_index }]);
}

/// `if a | b < 0 { unreachable }`
fn trap_if_negative(state: &mut MiddlewareReaderState<'_>, globals: &[u32]) {
    for (i, &global_index) in globals.iter().enumerate() {
        state.push_operator(Operator::GlobalGet { global_index });
        if i > 0 {
            state.push_operator(Operator::I64Or);
        }
    }
    let blockty = BlockType::Empty;
    state.extend([
        Operator::I64Const { value: 0 },
        Operator::I64LtS,
        Operator::If { blockty },
        Operator::Unreachable,
        Operator::End,
    ]);
}
