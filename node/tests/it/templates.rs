//! `contract test`, as authors use it: with their own cargo, on projects of theirs.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use aureon_interface::scaffold;
use aureon_types::SecretKey;

use crate::support::{Node, binary, stderr, succeed, text};

/// Apart from the folder that the cargo of this test has locked; the tests of `aureon-interface` use it too.
pub fn target_folder() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("contracts")
}

pub fn templates() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../sdk/templates")
        .canonicalize()
        .unwrap()
}

/// A project in a folder that stays, so that its builds do not pile up.
fn project(name: &str, files: &[(&str, &str)]) -> PathBuf {
    let parent = Path::new(env!("CARGO_TARGET_TMPDIR")).join("projects");
    let folder = parent.join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder).unwrap();
    }
    scaffold::create(&parent, name, "token").unwrap();
    for (path, content) in files {
        fs::write(folder.join(path), content).unwrap();
    }
    folder
}

fn contract_test(folder: &Path) -> String {
    let output = binary()
        .args(["contract", "test", "--locked", text(folder)])
        .env("CARGO_TARGET_DIR", target_folder())
        .output()
        .unwrap();
    let said = said(&output);
    assert!(output.status.success(), "{said}");
    said
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), stderr(output))
}

#[test]
fn the_templates_pass_their_tests_on_the_chain() {
    let said = contract_test(&templates());
    for test in [
        "chain::tokens_move_for_little_gas ... ok",
        "chain::after_the_deadline_the_buyer_is_paid_back ... ok",
        "chain::two_of_three_pay_and_call ... ok",
        "chain::a_name_is_rented_for_a_year ... ok",
        "tests::two_of_three_pay ... ok",
    ] {
        assert!(said.contains(test), "{test}: {said}");
    }
}

#[test]
fn mock_and_chain_agree_on_the_token() {
    let folder = project(
        "agreeing-token",
        &[("src/chain.rs", include_str!("../fixtures/token_chain.rs"))],
    );
    let said = contract_test(&folder);
    assert!(said.contains("chain::mock_and_chain_agree ... ok"), "{said}");
}

#[test]
fn mock_and_chain_agree_on_failures_and_panics_are_in_the_receipt() {
    let folder = project(
        "faulty",
        &[
            ("src/lib.rs", include_str!("../fixtures/faulty.rs")),
            ("src/chain.rs", include_str!("../fixtures/faulty_chain.rs")),
        ],
    );
    let said = contract_test(&folder);
    assert!(said.contains("chain::mock_and_chain_agree ... ok"), "{said}");
    assert!(said.contains("chain::a_panic_is_in_the_receipt ... ok"), "{said}");
}

#[test]
fn without_the_node_unit_tests_run_and_the_others_say_what_they_need() {
    let folder = project("lonely", &[]);
    let modules = tempfile::tempdir().unwrap();
    let cargo = |node: &str, arguments: &[&str]| {
        let output = Command::new("cargo")
            .current_dir(&folder)
            .args(["test", "--locked", "--lib", "--"])
            .args(arguments)
            .env("CARGO_TARGET_DIR", target_folder())
            .env("AUREON_NODE", node)
            .env("AUREON_CONTRACTS", modules.path())
            .output()
            .unwrap();
        (output.status.success(), said(&output))
    };
    let fails = |node: &str, words: &[&str]| {
        let (passed, said) = cargo(node, &["--ignored"]);
        assert!(!passed, "{said}");
        for words in words {
            assert!(said.contains(words), "{words}: {said}");
        }
    };
    let (passed, said) = cargo("/nowhere/aureon-node", &[]);
    assert!(passed, "{said}");
    assert!(
        said.contains("ignored, on the chain: aureon-node contract test"),
        "{said}"
    );
    let how = "by `aureon-node contract test`";
    fails(
        "/nowhere/aureon-node",
        &["/nowhere/aureon-node", how, "set AUREON_NODE"],
    );
    // A program of that name which is something else.
    fails(
        "true",
        &["`aureon-node contract sandbox` has ended", "of the same version"],
    );
    let node = env!("CARGO_BIN_EXE_aureon-node");
    fails(node, &["cannot read", "lonely.wasm", how]);
    fs::write(modules.path().join("lonely.wasm"), b"\0asm\x01\0\0\0").unwrap();
    fails(node, &["was built of another contract than lonely::token", how]);
}

