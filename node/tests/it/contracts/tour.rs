//! The SDK's token, from its template to four nodes: made, built, deployed by one, called through another, asked
//! at a third, with names instead of bytes.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use aureon_node::{
    api::{
        contract::{ContractOutcome, EstimateAnswer, PreparedView, QueryAnswer},
        model::{ReceiptView, TransactionState, TransactionView},
    },
    client::Client,
};
use aureon_types::{Address, EngineKind, TransactionId, genesis::PoaParameters};
use serde_json::{Value, json};
use tempfile::tempdir;

use super::{
    network::receipt,
    support::{hex, parse, post_to, refused},
};
use crate::{
    network::{Network, validator_key},
    support::{binary, eventually, eventually_within, fail, run, stderr, succeed, text},
};

const SUPPLY: u64 = 1_000;
/// A compiler on a busy machine takes longer than anything that a node does.
const BUILD_PATIENCE: Duration = Duration::from_secs(600);

/// `contract new` and `contract build`, with the build directory that the tests of the templates fill too.
fn built_token(dir: &Path) -> PathBuf {
    succeed(&[
        "contract",
        "new",
        "gold",
        "--template",
        "token",
        "--dir",
        text(dir),
    ]);
    let mut build = binary();
    build.args(["contract", "build", text(&dir.join("gold")), "--json"]);
    let shared = Path::new(env!("CARGO_TARGET_TMPDIR")).join("contracts");
    let (out, log) = (dir.join("built.json"), dir.join("build.log"));
    let mut child = build
        .env("CARGO_TARGET_DIR", shared)
        .stdout(Stdio::from(fs::File::create(&out).unwrap()))
        .stderr(Stdio::from(fs::File::create(&log).unwrap()))
        .spawn()
        .unwrap();
    let status = eventually_within(BUILD_PATIENCE, "the contract is built", || {
        child.try_wait().unwrap()
    });
    assert!(status.success(), "{}", fs::read_to_string(log).unwrap());
    let modules: Value = parse(&fs::read_to_string(out).unwrap());
    // The next build for another test may replace it.
    let module = dir.join("gold.wasm");
    fs::copy(modules[0]["path"].as_str().unwrap(), &module).unwrap();
    module
}

/// A network, the token on it, and who uses it.
struct Tour {
    network: Network,
    apis: Vec<String>,
    alice_key: PathBuf,
    bob_key: PathBuf,
    alice: Address,
    bob: Address,
    contract: Address,
}

impl Tour {
    fn deployed(dir: &Path, module: &Path) -> Self {
        let engine = EngineKind::Poa(PoaParameters::new(
            (0..4).map(|index| validator_key(index).public_key()).collect(),
        ));
        let mut network = Network::up(&dir.join("net"), engine);
        network.reach(2);
        let bob_key = dir.join("bob.key");
        fs::write(&bob_key, format!("{}\n", validator_key(4).to_hex())).unwrap();
        let apis: Vec<String> = network
            .nodes
            .iter()
            .map(|node| node.runtime.api.clone())
            .collect();
        let alice_key = network.key_file(0);
        let mut tour = Self {
            apis,
            alice_key,
            bob_key,
            alice: validator_key(0).address(),
            bob: validator_key(4).address(),
            contract: Address([0; 20]),
            network,
        };
        tour.contract = tour.deploy(module);
        tour
    }

    fn deploy(&self, module: &Path) -> Address {
        let supply = SUPPLY.to_string();
        let signing = self.signing(&self.alice_key, 0);
        let constructor = [
            "--name",
            "Gold",
            "--symbol",
            "GLD",
            "--decimals",
            "2",
            "--supply",
            &supply,
        ];
        let command = ["contract", "deploy", text(module), "--json"];
        let view: TransactionView = parse(&succeed(&[&command[..], &signing, &constructor].concat()));
        let called = view.called.clone().unwrap();
        assert_eq!(called.function, "create");
        assert_eq!(
            called.arguments,
            json!({"name": "Gold", "symbol": "GLD", "decimals": 2, "supply": SUPPLY})
        );
        let receipt = receipt(&self.network, &view);
        let contract = receipt.contract.unwrap();
        let made = json!({"from": Address([0; 20]), "to": self.alice, "amount": SUPPLY});
        assert_eq!(receipt.events[0].fields, Some(made));
        contract
    }

