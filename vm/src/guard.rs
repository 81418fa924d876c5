//! Our own middleware: the call depth, and what operators cost beyond their fixed price.
//!
//! It stands behind wasmer's metering, so what it inserts is not metered again. It charges the same two globals.

use std::sync::{Arc, OnceLock};

use wasmer::{
    ExportIndex, GlobalInit, GlobalType, LocalFunctionIndex, Mutability, Pages, Type,
    sys::wasmparser::{BlockType, Operator, ValType},
    sys::{FunctionMiddleware, MiddlewareError, MiddlewareReaderState, ModuleMiddleware},
};
use wasmer_types::{GlobalIndex, ModuleInfo};

use crate::{abi, cost, inspect, limits};

/// Export of the global that wasmer's metering keeps the remaining gas in.
pub(crate) const GAS: &str = "wasmer_metering_remaining_points";
/// Export of the global that wasmer's metering sets when the gas is not enough.
pub(crate) const EXHAUSTED: &str = "wasmer_metering_points_exhausted";
/// Export of the global that says that the calls went too deep.
pub(crate) const TOO_DEEP: &str = "aureon_too_deep";
/// Export of the global that counts the calls; only where all exports are kept.
pub(crate) const DEPTH: &str = "aureon_depth";

/// Indexes of the globals in a module.
#[derive(Clone, Copy, Debug)]
struct Globals {
    gas: u32,
    exhausted: u32,
    depth: u32,
    too_deep: u32,
    /// Holds an operand while its price is computed.
    operand: u32,
}

/// One per module, like wasmer's metering: the indexes are the module's.
#[derive(Debug, Default)]
pub(crate) struct Guard {
    globals: Arc<OnceLock<Globals>>,
    /// Functions below this index are the host's.
    imported: Arc<OnceLock<u32>>,
    /// Leave all exports, for tests of the machine: a contract's are only its entry points and its memory.
    keep_exports: bool,
}

impl Guard {
    pub(crate) fn new(keep_exports: bool) -> Self {
        Self {
            keep_exports,
            ..Self::default()
        }
    }
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
        _: LocalFunctionIndex,
    ) -> Box<dyn FunctionMiddleware<'a> + 'a> {
        Box::new(FunctionGuard {
            globals: self.globals.get().copied(),
            imported: self.imported.get().copied().unwrap_or(0),
            locals_price: 0,
        })
    }

    fn transform_module_info(&self, info: &mut ModuleInfo) -> Result<(), MiddlewareError> {
        let global = |name: &str| match info.exports.get(name) {
            Some(ExportIndex::Global(index)) => Ok(index.as_u32()),
            _ => Err(failed("metering must come first")),
        };
        let (gas, exhausted) = (global(GAS)?, global(EXHAUSTED)?);
        let depth = push_global(info, Type::I32, GlobalInit::I32Const(0));
        let too_deep = push_global(info, Type::I32, GlobalInit::I32Const(0));
        let operand = push_global(info, Type::I32, GlobalInit::I32Const(0)).as_u32();
        info.exports
            .insert(TOO_DEEP.to_string(), ExportIndex::Global(too_deep));
        if self.keep_exports {
            info.exports.insert(DEPTH.to_string(), ExportIndex::Global(depth));
        } else {
            // Each export is looked up and copied at every instantiation.
            info.exports.retain(|name, _| {
                inspect::is_reserved(name) || inspect::is_entry(name).is_some() || name == abi::MEMORY
            });
        }
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
            gas,
            exhausted,
            depth: depth.as_u32(),
            too_deep: too_deep.as_u32(),
            operand,
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
    /// Charged before the first operator.
    locals_price: u64,
}

impl<'a> FunctionMiddleware<'a> for FunctionGuard {
    fn locals_info(&mut self, locals: &[ValType]) {
        let beyond = (locals.len() as u64).saturating_sub(cost::LOCALS_IN_CALL);
        self.locals_price = beyond / cost::LOCALS_PER_UNIT;
    }

