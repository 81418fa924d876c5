//! Contracts on a network of real processes, and at the doors of one node.

use std::path::{Path, PathBuf};

use aureon_node::{
    api::{
        contract::{ContractOutcome, ContractView, EstimateAnswer, QueryAnswer, QueryRequest, SlotView},
        hex_bytes::HexBytes,
        model::{ReceiptView, SubmitStatus, TransactionView},
        problem::Problem,
        transaction::JsonTransaction,
    },
    client::Client,
};
use aureon_types::{
    Action, Address, Amount, EngineKind, GenesisId, Hash, SecretKey, SignedTransaction, Transaction,
    contract, genesis::PoaParameters,
};
use bytes::Bytes;
use serde_json::{Value, json};
use tempfile::tempdir;

use crate::{
    network::{BALANCE, Network, validator_key},
    rest::ask,
    support::{Node, eventually, fail, succeed, text},
};

const SUPPLY: u64 = 1_000;

fn token() -> Vec<u8> {
    wat::parse_str(include_str!("token.wat")).unwrap()
}

fn write_token(dir: &Path) -> PathBuf {
    let file = dir.join("token.wasm");
    std::fs::write(&file, token()).unwrap();
    file
}

fn hex(bytes: &[u8]) -> String {
    HexBytes(Bytes::copy_from_slice(bytes)).to_string()
}

fn send_input(to: &Address, amount: u64) -> String {
    hex(&[&to.0[..], &amount.to_le_bytes()].concat())
}

fn supply_input() -> String {
    hex(&SUPPLY.to_le_bytes())
}

fn tokens(client: &Client, contract: Address, who: &Address) -> u64 {
    let answer = client.query_contract(&QueryRequest {
        contract,
        input: HexBytes(Bytes::copy_from_slice(&who.0)),
        caller: None,
        gas_limit: None,
    });
    u64::from_le_bytes(answer.unwrap().output.0[..].try_into().unwrap())
}

fn parse<T: serde::de::DeserializeOwned>(json: &str) -> T {
    serde_json::from_str(json).unwrap()
}

/// The receipt at every node, which must be the same.
fn receipt(network: &Network, view: &TransactionView) -> ReceiptView {
    let receipts: Vec<ReceiptView> = (0..network.nodes.len())
        .map(|index| {
            let client = network.client(index);
            eventually("the node has the block", || {
                client.transaction(&view.id).unwrap()?.receipt
            })
        })
        .collect();
    for receipt in &receipts {
        assert_eq!(Some(receipt), view.receipt.as_ref());
    }
    receipts[0].clone()
}

