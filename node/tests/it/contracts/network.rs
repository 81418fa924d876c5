//! A token in WAT on four nodes.

use aureon_node::api::model::{ReceiptView, TransactionView};
use aureon_types::{Amount, EngineKind, contract, genesis::PoaParameters};
use tempfile::tempdir;

use super::support::{SUPPLY, hex, parse, send_input, supply_input, token, tokens, write_token};
use crate::{
    network::{BALANCE, Network, validator_key},
    support::{eventually, fail, succeed, text},
};

/// The receipt at every node, which must be the same.
pub fn receipt(network: &Network, view: &TransactionView) -> ReceiptView {
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
