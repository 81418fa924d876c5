//! Contracts that never come to an end, asked by many at once.

use std::{
    collections::BTreeSet,
    io::Write as _,
    net::TcpStream,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
};

use aureon_node::api::{MAX_ASKING, contract::ContractView, problem::Problem};
use aureon_types::{Action, Address, Amount, contract};
use bytes::Bytes;
use serde_json::json;
use tempfile::tempdir;

use super::support::{owner, post, signed};
use crate::support::{Node, eventually};

/// More than may run at once.
const CLIENTS: usize = 12;
/// Blocks that must come meanwhile.
const BLOCKS: u64 = 10;

#[test]
fn endless_queries_end_by_their_gas_and_blocks_go_on() {
    let temp = tempdir().unwrap();
    let balance = format!("{}=100000000", owner().address());
    let node = Node::lone(&temp.path().join("node"), &balance);
    let client = node.client();
    let endless = r#"(module (func (export "query") (loop (br 0))) (func (export "call") (loop (br 0))))"#;
    let code: Bytes = wat::parse_str(endless).unwrap().into();
    let address = contract::address(&owner().address(), 0, &contract::code_hash(&code));
    let deploy = Action::Deploy {
        code,
        input: Bytes::new(),
        upgradable: false,
        value: Amount(0),
    };
    client
        .deploy_contract(&signed(&node.runtime.genesis_id, 0, deploy))
        .unwrap();
    let _: ContractView = eventually("the contract is there", || client.contract_meta(&address).ok());

    let (ended, out_of_gas) = (AtomicBool::new(false), AtomicU64::new(0));
    let question = json!({"contract": address});
    let estimate = json!({"from": owner().address(), "action": {"call": {"contract": address}}});
    let codes = std::thread::scope(|scope| {
        let asking: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let (path, body) = match client % 2 {
                    0 => ("/query-contract", &question),
                    _ => ("/estimate-gas", &estimate),
                };
                let (node, ended, out_of_gas) = (&node, &ended, &out_of_gas);
                scope.spawn(move || {
                    let mut codes = BTreeSet::new();
                    while !ended.load(Ordering::Relaxed) {
                        let (status, problem): (u16, Problem) = post(node, path, body);
                        out_of_gas.fetch_add(u64::from(status == 422), Ordering::Relaxed);
                        codes.insert((status, problem.code().to_owned()));
                    }
                    codes
                })
            })
            .collect();
        let before = client.head().unwrap().height;
        // What ends a query is its gas, not a clock: one more than there are places has ended.
        eventually("blocks come, and queries end", || {
            let height = client.head().unwrap().height;
            let some = out_of_gas.load(Ordering::Relaxed) > 4;
            (some && height >= before + BLOCKS).then_some(())
        });
        assert_eq!(client.health().unwrap().status, "ok");
        ended.store(true, Ordering::Relaxed);
        let codes = asking.into_iter().flat_map(|client| client.join().unwrap());
        codes.collect::<BTreeSet<_>>()
    });
    let failed = (422, "contract-failed".to_owned());
    let busy = (503, "busy".to_owned());
    assert!(codes.contains(&failed), "{codes:?}");
    assert!(
        codes.iter().all(|code| *code == failed || *code == busy),
        "{codes:?}"
    );
}

/// Whoever says that a body will come, and sends none, holds a turn, and no more turns there are than
/// [`MAX_ASKING`]: the next is refused before it could send megabytes.
#[test]
fn who_waits_for_a_turn_is_not_read() {
    let temp = tempdir().unwrap();
    let balance = format!("{}=100000000", owner().address());
    let node = Node::lone(&temp.path().join("node"), &balance);
    let address = node.runtime.api.trim_start_matches("http://");
    let silent: Vec<TcpStream> = (0..MAX_ASKING)
        .map(|_| {
            let mut stream = TcpStream::connect(address).unwrap();
            let head = "POST /query-contract HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
                        content-length: 2000000\r\n\r\n";
            stream.write_all(head.as_bytes()).unwrap();
            stream
        })
        .collect();
    let question = json!({"contract": Address([7; 20])});
    let ask = || {
        let (status, problem): (u16, Problem) = post(&node, "/query-contract", &question);
        (status, problem.code().to_owned())
    };
    eventually("one too many is refused", || {
        (ask() == (503, "busy".to_owned())).then_some(())
    });
    drop(silent);
    eventually("there are turns again", || {
        (ask() == (404, "not-found".to_owned())).then_some(())
    });
}