#[test]
fn a_token_is_deployed_here_called_there_and_asked_elsewhere() {
    let temp = tempdir().unwrap();
    let engine = EngineKind::Poa(PoaParameters::new(
        (0..4).map(|index| validator_key(index).public_key()).collect(),
    ));
    let mut network = Network::up(&temp.path().join("net"), engine);
    network.reach(2);
    // Bob validates nothing, so that no fee of others comes to him.
    let (alice, bob) = (validator_key(0).address(), validator_key(4).address());
    let file = write_token(temp.path());
    let (key, bob_key) = (network.key_file(0), temp.path().join("bob.key"));
    std::fs::write(&bob_key, format!("{}\n", validator_key(4).to_hex())).unwrap();
    let apis: Vec<String> = network
        .nodes
        .iter()
        .map(|node| node.runtime.api.clone())
        .collect();
    let api = |index: usize| apis[index].clone();

    // Deployed by one.
    let input = supply_input();
    let deploy = [
        "contract",
        "deploy",
        text(&file),
        "--key",
        text(&key),
        "--node",
        &api(0),
        "--input",
        &input,
        "--wait",
        "2m",
        "--json",
    ];
    let deployed: TransactionView = parse(&succeed(&deploy));
    let receipt_there = receipt(&network, &deployed);
    let contract = receipt_there.contract.unwrap();
    let code_hash = contract::code_hash(&token());
    assert_eq!(contract, contract::address(&alice, 0, &code_hash));

    // Called through another, with value.
    let (address, input) = (contract.to_string(), send_input(&bob, 300));
    let called: TransactionView = parse(&succeed(&[
        "contract",
        "call",
        &address,
        "--key",
        text(&key),
        "--node",
        &api(1),
        "--input",
        &input,
        "--value",
        "7",
        "--wait",
        "2m",
        "--json",
    ]));
    let receipt_there = receipt(&network, &called);
    assert!(receipt_there.success, "{receipt_there:?}");
    assert_eq!(receipt_there.return_data.0, &300_u64.to_le_bytes()[..]);
    let [event] = &receipt_there.events[..] else {
        panic!("{:?}", receipt_there.events)
    };
    assert_eq!(
        (event.contract, event.name.as_deref()),
        (contract, Some("transfer"))
    );
    assert_eq!(event.data.to_string(), input);

    // What would fail is not sent, and says why.
    let too_much = send_input(&alice, 301);
    let call_too_much = [
        "contract",
        "call",
        &address,
        "--key",
        text(&bob_key),
        "--node",
        &api(2),
        "--input",
        &too_much,
        "--wait",
        "2m",
    ];
    let error = fail(4, &call_too_much);
    assert!(
        error.contains("aborted: not enough tokens") && error.contains("Nothing was sent"),
        "{error}"
    );
    assert_eq!(network.client(2).balance(&bob).unwrap().nonce, 0);

    // Sent all the same, it fails in its block; fee and nonce are all that changes.
    let error = fail(4, &[&call_too_much[..], &["--gas-limit", "100000"]].concat());
    assert!(error.contains("aborted: not enough tokens"), "{error}");
    let client = network.client(3);
    let height = eventually("the failed call is in a block here", || {
        let at = client.balance(&bob).unwrap();
        (at.nonce == 1).then_some(at.height)
    });
    let failed = (1..=height)
        .flat_map(|height| client.block_at(height).unwrap().transactions)
        .filter_map(|id| client.transaction(&id).unwrap())
        .find(|view| view.transaction.from == bob)
        .unwrap();
    let receipt_there = receipt(&network, &failed);
    let failure = receipt_there.failure.clone().unwrap();
    assert!(
        failure.contains(&address) && failure.contains("not enough tokens"),
        "{failure}"
    );
    let fault = receipt_there.fault.clone().unwrap();
    assert_eq!((fault.contract, &fault.kind[..]), (contract, "abort"));
    assert_eq!(fault.message.as_deref(), Some("not enough tokens"));
    assert!(receipt_there.events.is_empty() && receipt_there.gas_used < 100_000);
    let balance = client.balance(&bob).unwrap().balance.0;
    assert_eq!(balance, BALANCE - receipt_there.fee.0);

    // Asked elsewhere: all agree.
    let top = network.height();
    network.reach(top);
    for index in 0..4 {
        let client = network.client(index);
        assert_eq!(tokens(&client, contract, &alice), SUPPLY - 300, "node {index}");
        assert_eq!(tokens(&client, contract, &bob), 300, "node {index}");
        let view = client.contract(&contract).unwrap();
        assert_eq!(
            (view.balance, view.code_hash, view.deployer),
            (Amount(7), code_hash, alice)
        );
        assert_eq!(view.bytecode.unwrap().0, token());
    }
    let shown = succeed(&[
        "contract",
        "query",
        &address,
        "--node",
        &api(2),
        "--input",
        &hex(&bob.0),
    ]);
    assert!(shown.starts_with("0x2c01000000000000"), "{shown}");

    // Power fails everywhere: the blocks are executed again, with contracts, to the same roots.
    let before = network.agree(top);
    network.kill_all_and_start_again();
    network.reach(top + 2);
    let after = network.agree(top + 2);
    assert!(before.iter().all(|(height, id)| after.get(height) == Some(id)));
    for index in 0..4 {
        assert_eq!(
            tokens(&network.client(index), contract, &bob),
            300,
            "node {index}"
        );
    }
}

fn owner() -> SecretKey {
    SecretKey::from_seed([42; 32])
}

fn signed(genesis_id: &GenesisId, nonce: u64, action: Action) -> SignedTransaction {
    let key = owner();
    let transaction = Transaction {
        network: genesis_id.network_hint(),
        public_key: key.public_key(),
        nonce,
        gas_limit: action.gas() + 200_000,
        gas_price: 1,
        last_valid_height: None,
        action,
    };
    transaction.sign(&key, genesis_id)
}

fn deployment(code: Vec<u8>) -> Action {
    Action::Deploy {
        code: code.into(),
        input: Bytes::copy_from_slice(&SUPPLY.to_le_bytes()),
        upgradable: true,
        value: Amount(0),
    }
}

fn post<T: serde::de::DeserializeOwned>(node: &Node, path: &str, body: &Value) -> (u16, T) {
    let body = serde_json::to_vec(body).unwrap();
    let (status, _, answer) = ask(node, "POST", path, "application/json", &body);
    let text = String::from_utf8(answer).unwrap();
    (status, read(path, status, &text))
}

