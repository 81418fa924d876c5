//! Runs any module through the same checks, middleware and compiler as a contract, but without the contract
//! interface: exports of every signature can be called. For tests of the machine: the core specification's own, and
//! random modules.

use wasmer::{Engine, Instance as Wasm, InstantiationError, Module, RuntimeError, Store, Value};

use crate::{
    cache::Terms,
    compile::{self, Compiled},
    guard,
    host::{End, Fault, TrapKind},
    inspect::{CodeFault, Rules},
    limits, machine, memory,
};

/// A number; floats by their bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Number {
    /// 32 bits.
    I32(i32),
    /// 64 bits.
    I64(i64),
    /// The bits of a 32-bit float.
    F32(u32),
    /// The bits of a 64-bit float.
    F64(u64),
}

/// Why there is no instance.
#[derive(Debug)]
pub enum NoInstance {
    /// The module was refused.
    Refused(CodeFault),
    /// A segment does not fit.
    Trapped(TrapKind),
    /// The machine failed.
    Broken(String),
}

/// What a call came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Called {
    /// The results, or how it ended: in words, for comparison.
    pub result: Result<Vec<Number>, End>,
    /// Gas that is left.
    pub gas_left: u64,
}

/// A module that runs.
pub struct Instance {
    store: Store,
    wasm: Wasm,
    // Last, as in `Compiled`: the code is freed after everything that runs it.
    _engine: Engine,
}

/// Checks and compiles a module as an upload would, and drops it. For benchmarks.
///
/// # Errors
/// It is refused.
pub fn compile_only(code: &[u8]) -> Result<(), CodeFault> {
    compile::compile(code, Rules::Any).map(|_| ())
}

impl Instance {
    /// Checks, compiles and instantiates a module without imports.
    ///
    /// # Errors
    /// It is refused, or a segment does not fit.
    pub fn fresh(code: &[u8]) -> Result<Self, NoInstance> {
        let (_, compiled) = compile::compile(code, Rules::Any).map_err(NoInstance::Refused)?;
        Self::of(compiled)
    }

    /// The same, but through the bytes that a cache would keep.
    ///
    /// # Errors
    /// As [`Instance::fresh`].
    pub fn cached(code: &[u8]) -> Result<Self, NoInstance> {
        let (_, compiled) = compile::compile(code, Rules::Any).map_err(NoInstance::Refused)?;
        let broken = || NoInstance::Broken("the compiled module cannot be written and read".to_string());
        let bytes = compiled.module.serialize().map_err(|_| broken())?;
        // SAFETY: these bytes were serialised in the line above.
        let loaded = unsafe { compile::load(bytes.to_vec(), Vec::new(), Terms::default()) };
        Self::of(loaded.ok_or_else(broken)?)
    }

    fn of(compiled: Compiled) -> Result<Self, NoInstance> {
        wasmer_vm::set_stack_size(limits::STACK_BYTES);
        let Compiled { module, engine, .. } = compiled;
        let mut store = Store::new(engine.clone());
        let wasm = match instantiate(&mut store, &module) {
            Ok(wasm) => wasm,
            Err(InstantiationError::Start(error)) => {
                return Err(match end_of(&error) {
                    End::Failed(Fault::Trap { kind, .. }) => NoInstance::Trapped(kind),
                    other => NoInstance::Broken(format!("{other:?}")),
                });
            }
            Err(error) => return Err(NoInstance::Broken(error.to_string())),
        };
        Ok(Self {
            store,
            wasm,
            _engine: engine,
        })
    }

    /// Names of the exported functions, with the number of each kind of parameter they take.
    pub fn functions(&self) -> Vec<String> {
        self.wasm
            .exports
            .iter()
            .functions()
            .map(|(name, _)| name.clone())
            .collect()
    }

    /// Zeros for the parameters of an exported function.
    pub fn zeros(&self, name: &str) -> Vec<Number> {
        let function = self.wasm.exports.get_function(name);
        let ty = function.map(|f| f.ty(&self.store));
        let types = ty.iter().flat_map(|ty| ty.params());
        let zero = |ty: &wasmer::Type| match ty {
            wasmer::Type::I64 => Number::I64(0),
            wasmer::Type::F32 => Number::F32(0),
            wasmer::Type::F64 => Number::F64(0),
            _ => Number::I32(0),
        };
        types.map(zero).collect()
    }

    /// Calls an exported function with this much gas. A trap leaves the instance usable.
    pub fn call(&mut self, name: &str, arguments: &[Number], gas: u64) -> Option<Called> {
        let function = self.wasm.exports.get_function(name).ok()?.clone();
        let gas = guard::counter(gas);
        self.set(guard::GAS, Value::I64(gas))?;
        self.set(guard::DEPTH, Value::I64(limits::MAX_CALL_DEPTH))?;
        let arguments: Vec<Value> = arguments.iter().map(|n| value(*n)).collect();
        let (result, refused) = memory::watched(|| function.call(&mut self.store, &arguments));
        let (Some(Value::I64(left)), Some(Value::I64(depth))) =
            (self.get(guard::GAS), self.get(guard::DEPTH))
        else {
            return None;
        };
        let result = match machine::ended(result, left, depth) {
            _ if refused => Err(End::Broken(memory::REFUSAL.to_string())),
            Ok(Ok(values)) => Ok(values.iter().filter_map(number).collect()),
            Ok(Err(end)) => Err(end),
            Err(why) => Err(End::Broken(why)),
        };
        Some(Called {
            result,
            gas_left: u64::try_from(left).unwrap_or(0),
        })
    }

    /// The value of an exported global.
    pub fn global(&mut self, name: &str) -> Option<Number> {
        self.get(name).as_ref().and_then(number)
    }

    fn get(&mut self, global: &str) -> Option<Value> {
        let global = self.wasm.exports.get_global(global).ok()?.clone();
        Some(global.get(&mut self.store))
    }

    fn set(&mut self, global: &str, value: Value) -> Option<()> {
        let global = self.wasm.exports.get_global(global).ok()?.clone();
        global.set(&mut self.store, value).ok()
    }
}

#[expect(clippy::result_large_err, reason = "wasmer's error, handed on once")]
fn instantiate(store: &mut Store, module: &Module) -> Result<Wasm, InstantiationError> {
    Wasm::new_by_index(store, module, &[])
}

fn end_of(error: &RuntimeError) -> End {
    machine::end_of(error).unwrap_or_else(End::Broken)
}

fn value(number: Number) -> Value {
    match number {
        Number::I32(v) => Value::I32(v),
        Number::I64(v) => Value::I64(v),
        Number::F32(v) => Value::F32(f32::from_bits(v)),
        Number::F64(v) => Value::F64(f64::from_bits(v)),
    }
}

fn number(value: &Value) -> Option<Number> {
    Some(match value {
        Value::I32(v) => Number::I32(*v),
        Value::I64(v) => Number::I64(*v),
        Value::F32(v) => Number::F32(v.to_bits()),
        Value::F64(v) => Number::F64(v.to_bits()),
        _ => return None,
    })
}
