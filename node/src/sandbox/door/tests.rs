use std::io::Cursor;

use super::*;

const COUNTER: &str = include_str!("../../../../sdk/examples/counter.wat");

fn door() -> Door {
    Door::new(&Setup::default()).unwrap()
}

fn ok(door: &mut Door, request: &Value) -> Value {
    let answer = door.answer(request.to_string().as_bytes());
    assert_eq!(answer["error"], Value::Null, "{request}");
    answer["ok"].clone()
}

fn error(door: &mut Door, request: &str) -> String {
    let answer = door.answer(request.as_bytes());
    answer["error"].as_str().expect(request).to_owned()
}

fn deploy_counter() -> Value {
    let code = format!("0x{}", hex::encode(wat::parse_str(COUNTER).unwrap()));
    json!({"do": "deploy", "from": "alice", "code": code})
}

/// A sandbox in which Alice has deployed the counter.
fn counter() -> (Door, Value) {
    let mut door = door();
    ok(
        &mut door,
        &json!({"do": "account", "name": "alice", "balance": 1_000}),
    );
    let deployed = ok(&mut door, &deploy_counter());
    let contract = deployed["receipt"]["contract"].clone();
    assert_eq!(deployed["receipt"]["success"], true, "{deployed}");
    (door, contract)
}

#[test]
fn a_contract_is_called_and_asked_by_name() {
    let (mut door, contract) = counter();
    let call = json!({"do": "call", "from": "alice", "contract": contract, "function": "add", "arguments": {"by": 5}});
    let called = ok(&mut door, &call);
    assert_eq!(called["result"], 5);
    let event = &called["receipt"]["events"][0];
    assert_eq!(
        (&event["name"], &event["fields"]),
        (&json!("Added"), &json!({"by": 5}))
    );
    assert_eq!(called["block"]["height"], 3);
    let query = json!({"do": "query", "contract": contract, "function": "total"});
    let answered = ok(&mut door, &query);
    assert_eq!(
        (&answered["success"], &answered["result"]),
        (&json!(true), &json!(5))
    );
    let described = ok(&mut door, &json!({"do": "contract", "contract": contract}));
    assert_eq!(described["upgradable"], false);
}

#[test]
fn a_failure_on_the_chain_is_an_answer() {
    let (mut door, contract) = counter();
    let call = json!({"do": "call", "from": "alice", "contract": contract, "input": "0xff"});
    let receipt = ok(&mut door, &call)["receipt"].clone();
    assert_eq!(receipt["success"], false);
    assert_eq!(receipt["fault"]["kind"], "abort");
    let query = json!({"do": "query", "contract": contract, "input": "0xff"});
    let answered = ok(&mut door, &query);
    assert_eq!(
        (&answered["success"], &answered["fault"]["kind"]),
        (&json!(false), &json!("abort"))
    );
}

#[test]
fn several_transactions_share_a_block() {
    let (mut door, contract) = counter();
    let add = |by: u64| json!({"do": "call", "from": "alice", "contract": contract, "function": "add", "arguments": {"by": by}});
    let pay = json!({"do": "transfer", "from": "alice", "to": "0x0000000000000000000000000000000000000007", "amount": 8});
    let made = ok(
        &mut door,
        &json!({"do": "block", "transactions": [add(1), add(2), pay]}),
    );
    assert_eq!(made["block"]["height"], 3);
    assert_eq!(made["transactions"][1]["result"], 3);
    let held = ok(
        &mut door,
        &json!({"do": "balance", "of": "0x0000000000000000000000000000000000000007"}),
    );
    assert_eq!(held["balance"], 8);
    let wrong = json!({"do": "block", "transactions": [add(1), {"do": "mine"}]}).to_string();
    assert!(error(&mut door, &wrong).starts_with("transaction 1: \"mine\" is no transaction"));
    assert_eq!(
        ok(&mut door, &json!({"do": "head"}))["block"]["height"],
        3,
        "nothing of it was done"
    );
}

#[test]
fn time_and_height_are_the_tests() {
    let mut door = door();
    ok(
        &mut door,
        &json!({"do": "mine", "blocks": 5, "time": 2_000_000_000_000_u64}),
    );
    let head = ok(&mut door, &json!({"do": "head"}));
    assert_eq!(head["block"]["height"], 5);
    assert_eq!(head["block"]["time"], 2_000_000_004_000_u64);
    ok(
        &mut door,
        &json!({"do": "next_block_at", "time": 2_000_000_009_999_u64}),
    );
    let mined = ok(&mut door, &json!({"do": "mine"}));
    assert_eq!(mined["block"]["time"], 2_000_000_009_999_u64);
}

