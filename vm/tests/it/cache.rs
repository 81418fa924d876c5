//! Fresh or cached, in memory or from disk, whole or damaged: the outcome is the same.

use std::fs;

use aureon_vm::{Machine, Options, Outcome};

use crate::ledger::{Ledger, output};

const COUNTER: &str = r#"(module
    (import "env" "input" (func $input (param i32 i32) (result i32)))
    (import "env" "output" (func $output (param i32 i32)))
    (memory (export "memory") 2)
    (func (export "call") (local $i i32)
        (drop (call $input (i32.const 0) (i32.const 4)))
        (loop (local.set $i (i32.add (local.get $i) (i32.const 3)))
            (br_if 0 (i32.lt_u (local.get $i) (i32.load (i32.const 0)))))
        (i32.store (i32.const 8) (local.get $i))
        (call $output (i32.const 8) (i32.const 4))))"#;

fn run(options: &Options) -> Outcome {
    let mut ledger = Ledger::with(COUNTER);
    ledger.machine = Machine::new(options).unwrap();
    let fresh = ledger.call(&1_000_u32.to_le_bytes());
    assert_eq!(output(&fresh), 1_002_u32.to_le_bytes().as_slice());
    assert_eq!(ledger.call(&1_000_u32.to_le_bytes()), fresh, "from memory");
    fresh
}

#[test]
fn a_module_from_disk_runs_alike_and_a_damaged_one_is_compiled_again() {
    let directory = tempfile::tempdir().unwrap();
    let options = Options {
        cache_directory: Some(directory.path().to_path_buf()),
        ..Options::default()
    };
    let fresh = run(&Options::default());
    assert_eq!(run(&options), fresh, "compiled and written");
    let files: Vec<_> = fs::read_dir(directory.path())
        .unwrap()
        .map(|f| f.unwrap().path())
        .collect();
    assert_eq!(files.len(), 1, "{files:?}");
    let whole = fs::read(&files[0]).unwrap();
    assert_eq!(run(&options), fresh, "read from disk");
    // Each kind of damage: cut, emptied, a bit of the head, of the code, and of another file's name.
    let mut damages = vec![
        whole[..whole.len() - 1].to_vec(),
        Vec::new(),
        whole[..20].to_vec(),
    ];
    for byte in [0, 8, 41, 50, whole.len() / 2, whole.len() - 1] {
        let mut damaged = whole.clone();
        damaged[byte] ^= 0x40;
        damages.push(damaged);
    }
    for damaged in damages {
        fs::write(&files[0], &damaged).unwrap();
        assert_eq!(run(&options), fresh);
        assert_eq!(fs::read(&files[0]).unwrap().len(), whole.len(), "written again");
    }
    // A file of another module under this one's name.
    let other = tempfile::tempdir().unwrap();
    let elsewhere = Options {
        cache_directory: Some(other.path().to_path_buf()),
        ..Options::default()
    };
    let mut ledger = Ledger::with(r#"(module (func (export "call") (unreachable)))"#);
    ledger.machine = Machine::new(&elsewhere).unwrap();
    ledger.call(b"");
    let foreign = fs::read_dir(other.path())
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    fs::copy(foreign, &files[0]).unwrap();
    assert_eq!(run(&options), fresh);
}

#[test]
fn a_directory_that_cannot_be_written_only_costs_time() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let options = Options {
        cache_directory: Some(file.path().to_path_buf()),
        ..Options::default()
    };
    assert_eq!(run(&options), run(&Options::default()));
}

#[test]
fn a_cache_of_one_module_still_runs_two() {
    let options = Options {
        cache_bytes: 1,
        ..Options::default()
    };
    let mut ledger = Ledger::with(COUNTER);
    ledger.machine = Machine::new(&options).unwrap();
    let first = ledger.call(&9_u32.to_le_bytes());
    ledger.codes.insert(
        crate::ledger::address(1),
        crate::ledger::wat(r#"(module (func (export "call")))"#),
    );
    output(&ledger.call(b""));
    ledger
        .codes
        .insert(crate::ledger::address(1), crate::ledger::wat(COUNTER));
    assert_eq!(ledger.call(&9_u32.to_le_bytes()), first);
}

#[test]
fn an_unknown_cost_table_is_refused() {
    let error = Machine::new(&Options {
        cost_table: 2,
        ..Options::default()
    })
    .unwrap_err();
    assert!(error.to_string().contains("version 2 is unknown"), "{error}");
}

/// Contract number `n`: it answers that number.
fn numbered(n: u8) -> bytes::Bytes {
    crate::ledger::wat(&format!(
        r#"(module (import "env" "output" (func $output (param i32 i32))) (memory (export "memory") 1)
        (data (i32.const 0) "\{n:02x}") (func (export "call") (call $output (i32.const 0) (i32.const 1))))"#
    ))
}

