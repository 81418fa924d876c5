//! What the machine costs over wasmer itself, and what it may cost at most.
//!
//! ```text
//! cargo bench -p aureon-vm
//! ```
//!
//! `empty call`: making an instance, entering and leaving, by wasmer alone with its metering, and by the machine, without
//! imports and with the seven of a token. `compile`: a module of 300 KB by bare cranelift, by cranelift with wasmer's
//! metering, and by the machine with its checks and its own. At the end they are measured once more in turns, so that a
//! machine that changes its pace in between does not favour one; the module is compiled once in a process of its own,
//! whose memory is read; and the benchmark fails beyond a limit.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a benchmark that cannot go on says so by a panic"
)]

mod limits;

use std::{fmt::Write, hint::black_box, num::NonZero, sync::Arc, time::Duration};

use aureon_types::{Address, Amount, GenesisId, Hash, hash::sha256};
use aureon_vm::{
    Context, End, Entry, Halt, Host, Machine, Nested, NestedFailure, NestedOutcome, NoTransfer, Options, Run,
    conformance, cost,
};
use bytes::Bytes;
use criterion::Criterion;
use wasmer::{
    Engine, Function, Imports, Instance, Module, Store, imports,
    sys::{CompilerConfig, Cranelift, CraneliftOptLevel, EngineBuilder},
};
use wasmer_middlewares::{Metering, metering::set_remaining_points};

/// A host that has only the code.
struct Nothing(Bytes);

impl Host for Nothing {
    fn context(&self) -> Context {
        let address = Address([1; 20]);
        let (value, chain) = (Amount(0), GenesisId([0; 32]));
        Context {
            contract: address,
            caller: address,
            value,
            height: 1,
            time_ms: 1,
            chain,
        }
    }
    fn code(&mut self) -> Result<Bytes, Halt> {
        Ok(self.0.clone())
    }
    fn balance(&mut self, _: &Address) -> Result<Amount, Halt> {
        Ok(Amount(0))
    }
    fn transfer(&mut self, _: &Address, _: Amount) -> Result<Result<(), NoTransfer>, Halt> {
        Ok(Ok(()))
    }
    fn load(&mut self, _: &[u8]) -> Result<Option<Bytes>, Halt> {
        Ok(Some(Bytes::from_static(&[0; 8])))
    }
    fn store(&mut self, _: &[u8], _: &[u8]) -> Result<Option<usize>, Halt> {
        Ok(Some(8))
    }
    fn remove(&mut self, _: &[u8]) -> Result<Option<usize>, Halt> {
        Ok(None)
    }
    fn emit_log(&mut self, _: &[u8], _: &[u8]) -> Result<(), Halt> {
        Ok(())
    }
    fn call(&mut self, _: &Nested<'_>) -> Result<NestedOutcome, Halt> {
        Ok(NestedOutcome {
            gas_used: 0,
            result: Err(NestedFailure::NotAContract),
        })
    }
}

fn engine(metered: bool) -> Engine {
    let mut config = Cranelift::new();
    config.opt_level(CraneliftOptLevel::None);
    config.canonicalize_nans(true);
    config.num_threads(NonZero::<usize>::MIN);
    if metered {
        config.push_middleware(Arc::new(Metering::new(0, cost::operator)));
    }
    EngineBuilder::new(config).engine().into()
}

