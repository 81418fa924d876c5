use aureon::mock::Chain;
use aureon::{Address, CallError, String};

use crate::names::{Changed, Client, GRACE, Released, Rented, YEAR};

const PRICE: u64 = 10;

struct World {
    chain: Chain,
    keeper: Address,
    alice: Address,
    bob: Address,
    names: Client,
}

/// A registry at 10 a year; Alice is at work.
fn world() -> World {
    let chain = Chain::new();
    let [keeper, alice, bob] =
        [("keeper", 0), ("alice", 1_000), ("bob", 1_000)].map(|(name, has)| chain.account(name, has));
    chain.act_as(keeper);
    let names = Client::deploy(PRICE).unwrap();
    chain.act_as(alice);
    World {
        chain,
        keeper,
        alice,
        bob,
        names,
    }
}

impl World {
    fn register(&self, name: &str, years: u64) -> Result<u64, CallError> {
        self.names.with_value(PRICE * years).register(name.into(), years)
    }

    fn renew(&self, name: &str, years: u64) -> Result<u64, CallError> {
        self.names.with_value(PRICE * years).renew(name.into(), years)
    }

    fn resolve(&self, name: &str) -> Option<Address> {
        self.names.resolve(name.into()).unwrap()
    }
}

fn message<T: core::fmt::Debug>(result: Result<T, CallError>) -> String {
    result.unwrap_err().message
}

#[test]
fn a_name_stands_for_its_owner_until_its_time_is_over() {
    let w = world();
    let until = w.chain.time() + 2 * YEAR;
    assert_eq!(w.register("alice", 2), Ok(until));
    assert_eq!(
        w.chain.last_event(),
        Some(Rented {
            name: "alice".into(),
            owner: w.alice,
            until
        })
    );
    assert_eq!(w.resolve("alice"), Some(w.alice));
    w.chain.set_time(until - 1);
    assert_eq!(w.resolve("alice"), Some(w.alice));
    w.chain.set_time(until);
    assert_eq!(w.resolve("alice"), None);
    assert_eq!(w.resolve("nobody"), None);
}

#[test]
fn the_price_is_exact() {
    let w = world();
    assert_eq!(
        message(w.names.with_value(9).register("alice".into(), 1)),
        "the price is 10, 9 came"
    );
    assert_eq!(
        message(w.names.with_value(11).register("alice".into(), 1)),
        "the price is 10, 11 came"
    );
    assert_eq!(message(w.register("alice", 0)), "rent for 1 to 10 years");
    assert_eq!(message(w.register("alice", 11)), "rent for 1 to 10 years");
    assert_eq!(w.chain.balance(w.alice), 1_000);
}

#[test]
fn names_have_a_form() {
    let w = world();
    for name in [
        "ab",
        "abcdefghijklmnopqrstuvwxyz0123456",
        "Alice",
        "al ice",
        "al\u{ef}ce",
        "-alice",
        "alice-",
        "",
    ] {
        assert!(w.register(name, 1).is_err(), "{name:?}");
    }
    for name in ["abc", "a-1", "abcdefghijklmnopqrstuvwxyz012345"] {
        w.register(name, 1).unwrap();
    }
}

#[test]
fn a_taken_name_is_free_again_after_its_grace() {
    let w = world();
    let until = w.register("alice", 1).unwrap();
    w.chain.act_as(w.bob);
    assert_eq!(message(w.register("alice", 1)), "the name is taken");
    w.chain.set_time(until + GRACE - 1);
    assert_eq!(message(w.register("alice", 1)), "the name is taken");
    w.chain.set_time(until + GRACE);
    w.register("alice", 1).unwrap();
    assert_eq!(w.resolve("alice"), Some(w.bob));
}

#[test]
fn a_name_is_renewed_in_time_or_in_its_grace() {
    let w = world();
    let until = w.register("alice", 1).unwrap();
    assert_eq!(
        w.renew("alice", 1),
        Ok(until + YEAR),
        "years are added at the end"
    );
    assert_eq!(
        message(w.renew("alice", 9)),
        "paid for 10 years in advance already"
    );
    w.chain.set_time(until + YEAR + GRACE - 1);
    assert_eq!(w.renew("alice", 1), Ok(until + 2 * YEAR));
    w.chain.set_time(until + 2 * YEAR + GRACE);
    assert_eq!(message(w.renew("alice", 1)), "the name is free: register it");
    assert_eq!(message(w.renew("bob", 1)), "nobody has this name");
}

#[test]
fn the_owner_points_gives_and_releases() {
    let w = world();
    w.register("alice", 1).unwrap();
    w.names.set_target("alice".into(), w.keeper).unwrap();
    assert_eq!(w.resolve("alice"), Some(w.keeper));
    w.names.give("alice".into(), w.bob).unwrap();
    let event = Changed {
        name: "alice".into(),
        owner: w.bob,
        target: w.keeper,
    };
    assert_eq!(w.chain.last_event(), Some(event));
    assert_eq!(
        message(w.names.release("alice".into())),
        "only the owner of the name may do this"
    );
    w.chain.act_as(w.bob);
    w.names.release("alice".into()).unwrap();
    assert_eq!(w.chain.last_event(), Some(Released { name: "alice".into() }));
    assert_eq!(w.names.entry("alice".into()), Ok(None));
}

#[test]
fn after_its_time_a_name_is_only_renewed() {
    let w = world();
    let until = w.register("alice", 1).unwrap();
    w.chain.set_time(until);
    let refusal = "the name's time is over: renew it";
    assert_eq!(message(w.names.set_target("alice".into(), w.bob)), refusal);
    assert_eq!(message(w.names.give("alice".into(), w.bob)), refusal);
}

#[test]
fn only_the_keeper_sets_prices_and_takes_the_money() {
    let w = world();
    w.register("alice", 3).unwrap();
    let refusal = "only the keeper of the registry may do this";
    assert_eq!(message(w.names.withdraw(w.alice)), refusal);
    assert_eq!(message(w.names.set_price(1)), refusal);
    w.chain.act_as(w.keeper);
    assert_eq!(w.names.withdraw(w.keeper), Ok(30));
    assert_eq!(w.chain.balance(w.keeper), 30);
    w.names.set_price(20).unwrap();
    assert_eq!(w.names.settings().unwrap().price, 20);
}
