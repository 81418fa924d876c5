//! The REST API of a lone authority, over its socket.

use aureon_node::api::{
    model::{Head, SubmitOutcome, SubmitStatus, TransactionState},
    problem::{CONTENT_TYPE, Problem},
    transaction::JsonTransaction,
};
use aureon_types::{
    Action, Address, Amount, GenesisId, SecretKey, SignedTransaction, Transaction, transaction::TRANSFER_GAS,
};
use serde_json::{Value, json};

use crate::support::{Node, binary, eventually, fail, stderr, succeed, text};

const RECIPIENT: Address = Address([7; 20]);

fn sender() -> SecretKey {
    SecretKey::from_seed([42; 32])
}

fn transfer(genesis_id: &GenesisId, nonce: u64, amount: u64) -> SignedTransaction {
    let key = sender();
    Transaction {
        network: genesis_id.network_hint(),
        public_key: key.public_key(),
        nonce,
        gas_limit: TRANSFER_GAS,
        gas_price: 1,
        last_valid_height: None,
        action: Action::Transfer {
            recipient: RECIPIENT,
            amount: Amount(amount),
        },
    }
    .sign(&key, genesis_id)
}

fn lone(temp: &tempfile::TempDir) -> Node {
    Node::lone(
        &temp.path().join("node"),
        &format!("{}=1000000", sender().address()),
    )
}

/// One request as it is, with the status and the body of the answer.
pub fn ask(node: &Node, method: &str, path: &str, content_type: &str, body: &[u8]) -> (u16, String, Vec<u8>) {
    ask_at(&node.runtime.api, method, path, content_type, body)
}

/// The same at an address.
pub fn ask_at(
    api: &str,
    method: &str,
    path: &str,
    content_type: &str,
    body: &[u8],
) -> (u16, String, Vec<u8>) {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .build()
        .into();
    let request = ureq::http::Request::builder()
        .method(method)
        .uri(format!("{api}{path}"))
        .header("content-type", content_type)
        .body(body.to_vec())
        .unwrap();
    let mut response = agent.run(request).unwrap();
    let kind = response
        .headers()
        .get("content-type")
        .map(|value| value.to_str().unwrap().to_owned());
    let body = response.body_mut().read_to_vec().unwrap();
    (response.status().as_u16(), kind.unwrap_or_default(), body)
}

#[test]
fn money_moves_and_everything_can_be_looked_up() {
    let temp = tempfile::tempdir().unwrap();
    let node = lone(&temp);
    let client = node.client();
    assert_eq!(client.health().unwrap().status, "ok");
    let genesis = client.genesis().unwrap();
    assert_eq!(genesis.id(), node.runtime.genesis_id);

    // One as JSON.
    let signed = transfer(&genesis.id(), 0, 5);
    let body = serde_json::to_vec(&JsonTransaction::of(&signed)).unwrap();
    let (status, _, answer) = ask(&node, "POST", "/submit-tx", "application/json", &body);
    let outcome: SubmitOutcome = serde_json::from_slice(&answer).unwrap();
    assert_eq!(
        (status, outcome.id, outcome.status),
        (200, Some(signed.id()), SubmitStatus::Admitted)
    );
    // A batch as protobuf, with one that cannot be.
    let batch = [
        transfer(&genesis.id(), 1, 1),
        transfer(&genesis.id(), 2, u64::MAX / 2),
        transfer(&genesis.id(), 2, 1),
    ];
    let outcomes = client.submit_batch(&batch).unwrap();
    let kinds: Vec<_> = outcomes.iter().map(|outcome| outcome.status).collect();
    assert_eq!(
        kinds,
        [
            SubmitStatus::Admitted,
            SubmitStatus::Rejected,
            SubmitStatus::Admitted
        ]
    );
    assert_eq!(outcomes[1].code.as_deref(), Some("insufficient-balance"));

    let view = eventually("the last transfer is in a block", || {
        client
            .transaction(&batch[2].id())
            .unwrap()
            .filter(|view| view.status == TransactionState::Included)
    });
    assert!(
        view.receipt
            .is_some_and(|receipt| receipt.success && receipt.gas_used == TRANSFER_GAS)
    );
    let block = client.block_at(view.height.unwrap()).unwrap();
    assert_eq!(view.block_id, Some(block.id));
    assert!(block.decided && block.transactions.contains(&batch[2].id()));
    assert_eq!(
        block
            .certificate
            .as_ref()
            .map(|certificate| certificate.signers.len()),
        Some(1)
    );
    assert_eq!(client.block(&block.id).unwrap().height, block.height);
    assert_eq!(client.balance(&RECIPIENT).unwrap().balance, Amount(7));
    let account = client.balance(&sender().address()).unwrap();
    assert_eq!((account.nonce, account.pending.next_nonce), (3, 3));

    let status = client.status().unwrap();
    assert!(status.consensus.signing && status.sync.synced && status.peers == 0);
    assert_eq!(status.peer_id, node.runtime.peer_id);
    assert!(client.peers().unwrap().peers.is_empty());
    assert_eq!(client.mempool().unwrap().capacity, 100_000);
    let head: Head = client.head().unwrap();
    assert!(head.height >= block.height);

    // What was committed is there after a restart.
    let dir = node.dir.clone();
    assert_eq!(node.stop(), Some(0));
    assert!(!dir.join("runtime.json").exists());
    let node = Node::start(&dir);
    assert_eq!(node.client().block_at(block.height).unwrap().id, block.id);
    assert_eq!(node.client().balance(&RECIPIENT).unwrap().balance, Amount(7));
}