    fn signing<'a>(&'a self, key: &'a Path, node: usize) -> [&'a str; 6] {
        ["--key", text(key), "--node", &self.apis[node], "--wait", "2m"]
    }

    fn client(&self, node: usize) -> Client {
        self.network.client(node)
    }

    /// The tokens of `owner`, by name, as the CLI and the REST API of every node say it.
    fn all_say(&self, owner: Address, amount: u64) {
        let (contract, address) = (self.contract.to_string(), owner.to_string());
        let question = json!({"contract": contract, "function": "balance_of", "arguments": {"owner": owner}});
        for (node, api) in self.apis.iter().enumerate() {
            let (status, answer): (_, QueryAnswer) = post_to(api, "/query-contract", &question);
            assert_eq!((status, answer.result), (200, Some(json!(amount))), "node {node}");
            assert_eq!(answer.output.0, &amount.to_le_bytes()[..], "node {node}");
            let command = ["contract", "query", &contract, "--node", api];
            let said = succeed(&[&command[..], &["balance_of", "--owner", &address]].concat());
            assert_eq!(said, format!("{amount}\n"), "node {node}");
        }
    }

    /// The receipt of a transaction, the same at every node.
    fn included(&self, id: TransactionId) -> (TransactionView, ReceiptView) {
        let view = eventually("the transaction is in a block", || {
            let view = self.client(0).transaction(&id).unwrap();
            view.filter(|view| view.status == TransactionState::Included)
        });
        let receipt = receipt(&self.network, &view);
        (view, receipt)
    }
}

#[test]
fn the_token_of_the_sdk_goes_round() {
    let temp = tempdir().unwrap();
    let module = built_token(temp.path());
    let mut tour = Tour::deployed(temp.path(), &module);
    called_through_another(&tour);
    signed_by_a_client_with_a_key_and_nothing_else(&tour);
    a_reason_is_read_everywhere(&tour);
    tour.all_say(tour.alice, SUPPLY - 337);
    tour.all_say(tour.bob, 337);
    let top = tour.network.height();
    tour.network.reach(top);
    tour.network.agree(top);
    tour.network.nobody_restarted();
}