/// An empty entry point in a module with a page of memory, with the imports of a token.
fn empty(imports: bool) -> Bytes {
    let imported = r#"(import "env" "input" (func (param i32 i32) (result i32)))
        (import "env" "output" (func (param i32 i32)))
        (import "env" "caller" (func (param i32)))
        (import "env" "load" (func (param i32 i32 i32 i32) (result i32)))
        (import "env" "store" (func (param i32 i32 i32 i32)))
        (import "env" "emit_log" (func (param i32 i32 i32 i32)))
        (import "env" "abort" (func (param i32 i32)))"#;
    let imports = if imports { imported } else { "" };
    let text = format!(r#"(module {imports} (memory (export "memory") 1) (func (export "call")))"#);
    wat::parse_str(text).unwrap().into()
}

/// wasmer alone: a module with its engine, instantiated and called.
struct Wasmer {
    engine: Engine,
    module: Module,
    imports: bool,
}

impl Wasmer {
    fn new(imports: bool) -> Self {
        let engine = engine(true);
        let module = Module::new(&engine, empty(imports)).unwrap();
        Self {
            engine,
            module,
            imports,
        }
    }

    fn imports(&self, store: &mut Store) -> Imports {
        if !self.imports {
            return imports! {};
        }
        let four = Function::new_typed(store, |_: i32, _: i32, _: i32, _: i32| {});
        imports! { "env" => {
            "input" => Function::new_typed(store, |_: i32, _: i32| 0),
            "output" => Function::new_typed(store, |_: i32, _: i32| {}),
            "caller" => Function::new_typed(store, |_: i32| {}),
            "load" => Function::new_typed(store, |_: i32, _: i32, _: i32, _: i32| 0),
            "store" => four.clone(),
            "emit_log" => four,
            "abort" => Function::new_typed(store, |_: i32, _: i32| {}),
        } }
    }

    fn run(&self) {
        let mut store = Store::new(self.engine.clone());
        let imports = self.imports(&mut store);
        let instance = Instance::new(&mut store, &self.module, &imports).unwrap();
        set_remaining_points(&mut store, &instance, 10_000_000);
        let call = instance
            .exports
            .get_typed_function::<(), ()>(&store, "call")
            .unwrap();
        call.call(&mut store).unwrap();
    }
}

/// The machine, with one contract.
struct Ours {
    machine: Machine,
    hash: Hash,
    host: Nothing,
}

impl Ours {
    fn new(imports: bool) -> Self {
        let machine = Machine::new(&Options::default()).unwrap();
        let code = empty(imports);
        Self {
            machine,
            hash: Hash(sha256(&[&code])),
            host: Nothing(code),
        }
    }

    fn run(&mut self) {
        let run = Run {
            code_hash: self.hash,
            entry: Entry::Call,
            input: b"",
            gas: 10_000_000,
        };
        let outcome = self.machine.run(run, &mut self.host);
        assert!(matches!(black_box(outcome).end, End::Done(_)));
    }
}

fn empty_call(c: &mut Criterion) {
    let mut group = c.benchmark_group("empty call");
    for (name, imports) in [("", false), (", 7 imports", true)] {
        let wasmer = Wasmer::new(imports);
        group.bench_function(format!("wasmer{name}"), |b| b.iter(|| wasmer.run()));
        let mut ours = Ours::new(imports);
        group.bench_function(format!("machine{name}"), |b| b.iter(|| ours.run()));
    }
    group.finish();
}

/// Functions of arithmetic, memory, branches and calls, until the module has about 300 KB.
fn large() -> Vec<u8> {
    let mut text = String::from(r#"(module (memory (export "memory") 1) (func (export "call"))"#);
    for i in 0..740 {
        let _ = write!(text, "(func (param i32 i64) (result i64) (local i32 i64 i64)");
        for j in 0..8 {
            let _ = write!(
                text,
                "(local.set 2 (i32.add (local.get 0) (i32.const {j})))
                 (local.set 3 (i64.xor (i64.mul (local.get 1) (i64.const {i})) (i64.load offset={j} (local.get 2))))
                 (if (i64.lt_u (local.get 3) (local.get 4)) (then
                    (i64.store (local.get 2) (i64.add (local.get 3) (i64.const 7))))
                    (else (local.set 4 (i64.rotl (local.get 3) (i64.const 5)))))"
            );
        }
        let call = if i == 0 {
            String::new()
        } else {
            format!("(drop (call {i} (local.get 2) (local.get 3)))")
        };
        let _ = write!(
            text,
            "{call} (loop (br_if 0 (i32.eqz (local.tee 2 (i32.sub (local.get 2) (i32.const 1)))))) (local.get 4))"
        );
    }
    text.push(')');
    wat::parse_str(text).unwrap()
}

fn compile(c: &mut Criterion, code: &[u8]) {
    let mut group = c.benchmark_group("compile");
    group.sample_size(10);
    group.bench_function("cranelift", |b| b.iter(|| bare(code)));
    group.bench_function("cranelift, wasmer's metering", |b| {
        b.iter(|| black_box(Module::new(&engine(true), code).unwrap()));
    });
    group.bench_function("machine", |b| b.iter(|| conformance::compile_only(code).unwrap()));
    group.finish();
}

/// A call of a module that is in the disk's cache but not in memory, because another one is called in between.
fn load(c: &mut Criterion, code: &[u8]) {
    let directory = tempfile::tempdir().unwrap();
    let options = Options {
        cache_bytes: 1,
        cache_directory: Some(directory.path().to_path_buf()),
        ..Options::default()
    };
    let mut large = Ours::new(false);
    large.machine = Machine::new(&options).unwrap();
    large.hash = Hash(sha256(&[code]));
    large.host = Nothing(Bytes::copy_from_slice(code));
    let mut small = Ours::new(false);
    small.machine = large.machine.clone();
    let start = large.machine.check(code).unwrap().start_gas;
    println!("entering the module costs {start} gas");
    c.bench_function("load from the disk", |b| {
        b.iter(|| {
            small.run();
            large.run();
        });
    });
}

fn bare(code: &[u8]) {
    black_box(Module::new(&engine(false), code).unwrap());
}

fn main() {
    let code = large();
    if limits::is_child() {
        return limits::report_memory(|| conformance::compile_only(&code).unwrap());
    }
    println!("module of {} KB", code.len() / 1_000);
    assert!((290_000..330_000).contains(&code.len()), "{}", code.len());
    let mut criterion = Criterion::default()
        .measurement_time(Duration::from_secs(3))
        .configure_from_args();
    empty_call(&mut criterion);
    compile(&mut criterion, &code);
    load(&mut criterion, &code);
    criterion.final_summary();
    // Whoever profiles wants nothing else in the profile.
    let profiles = std::env::args().any(|argument| argument == "--profile-time");
    if !profiles && !limits::hold(&code) {
        std::process::exit(1);
    }
}
