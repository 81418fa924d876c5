//! A counter that knows nothing of runs: it adds the price of each operator beside the operator.
//!
//! `end` is counted behind itself, because branches land before it; the end of a function, which every way out of it
//! passes, at its start.

use std::sync::{Arc, OnceLock};

use aureon_vm::{conformance::Number, cost, limits};
use wasmer::{
    ExportIndex, GlobalInit, GlobalType, Instance, LocalFunctionIndex, Module, Mutability, Pages, Store,
    Type, Value, imports,
    sys::wasmparser::{BlockType, Operator, ValType},
    sys::{
        CompilerConfig, Cranelift, CraneliftOptLevel, EngineBuilder, FunctionMiddleware, MiddlewareError,
        MiddlewareReaderState, ModuleMiddleware,
    },
};
use wasmer_types::ModuleInfo;

const COUNT: &str = "naive_count";
const MOST: &str = "naive_most";

/// An instance that counts.
pub struct Naive {
    store: Store,
    instance: Instance,
}

impl Naive {
    /// Of a valid module without imports.
    pub fn new(code: &[u8]) -> Self {
        let mut config = Cranelift::new();
        config.opt_level(CraneliftOptLevel::None);
        config.canonicalize_nans(true);
        config.push_middleware(Arc::new(Counter::default()));
        let mut store = Store::new(EngineBuilder::new(config).engine());
        let module = Module::new(&store, code).unwrap();
        let instance = Instance::new(&mut store, &module, &imports! {}).unwrap();
        Self { store, instance }
    }

    /// Whether the call ended well, and what it cost. It ends soon after it cost more than `most`.
    pub fn call(&mut self, function: &str, arguments: &[Number], most: u64) -> (bool, u64) {
        self.set(COUNT, 0);
        self.set(MOST, most);
        let arguments: Vec<Value> = arguments.iter().map(value).collect();
        let function = self.instance.exports.get_function(function).unwrap();
        let ended_well = function.call(&mut self.store, &arguments).is_ok();
        let count = self.instance.exports.get_global(COUNT).unwrap();
        (
            ended_well,
            u64::try_from(count.get(&mut self.store).unwrap_i64()).unwrap(),
        )
    }

    fn set(&mut self, global: &str, to: u64) {
        let global = self.instance.exports.get_global(global).unwrap();
        let to = Value::I64(i64::try_from(to).unwrap());
        global.set(&mut self.store, to).unwrap();
    }
}

fn value(number: &Number) -> Value {
    match *number {
        Number::I32(v) => Value::I32(v),
        Number::I64(v) => Value::I64(v),
        Number::F32(v) => Value::F32(f32::from_bits(v)),
        Number::F64(v) => Value::F64(f64::from_bits(v)),
    }
}

#[derive(Clone, Copy, Debug)]
struct Globals {
    count: u32,
    most: u32,
    operand: u32,
}

#[derive(Debug, Default)]
struct Counter {
    globals: OnceLock<Globals>,
    /// Parameters of each function of the module.
    parameters: OnceLock<Vec<u64>>,
}

impl ModuleMiddleware for Counter {
    fn generate_function_middleware<'a>(
        &self,
        function: LocalFunctionIndex,
    ) -> Box<dyn FunctionMiddleware<'a> + 'a> {
        let parameters = &self.parameters.get().unwrap()[function.as_u32() as usize];
        Box::new(FunctionCounter {
            globals: *self.globals.get().unwrap(),
            parameters: *parameters,
            due: 1,
            depth: 0,
        })
    }

    fn transform_module_info(&self, info: &mut ModuleInfo) -> Result<(), MiddlewareError> {
        let mut global = |ty, initial| {
            info.global_initializers.push(initial);
            info.globals.push(GlobalType::new(ty, Mutability::Var))
        };
        let count = global(Type::I64, GlobalInit::I64Const(0));
        let most = global(Type::I64, GlobalInit::I64Const(0));
        let operand = global(Type::I32, GlobalInit::I32Const(0));
        info.exports.insert(COUNT.to_string(), ExportIndex::Global(count));
        info.exports.insert(MOST.to_string(), ExportIndex::Global(most));
        for (_, table) in info.tables.iter_mut() {
            table.maximum = Some(table.minimum);
        }
        for (_, memory) in info.memories.iter_mut() {
            let pages = Pages(u32::try_from(limits::MAX_MEMORY_PAGES).unwrap());
            memory.maximum = Some(memory.maximum.map_or(pages, |maximum| maximum.min(pages)));
        }
        let parameters = info.functions.values().skip(info.num_imported_functions);
        let parameters = parameters.map(|ty| info.signatures[*ty].params().len() as u64);
        self.parameters.set(parameters.collect()).unwrap();
        let globals = Globals {
            count: count.as_u32(),
            most: most.as_u32(),
            operand: operand.as_u32(),
        };
        self.globals.set(globals).unwrap();
        Ok(())
    }
}