/// The answer as `T`; the failure shows what came instead.
fn read<T: serde::de::DeserializeOwned>(path: &str, status: u16, text: &str) -> T {
    let answer = serde_json::from_str(text);
    answer.unwrap_or_else(|error| unreadable(&format!("{path}: {status} {error}: {text}")))
}

#[expect(clippy::panic, reason = "a failed step is a failed test, and says what came")]
fn unreadable(what: &str) -> ! {
    panic!("{what}")
}

fn get<T: serde::de::DeserializeOwned>(node: &Node, path: &str) -> (u16, T) {
    let (status, _, answer) = ask(node, "GET", path, "", &[]);
    let text = String::from_utf8(answer).unwrap();
    (status, read(path, status, &text))
}

/// A refusal: status, code, and words that its detail must hold.
fn refused(answer: (u16, Problem), status: u16, code: &str, words: &[&str]) {
    let (given, problem) = answer;
    assert_eq!((given, problem.code()), (status, code), "{}", problem.detail);
    for word in words {
        assert!(problem.detail.contains(word), "{word}: {}", problem.detail);
    }
}

#[test]
fn the_doors_of_a_node() {
    let temp = tempdir().unwrap();
    let node = Node::lone(
        &temp.path().join("node"),
        &format!("{}=100000000", owner().address()),
    );
    let client = node.client();
    let id = node.runtime.genesis_id;
    let me = owner().address();

    // What a deployment would use is told without a signature, and what cannot be deployed is refused for free.
    let request = json!({"from": me, "action": {"deploy": {"code": hex(&token()), "input": supply_input()}}});
    let (status, estimate): (_, EstimateAnswer) = post(&node, "/estimate-gas", &request);
    assert_eq!(status, 200);
    assert!(estimate.gas_used > deployment(token()).gas() && estimate.gas_limit >= estimate.gas_used);
    let bad = signed(&id, 0, deployment(b"\0asm\x01\0\0\0".to_vec()));
    let bad = serde_json::to_value(JsonTransaction::of(&bad)).unwrap();
    refused(
        post(&node, "/deploy-contract", &bad),
        422,
        "invalid-code",
        &["exports none of", "nothing was submitted"],
    );

    // Deployed, with the action's fields beside the others.
    let deploy = signed(&id, 0, deployment(token()));
    let mut flat = serde_json::to_value(JsonTransaction::of(&deploy)).unwrap();
    let action = flat.as_object_mut().unwrap().remove("action").unwrap();
    for (name, value) in action["deploy"].as_object().unwrap() {
        flat[name] = value.clone();
    }
    refused(
        post(&node, "/call-contract", &flat),
        400,
        "malformed-transaction",
        &["unknown field"],
    );
    let (status, outcome): (_, ContractOutcome) = post(&node, "/deploy-contract", &flat);
    assert_eq!((status, outcome.outcome.status), (200, SubmitStatus::Admitted));
    let contract = outcome.contract;
    let view: ContractView = eventually("the contract is there", || client.contract_meta(&contract).ok());
    assert_eq!((view.bytecode, view.deployer, view.admin), (None, me, Some(me)));
    assert!(view.upgradable);
    let receipt = client
        .transaction(&deploy.id())
        .unwrap()
        .unwrap()
        .receipt
        .unwrap();
    assert_eq!(receipt.gas_used, estimate.gas_used);

    // A transaction of another kind belongs elsewhere.
    let transfer = signed(
        &id,
        1,
        Action::Transfer {
            recipient: Address([7; 20]),
            amount: Amount(1),
        },
    );
    let transfer = serde_json::to_value(JsonTransaction::of(&transfer)).unwrap();
    refused(
        post(&node, "/call-contract", &transfer),
        400,
        "wrong-action",
        &["transfer", "/submit-tx"],
    );

    // Money is sent to a contract with a call only, and an estimate says so.
    let request =
        json!({"from": me, "action": {"call": {"contract": contract, "input": send_input(&me, 9_999)}}});
    let (status, problem): (_, Problem) = post(&node, "/estimate-gas", &request);
    assert_eq!(problem.members["fault"]["message"], "not enough tokens");
    refused(
        (status, problem),
        422,
        "contract-failed",
        &["aborted: not enough tokens"],
    );

    // Asked.
    let request = json!({"contract": contract, "input": hex(&me.0)});
    let (status, answer): (_, QueryAnswer) = post(&node, "/query-contract", &request);
    assert_eq!((status, &answer.output.0[..]), (200, &SUPPLY.to_le_bytes()[..]));
    assert!(answer.gas_used > 0);
    let request = json!({"contract": contract, "input": hex(&me.0), "gas_limit": 10});
    refused(
        post(&node, "/query-contract", &request),
        422,
        "contract-failed",
        &["out of gas", "10 gas", "200000000"],
    );
    let request = json!({"contract": contract, "gas_limit": 300_000_000_u64});
    refused(
        post(&node, "/query-contract", &request),
        400,
        "bad-request",
        &["300000000", "200000000"],
    );
    refused(
        post(&node, "/query-contract", &json!({"contract": me})),
        404,
        "not-found",
        &["no contract at"],
    );
    refused(
        post(&node, "/query-contract", &json!({"contrat": me})),
        400,
        "bad-request",
        &["contrat"],
    );
    refused(
        get(&node, &format!("/contract/{me}")),
        404,
        "not-found",
        &["no contract at"],
    );
    refused(
        get(&node, &format!("/contract/{contract}?mete")),
        400,
        "bad-request",
        &["?mete", "?meta"],
    );

    // The storage, and what proves it: the root is that of the block's header.
    let path = format!("/contract/{contract}/storage/{}", hex(&me.0));
    let (_, slot): (_, SlotView) = get(&node, &path);
    assert_eq!(
        (slot.value, slot.proof),
        (
            Some(HexBytes(Bytes::copy_from_slice(&SUPPLY.to_le_bytes()))),
            None
        )
    );
    let (_, slot): (_, SlotView) = get(&node, &format!("{path}?proof"));
    let proof = slot.proof.unwrap();
    let header = client.block_at(slot.height).unwrap();
    assert_eq!(proof.state_root, header.state_root);
    let keccak = |node: &HexBytes| Hash(aureon_types::hash::keccak256(&node.0));
    assert_eq!(keccak(&proof.account[0]), proof.state_root);
    assert_eq!(keccak(&proof.storage[0]), proof.storage_root);
    assert_eq!(slot.slot, contract::slot(&me.0));
    let (_, slot): (_, SlotView) = get(&node, &format!("/contract/{contract}/storage/nothing?proof"));
    assert_eq!((slot.value, slot.proof.is_some()), (None, true));

    // Its code comes back as it was.
    let copy = temp.path().join("copy.wasm");
    let api = &node.runtime.api;
    succeed(&[
        "contract",
        "show",
        &contract.to_string(),
        "--node",
        api,
        "--code",
        text(&copy),
    ]);
    assert_eq!(std::fs::read(&copy).unwrap(), token());

    // Nobody may upgrade it any more.
    let key = temp.path().join("owner.key");
    std::fs::write(&key, format!("{}\n", owner().to_hex())).unwrap();
    let address = contract.to_string();
    let signing = ["--key", text(&key), "--node", api, "--wait", "2m"];
    succeed(&[&["contract", "set-admin", &address, "--nobody"][..], &signing].concat());
    assert_eq!(client.contract_meta(&contract).unwrap().admin, None);
    let error = fail(
        4,
        &[&["contract", "upgrade", &address, text(&copy)][..], &signing].concat(),
    );
    assert!(error.contains("not the contract's admin"), "{error}");
}

