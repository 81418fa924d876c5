//! The registry as WebAssembly on the node's machine: `aureon-node contract test`.

use aureon::sandbox::Sandbox;

use crate::names::{Client, GRACE, Rented, YEAR};

#[test]
#[ignore = "on the chain: aureon-node contract test"]
fn a_name_is_rented_for_a_year() {
    let chain = Sandbox::start();
    let [alice, bob] = ["alice", "bob"].map(|name| chain.account(name, 100));
    chain.act_as(alice);
    let names = Client::deploy(10).unwrap();
    let until = names.with_value(10).register("alice".into(), 1).unwrap();
    assert_eq!(until, chain.block().time + YEAR);
    let event = Rented {
        name: "alice".into(),
        owner: alice,
        until,
    };
    assert_eq!(chain.last_event(), Some(event));

    chain.set_time(until - 1);
    assert_eq!(names.resolve("alice".into()), Ok(Some(alice)));
    chain.set_time(until);
    assert_eq!(names.resolve("alice".into()), Ok(None));

    chain.act_as(bob);
    chain.next_block_at(until + GRACE - 1);
    let error = names.with_value(10).register("alice".into(), 1).unwrap_err();
    assert_eq!(error.message, "the name is taken");
    chain.next_block_at(until + GRACE);
    names.with_value(10).register("alice".into(), 1).unwrap();
    assert_eq!(names.resolve("alice".into()), Ok(Some(bob)));
    assert_eq!((chain.balance(bob), chain.balance(names.address)), (90, 20));
}