#[derive(Debug)]
struct FunctionCounter {
    globals: Globals,
    parameters: u64,
    /// To be counted at the start.
    due: u64,
    /// Open constructs within the function.
    depth: u32,
}

impl FunctionCounter {
    fn add<'a>(&self, state: &mut MiddlewareReaderState<'a>, price: &[Operator<'a>]) {
        let global_index = self.globals.count;
        state.push_operator(Operator::GlobalGet { global_index });
        state.extend(price);
        state.extend(&[Operator::I64Add, Operator::GlobalSet { global_index }]);
    }

    fn constant(&self, state: &mut MiddlewareReaderState<'_>, price: u64) {
        let value = i64::try_from(price).unwrap();
        self.add(state, &[Operator::I64Const { value }]);
    }

    /// So that nothing runs for ever.
    fn stop(&self, state: &mut MiddlewareReaderState<'_>) {
        let Globals { count, most, .. } = self.globals;
        state.extend(&[
            Operator::GlobalGet { global_index: count },
            Operator::GlobalGet { global_index: most },
            Operator::I64GtU,
            Operator::If {
                blockty: BlockType::Empty,
            },
            Operator::Unreachable,
            Operator::End,
        ]);
    }

    fn by_operand<'a>(&self, state: &mut MiddlewareReaderState<'a>, price: &[Operator<'a>]) {
        let global_index = self.globals.operand;
        state.push_operator(Operator::GlobalSet { global_index });
        let mut whole = vec![Operator::GlobalGet { global_index }, Operator::I64ExtendI32U];
        whole.extend_from_slice(price);
        self.add(state, &whole);
        self.stop(state);
        state.push_operator(Operator::GlobalGet { global_index });
    }
}

impl<'a> FunctionMiddleware<'a> for FunctionCounter {
    fn locals_info(&mut self, locals: &[ValType]) {
        let all = self.parameters + locals.len() as u64;
        self.due = 1 + all.saturating_sub(32) / 4;
    }

    fn feed(
        &mut self,
        operator: Operator<'a>,
        state: &mut MiddlewareReaderState<'a>,
    ) -> Result<(), MiddlewareError> {
        if self.due > 0 {
            self.constant(state, self.due);
            self.due = 0;
            self.stop(state);
        }
        if matches!(operator, Operator::End) {
            state.push_operator(operator);
            if self.depth > 0 {
                self.constant(state, 1);
            }
            self.depth = self.depth.saturating_sub(1);
            return Ok(());
        }
        self.constant(state, cost::operator(&operator));
        let constant = |value| Operator::I64Const { value };
        match operator {
            Operator::MemoryGrow { .. } => self.by_operand(state, &[constant(4_000), Operator::I64Mul]),
            Operator::MemoryCopy { .. } | Operator::MemoryFill { .. } | Operator::MemoryInit { .. } => {
                self.by_operand(state, &[constant(8), Operator::I64DivU]);
            }
            Operator::TableCopy { .. } | Operator::TableInit { .. } => {
                self.by_operand(state, &[constant(8), Operator::I64Mul]);
            }
            Operator::Block { .. } | Operator::If { .. } | Operator::Loop { .. } => self.depth += 1,
            _ => {}
        }
        let looped = matches!(operator, Operator::Loop { .. });
        state.push_operator(operator);
        if looped {
            self.stop(state);
        }
        Ok(())
    }
}