#[test]
fn a_module_is_inspected_without_a_node() {
    let temp = tempdir().unwrap();
    let file = write_token(temp.path());
    let shown: Value = parse(&succeed(&["contract", "inspect", text(&file), "--json"]));
    assert_eq!(shown["entries"], json!(["deploy", "call", "query"]));
    assert_eq!(shown["deploy_gas"], 32_000 + 200 * token().len());
    assert!(
        shown["imports"]
            .as_array()
            .unwrap()
            .iter()
            .any(|import| import["name"] == "emit_log")
    );
    assert!(succeed(&["contract", "inspect", text(&file)]).contains("pages of memory"));

    for (wat, expected) in [
        ("(module)", "exports none of"),
        (
            r#"(module (import "env" "time" (func)) (func (export "call")))"#,
            "env.time",
        ),
        (
            r#"(module (func $s) (start $s) (func (export "call")))"#,
            "start function",
        ),
        (
            r#"(module (memory (export "memory") 300) (func (export "call")))"#,
            "300 pages of memory",
        ),
    ] {
        std::fs::write(&file, wat::parse_str(wat).unwrap()).unwrap();
        let error = fail(4, &["contract", "inspect", text(&file)]);
        assert!(error.contains(expected), "{error}");
    }
    std::fs::write(&file, vec![0; (512 << 10) + 1]).unwrap();
    let error = fail(1, &["contract", "inspect", text(&file)]);
    assert!(error.contains("524289") && error.contains("524288"), "{error}");
}