    fn feed(
        &mut self,
        operator: Operator<'a>,
        state: &mut MiddlewareReaderState<'a>,
    ) -> Result<(), MiddlewareError> {
        let globals = self.globals.ok_or_else(|| failed("no module"))?;
        if self.locals_price > 0 {
            let price = self.locals_price.cast_signed();
            charge(state, globals, &[Operator::I64Const { value: price }]);
            self.locals_price = 0;
        }
        match operator {
            Operator::Call { function_index } if function_index < self.imported => {
                state.push_operator(operator)
            }
            Operator::Call { .. } | Operator::CallIndirect { .. } => deeper(state, globals, operator),
            Operator::MemoryGrow { .. } => {
                let page = Operator::I64Const {
                    value: cost::MEMORY_PAGE.cast_signed(),
                };
                by_operand(state, globals, &[page, Operator::I64Mul]);
                state.push_operator(operator);
            }
            Operator::MemoryCopy { .. } | Operator::MemoryFill { .. } | Operator::MemoryInit { .. } => {
                let shift = Operator::I64Const {
                    value: i64::from(cost::BULK_BYTES_SHIFT),
                };
                by_operand(state, globals, &[shift, Operator::I64ShrU]);
                state.push_operator(operator);
            }
            Operator::TableCopy { .. } | Operator::TableInit { .. } => {
                let shift = Operator::I64Const {
                    value: i64::from(cost::TABLE_ELEMENT_SHIFT),
                };
                by_operand(state, globals, &[shift, Operator::I64Shl]);
                state.push_operator(operator);
            }
            _ => state.push_operator(operator),
        }
        Ok(())
    }
}

/// `if depth >= MAX { too_deep = 1; unreachable } depth += 1; call; depth -= 1`
fn deeper<'a>(state: &mut MiddlewareReaderState<'a>, globals: Globals, call: Operator<'a>) {
    let depth = globals.depth;
    state.extend(&[
        Operator::GlobalGet { global_index: depth },
        Operator::I32Const {
            value: limits::MAX_CALL_DEPTH,
        },
        Operator::I32GeU,
        Operator::If {
            blockty: BlockType::Empty,
        },
        Operator::I32Const { value: 1 },
        Operator::GlobalSet {
            global_index: globals.too_deep,
        },
        Operator::Unreachable,
        Operator::End,
        Operator::GlobalGet { global_index: depth },
        Operator::I32Const { value: 1 },
        Operator::I32Add,
        Operator::GlobalSet { global_index: depth },
    ]);
    state.push_operator(call);
    state.extend(&[
        Operator::GlobalGet { global_index: depth },
        Operator::I32Const { value: 1 },
        Operator::I32Sub,
        Operator::GlobalSet { global_index: depth },
    ]);
}

/// Charges what `price` makes of the operand on top of the stack (an unsigned 32-bit number, as 64 bits), and
/// leaves it there.
fn by_operand<'a>(state: &mut MiddlewareReaderState<'a>, globals: Globals, price: &[Operator<'a>]) {
    let operand = globals.operand;
    state.push_operator(Operator::GlobalSet {
        global_index: operand,
    });
    let mut whole = vec![
        Operator::GlobalGet {
            global_index: operand,
        },
        Operator::I64ExtendI32U,
    ];
    whole.extend_from_slice(price);
    charge(state, globals, &whole);
    state.push_operator(Operator::GlobalGet {
        global_index: operand,
    });
}

/// `if gas < price { exhausted = 1; unreachable } gas -= price`; `price` leaves one `i64`.
fn charge<'a>(state: &mut MiddlewareReaderState<'a>, globals: Globals, price: &[Operator<'a>]) {
    state.push_operator(Operator::GlobalGet {
        global_index: globals.gas,
    });
    state.extend(price);
    state.extend(&[
        Operator::I64LtU,
        Operator::If {
            blockty: BlockType::Empty,
        },
        Operator::I32Const { value: 1 },
        Operator::GlobalSet {
            global_index: globals.exhausted,
        },
        Operator::Unreachable,
        Operator::End,
        Operator::GlobalGet {
            global_index: globals.gas,
        },
    ]);
    state.extend(price);
    state.extend(&[
        Operator::I64Sub,
        Operator::GlobalSet {
            global_index: globals.gas,
        },
    ]);
}
