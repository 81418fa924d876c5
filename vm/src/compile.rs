//! From checked code to a module that can be entered.
//!
//! Every module has an engine of its own: the engine holds the middleware, whose state is one module's, and the machine
//! code, which is freed when the engine is dropped and not before. A shared engine would keep the code of every module
//! it ever compiled.

use std::{num::NonZero, sync::Arc};

use wasmer::{
    Engine, Module,
    sys::{
        CompilerConfig, CpuFeature, Cranelift, CraneliftOptLevel, EngineBuilder, Features, NativeEngineExt,
        Target, Triple,
    },
};

use crate::{
    abi::HostFunction,
    cache::Terms,
    guard::Guard,
    inspect::{Charges, CodeFault, CodeReport, Rules, inspect},
    memory::Pooled,
};

/// A module that can be entered.
#[derive(Debug)]
pub(crate) struct Compiled {
    // The order matters: a module takes its trap tables back when it is dropped, before the engine frees the code.
    pub(crate) module: Module,
    pub(crate) engine: Engine,
    /// Host functions in the order of the imports.
    pub(crate) imports: Vec<HostFunction>,
    pub(crate) terms: Arc<Terms>,
    /// About what it takes in memory.
    pub(crate) bytes: usize,
}

/// The machine's own features; wasmparser's are in [`crate::inspect`].
fn features() -> Features {
    let mut features = Features::none();
    features.bulk_memory(true).multi_value(true);
    features
}

/// The processor we compile for: this one. What differs between processors is speed, not results.
pub(crate) fn target() -> Target {
    Target::new(Triple::host(), CpuFeature::for_host())
}

fn engine_for(charges: Charges, rules: Rules) -> Engine {
    let mut config = Cranelift::new();
    // Compile time counts: whoever sends code waits for it, and so does the block that carries it.
    config.opt_level(CraneliftOptLevel::None);
    // The bits of a NaN are the processor's choice; these are ours.
    config.canonicalize_nans(true);
    // A module is small and compiled on a worker: threads would cost more to start than they save.
    config.num_threads(NonZero::<usize>::MIN);
    config.push_middleware(Arc::new(Guard::new(charges, rules == Rules::Any)));
    pooled(
        EngineBuilder::new(config)
            .set_target(Some(target()))
            .set_features(Some(features())),
    )
}

/// An engine whose memories are used again.
fn pooled(builder: EngineBuilder) -> Engine {
    let mut engine: Engine = builder.engine().into();
    engine.set_tunables(Pooled::new());
    engine
}

/// What identifies the compiler: machine code of another one is not ours.
pub(crate) fn engine_id() -> String {
    let engine = engine_for(Charges::default(), Rules::Contract);
    let (id, format) = (engine.deterministic_id(), engine.artifact_format());
    format!("{id} {format} {}", wasmer_vm::VERSION)
}

/// Checks `code` and compiles it.
pub(crate) fn compile(code: &[u8], rules: Rules) -> Result<(CodeReport, Compiled), CodeFault> {
    let (report, charges) = inspect(code, rules)?;
    let engine = engine_for(charges, rules);
    // SAFETY: `from_binary_unchecked` asks for valid WebAssembly. `inspect` has just validated all of `code`, by
    // the same version of the same parser that `Module::new` would validate it with a second time, and with fewer
    // features than the compiler knows.
    let module =
        unsafe { Module::from_binary_unchecked(&engine, code) }.map_err(|error| CodeFault::Compile {
            reason: error.to_string(),
        })?;
    let bytes = size_of(&module);
    let compiled = Compiled {
        module,
        engine,
        imports: report.imports.clone(),
        terms: Arc::new(Terms {
            entries: report.entries.clone(),
            start_gas: report.start_gas,
        }),
        bytes,
    };
    Ok((report, compiled))
}

/// Loads what [`Module::serialize`] wrote.
///
/// # Safety
/// `bytes` are unchanged since this version of wasmer serialised them on a machine with the same processor
/// features: they are machine code, and will be run.
pub(crate) unsafe fn load(bytes: Vec<u8>, imports: Vec<HostFunction>, terms: Terms) -> Option<Compiled> {
    let engine = pooled(EngineBuilder::headless().set_target(Some(target())));
    // SAFETY: as this function's.
    let module = unsafe { Module::deserialize(&engine, bytes) }.ok()?;
    let bytes = size_of(&module);
    Some(Compiled {
        module,
        engine,
        imports,
        terms: Arc::new(terms),
        bytes,
    })
}

/// Machine code, and about as much again for tables and tree nodes.
fn size_of(module: &Module) -> usize {
    let artifact = module.sys_artifact();
    let extents = artifact.and_then(|artifact| artifact.finished_function_extents());
    let code: usize = extents.iter().flatten().map(|(_, extent)| extent.length).sum();
    (64 << 10) + 2 * code
}
