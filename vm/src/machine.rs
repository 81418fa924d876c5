//! The machine: checks code, compiles it once, and runs it.

use std::{path::PathBuf, sync::Arc};

use aureon_types::{Hash, hash::sha256};
use bytes::Bytes;
use wasmer::{ExportIndex, FunctionEnv, Instance, InstantiationError, RuntimeError, Store, Value};
use wasmer_types::TrapCode;

use crate::{
    cache::{Cache, Terms},
    compile::{Compiled, compile},
    cost,
    env::{Env, HostPointer, Stop},
    functions, guard,
    host::{End, Entry, Fault, Halt, Host, Outcome, Run, TrapKind},
    inspect::{CodeFault, CodeReport, Rules, inspect},
    limits, memory, nesting,
};

/// How a machine is set up.
#[derive(Clone, Debug)]
pub struct Options {
    /// Version of the cost table, from the genesis.
    pub cost_table: u32,
    /// Most bytes of compiled modules in memory. The least recently used go first.
    pub cache_bytes: usize,
    /// Where compiled modules are kept over a restart, if at all. Whoever can write there can run code as this
    /// process: the directory must be as protected as the binary.
    pub cache_directory: Option<PathBuf>,
    /// Most bytes of compiled modules in that directory. The oldest go first. It should hold all contracts there are: a
    /// run pays for loading its code, not for compiling it again.
    pub cache_directory_bytes: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            cost_table: cost::VERSION,
            cache_bytes: 256 << 20,
            cache_directory: None,
            cache_directory_bytes: 8 << 30,
        }
    }
}

/// The genesis names a cost table that this version does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the cost table of version {0} is unknown to this program, which has version {VERSION}", VERSION = cost::VERSION)]
pub struct UnknownCostTable(pub u32);

/// Most functions that can stand on the stack of a run: the one that was entered, those that may call each other, and the
/// one that finds out that it is one too many.
const MAX_FUNCTIONS: u64 = limits::MAX_CALL_DEPTH.unsigned_abs() + 2;

/// The machine. A clone is the same machine; any number of threads may run it at once.
#[derive(Clone, Debug)]
pub struct Machine {
    cache: Arc<Cache>,
}

impl Machine {
    /// A machine with these options.
    ///
    /// # Errors
    /// The cost table is not one we have.
    pub fn new(options: &Options) -> Result<Self, UnknownCostTable> {
        if options.cost_table != cost::VERSION {
            return Err(UnknownCostTable(options.cost_table));
        }
        // For the whole process, and enough for the deepest stack that the limits allow.
        wasmer_vm::set_stack_size(limits::STACK_BYTES);
        Ok(Self {
            cache: Arc::new(Cache::new(options)),
        })
    }

    /// A machine beside this one for what nobody pays: it uses what this one has compiled, but keeps what it compiles
    /// itself in a small cache of its own, and nothing on the disk.
    #[must_use]
    pub fn for_visitors(&self) -> Self {
        Self {
            cache: Arc::new(Cache::beside(Arc::clone(&self.cache))),
        }
    }

    /// Whether `code` may be stored as a contract, and what it offers. Does not compile it.
    pub fn check(&self, code: &[u8]) -> Result<CodeReport, CodeFault> {
        inspect(code, Rules::Contract).map(|(report, _)| report)
    }

    /// As [`Machine::check`], and compiles it besides, so that what is stored can also be run. The machine keeps it for its
    /// first run.
    ///
    /// # Errors
    /// It may not be stored, or the compiler refuses it.
    pub fn accept(&self, code: &[u8]) -> Result<CodeReport, CodeFault> {
        let code_hash = Hash(sha256(&[code]));
        if self.cache.get(&code_hash).is_some() {
            return self.check(code);
        }
        let (report, compiled) = compile(code, Rules::Contract)?;
        self.cache.insert(code_hash, compiled);
        Ok(report)
    }

    /// Runs one entry point to its end.
    pub fn run(&self, run: Run<'_>, host: &mut dyn Host) -> Outcome {
        let (gas_used, refund, end) = match self.try_run(run, host) {
            Ok(done) => done,
            Err(Early::Interrupted) => (0, 0, End::Interrupted),
            Err(Early::Broken(why)) => (0, 0, End::Broken(why)),
            Err(Early::Failed(gas, fault)) => (gas.min(run.gas), 0, End::Failed(fault)),
        };
        Outcome {
            gas_used,
            refund,
            end,
        }
    }

