use aureon::Address;
use aureon::mock::Chain;

use crate::escrow::{Client, Closed, Opened, Outcome};

struct World {
    chain: Chain,
    buyer: Address,
    seller: Address,
    arbiter: Address,
    stranger: Address,
    escrow: Client,
    deadline: u64,
}

/// A buyer with 1,000, and a deadline 60 seconds away.
fn world() -> World {
    let chain = Chain::new();
    let buyer = chain.account("buyer", 1_000);
    let [seller, arbiter, stranger] = ["seller", "arbiter", "stranger"].map(|name| chain.account(name, 0));
    chain.act_as(buyer);
    let escrow = Client::deploy().unwrap();
    let deadline = chain.time() + 60_000;
    World {
        chain,
        buyer,
        seller,
        arbiter,
        stranger,
        escrow,
        deadline,
    }
}

impl World {
    /// The buyer opens a deal of 400.
    fn open(&self) -> u64 {
        self.chain.act_as(self.buyer);
        self.escrow
            .with_value(400)
            .open(self.seller, Some(self.arbiter), self.deadline)
            .unwrap()
    }

    fn balances(&self) -> [u64; 3] {
        [self.buyer, self.seller, self.escrow.address].map(|address| self.chain.balance(address))
    }
}

#[test]
fn an_open_deal_keeps_the_money() {
    let w = world();
    assert_eq!(w.open(), 1);
    let event = Opened {
        id: 1,
        buyer: w.buyer,
        seller: w.seller,
        amount: 400,
        deadline: w.deadline,
    };
    assert_eq!(w.chain.last_event(), Some(event));
    assert_eq!(w.open(), 2, "deals are numbered");
    assert_eq!(w.balances(), [200, 0, 800]);
    let deal = w.escrow.deal(1).unwrap().unwrap();
    assert_eq!((deal.amount, deal.deadline), (400, w.deadline));
}

#[test]
fn senseless_deals_are_refused() {
    let w = world();
    let open = |value, seller, arbiter, deadline| {
        w.escrow
            .with_value(value)
            .open(seller, arbiter, deadline)
            .unwrap_err()
            .message
    };
    assert_eq!(
        open(0, w.seller, None, w.deadline),
        "send the amount of the deal along"
    );
    assert_eq!(
        open(1, w.seller, None, w.chain.time()),
        "the deadline is over already"
    );
    assert_eq!(
        open(1, w.buyer, None, w.deadline),
        "buyer and seller are the same"
    );
    assert_eq!(
        open(1, w.seller, Some(w.seller), w.deadline),
        "the arbiter is neither buyer nor seller"
    );
    assert_eq!(w.balances(), [1_000, 0, 0], "a refused deal gives the value back");
}

#[test]
fn a_content_buyer_releases() {
    let w = world();
    let id = w.open();
    w.escrow.release(id).unwrap();
    assert_eq!(w.balances(), [600, 400, 0]);
    let event = Closed {
        id,
        outcome: Outcome::Released,
        by: w.buyer,
        amount: 400,
    };
    assert_eq!(w.chain.last_event(), Some(event));
    assert_eq!(
        w.escrow.release(id).unwrap_err().message,
        "there is no open deal of this number"
    );
    assert_eq!(w.balances(), [600, 400, 0], "nobody is paid twice");
}

#[test]
fn the_buyer_waits_for_the_deadline() {
    let w = world();
    let id = w.open();
    w.chain.set_time(w.deadline - 1);
    assert_eq!(
        w.escrow.refund(id).unwrap_err().message,
        "the buyer can refund after the deadline only"
    );
    w.chain.set_time(w.deadline);
    w.escrow.refund(id).unwrap();
    assert_eq!(w.balances(), [1_000, 0, 0]);
}

#[test]
fn a_seller_can_give_up_but_not_help_himself() {
    let w = world();
    let id = w.open();
    w.chain.act_as(w.seller);
    assert!(w.escrow.release(id).is_err());
    w.chain.set_time(w.deadline + 1);
    assert!(
        w.escrow.release(id).is_err(),
        "the deadline does not help the seller"
    );
    w.escrow.refund(id).unwrap();
    assert_eq!(w.balances(), [1_000, 0, 0]);
}

#[test]
fn the_arbiter_decides_either_way() {
    let w = world();
    let (first, second) = (w.open(), w.open());
    w.chain.act_as(w.arbiter);
    w.escrow.release(first).unwrap();
    w.escrow.refund(second).unwrap();
    assert_eq!(w.balances(), [600, 400, 0]);
}

#[test]
fn a_stranger_decides_nothing() {
    let w = world();
    let id = w.open();
    w.chain.act_as(w.stranger);
    w.chain.set_time(w.deadline + 1);
    assert!(w.escrow.release(id).is_err());
    assert!(w.escrow.refund(id).is_err());
    assert_eq!(w.balances(), [600, 0, 400]);
}
