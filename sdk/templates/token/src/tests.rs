use aureon::mock::Chain;
use aureon::{Address, String};

use crate::token::{Approved, Client, Details, OwnerChanged, Transferred};

const NOBODY: Address = Address::ZERO;

struct World {
    chain: Chain,
    alice: Address,
    bob: Address,
    carol: Address,
    token: Client,
}

/// Alice makes a token with a supply of 1,000, and is at work.
fn world() -> World {
    let chain = Chain::new();
    let [alice, bob, carol] = ["alice", "bob", "carol"].map(|name| chain.account(name, 0));
    chain.act_as(alice);
    let token = Client::deploy("Gold".into(), "GLD".into(), 2, 1_000).unwrap();
    World {
        chain,
        alice,
        bob,
        carol,
        token,
    }
}

impl World {
    fn balances(&self) -> [u64; 3] {
        [self.alice, self.bob, self.carol].map(|owner| self.token.balance_of(owner).unwrap())
    }
}

#[test]
fn the_deployer_gets_the_supply() {
    let w = world();
    assert_eq!(w.balances(), [1_000, 0, 0]);
    assert_eq!(w.token.supply(), Ok(1_000));
    assert_eq!(w.token.owner(), Ok(Some(w.alice)));
    let details = Details {
        name: "Gold".into(),
        symbol: "GLD".into(),
        decimals: 2,
    };
    assert_eq!(w.token.details(), Ok(details));
    assert_eq!(
        w.chain.last_event(),
        Some(Transferred {
            from: NOBODY,
            to: w.alice,
            amount: 1_000
        })
    );
}

#[test]
fn odd_details_are_refused() {
    let _chain = Chain::new();
    let long = |length: usize| -> String { core::iter::repeat_n('x', length).collect() };
    for (name, symbol, decimals, why) in [
        (long(0), long(1), 0, "the name has 1 to 64 bytes"),
        (long(65), long(1), 0, "the name has 1 to 64 bytes"),
        (long(1), long(13), 0, "the symbol has 1 to 12 bytes"),
        (long(1), long(1), 20, "decimals are at most 19"),
    ] {
        assert_eq!(
            Client::deploy(name, symbol, decimals, 1).unwrap_err().message,
            why
        );
    }
}

#[test]
fn a_transfer_moves_tokens_and_says_so() {
    let w = world();
    w.token.transfer(w.bob, 300).unwrap();
    assert_eq!(w.balances(), [700, 300, 0]);
    assert_eq!(
        w.chain.last_event(),
        Some(Transferred {
            from: w.alice,
            to: w.bob,
            amount: 300
        })
    );
    w.token.transfer(w.alice, 700).unwrap();
    assert_eq!(w.balances(), [700, 300, 0], "to oneself nothing changes");
}

#[test]
fn more_than_the_balance_is_refused_and_nothing_changes() {
    let w = world();
    let events = w.chain.logs().len();
    let error = w.token.transfer(w.bob, 1_001).unwrap_err();
    assert_eq!(error.message, "the balance is 1000, 1001 needed");
    assert!(w.token.transfer(NOBODY, 1).is_err());
    assert_eq!(w.balances(), [1_000, 0, 0]);
    assert_eq!(w.chain.logs().len(), events);
}

#[test]
fn an_allowance_is_spent() {
    let w = world();
    w.token.approve(w.bob, 100).unwrap();
    assert_eq!(
        w.chain.last_event(),
        Some(Approved {
            owner: w.alice,
            spender: w.bob,
            amount: 100
        })
    );

    w.chain.act_as(w.bob);
    w.token.transfer_from(w.alice, w.carol, 60).unwrap();
    assert_eq!(w.balances(), [940, 0, 60]);
    assert_eq!(w.token.allowance(w.alice, w.bob), Ok(40));
    let error = w.token.transfer_from(w.alice, w.carol, 41).unwrap_err();
    assert_eq!(error.message, "the allowance is 40, 41 needed");

    w.chain.act_as(w.carol);
    assert!(
        w.token.transfer_from(w.alice, w.carol, 1).is_err(),
        "carol was allowed nothing"
    );
}

#[test]
fn an_allowance_beyond_the_balance_is_not_spent() {
    let w = world();
    w.token.approve(w.bob, 5_000).unwrap();
    w.chain.act_as(w.bob);
    assert!(w.token.transfer_from(w.alice, w.bob, 1_001).is_err());
    assert_eq!(
        w.token.allowance(w.alice, w.bob),
        Ok(5_000),
        "a failed call spends no allowance"
    );
}

#[test]
fn only_the_owner_mints() {
    let w = world();
    w.token.mint(w.bob, 5).unwrap();
    assert_eq!((w.token.supply(), w.balances()), (Ok(1_005), [1_000, 5, 0]));
    assert_eq!(
        w.token.mint(w.bob, u64::MAX).unwrap_err().message,
        "the supply would be too large"
    );

    w.chain.act_as(w.bob);
    assert_eq!(
        w.token.mint(w.bob, 5).unwrap_err().message,
        "only the owner of the token may do this"
    );

    w.chain.act_as(w.alice);
    w.token.set_owner(None).unwrap();
    assert_eq!(w.chain.last_event(), Some(OwnerChanged { owner: None }));
    assert!(w.token.mint(w.alice, 1).is_err());
    assert!(
        w.token.set_owner(Some(w.alice)).is_err(),
        "nobody can take it back"
    );
}

#[test]
fn burning_lowers_the_supply() {
    let w = world();
    w.token.burn(400).unwrap();
    assert_eq!((w.token.supply(), w.balances()), (Ok(600), [600, 0, 0]));
    assert!(w.token.burn(601).is_err());
}

#[test]
fn a_balance_of_zero_is_not_stored() {
    let w = world();
    let before = w.chain.stored_count(w.token.address);
    w.token.transfer(w.bob, 1_000).unwrap();
    assert_eq!(
        w.chain.stored_count(w.token.address),
        before,
        "one entry came, one went"
    );
}

#[test]
fn value_is_refused() {
    let w = world();
    let rich = w.chain.account("rich", 10);
    w.chain.act_as(rich);
    let error = w.token.with_value(1).transfer(w.bob, 0).unwrap_err();
    assert_eq!(error.message, "`transfer` takes no value");
    assert_eq!(w.chain.balance(rich), 10);
}
