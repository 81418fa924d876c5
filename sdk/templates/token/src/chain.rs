//! The token as WebAssembly on the node's machine: `aureon-node contract test`.

use aureon::sandbox::Sandbox;

use crate::token::{Client, Transferred};

#[test]
#[ignore = "on the chain: aureon-node contract test"]
fn tokens_move_for_little_gas() {
    let chain = Sandbox::start();
    let [alice, bob] = ["alice", "bob"].map(|name| chain.account(name, 0));
    chain.act_as(alice);
    let token = Client::deploy("Gold".into(), "GLD".into(), 2, 1_000).unwrap();

    token.transfer(bob, 300).unwrap();
    let gas_used = chain.receipt().unwrap().gas_used;
    assert!(gas_used < 120_000, "a transfer uses {gas_used} gas");
    let event = Transferred {
        from: alice,
        to: bob,
        amount: 300,
    };
    assert_eq!(chain.last_event(), Some(event));
    assert_eq!(token.balance_of(bob), Ok(300));

    let error = token.transfer(bob, 701).unwrap_err();
    assert_eq!(error.message, "the balance is 700, 701 needed");
    assert_eq!(token.balance_of(bob), Ok(300));
}
