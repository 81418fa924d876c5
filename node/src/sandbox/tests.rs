use aureon_chain::import::{self, HeaderVerdict};
use aureon_types::Failure;

use super::*;

const TOKEN: &str = include_str!("../../tests/it/token.wat");

fn sandbox() -> Sandbox {
    Sandbox::new(&Setup::default()).unwrap()
}

fn deploy(from: Address, supply: u64) -> Order {
    let action = Action::Deploy {
        code: wat::parse_str(TOKEN).unwrap().into(),
        input: supply.to_le_bytes().to_vec().into(),
        upgradable: false,
        value: Amount::ZERO,
    };
    Order::new(from, action)
}

fn send(from: Address, contract: Address, to: &Address, amount: u64) -> Order {
    let action = Action::Call {
        contract,
        input: [&to.0[..], &amount.to_le_bytes()].concat().into(),
        value: Amount::ZERO,
    };
    Order::new(from, action)
}

fn pay(from: Address, recipient: Address, amount: u64) -> Order {
    Order::new(
        from,
        Action::Transfer {
            recipient,
            amount: Amount(amount),
        },
    )
}

fn tokens(sandbox: &Sandbox, contract: Address, of: &Address) -> u64 {
    let answer = sandbox.query(Question {
        contract,
        caller: Address([0; 20]),
        input: &of.0,
        gas: DEFAULT_QUERY_GAS,
    });
    u64::from_le_bytes(answer.unwrap().result.unwrap()[..].try_into().unwrap())
}

/// Each block through the one door, as a node takes it from a peer.
fn imported(sandbox: &Sandbox, blocks: &[Made]) -> Parent {
    let fresh = self::sandbox();
    let mut parent = fresh.tip.clone();
    for made in blocks {
        let rules = sandbox.chain.rules(&parent).unwrap();
        let block = Arc::new(Block::decode(&made.block.encode()).unwrap());
        let verdict = import::check_header(block.sealed_header(), &parent.info, &rules, None).unwrap();
        let HeaderVerdict::Checked(checked) = verdict else {
            panic!("a decided block waits for no clock")
        };
        let verified = import::verify_body(*checked, block, |_| None).unwrap();
        let executed = import::execute(&parent.view, &fresh.machine, verified).unwrap();
        assert_eq!(executed.receipts().to_vec(), made.receipts);
        parent = Parent {
            info: executed.as_parent(),
            certificate: made.certificate.clone(),
            view: executed.view_after().clone(),
            lineage: fresh.chain.lineage_after(&parent.lineage, &executed).unwrap(),
        };
    }
    parent
}

#[test]
fn a_node_takes_its_blocks_and_comes_to_the_same_state() {
    let mut sandbox = sandbox();
    let mut blocks = Vec::new();
    let alice = sandbox.named_or_new("alice").unwrap();
    blocks.push(
        sandbox
            .execute(&[pay(sandbox.faucet.address(), alice, 1_000)])
            .unwrap(),
    );
    blocks.push(sandbox.execute(&[deploy(alice, 500)]).unwrap());
    let contract = blocks[1].receipts[0].contract.unwrap();
    let bob = Address([7; 20]);
    let two = [send(alice, contract, &bob, 20), send(alice, contract, &bob, 481)];
    blocks.push(sandbox.execute(&two).unwrap());
    let failures = blocks[2].receipts.iter().map(|receipt| receipt.failure.is_some());
    assert_eq!(failures.collect::<Vec<_>>(), [false, true]);
    // Over the end of an epoch, which changes the state too.
    for _ in 0..60 {
        blocks.push(sandbox.execute(&[]).unwrap());
    }
    let parent = imported(&sandbox, &blocks);
    assert_eq!(parent.info, sandbox.tip.info);
    assert_eq!(parent.view.0.root(), sandbox.tip.view.0.root());
    assert_eq!(tokens(&sandbox, contract, &bob), 20);
}

#[test]
fn every_run_is_the_same() {
    let root = || {
        let mut sandbox = sandbox();
        let alice = sandbox.account("alice", Amount(9)).unwrap();
        sandbox.execute(&[deploy(alice, 500)]).unwrap();
        sandbox.tip.info
    };
    assert_eq!(root(), root());
}

