//! The routes of a lone node, with bytes.

use aureon_node::api::{
    contract::{ContractOutcome, ContractView, EstimateAnswer, QueryAnswer, SlotView},
    hex_bytes::HexBytes,
    model::SubmitStatus,
    problem::Problem,
    transaction::JsonTransaction,
};
use aureon_types::{Action, Address, Amount, Hash, contract};
use bytes::Bytes;
use serde_json::json;
use tempfile::tempdir;

use super::support::{
    SUPPLY, deployment, get, hex, owner, post, refused, send_input, signed, supply_input, token,
};
use crate::support::{Node, eventually, fail, succeed, text};

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

    // A stranger may not hand it on, and is told who may.
    let stranger = Address([8; 20]);
    let handing =
        json!({"from": stranger, "action": {"set_admin": {"contract": contract, "admin": stranger}}});
    refused(
        post(&node, "/estimate-gas", &handing),
        422,
        "would-fail",
        &["not the contract's admin", &me.to_string(), &stranger.to_string()],
    );
    let nowhere = json!({"from": me, "action": {"call": {"contract": stranger}}});
    refused(
        post(&node, "/estimate-gas", &nowhere),
        422,
        "would-fail",
        &["no contract", &stranger.to_string()],
    );

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
    assert!(
        error.contains("not the contract's admin") && error.contains("has no admin, for ever"),
        "{error}"
    );
}