#[test]
fn what_is_wrong_is_said() {
    let (mut door, contract) = counter();
    let call = |rest: &str| format!(r#"{{"do": "call", "from": "alice", "contract": {contract}{rest}}}"#);
    let deep = "[".repeat(100_000);
    let long = format!(
        "0x{}",
        "00".repeat(aureon_types::limits::MAX_CALL_INPUT_BYTES + 1)
    );
    let code = "00".repeat(aureon_types::limits::MAX_CODE_BYTES + 1);
    let large = format!(r#"{{"do": "deploy", "from": "alice", "code": "0x{code}"}}"#);
    for (request, expected) in [
        ("", "the line is no JSON"),
        ("{", "the line is no JSON"),
        ("\u{0}\u{1}", "the line is no JSON"),
        (&deep, "the line is no JSON"),
        ("[]", "a request is a JSON object"),
        ("{}", "the request needs \"do\""),
        (r#"{"do": 5}"#, "the request needs \"do\""),
        (
            r#"{"do": "steal"}"#,
            "there is no \"do\": \"steal\"; there are: account",
        ),
        (r#"{"do": "account"}"#, "missing field `name`"),
        (
            r#"{"do": "account", "name": "x", "balence": 1}"#,
            "unknown field `balence`",
        ),
        (
            r#"{"do": "account", "name": "x", "balance": -1}"#,
            "expected a whole number of base units",
        ),
        (
            r#"{"do": "balance", "of": "bob"}"#,
            "nobody is named \"bob\"; there are: alice",
        ),
        (r#"{"do": "balance", "of": "0x12"}"#, "0x12"),
        (
            r#"{"do": "mine", "blocks": 10001}"#,
            "10001 blocks at once: 1 to 10000",
        ),
        (r#"{"do": "mine", "time": 5}"#, "no block can have the time 5"),
        (r#"{"do": "deploy", "from": "alice"}"#, "the module is missing"),
        (
            r#"{"do": "deploy", "from": "alice", "file": "/nowhere/x.wasm"}"#,
            "/nowhere/x.wasm cannot be read",
        ),
        (
            r#"{"do": "deploy", "from": "alice", "code": "0x0", "value": 1}"#,
            "digits behind 0x",
        ),
        (
            &call(r#", "function": "sub""#),
            "the contract `counter` has no function `sub`; it has: add, total",
        ),
        (
            &call(r#", "function": "add", "arguments": {"by": "x"}"#),
            "by: \"x\" is not a `u64`",
        ),
        (&call(r#", "arguments": {}"#), "\"arguments\" need a \"function\""),
        (&call(r#", "function": "add", "input": "0x""#), "not both"),
        (&call(&format!(r#", "input": "{long}""#)), "65537"),
        (
            &call(r#", "gas_limit": 3000000000"#),
            "transaction 0 cannot be in a block",
        ),
        (&large, "cannot be sent: "),
        (
            r#"{"do": "call", "from": "alice", "contract": "0x0000000000000000000000000000000000000007", "function": "f"}"#,
            "there is no contract at 0x",
        ),
        (
            r#"{"do": "query", "contract": "0x0000000000000000000000000000000000000007", "gas_limit": 99999999999}"#,
            "at most 2520000000",
        ),
        (
            r#"{"do": "set_admin", "from": "alice", "contract": "0x0000000000000000000000000000000000000007"}"#,
            "missing field `admin`",
        ),
    ] {
        let said = error(&mut door, request);
        assert!(
            said.contains(expected),
            "{}: {said}",
            request.chars().take(100).collect::<String>()
        );
        assert!(said.len() < 1_000, "{said}");
    }
    assert_eq!(ok(&mut door, &json!({"do": "head"}))["block"]["height"], 2);
}

#[test]
fn lines_are_bounded_and_answered_in_order() {
    let long = "x".repeat(3 * MAX_LINE_BYTES);
    let given = format!("{{\"do\": \"mine\"}}\n\n{long}\n{{\"do\": \"mine\"}}");
    let mut answers = Vec::new();
    door().serve(Cursor::new(given), &mut answers).unwrap();
    let answers: Vec<Value> = String::from_utf8(answers)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let [first, second, third] = &answers[..] else {
        panic!("{answers:?}")
    };
    assert_eq!(first["ok"]["block"]["height"], 1);
    assert!(
        second["error"]
            .as_str()
            .unwrap()
            .contains("longer than 2097152 bytes")
    );
    assert_eq!(third["ok"]["block"]["height"], 2);
}

#[test]
fn an_upgrade_and_its_rights() {
    let mut door = door();
    for name in ["alice", "bob"] {
        ok(&mut door, &json!({"do": "account", "name": name}));
    }
    let mut deploy = deploy_counter();
    deploy["upgradable"] = true.into();
    let contract = ok(&mut door, &deploy)["receipt"]["contract"].clone();
    let code = r#"(module (memory (export "memory") 1) (func (export "call")) (func (export "migrate")))"#;
    let code = format!("0x{}", hex::encode(wat::parse_str(code).unwrap()));
    let upgrade = |by: &str| json!({"do": "upgrade", "from": by, "contract": contract, "code": code});
    assert_eq!(ok(&mut door, &upgrade("bob"))["receipt"]["success"], false);
    let admin = json!({"do": "set_admin", "from": "alice", "contract": contract, "admin": "bob"});
    assert_eq!(ok(&mut door, &admin)["receipt"]["success"], true);
    assert_eq!(ok(&mut door, &upgrade("bob"))["receipt"]["success"], true);
}