#[test]
fn time_is_what_the_test_says() {
    let mut sandbox = sandbox();
    sandbox.execute(&[]).unwrap();
    assert_eq!(sandbox.tip.info.timestamp_ms, DEFAULT_TIME_MS + 1_000);
    let year = DEFAULT_TIME_MS + 31_536_000_000;
    sandbox.next_block_at(year).unwrap();
    sandbox.execute(&[]).unwrap();
    assert_eq!(sandbox.tip.info.timestamp_ms, year);
    sandbox.execute(&[]).unwrap();
    assert_eq!(sandbox.tip.info.timestamp_ms, year + 1_000);
    let error = sandbox.next_block_at(year + 1_000).unwrap_err();
    assert!(
        error.to_string().contains("must be after the last block's"),
        "{error}"
    );
    assert!(sandbox.next_block_at(MAX_TIME_MS + 1).is_err());
    sandbox.next_block_at(MAX_TIME_MS).unwrap();
    sandbox.execute(&[]).unwrap();
    assert!(sandbox.execute(&[]).is_err(), "there is no time after it");
}

#[test]
fn accounts_hold_what_they_are_given() {
    let mut sandbox = sandbox();
    let alice = sandbox.account("alice", Amount(5)).unwrap();
    assert_eq!(sandbox.account("alice", Amount(8)).unwrap(), alice);
    assert_eq!(sandbox.account_at(&alice).unwrap().balance, Amount(8));
    assert_eq!(sandbox.tip.info.height, 2);
    assert!(matches!(
        sandbox.account("alice", Amount(7)),
        Err(SandboxError::HoldsMore { .. })
    ));
    assert!(matches!(
        sandbox.account("", Amount(7)),
        Err(SandboxError::Name(_))
    ));
    assert!(matches!(
        sandbox.account("0x12", Amount(7)),
        Err(SandboxError::Name(_))
    ));
    let error = sandbox.account("rich", Amount(u64::MAX)).unwrap_err();
    assert!(matches!(error, SandboxError::FaucetEmpty { .. }), "{error}");
}

#[test]
fn what_no_block_can_hold_makes_no_block() {
    let mut sandbox = sandbox();
    let alice = sandbox.account("alice", Amount(50_000)).unwrap();
    let height = sandbox.tip.info.height;
    let stranger = Address([3; 20]);
    let error = sandbox.execute(&[pay(stranger, alice, 1)]).unwrap_err();
    assert!(matches!(error, SandboxError::UnknownAccount(_)), "{error}");
    let mut dear = pay(alice, stranger, 1);
    dear.gas_price = Some(3);
    let error = sandbox.execute(&[pay(alice, stranger, 1), dear]).unwrap_err();
    let said = error.to_string();
    assert!(
        said.starts_with("transaction 1 cannot be in a block: ") && said.contains("63000"),
        "{said}"
    );
    let mut large = pay(alice, stranger, 1);
    large.gas_limit = Some(u64::MAX);
    let error = sandbox.execute(&[large]).unwrap_err();
    assert!(
        matches!(error, SandboxError::NotIncluded { place: 0, .. }),
        "{error}"
    );
    assert_eq!(sandbox.tip.info.height, height);
}

#[test]
fn with_a_gas_price_the_sender_pays() {
    let setup = Setup {
        gas_price: 2,
        ..Setup::default()
    };
    let mut sandbox = Sandbox::new(&setup).unwrap();
    let alice = sandbox.account("alice", Amount(50_000)).unwrap();
    let made = sandbox.execute(&[pay(alice, Address([3; 20]), 1)]).unwrap();
    let [receipt] = &made.receipts[..] else { panic!() };
    assert_eq!((receipt.gas_used, receipt.fee), (21_000, Amount(42_000)));
    assert_eq!(sandbox.account_at(&alice).unwrap().balance, Amount(7_999));
    // What is left pays for less than the call takes.
    let made = sandbox.execute(&[pay(alice, Address([3; 20]), 1)]);
    assert!(matches!(made, Err(SandboxError::NotIncluded { .. })));
    assert!(
        Sandbox::new(&Setup {
            block_time_ms: 0,
            ..setup
        })
        .is_err()
    );
}

#[test]
fn a_loop_without_end_ends() {
    let mut sandbox = sandbox();
    let alice = sandbox.account("alice", Amount(1)).unwrap();
    let endless = r#"(module (memory (export "memory") 1) (func (export "call") (loop (br 0))))"#;
    let action = Action::Deploy {
        code: wat::parse_str(endless).unwrap().into(),
        input: Bytes::new(),
        upgradable: false,
        value: Amount::ZERO,
    };
    let made = sandbox.execute(&[Order::new(alice, action)]).unwrap();
    let contract = made.receipts[0].contract.unwrap();
    let mut call = send(alice, contract, &alice, 0);
    call.gas_limit = Some(1_000_000);
    let made = sandbox.execute(&[call]).unwrap();
    let failure = made.receipts[0].failure.as_ref().unwrap();
    assert!(matches!(failure, Failure::Contract { .. }), "{failure}");
    assert_eq!(made.receipts[0].gas_used, 1_000_000);
}