/// A ledger whose contract 1 has the code that is run.
struct Runner(Ledger);

impl Runner {
    fn new(options: &Options) -> Self {
        let mut ledger = Ledger::of(numbered(0));
        ledger.machine = Machine::new(options).unwrap();
        Self(ledger)
    }

    /// Runs contract number `n`, and tells whether the machine asked for its code.
    fn asks(&mut self, n: u8) -> bool {
        self.0.codes.insert(crate::ledger::address(1), numbered(n));
        let before = self.0.loads;
        assert_eq!(output(&self.0.call(b"")), [n].as_slice());
        self.0.loads > before
    }
}

#[test]
fn in_memory_the_least_recently_used_module_goes_first() {
    // Room for two: each takes 64 KiB and twice its code.
    let mut runner = Runner::new(&Options {
        cache_bytes: 150_000,
        ..Options::default()
    });
    assert!(runner.asks(1) && runner.asks(2) && !runner.asks(1));
    assert!(runner.asks(3), "and the second goes");
    assert!(!runner.asks(1) && !runner.asks(3));
    assert!(runner.asks(2), "and the first goes");
    assert!(!runner.asks(3) && runner.asks(1));
}

#[test]
fn on_disk_the_bytes_are_bounded_and_what_was_read_stays() {
    let directory = tempfile::tempdir().unwrap();
    let options = |most: u64| Options {
        cache_bytes: 1,
        cache_directory: Some(directory.path().to_path_buf()),
        cache_directory_bytes: most,
        ..Options::default()
    };
    let files = || {
        let files = fs::read_dir(directory.path()).unwrap();
        files.map(|file| file.unwrap()).collect::<Vec<_>>()
    };
    assert!(Runner::new(&options(1 << 20)).asks(1));
    let length = files()[0].metadata().unwrap().len();
    // Room for two and a half.
    let mut runner = Runner::new(&options(length * 5 / 2));
    assert!(runner.asks(2));
    for (file, age) in files().iter().zip([2_000, 1_000]) {
        let then = std::time::SystemTime::now() - std::time::Duration::from_secs(age);
        let file = fs::File::options().append(true).open(file.path()).unwrap();
        file.set_modified(then).unwrap();
    }
    // Both are old, and the first is read again.
    assert!(!runner.asks(1));
    assert!(runner.asks(3), "and the second goes");
    let total: u64 = files().iter().map(|file| file.metadata().unwrap().len()).sum();
    assert!(files().len() == 2 && total <= length * 5 / 2, "{total}");
    assert!(!runner.asks(1));
    assert!(runner.asks(2));
}

#[test]
fn visitors_take_what_is_there_and_leave_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let mut ledger = Runner::new(&Options {
        cache_bytes: 150_000,
        cache_directory: Some(directory.path().to_path_buf()),
        ..Options::default()
    });
    assert!(ledger.asks(1) && ledger.asks(2));
    let mut visitor = Runner::new(&Options::default());
    visitor.0.machine = ledger.0.machine.for_visitors();
    assert!(!visitor.asks(1), "the ledger has it");
    for n in 10..20 {
        assert!(visitor.asks(n));
        assert!(!visitor.asks(n), "the visitors' own cache has it");
    }
    assert!(visitor.0.machine.accept(&numbered(30)).is_ok());
    assert_eq!(
        fs::read_dir(directory.path()).unwrap().count(),
        2,
        "nothing on the disk"
    );
    // Neither did it push anything out of memory.
    fs::remove_dir_all(directory.path()).unwrap();
    assert!(!ledger.asks(1) && !ledger.asks(2));
}