#[test]
fn nonces_explain_themselves() {
    let temp = tempfile::tempdir().unwrap();
    let node = lone(&temp);
    let (client, id) = (node.client(), node.runtime.genesis_id);
    let outcome = client.submit(&transfer(&id, 2, 1)).unwrap();
    assert_eq!(
        (outcome.status, outcome.ready, outcome.waits_for_nonce),
        (SubmitStatus::Admitted, Some(false), Some(0))
    );
    assert_eq!(
        client.submit(&transfer(&id, 2, 1)).unwrap().status,
        SubmitStatus::Known
    );
    let pending = eventually("the pool's view follows", || {
        let pending = client.balance(&sender().address()).unwrap().pending;
        (pending.parked == 1).then_some(pending)
    });
    assert_eq!((pending.next_nonce, pending.missing), (0, vec![(0, 1)]));
    let error = client.submit(&transfer(&id, 103, 1)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "nonce 103 is too far ahead: next is 0, at most 64 ahead"
    );
    assert_eq!(
        error.problem().map(|problem| (problem.status, problem.code())),
        Some((409, "nonce-too-far-ahead"))
    );
}

/// Method, path, content type, body; status, code and a part of the sentence.
type Case<'a> = (&'a str, &'a str, &'a str, Vec<u8>, u16, &'a str, &'a str);

#[test]
fn bad_requests_are_problems_that_help() {
    let temp = tempfile::tempdir().unwrap();
    let node = lone(&temp);
    let id = node.runtime.genesis_id;
    let json_of = |signed: &SignedTransaction| serde_json::to_value(JsonTransaction::of(signed)).unwrap();
    let good = json_of(&transfer(&id, 0, 1));
    let with = |field: &str, value: Value| {
        let mut json = good.clone();
        json[field] = value;
        json.to_string().into_bytes()
    };
    let other_network = json_of(&transfer(&GenesisId([3; 32]), 0, 1))
        .to_string()
        .into_bytes();
    let other_hint = transfer(&GenesisId([3; 32]), 0, 1).encode();
    let json = "application/json";
    let cases: [Case; 17] = [
        (
            "GET",
            "/nonsense",
            "",
            vec![],
            404,
            "unknown-route",
            "POST /submit-tx",
        ),
        ("POST", "/status", json, vec![], 405, "wrong-method", "GET"),
        ("GET", "/submit-tx", "", vec![], 405, "wrong-method", "POST"),
        (
            "GET",
            "/block/x",
            "",
            vec![],
            400,
            "bad-request",
            "names no block",
        ),
        ("GET", "/block/0", "", vec![], 404, "not-found", "/genesis"),
        (
            "GET",
            "/block/99999999",
            "",
            vec![],
            404,
            "not-found",
            "the head is",
        ),
        (
            "GET",
            "/block/0x12",
            "",
            vec![],
            400,
            "bad-request",
            "is not a block id",
        ),
        (
            "GET",
            "/tx/0x12",
            "",
            vec![],
            400,
            "bad-request",
            "is not a transaction id",
        ),
        ("GET", "/balance/%ff", "", vec![], 400, "bad-request", ""),
        (
            "GET",
            "/balance/0x52908400098527886e0F7030069857D2E4169EE7",
            "",
            vec![],
            400,
            "bad-request",
            "checksum",
        ),
        (
            "POST",
            "/submit-tx",
            "text/plain",
            vec![],
            415,
            "unsupported-content-type",
            "application/json",
        ),
        (
            "POST",
            "/submit-tx",
            json,
            b"{".to_vec(),
            400,
            "bad-request",
            "not JSON",
        ),
        (
            "POST",
            "/submit-tx",
            json,
            with("from", json!(RECIPIENT)),
            400,
            "malformed-transaction",
            "has the address",
        ),
        (
            "POST",
            "/submit-tx",
            json,
            with("amount", json!(2)),
            422,
            "bad-signature",
            "aureon/tx/1",
        ),
        (
            "POST",
            "/submit-tx",
            json,
            other_network,
            422,
            "bad-signature",
            "genesis id",
        ),
        (
            "POST",
            "/submit-tx",
            "application/x-protobuf",
            other_hint,
            422,
            "wrong-network",
            "this network is",
        ),
        (
            "POST",
            "/submit-tx",
            json,
            vec![b' '; (32 << 20) + 1],
            413,
            "body-too-large",
            "33554432",
        ),
    ];
    for (method, path, content_type, body, status, code, words) in cases {
        let (given, kind, answer) = ask(&node, method, path, content_type, &body);
        let answer = String::from_utf8_lossy(&answer).into_owned();
        assert_eq!(
            (given, kind.as_str()),
            (status, CONTENT_TYPE),
            "{method} {path}: {answer}"
        );
        let problem: Problem = serde_json::from_str(&answer).unwrap();
        assert_eq!(
            (problem.code(), problem.status),
            (code, status),
            "{method} {path}"
        );
        assert!(
            problem.detail.contains(words),
            "{method} {path}: {}",
            problem.detail
        );
    }
    assert_eq!(node.client().mempool().unwrap().transactions, 0);
}

