//! The routes of a lone node, with names.

use aureon_node::{
    api::{
        contract::{ContractOutcome, ContractView, EstimateAnswer, InterfaceView, PreparedView, QueryAnswer},
        hex_bytes::HexBytes,
        model::{TransactionState, TransactionView},
        problem::Problem,
        transaction::JsonTransaction,
    },
    client::Client,
};
use aureon_types::{Address, TransactionId, contract};
use bytes::Bytes;
use serde_json::{Value, json};
use tempfile::tempdir;

use super::support::{deployment, get, hex, owner, post, refused, signed, token};
use crate::support::{Node, eventually, fail, succeed};

const INTERFACE: &str = r#"{"version": 1, "name": "echo",
    "deploy": {"name": "begin", "arguments": [{"name": "name", "type": "string"}, {"name": "text", "type": "string"}]},
    "functions": [
        {"kind": "query", "name": "ask", "arguments": [{"name": "text", "type": "string"}], "returns": "(string,string)"},
        {"kind": "call", "name": "say", "arguments": [{"name": "text", "type": "string"}], "returns": "(string,string)"}],
    "events": [{"name": "Said", "fields": [{"name": "name", "type": "string"}, {"name": "text", "type": "string"}]}]}"#;

/// The echo, with an interface of any kind.
fn echo(interface: &str) -> Vec<u8> {
    let text = interface.replace('"', "\\\"").replace('\n', " ");
    wat::parse_str(include_str!("echo.wat").replace("{{interface}}", &text)).unwrap()
}

/// As the interface encodes it.
fn strings(parts: &[&str]) -> HexBytes {
    let mut bytes = Vec::new();
    for part in parts {
        bytes.extend(u32::try_from(part.len()).unwrap().to_le_bytes());
        bytes.extend(part.bytes());
    }
    HexBytes(bytes.into())
}

fn node(dir: &std::path::Path) -> Node {
    Node::lone(&dir.join("node"), &format!("{}=100000000", owner().address()))
}

fn there(client: &Client, contract: &Address) -> ContractView {
    eventually("the contract is there", || client.contract_meta(contract).ok())
}

fn included(client: &Client, id: &TransactionId) -> TransactionView {
    eventually("the transaction is in a block", || {
        let view = client.transaction(id).unwrap();
        view.filter(|view| view.status == TransactionState::Included)
    })
}

/// Signs what the node says is to be signed, and sends it back.
fn sign_and_send(node: &Node, path: &str, prepared: &PreparedView) -> ContractOutcome {
    let signature = hex(&owner().sign(&prepared.message.0).0);
    let signed = json!({"payload": prepared.payload, "signature": signature});
    let (status, outcome): (_, ContractOutcome) = post(node, path, &signed);
    assert_eq!((status, outcome.outcome.id), (200, Some(prepared.id)));
    outcome
}