#[test]
fn a_sandbox_over_pipes_answers_each_line_and_ends_with_its_input() {
    use std::{io::Write as _, process::Stdio};
    let start = |options: &[&str]| {
        let mut child = binary();
        child.args(["contract", "sandbox"]).args(options);
        child
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        child.spawn().unwrap()
    };
    let mut child = start(&["--gas-price", "1"]);
    let requests =
        b"{\"do\": \"account\", \"name\": \"ann\", \"balance\": 5}\nno json \xff\n{\"do\": \"head\"}";
    child.stdin.take().unwrap().write_all(requests).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let answers = String::from_utf8(output.stdout).unwrap();
    let [account, wrong, head] = &answers.lines().collect::<Vec<_>>()[..] else {
        panic!("{answers}")
    };
    assert!(account.contains("\"balance\":5"), "{account}");
    assert!(wrong.starts_with("{\"error\":\"the line is no JSON"), "{wrong}");
    assert!(head.contains("\"height\":1"), "{head}");

    let output = start(&["--block-time", "0"]).wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("block_time_ms"), "{}", stderr(&output));
}

#[test]
fn a_deployed_contract_is_verified_against_its_source() {
    let temp = tempfile::tempdir().unwrap();
    let key = SecretKey::from_seed([0x71; 32]);
    let node = Node::lone(
        &temp.path().join("node"),
        &format!("{}=1000000000", key.address()),
    );
    let key_file = temp.path().join("key");
    fs::write(&key_file, format!("{}\n", key.to_hex())).unwrap();
    let folder = project("verified", &[]);
    let aureon = |arguments: &[&str]| {
        let output = binary()
            .arg("contract")
            .args(arguments)
            .env("CARGO_TARGET_DIR", target_folder())
            .output()
            .unwrap();
        (output.status.code(), said(&output))
    };
    let (code, built) = aureon(&["build", "--locked", text(&folder)]);
    assert_eq!(code, Some(0), "{built}");
    let module = target_folder().join("wasm32-unknown-unknown/release/verified.wasm");
    let api = &node.runtime.api;
    let deployed = succeed(&[
        "contract",
        "deploy",
        text(&module),
        "--key",
        text(&key_file),
        "--node",
        api,
        "--wait",
        "2m",
        "--json",
        "--name",
        "Gold",
        "--symbol",
        "GLD",
        "--decimals",
        "2",
        "--supply",
        "5",
    ]);
    let deployed: serde_json::Value = serde_json::from_str(&deployed).unwrap();
    let contract = deployed["receipt"]["contract"].as_str().unwrap();

    let (code, same) = aureon(&["verify", contract, text(&folder), "--node", api]);
    assert_eq!(code, Some(0), "{same}");
    assert!(same.contains("same      ") && same.contains(contract), "{same}");
    // The hash that was built is the one that is verified.
    let hash = built.split("code ").nth(1).unwrap().split(')').next().unwrap();
    assert!(same.contains(hash), "{hash}: {same}");
    assert_eq!(
        aureon(&["verify", contract, text(&module), "--node", api]).0,
        Some(0)
    );

    let source = folder.join("src/lib.rs");
    let changed = fs::read_to_string(&source)
        .unwrap()
        .replace("the balance is ", "a balance is ");
    fs::write(&source, changed).unwrap();
    let (code, different) = aureon(&["verify", contract, text(&folder), "--node", api]);
    assert_eq!(code, Some(1), "{different}");
    for words in ["has other code", hash, "this one is rustc 1."] {
        assert!(different.contains(words), "{words}: {different}");
    }
    let nobody = "0x0000000000000000000000000000000000000009";
    assert_eq!(
        aureon(&["verify", nobody, text(&folder), "--node", api]).0,
        Some(3)
    );
}
