//! Contracts on the mock host: what a contract sees, and what is undone.
#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, also in its helpers"
)]

mod contracts;

use aureon::mock::{Chain, MAX_DEPTH};
use aureon::{Address, PublicKey, Signature, hashing};

use contracts::{bank, heavy, probe, second, shelf};

struct World {
    chain: Chain,
    alice: Address,
    probe: probe::Client,
}

fn world() -> World {
    let chain = Chain::new();
    let alice = chain.account("alice", 1_000);
    chain.act_as(alice);
    let probe = probe::Client::deploy().unwrap();
    World { chain, alice, probe }
}

#[test]
fn a_contract_sees_its_call() {
    let w = world();
    w.chain.set_height(7);
    w.chain.set_time(1_234);
    let seen = w.probe.with_value(5).look().unwrap();
    assert_eq!(seen.caller, w.alice);
    assert_eq!(seen.contract, w.probe.address);
    assert_eq!((seen.value, seen.balance), (5, 5));
    assert_eq!((seen.height, seen.time), (7, 1_234));
    assert_eq!(w.chain.balance(w.alice), 995);
}

#[test]
fn an_abort_undoes_storage_events_and_value() {
    let w = world();
    w.probe.set(1).unwrap();
    let events = w.chain.logs();
    let error = w.probe.with_value(9).set_then_fail(2).unwrap_err();
    assert_eq!(error.message, "changed my mind about 2");
    assert_eq!(w.probe.get(), Ok(Some(1)));
    assert_eq!(w.chain.logs(), events);
    assert_eq!(w.chain.balance(w.alice), 1_000);
}

#[test]
fn a_sum_that_does_not_fit_aborts() {
    let w = world();
    w.probe.set(u64::MAX).unwrap();
    assert_eq!(w.probe.add(1).unwrap_err().message, "a sum is too large");
    assert_eq!(w.probe.get(), Ok(Some(u64::MAX)));
}

#[test]
fn a_panic_aborts_with_its_message() {
    let w = world();
    let error = w.probe.divide(1, 0).unwrap_err();
    assert_eq!(error.message, "attempt to divide by zero");
    assert_eq!(w.probe.divide(7, 2), Ok(3));
}

#[test]
fn a_failed_inner_call_undoes_only_itself() {
    let w = world();
    let bank = bank::Client::deploy().unwrap();
    w.probe.set(1).unwrap();
    let said = bank.try_and_go_on(w.probe.address).unwrap();
    assert_eq!(said, "changed my mind about 2");
    assert_eq!(w.probe.get(), Ok(Some(1)));
    assert_eq!(
        bank.noted(),
        Ok(Some(77)),
        "what the caller did before and after stays"
    );
}

#[test]
fn a_query_changes_nothing() {
    let w = world();
    let error = w.probe.write_in_query().unwrap_err();
    assert_eq!(error.message, "a query cannot change anything");
    assert_eq!(w.probe.get(), Ok(None));
}

#[test]
fn value_pays_and_a_plain_transfer_to_a_contract_is_refused() {
    let w = world();
    let bank = bank::Client::deploy().unwrap();
    bank.with_value(100).put().unwrap();
    assert_eq!(w.chain.balance(bank.address), 100);
    bank.pay(w.alice, 30).unwrap();
    assert_eq!(
        (w.chain.balance(bank.address), w.chain.balance(w.alice)),
        (70, 930)
    );
    assert_eq!(
        bank.pay(w.alice, 71).unwrap_err().message,
        "the balance is too small"
    );
    assert!(
        bank.pay(w.probe.address, 1)
            .unwrap_err()
            .message
            .contains("call with a value")
    );
    assert!(bank.with_value(931).put().is_err(), "more than alice has");
}

#[test]
fn the_guard_stops_a_call_back() {
    let _world = world();
    let bank = bank::Client::deploy().unwrap();
    let error = bank.guarded_loop().unwrap_err();
    assert_eq!(error.message, "the contract is called back while it is busy");
    bank.guarded_once().unwrap();
    bank.guarded_once().unwrap();
}

#[test]
fn calls_are_nested_to_a_depth() {
    let w = world();
    let depth = u32::try_from(MAX_DEPTH).unwrap();
    assert_eq!(w.probe.nest(depth - 1), Ok(depth - 1));
    assert_eq!(
        w.probe.nest(depth).unwrap_err().message,
        "contracts call each other too deeply"
    );
}