#[test]
fn names_go_in_and_names_come_out() {
    let temp = tempdir().unwrap();
    let node = node(temp.path());
    let client = node.client();
    let key = owner().public_key();

    // A deployment by name: signed by somebody who has a key and no encoder.
    let deploy = json!({"public_key": key, "code": hex(&echo(INTERFACE)),
        "arguments": {"text": "there", "name": "hello"}});
    let (status, prepared): (_, PreparedView) = post(&node, "/deploy-contract", &deploy);
    assert_eq!(
        (status, prepared.status.as_str(), prepared.nonce),
        (200, "unsigned", 0)
    );
    let estimate = prepared.estimate.clone().unwrap();
    let said = json!({"name": "hello", "text": "there"});
    assert_eq!(estimate.events[0].fields.as_ref(), Some(&said));
    assert!(prepared.gas_limit > estimate.gas_limit && prepared.gas_price == 1);
    assert_eq!(prepared.max_fee.0, prepared.gas_limit);
    assert_eq!(client.balance(&owner().address()).unwrap().pending.ready, 0);
    let contract = sign_and_send(&node, "/deploy-contract", &prepared).contract;
    assert_eq!(Some(contract), prepared.contract);
    there(&client, &contract);
    let view = included(&client, &prepared.id);
    let called = view.called.unwrap();
    assert_eq!(
        (called.function.as_str(), called.arguments),
        ("begin", said.clone())
    );
    let receipt = view.receipt.unwrap();
    assert_eq!(
        (receipt.contract, receipt.events[0].fields.as_ref()),
        (Some(contract), Some(&said))
    );

    // What it has.
    let (status, view): (_, InterfaceView) = get(&node, &format!("/contract/{contract}/interface"));
    assert_eq!(
        (status, view.interface.name.as_str(), view.contract),
        (200, "echo", contract)
    );

    // Asked by name, and by the same in bytes.
    let input = strings(&["ask", "hi"]);
    for question in [
        json!({"contract": contract, "function": "ask", "arguments": {"text": "hi"}}),
        json!({"contract": contract, "input": input}),
    ] {
        let (status, answer): (_, QueryAnswer) = post(&node, "/query-contract", &question);
        assert_eq!((status, &answer.output), (200, &input));
        assert_eq!(answer.result, Some(json!(["ask", "hi"])));
    }
    let (_, answer): (_, QueryAnswer) = post(
        &node,
        "/query-contract",
        &json!({"contract": contract, "input": "0x01"}),
    );
    assert_eq!(answer.result, None);

    // Called by name; nonce, gas and price are the client's if it wants.
    let fields = json!({"contract": contract, "function": "say", "arguments": {"text": "hi"}});
    let mut call = fields.clone();
    for (name, value) in [
        ("public_key", json!(key)),
        ("nonce", json!(1)),
        ("gas_limit", json!("90000")),
    ] {
        call[name] = value;
    }
    call["gas_price"] = json!(3);
    let (_, prepared): (_, PreparedView) = post(&node, "/call-contract", &call);
    assert_eq!(
        (prepared.nonce, prepared.gas_limit, prepared.gas_price),
        (1, 90_000, 3)
    );
    assert_eq!((prepared.estimate.is_none(), prepared.max_fee.0), (true, 270_000));
    let request = json!({"from": owner().address(), "action": {"call": fields}});
    let (_, estimate): (_, EstimateAnswer) = post(&node, "/estimate-gas", &request);
    assert_eq!(estimate.result, Some(json!(["say", "hi"])));
    sign_and_send(&node, "/call-contract", &prepared);
    let view = included(&client, &prepared.id);
    assert_eq!(view.called.unwrap().arguments, json!({"text": "hi"}));
    let receipt = view.receipt.unwrap();
    assert_eq!(
        (receipt.success, receipt.result),
        (true, Some(json!(["say", "hi"])))
    );
    assert_eq!(receipt.gas_used, estimate.gas_used);
    assert_eq!(
        receipt.events[0].fields,
        Some(json!({"name": "say", "text": "hi"}))
    );
}

#[test]
fn a_mistake_is_named() {
    let temp = tempdir().unwrap();
    let node = node(temp.path());
    let (client, id) = (node.client(), node.runtime.genesis_id);
    let rubbish = echo("{'version': 1, 'name': 'a b'");
    let codes = [echo(INTERFACE), token(), rubbish];
    let me = owner().address();
    let [named, silent, broken] = [0, 1, 2].map(|nonce: u64| {
        let code = codes[usize::try_from(nonce).unwrap()].clone();
        let contract = contract::address(&me, nonce, &contract::code_hash(&code));
        client
            .deploy_contract(&signed(&id, nonce, deployment(code)))
            .unwrap();
        contract
    });
    there(&client, &broken);

    let ask = |contract: &Address, more: Value| {
        let mut body = json!({"contract": contract});
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        post::<Problem>(&node, "/query-contract", &body)
    };
    let answer = ask(&named, json!({"function": "aks", "arguments": {}}));
    assert_eq!(answer.1.members["functions"], json!(["ask", "say"]));
    refused(answer, 400, "unknown-function", &["`echo`", "`aks`", "ask, say"]);
    for (more, code, words) in [
        (
            json!({"function": "ask"}),
            "wrong-arguments",
            &["`text`", "string"][..],
        ),
        (
            json!({"function": "ask", "arguments": {"text": 7}}),
            "wrong-arguments",
            &["text", "7", "`string`"],
        ),
        (
            json!({"function": "ask", "arguments": {"text": "x".repeat(70_000)}}),
            "wrong-arguments",
            &["65536 bytes"],
        ),
        (
            json!({"function": "ask", "arguments": {"text": "a", "more": 1}}),
            "wrong-arguments",
            &["no argument `more`", "text (string)"],
        ),
        (
            json!({"function": "ask", "arguments": ["a"]}),
            "bad-request",
            &["map"],
        ),
        (
            json!({"function": "say", "arguments": {"text": "a"}}),
            "wrong-function",
            &["`say` changes things"],
        ),
        (
            json!({"input": hex(&[0; 70_000])}),
            "bad-request",
            &["\"input\" has 70000 bytes", "65536"],
        ),
        (
            json!({"colour": 1}),
            "bad-request",
            &["\"colour\"", "contract, input"],
        ),
        (json!({"arguments": {}}), "bad-request", &["\"function\""]),
        (
            json!({"function": "ask", "input": "0x01"}),
            "bad-request",
            &["not both"],
        ),
    ] {
        refused(ask(&named, more), 400, code, words);
    }
    let by_name = json!({"function": "ask", "arguments": {"text": "hi"}});
    refused(
        ask(&silent, by_name.clone()),
        400,
        "no-interface",
        &["aureon_interface", "\"input\""],
    );
    refused(
        ask(&broken, by_name.clone()),
        400,
        "no-interface",
        &["cannot be used", "\"input\""],
    );
    refused(ask(&me, by_name), 404, "not-found", &["no contract at"]);
    for contract in [silent, broken] {
        let answer = get(&node, &format!("/contract/{contract}/interface"));
        refused(answer, 400, "no-interface", &[]);
    }
    // By bytes it answers all the same.
    let (_, answer): (_, QueryAnswer) = post(
        &node,
        "/query-contract",
        &json!({"contract": broken, "input": "0x07"}),
    );
    assert_eq!((answer.output.0, answer.result), (Bytes::from_static(&[7]), None));

    let named = named.to_string();
    let error = fail(2, &["contract", "query", &named, "--node", &node.runtime.api]);
    assert!(error.contains("name a function of `echo`: ask"), "{error}");
    let address = broken.to_string();
    let error = fail(
        1,
        &["contract", "query", &address, "--node", &node.runtime.api, "ask"],
    );
    assert!(error.contains("--input 0x.."), "{error}");
    let shown = succeed(&["contract", "show", &address, "--node", &node.runtime.api]);
    assert!(shown.contains("functions  unknown"), "{shown}");
}