    fn try_run(&self, run: Run<'_>, host: &mut dyn Host) -> Result<(u64, u64, End), Early> {
        // Loading a code is paid: who cannot pay shall not have it loaded. The answer is the same as behind it.
        if let Some(terms) = self.cache.terms(&run.code_hash) {
            pay(&terms, &run)?;
        }
        let compiled = self.compiled(&run, host)?;
        let gas = pay(&compiled.terms, &run)?;
        let context = host.context();
        // SAFETY: the pointer lives in the environment, the environment in the store, and the store is dropped at
        // the end of this function, within `host`'s borrow. `host` is not used here any more.
        let pointer = unsafe { HostPointer::new(host) };
        let env = Env {
            host: pointer,
            context,
            memory: None,
            gas: None,
            input: Bytes::copy_from_slice(run.input),
            output: Vec::new(),
            answer: Bytes::new(),
            refund: 0,
        };
        enter(&compiled, run, gas, env)
    }

    /// The module of the run: from the cache, or compiled from the host's code.
    fn compiled(&self, run: &Run<'_>, host: &mut dyn Host) -> Result<Arc<Compiled>, Early> {
        if let Some(compiled) = self.cache.get(&run.code_hash) {
            return Ok(compiled);
        }
        let code = host.code().map_err(|halt| match halt {
            Halt::Interrupted => Early::Interrupted,
            Halt::Trap(kind) => Early::Failed(cost::ENTER, trap(kind)),
        })?;
        let (_, compiled) = compile(&code, Rules::Contract)
            .map_err(|fault| Early::Broken(format!("stored code cannot be compiled: {fault}")))?;
        Ok(self.cache.insert(run.code_hash, compiled))
    }
}

/// Ends before wasm ran.
enum Early {
    Interrupted,
    Broken(String),
    Failed(u64, Fault),
}

/// The gas that is left once the run has paid for its start.
fn pay(terms: &Terms, run: &Run<'_>) -> Result<u64, Early> {
    let left = run.gas.checked_sub(terms.start_gas);
    let left = left.ok_or(Early::Failed(run.gas, Fault::OutOfGas))?;
    if !terms.entries.contains(&run.entry) {
        return Err(Early::Failed(terms.start_gas, Fault::NoEntry(run.entry)));
    }
    Ok(left)
}

fn broken(what: impl std::fmt::Display) -> Early {
    Early::Broken(what.to_string())
}

fn trap(kind: TrapKind) -> Fault {
    Fault::Trap {
        kind,
        functions: Vec::new(),
    }
}

/// Makes an instance in a store of its own and calls the entry point.
fn enter(compiled: &Compiled, run: Run<'_>, gas: u64, env: Env) -> Result<(u64, u64, End), Early> {
    let first = compiled.module.info().memories.values();
    let first = first.map(|memory| u64::from(memory.minimum.0)).sum();
    // Until the end: what is declared behind it is dropped before.
    let Some(_pages) = nesting::Pages::of_run(first) else {
        let end = End::Failed(trap(TrapKind::TooMuchMemory));
        return Ok((run.gas - gas, 0, end));
    };
    let mut store = Store::new(compiled.engine.clone());
    let env = FunctionEnv::new(&mut store, env);
    let imports = functions::link(&mut store, &env, &compiled.imports);
    let instance = match Instance::new_by_index(&mut store, &compiled.module, &imports) {
        Ok(instance) => instance,
        // A data or element segment that does not fit.
        Err(InstantiationError::Start(error)) => {
            let end = end_of(&error).map_err(broken)?;
            // It is found on the stack of the run that waits for this one, however many functions stand there.
            return Ok((trapped(run.gas - gas, run.gas, MAX_FUNCTIONS), 0, end));
        }
        Err(error) => return Err(broken(error)),
    };
    let left = instance.exports.get_global(guard::GAS).map_err(broken)?.clone();
    let given = guard::counter(gas);
    left.set(&mut store, Value::I64(given)).map_err(broken)?;
    let memory = instance.exports.get_memory(crate::abi::MEMORY).ok().cloned();
    let data = env.as_mut(&mut store);
    data.memory = memory;
    data.gas = Some(left.clone());
    let entry = instance
        .exports
        .get_typed_function::<(), ()>(&store, run.entry.name())
        .map_err(broken)?;
    let (result, refused) = memory::watched(|| entry.call(&mut store));
    if refused {
        return Err(broken(memory::REFUSAL));
    }
    let mut count = |name| match instance.exports.get_global(name).ok()?.get(&mut store) {
        Value::I64(left) => Some(left),
        _ => None,
    };
    let (Some(left), Some(depth)) = (count(guard::GAS), count(guard::DEPTH)) else {
        return Err(broken("the counters are gone"));
    };
    let error = result.as_ref().err().cloned();
    let end = match ended(result, left, depth).map_err(broken)? {
        Ok(()) => End::Done(Bytes::from(std::mem::take(&mut env.as_mut(&mut store).output))),
        Err(end) => named(end, error.as_ref(), compiled, run.entry),
    };
    let used = match &end {
        End::Failed(Fault::OutOfGas) => run.gas,
        _ => run.gas - gas + given.abs_diff(left),
    };
    let used = match error {
        // What a host function ends is handed through, and nobody looks at the stack.
        Some(error) if error.downcast_ref::<Stop>().is_none() => {
            trapped(used, run.gas, limits::MAX_CALL_DEPTH.abs_diff(depth) + 1)
        }
        _ => used,
    };
    Ok((used, env.as_ref(&store).refund, end))
}