#[test]
fn transfers_by_the_command_line() {
    let temp = tempfile::tempdir().unwrap();
    let node = lone(&temp);
    let key = temp.path().join("sender.key");
    aureon_node::config::directory::create_key(&key, &sender()).unwrap();
    let (api, to) = (node.runtime.api.as_str(), RECIPIENT.to_string());
    let send = |amount: &str, more: &[&str]| {
        let arguments = [
            "tx",
            "send",
            "--node",
            api,
            "--key",
            text(&key),
            "--to",
            &to,
            "--amount",
            amount,
        ];
        [&arguments[..], more]
            .concat()
            .iter()
            .map(|text| (*text).to_owned())
            .collect::<Vec<_>>()
    };
    fn slices(list: &[String]) -> Vec<&str> {
        list.iter().map(String::as_str).collect()
    }
    let view: Value =
        serde_json::from_str(&succeed(&slices(&send("9", &["--wait", "90s", "--json"])))).unwrap();
    assert_eq!(view["status"], "included");
    let id = view["id"].as_str().unwrap();
    assert!(succeed(&["tx", "show", id, "--node", api]).contains("included"));
    assert!(succeed(&["balance", &to, "--node", api]).contains("balance  9 base units"));
    assert!(succeed(&["status", "--node", api]).contains("this node signs"));
    assert!(fail(4, &slices(&send("2000000", &[]))).contains("base units"));
    let other = GenesisId([1; 32]).to_string();
    assert!(fail(1, &slices(&send("1", &["--genesis-id", &other]))).contains("nothing was signed"));
    fail(
        3,
        &["tx", "show", &format!("0x{}", "00".repeat(32)), "--node", api],
    );
    // The directory belongs to one process at a time.
    let dir = text(&node.dir).to_owned();
    let second = binary()
        .args(["run", "--dir", &dir, "--no-mdns"])
        .output()
        .unwrap();
    assert_eq!(second.status.code(), Some(1), "{}", stderr(&second));
}

#[test]
fn questions_of_validators_are_answered_or_refused_by_engine() {
    let temp = tempfile::tempdir().unwrap();
    let node = lone(&temp);
    let client = node.client();
    eventually("a block", || client.head().ok().filter(|head| head.height >= 2));
    let view = client.validators().unwrap();
    assert_eq!(
        (view.engine.as_str(), view.validators.len(), view.total_power),
        ("poa", 1, 1)
    );
    let validator = &view.validators[0];
    assert_eq!((validator.power, validator.stake), (1, None));
    assert_eq!(client.validator(&validator.address).unwrap(), *validator);
    let authorities = client.authorities().unwrap();
    assert_eq!(authorities.authorities[0].public_key, validator.public_key);
    for (path, status, code) in [
        (format!("/validators/{RECIPIENT}"), 404, "not-found"),
        ("/validators/nobody".to_owned(), 400, "bad-request"),
        (format!("/delegations/{RECIPIENT}"), 404, "other-engine"),
        ("/light".to_owned(), 400, "bad-request"),
        ("/light?from=0".to_owned(), 404, "not-found"),
        ("/light?from=1000000".to_owned(), 404, "not-found"),
    ] {
        let (given, kind, body) = ask(&node, "GET", &path, "text/plain", b"");
        let problem: Problem = serde_json::from_slice(&body).unwrap();
        assert_eq!(
            (given, kind.as_str(), problem.code()),
            (status, CONTENT_TYPE, code),
            "{path}"
        );
    }
    let (status, _, body) = ask(&node, "GET", "/evidence", "text/plain", b"");
    assert_eq!((status, &body[..]), (200, &b"[]"[..]));

    // Commands of another engine sign nothing.
    let key = node.dir.join("validator.key");
    let stake = [
        "stake",
        "unjail",
        "--key",
        text(&key),
        "--node",
        &node.runtime.api,
    ];
    assert!(fail(1, &stake).contains("nothing was signed"));
    let twice = validator.public_key.to_string();
    let vote = ["authority", "propose", "--add", &twice, "--remove", &twice];
    let vote = [&vote[..], &["--key", text(&key), "--node", &node.runtime.api]].concat();
    assert!(fail(2, &vote).contains("the same key"));
}