#[test]
fn what_is_to_be_signed_is_checked_first() {
    let temp = tempdir().unwrap();
    let node = node(temp.path());
    let key = owner().public_key();
    let other = Address([7; 20]);
    let code = hex(&echo(INTERFACE));
    let arguments = json!({"name": "a", "text": "b"});
    let deploy = |path: &str, changes: Value| {
        let mut body = json!({"public_key": key, "code": code, "arguments": arguments});
        let fields = body.as_object_mut().unwrap();
        for (name, value) in changes.as_object().unwrap() {
            match value {
                Value::Null => drop(fields.remove(name)),
                value => drop(fields.insert(name.clone(), value.clone())),
            }
        }
        post::<Problem>(&node, path, &body)
    };
    for (changes, status, code, words) in [
        (
            json!({"public_key": null}),
            400,
            "bad-request",
            &["public_key"][..],
        ),
        (
            json!({"from": other}),
            400,
            "malformed-transaction",
            &["has the address"],
        ),
        (json!({"colour": 1}), 400, "bad-request", &["colour"]),
        (json!({"nonce": "x"}), 400, "bad-request", &["whole number"]),
        (json!({"code": "0061"}), 400, "bad-request", &["\"code\"", "0x"]),
        (
            json!({"code": "0x0061", "arguments": null}),
            422,
            "invalid-code",
            &["nothing was submitted"],
        ),
        (
            json!({"function": "begin"}),
            400,
            "bad-request",
            &["`deploy`", "\"arguments\" alone"],
        ),
        (
            json!({"arguments": {"name": "a"}}),
            400,
            "wrong-arguments",
            &["`begin`", "`text`"],
        ),
        (
            json!({"gas_limit": 3, "gas_price": u64::MAX.to_string()}),
            400,
            "malformed-transaction",
            &["3 gas"],
        ),
        (
            json!({"value": 100_000_001_u64}),
            422,
            "would-fail",
            &["100000001", "100000000"],
        ),
    ] {
        refused(deploy("/deploy-contract", changes), status, code, words);
    }
    let whole = json!({"public_key": key, "action": {"call": {"contract": other, "input": "0x"}}});
    refused(
        post(&node, "/deploy-contract", &whole),
        400,
        "wrong-action",
        &["\"call\"", "deployments"],
    );
    refused(
        post(&node, "/call-contract", &whole),
        422,
        "would-fail",
        &["no contract"],
    );

    // A signature covers bytes, not names.
    let signed = signed(&node.runtime.genesis_id, 0, deployment(echo(INTERFACE)));
    let mut flat = serde_json::to_value(JsonTransaction::of(&signed)).unwrap();
    flat["action"]["deploy"]["arguments"] = arguments;
    refused(
        post(&node, "/deploy-contract", &flat),
        400,
        "malformed-transaction",
        &["\"input\" as bytes"],
    );
    refused(
        post(&node, "/submit-tx", &whole),
        400,
        "malformed-transaction",
        &["/prepare-tx"],
    );
    let prepared = json!({"payload": hex(signed.payload()), "signature": signed.signature().to_string()});
    refused(
        post(&node, "/prepare-tx", &prepared),
        400,
        "bad-request",
        &["signed already"],
    );
    let mut forged = prepared.clone();
    forged["signature"] = json!(hex(&[1; 64]));
    refused(post(&node, "/submit-tx", &forged), 422, "bad-signature", &[]);

    // Any transaction can be prepared.
    let transfer = json!({"public_key": key, "to": other, "amount": 5});
    let (status, view): (_, PreparedView) = post(&node, "/prepare-tx", &transfer);
    assert_eq!((status, view.gas_limit, view.contract), (200, 21_000, None));
}