/// What a call of wasm came to, by its result and what the two counters of [`guard`] are left at.
pub(crate) fn ended<T>(
    result: Result<T, RuntimeError>,
    gas: i64,
    depth: i64,
) -> Result<Result<T, End>, String> {
    match result {
        // Whatever happened since, it happened without gas.
        _ if gas < 0 => Ok(Err(End::Failed(Fault::OutOfGas))),
        Ok(value) => Ok(Ok(value)),
        Err(error) => Ok(Err(match end_of(&error)? {
            // The one `unreachable` that can be reached so deep is the guard's.
            End::Failed(Fault::Trap {
                kind: TrapKind::Unreachable,
                ..
            }) if depth < 0 => End::Failed(trap(TrapKind::CallDepth)),
            end => end,
        })),
    }
}

/// Gas of a run that used `used` of its `gas` before it trapped below this many functions. What it has no gas for, who
/// called it pays: the stack is walked over whatever the run had left.
fn trapped(used: u64, gas: u64, functions: u64) -> u64 {
    let price = cost::trap(functions);
    let paid = price.min(gas.saturating_sub(used));
    nesting::owe(price - paid);
    used + paid
}

/// The end, with the names of the functions that stood on each other in this run if it is a trap.
fn named(mut end: End, error: Option<&RuntimeError>, compiled: &Compiled, entry: Entry) -> End {
    if let (End::Failed(Fault::Trap { functions, .. }), Some(error)) = (&mut end, error)
        && let Some(ExportIndex::Function(entry)) = compiled.module.info().exports.get(entry.name())
    {
        *functions = names(error, entry.as_u32());
    }
    end
}

/// Names of the functions of a run, innermost first, down to the one where it was entered: those behind are of the runs
/// that wait for this one, mostly of other contracts.
fn names(error: &RuntimeError, entry: u32) -> Vec<String> {
    let frames = error.trace().iter();
    let own = frames.scan(false, |entered, frame| {
        let within = !*entered;
        *entered |= frame.func_index() == entry;
        within.then_some(frame)
    });
    own.filter_map(|frame| frame.function_name())
        .take(limits::MAX_TRACE)
        .map(|name| cut(name, limits::MAX_TRACE_NAME_BYTES))
        .collect()
}

/// The first `most` bytes of a text, at a boundary of a character.
fn cut(text: &str, most: usize) -> String {
    text.get(..text.floor_char_boundary(most))
        .unwrap_or(text)
        .to_string()
}

/// Why wasm ended early.
pub(crate) fn end_of(error: &RuntimeError) -> Result<End, String> {
    let kind = match error.downcast_ref::<Stop>() {
        Some(Stop::OutOfGas) => return Ok(End::Failed(Fault::OutOfGas)),
        Some(Stop::Abort(message)) => {
            return Ok(End::Failed(Fault::Abort {
                message: message.clone(),
            }));
        }
        Some(Stop::Interrupted) => return Ok(End::Interrupted),
        Some(Stop::Broken(why)) => return Err((*why).to_string()),
        Some(Stop::Trap(kind)) => *kind,
        None => kind_of(error.clone().to_trap()).ok_or_else(|| error.message())?,
    };
    Ok(End::Failed(trap(kind)))
}

/// The traps of the enabled features. Others cannot be a contract's fault: a native stack overflow, say, would be a
/// mistake in our limits, and no two machines would agree on where it happens.
fn kind_of(code: Option<TrapCode>) -> Option<TrapKind> {
    Some(match code? {
        TrapCode::UnreachableCodeReached => TrapKind::Unreachable,
        TrapCode::HeapAccessOutOfBounds => TrapKind::MemoryOutOfBounds,
        TrapCode::TableAccessOutOfBounds => TrapKind::TableOutOfBounds,
        TrapCode::IndirectCallToNull => TrapKind::IndirectCallToNull,
        TrapCode::BadSignature => TrapKind::BadSignature,
        TrapCode::IntegerOverflow => TrapKind::IntegerOverflow,
        TrapCode::IntegerDivisionByZero => TrapKind::DivisionByZero,
        TrapCode::BadConversionToInteger => TrapKind::BadConversion,
        _ => return None,
    })
}
