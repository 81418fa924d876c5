//! `tests/hostile/*.wat`: one attack each. The file says how it ends: refused at the upload, or ended within its gas.
//!
//! `{{N:text}}` in a file stands for N times the text, which may have such places itself.

use std::{fs, path::Path};

use aureon_vm::{End, Entry, Outcome};
use bytes::Bytes;

use crate::corpus::expand;
use crate::ledger::{Ledger, State, address, machine};

const GAS: u64 = 10_000_000;

struct Attack {
    name: String,
    entry: Entry,
    expected: Expected,
    code: Bytes,
}

enum Expected {
    Refused(String),
    Ends(String),
}

fn corpus() -> Vec<Attack> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hostile");
    let mut attacks: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|file| attack(&file.unwrap().path()))
        .collect();
    attacks.sort_by(|a, b| a.name.cmp(&b.name));
    attacks
}

fn attack(path: &Path) -> Attack {
    let name = path.file_stem().unwrap().to_string_lossy().into_owned();
    let text = fs::read_to_string(path).unwrap();
    let said = |what: &str| {
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(&format!(";; {what}: ")));
        line.map(ToString::to_string)
    };
    let refused = said("expect refused").map(Expected::Refused);
    let expected = refused.or_else(|| said("expect").map(Expected::Ends));
    let entry = if said("entry").is_some_and(|entry| entry == "query") {
        Entry::Query
    } else {
        Entry::Call
    };
    let code = wat::parse_str(expand(&text)).unwrap_or_else(|error| panic!("{name}: {error}"));
    Attack {
        expected: expected.unwrap_or_else(|| panic!("{name} says no end")),
        entry,
        code: code.into(),
        name,
    }
}

/// Runs the attack on a node of its own.
fn run(attack: &Attack) -> (Outcome, State) {
    let mut ledger = Ledger::of(attack.code.clone());
    let outcome = ledger.run(attack.entry, b"", GAS);
    (outcome, ledger.state)
}

fn in_words(end: &End) -> String {
    match end {
        End::Done(output) => {
            let hex: String = output.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("done {hex}")
        }
        End::Failed(fault) => fault.to_string(),
        other => format!("{other:?}"),
    }
}

#[test]
fn every_attack_ends_as_it_should() {
    let mut wrong = Vec::new();
    let attacks = corpus();
    assert!(attacks.len() >= 50, "the corpus is there");
    for attack in attacks {
        let Expected::Ends(expected) = &attack.expected else {
            let Expected::Refused(expected) = &attack.expected else {
                continue;
            };
            match machine().check(&attack.code) {
                Ok(_) => wrong.push(format!("{}: not refused", attack.name)),
                Err(fault) if fault.to_string().contains(expected) => {}
                Err(fault) => wrong.push(format!("{}: {fault}", attack.name)),
            }
            continue;
        };
        if let Err(fault) = machine().check(&attack.code) {
            wrong.push(format!("{}: refused: {fault}", attack.name));
            continue;
        }
        let (outcome, state) = run(&attack);
        let words = in_words(&outcome.end);
        if !words.starts_with(expected.as_str()) || outcome.gas_used > GAS {
            wrong.push(format!("{}: {words} after {} gas", attack.name, outcome.gas_used));
        }
        // Another node, with a machine of its own, comes to the same: outcome, gas, and all of the state.
        assert_eq!(run(&attack), (outcome, state), "{}", attack.name);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn modules_that_differ_only_in_custom_sections_run_alike() {
    let body = r#"(func (export "call") (loop (br_if 0 (i32.const 0))))"#;
    let plain = Ledger::with(&format!("(module {body})")).call(b"");
    let decorated = format!(r#"(module {body} (@custom "note" "hello") (@custom "name" "\ff\ff\ff"))"#);
    assert_eq!(Ledger::with(&decorated).call(b""), plain);
}

#[test]
fn the_machine_outlives_every_attack() {
    // One machine for all of them, then an honest contract.
    let mut ledger = Ledger::with(r#"(module (func (export "call")))"#);
    let honest = ledger.codes[&address(1)].clone();
    for attack in corpus() {
        if ledger.machine.check(&attack.code).is_ok() {
            ledger.codes.insert(address(1), attack.code);
            let _ = ledger.run(attack.entry, b"", GAS);
        }
    }
    ledger.codes.insert(address(1), honest);
    assert!(matches!(ledger.call(b"").end, End::Done(_)));
}
