//! The escrow as WebAssembly on the node's machine: `aureon-node contract test`.

use aureon::sandbox::Sandbox;

use crate::escrow::{Client, Closed, Outcome};

#[test]
#[ignore = "on the chain: aureon-node contract test"]
fn after_the_deadline_the_buyer_is_paid_back() {
    let chain = Sandbox::start();
    let [buyer, seller] = [("buyer", 1_000), ("seller", 0)].map(|(name, has)| chain.account(name, has));
    chain.act_as(buyer);
    let escrow = Client::deploy().unwrap();
    let deadline = chain.block().time + 60_000;
    let id = escrow.with_value(400).open(seller, None, deadline).unwrap();
    assert_eq!((chain.balance(buyer), chain.balance(escrow.address)), (600, 400));

    chain.next_block_at(deadline - 1);
    assert!(escrow.refund(id).is_err(), "a millisecond too early");
    chain.next_block_at(deadline);
    escrow.refund(id).unwrap();
    let event = Closed {
        id,
        outcome: Outcome::Refunded,
        by: buyer,
        amount: 400,
    };
    assert_eq!(chain.last_event(), Some(event));
    assert_eq!((chain.balance(buyer), chain.balance(escrow.address)), (1_000, 0));
}