fn called_through_another(tour: &Tour) {
    let (contract, bob) = (tour.contract.to_string(), tour.bob.to_string());
    let signing = tour.signing(&tour.alice_key, 1);
    let command = ["contract", "call", &contract];
    let arguments = ["transfer", "--to", &bob, "--amount", "300"];
    let shown = succeed(&[&command[..], &signing, &arguments].concat());
    let lines = |start: &str| {
        shown
            .lines()
            .find(|line| line.starts_with(start))
            .unwrap_or_default()
    };
    assert!(lines("calls").contains(r#"transfer {"amount":300,"#), "{shown}");
    assert!(
        lines("event").contains("Transferred from") && lines("event").contains(&bob),
        "{shown}"
    );

    let id = lines("id").split_whitespace().nth(1).unwrap().parse().unwrap();
    let (view, receipt) = tour.included(id);
    let called = view.called.unwrap();
    assert_eq!(called.arguments, json!({"to": tour.bob, "amount": 300}));
    assert!(receipt.success && receipt.result.is_none());
    let [event] = &receipt.events[..] else {
        unreachable!("one event: {:?}", receipt.events)
    };
    let fields = json!({"from": tour.alice, "to": tour.bob, "amount": 300});
    assert_eq!(
        (event.name.as_deref(), event.fields.as_ref()),
        (Some("Transferred"), Some(&fields))
    );

    // Whatever is asked at a third.
    let shown = succeed(&["contract", "query", &contract, "--node", &tour.apis[2], "details"]);
    assert_eq!(
        parse::<Value>(&shown),
        json!({"name": "Gold", "symbol": "GLD", "decimals": 2})
    );
    let shown = succeed(&["contract", "show", &contract, "--node", &tour.apis[2]]);
    assert!(shown.contains("balance_of(owner: address) -> u64"), "{shown}");
}

/// No protobuf, no SDK: names go in, bytes to sign come out.
fn signed_by_a_client_with_a_key_and_nothing_else(tour: &Tour) {
    let key = validator_key(0);
    let call = json!({
        "public_key": key.public_key(), "contract": tour.contract,
        "function": "transfer", "arguments": {"to": tour.bob, "amount": "37"},
    });
    let action = json!({"call": {"contract": tour.contract, "function": "transfer",
        "arguments": {"to": tour.bob, "amount": 37}}});
    let request = json!({"from": tour.alice, "action": action});
    let (status, estimate): (_, EstimateAnswer) = post_to(&tour.apis[2], "/estimate-gas", &request);
    assert_eq!(status, 200);
    let moved = json!({"from": tour.alice, "to": tour.bob, "amount": 37});
    assert_eq!(estimate.events[0].fields, Some(moved));

    let (status, prepared): (_, PreparedView) = post_to(&tour.apis[2], "/call-contract", &call);
    assert_eq!((status, prepared.status.as_str()), (200, "unsigned"));
    assert_eq!(
        (prepared.from, prepared.contract),
        (tour.alice, Some(tour.contract))
    );
    assert_eq!(prepared.estimate.unwrap().gas_used, estimate.gas_used);
    assert!(prepared.gas_limit > estimate.gas_limit);
    // The same from the route for everything.
    let request = json!({"public_key": key.public_key(), "action": action});
    let (_, again): (_, PreparedView) = post_to(&tour.apis[2], "/prepare-tx", &request);
    assert_eq!(again.payload, prepared.payload);

    let signature = key.sign(&prepared.message.0);
    let signed = json!({"payload": prepared.payload, "signature": hex(&signature.0)});
    let (status, outcome): (_, ContractOutcome) = post_to(&tour.apis[3], "/call-contract", &signed);
    assert_eq!(
        (status, outcome.outcome.id, outcome.contract),
        (200, Some(prepared.id), tour.contract)
    );
    let (_, receipt) = tour.included(prepared.id);
    assert!(
        receipt.success && receipt.gas_used == estimate.gas_used,
        "{receipt:?}"
    );
}

fn a_reason_is_read_everywhere(tour: &Tour) {
    let (contract, alice) = (tour.contract.to_string(), tour.alice.to_string());
    let reason = "the balance is 337, 9999 needed";
    let command = ["contract", "call", &contract];
    let arguments = ["transfer", "--to", &alice, "--amount", "9999"];
    let signing = tour.signing(&tour.bob_key, 3);
    let error = fail(4, &[&command[..], &signing, &arguments].concat());
    assert!(
        error.contains(reason) && error.contains("Nothing was sent"),
        "{error}"
    );

    let action = json!({"call": {"contract": contract, "function": "transfer",
        "arguments": {"to": alice, "amount": 9_999}}});
    let request = json!({"from": tour.bob, "action": action});
    refused(
        post_to(&tour.apis[1], "/estimate-gas", &request),
        422,
        "contract-failed",
        &[reason],
    );

    let call = json!({"public_key": validator_key(4).public_key(), "contract": contract,
        "function": "transfer", "arguments": {"to": alice, "amount": 9_999}});
    refused(
        post_to(&tour.apis[1], "/call-contract", &call),
        422,
        "contract-failed",
        &[reason],
    );

    // Sent all the same: in the receipt of every node, and in what the command prints.
    let forced = [
        &command[..],
        &signing,
        &["--gas-limit", "200000", "--json"],
        &arguments,
    ]
    .concat();
    let output = run(&forced);
    assert!(stderr(&output).contains(reason), "{}", stderr(&output));
    let view: TransactionView = parse(&String::from_utf8(output.stdout).unwrap());
    let (_, receipt) = tour.included(view.id);
    assert!(!receipt.success && receipt.events.is_empty());
    assert!(receipt.failure.unwrap().contains(reason));
    let fault = receipt.fault.unwrap();
    assert_eq!(
        (fault.contract, fault.message.as_deref()),
        (tour.contract, Some(reason))
    );
}