#[test]
fn what_is_not_there_is_said() {
    let w = world();
    let nowhere = probe::Client::at(Address([9; 20]));
    assert_eq!(
        nowhere.get().unwrap_err().message,
        "there is no contract at this address"
    );
    // The second version has functions that the first has not.
    let other = second::Client::at(w.probe.address);
    let error = other.doubled().unwrap_err();
    assert_eq!(
        error.message,
        "the contract has no function `doubled` to be called in this way"
    );
}

#[test]
fn an_interface_is_a_client() {
    let w = world();
    let client = contracts::StoreClient::at(w.probe.address);
    client.set(5).unwrap();
    assert_eq!(client.get(), Ok(Some(5)));
}

#[test]
fn an_upgrade_keeps_the_storage_and_migrates() {
    let w = world();
    w.probe.set(21).unwrap();
    w.probe.upgrade_to_second();
    assert_eq!(second::Client::at(w.probe.address).doubled(), Ok(42));
    let back = w.probe.upgrade(|_| {}).unwrap_err();
    assert!(back.message.contains("no entry point `migrate`"), "{back}");
}

/// "abc" in the standards of each.
#[test]
fn hashes_are_the_real_ones() {
    let shown = |hash: aureon::Hash| hash.to_string();
    assert!(shown(hashing::sha256(b"abc")).starts_with("0xba7816bf8f01cfea"));
    assert!(shown(hashing::keccak256(b"abc")).starts_with("0x4e03657aea45a94f"));
    assert!(shown(hashing::blake3(b"abc")).starts_with("0x6437b3ac38465133"));
    assert!(!hashing::ed25519_verify(
        &PublicKey([1; 32]),
        &Signature([2; 64]),
        b"abc"
    ));
}

/// Random use against a vector that does the same.
#[test]
fn a_map_is_listed_and_leaves_nothing_behind() {
    let w = world();
    let shelf = shelf::Client::deploy().unwrap();
    let mut model: Vec<(String, u64)> = Vec::new();
    let mut draw = 1u64;
    for step in 0..400 {
        // Knuth's MMIX constants.
        draw = draw
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let title = format!("book {}", (draw >> 33) % 12);
        let place = model.iter().position(|(known, _)| *known == title);
        if (draw >> 60) < 9 {
            shelf.put(title.clone(), step).unwrap();
            match place {
                Some(place) => model[place].1 = step,
                None => model.push((title.clone(), step)),
            }
        } else {
            shelf.take(title.clone()).unwrap();
            if let Some(place) = place {
                model.swap_remove(place);
            }
        }
        let count = u64::try_from(model.len()).unwrap();
        assert_eq!(shelf.count(), Ok(count), "step {step}");
        assert_eq!(shelf.list(0, 100), Ok(model.clone()), "step {step}");
        let pages = model.iter().find(|(known, _)| *known == title);
        assert_eq!(shelf.pages(title), Ok(pages.map(|(_, pages)| *pages)));
    }
    assert!(model.len() > 3, "the walk is too tame");
    assert_eq!(shelf.list(1, 2), Ok(model[1..3].to_vec()));
    assert_eq!(
        shelf.titles(1, 2),
        Ok(vec![model[1].0.clone(), model[2].0.clone()])
    );
    assert_eq!(shelf.list(u64::MAX, u64::MAX), Ok(Vec::new()));
    for (title, _) in model {
        shelf.take(title).unwrap();
    }
    assert_eq!(w.chain.stored_count(shelf.address), 0);
}

#[test]
fn what_the_machine_does_not_take_the_mock_does_not_either() {
    let _w = world();
    let heavy = heavy::Client::deploy().unwrap();
    let text = |length: usize| "x".repeat(length);
    heavy.keep(text(200), text(16_000)).unwrap();
    heavy.say(4_000, 64).unwrap();
    // The bound is a transaction's, not the chain's.
    heavy.say(1, 64).unwrap();
    heavy.answer(16_000).unwrap();
    let system = Address([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    for (failed, why) in [
        (
            heavy.keep(text(300), text(1)),
            "in storage has more than 256 bytes",
        ),
        (
            heavy.keep(text(1), text(17_000)),
            "a stored value of 0 to 16384 bytes",
        ),
        (heavy.keep(text(1), text(70_000)), "an input of 0 to 65536 bytes"),
        (heavy.say(4_100, 1), "an event of 0 to 4096 bytes"),
        (heavy.say(1, 65), "at most 64 events"),
        (heavy.answer(17_000).map(|_| ()), "an output of 0 to 16384 bytes"),
        (heavy.pay(system), "takes no transfer"),
    ] {
        let message = failed.unwrap_err().message;
        assert!(message.contains(why), "{message:?} does not say {why:?}");
    }
}
