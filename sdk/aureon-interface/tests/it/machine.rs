//! The templates as wasm on the real machine, called by name: what the mock host promises, the machine keeps.

use std::collections::BTreeMap;

use aureon_types::Address;
use serde_json::json;

use crate::ledger::{Contract, Ledger};
use crate::templates::{built, templates};

fn codes() -> BTreeMap<String, Vec<u8>> {
    built(&templates())
        .into_iter()
        .map(|contract| (contract.name, contract.code))
        .collect()
}

fn show(address: Address) -> String {
    address.to_string()
}

#[test]
fn the_token_moves_on_the_machine() {
    let mut ledger = Ledger::new();
    let [alice, bob] = [1, 2].map(|digit| ledger.account(digit, 0));
    let (a, b) = (show(alice), show(bob));
    let details = [
        ("name", "Gold"),
        ("symbol", "GLD"),
        ("decimals", "2"),
        ("supply", "1_000"),
    ];
    let token = ledger.deploy(alice, 0, &codes()["token"], &details);

    let (nothing, gas) = token
        .call(
            &mut ledger,
            alice,
            0,
            "transfer",
            &[("to", &b), ("amount", "300")],
        )
        .unwrap();
    println!("token transfer: {gas} gas");
    assert_eq!(nothing, json!(null));
    assert_eq!(
        token.last_event(&ledger),
        (
            "Transferred".to_owned(),
            json!({"from": a, "to": b, "amount": 300})
        )
    );
    let balance = |ledger: &mut Ledger, of: &str| token.query(ledger, "balance_of", &[("owner", of)]);
    assert_eq!(
        (balance(&mut ledger, &a), balance(&mut ledger, &b)),
        (json!(700), json!(300))
    );
    assert_eq!(
        token.query(&mut ledger, "details", &[]),
        json!({"name": "Gold", "symbol": "GLD", "decimals": 2})
    );

    let events = ledger.state.logs.len();
    let error = token
        .call(&mut ledger, bob, 0, "transfer", &[("to", &a), ("amount", "301")])
        .unwrap_err();
    assert_eq!(error, "aborted: the balance is 300, 301 needed");
    assert_eq!(ledger.state.logs.len(), events);
    assert_eq!(balance(&mut ledger, &b), json!(300));
}

#[test]
fn what_is_wrong_with_an_input_is_said() {
    let mut ledger = Ledger::new();
    let alice = ledger.account(1, 5);
    let details = [
        ("name", "Gold"),
        ("symbol", "GLD"),
        ("decimals", "2"),
        ("supply", "1"),
    ];
    let token = ledger.deploy(alice, 0, &codes()["token"], &details);
    let mut say = |value: u64, input: &[u8]| {
        ledger
            .enter(alice, token.address, aureon_vm::Entry::Call, value, input)
            .unwrap_err()
            .to_string()
    };
    let transfer = token.input("transfer", &[("to", &show(alice)), ("amount", "0")]);
    assert_eq!(
        say(0, &[]),
        "aborted: the input does not begin with a function's name"
    );
    assert_eq!(
        say(0, &[1, 0, 0, 0, b'x']),
        "aborted: the contract has no function `x` to be called in this way"
    );
    assert_eq!(
        say(0, &transfer[..20]),
        "aborted: argument `to`: the bytes end too early"
    );
    assert_eq!(
        say(0, &[transfer.as_slice(), &[0]].concat()),
        "aborted: there are bytes after the last argument"
    );
    assert_eq!(say(5, &transfer), "aborted: `transfer` takes no value");
    let query = token.input("supply", &[]);
    assert_eq!(
        say(0, &query),
        "aborted: the contract has no function `supply` to be called in this way"
    );
}

#[test]
fn a_supply_that_does_not_fit_is_said() {
    let mut ledger = Ledger::new();
    let alice = ledger.account(1, 0);
    let details = [
        ("name", "Gold"),
        ("symbol", "GLD"),
        ("decimals", "2"),
        ("supply", "18446744073709551615"),
    ];
    let token = ledger.deploy(alice, 0, &codes()["token"], &details);
    let error = token
        .call(
            &mut ledger,
            alice,
            0,
            "mint",
            &[("to", &show(alice)), ("amount", "1")],
        )
        .unwrap_err();
    assert_eq!(error, "aborted: the supply would be too large");
}

#[test]
fn the_escrow_pays_on_the_machine() {
    let mut ledger = Ledger::new();
    let buyer = ledger.account(1, 1_000);
    let seller = ledger.account(2, 0);
    let escrow = ledger.deploy(buyer, 0, &codes()["escrow"], &[]);
    let open = [("seller", show(seller)), ("deadline", "2_000_000".to_owned())];
    let open: Vec<(&str, &str)> = open.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let balances = |ledger: &Ledger| {
        [buyer, seller, escrow.address].map(|of| ledger.state.balances.get(&of).copied().unwrap_or(0))
    };

    assert_eq!(
        escrow.call(&mut ledger, buyer, 400, "open", &open).unwrap().0,
        json!(1)
    );
    assert_eq!(balances(&ledger), [600, 0, 400]);
    let early = escrow
        .call(&mut ledger, buyer, 0, "refund", &[("id", "1")])
        .unwrap_err();
    assert_eq!(early, "aborted: the buyer can refund after the deadline only");
    escrow
        .call(&mut ledger, buyer, 0, "release", &[("id", "1")])
        .unwrap();
    assert_eq!(balances(&ledger), [600, 400, 0]);
    assert_eq!(escrow.last_event(&ledger).1["outcome"], json!("Released"));

    escrow.call(&mut ledger, buyer, 100, "open", &open).unwrap();
    ledger.time = 2_000_000;
    escrow
        .call(&mut ledger, buyer, 0, "refund", &[("id", "2")])
        .unwrap();
    assert_eq!(balances(&ledger), [600, 400, 0]);
}

#[test]
fn the_wallet_calls_the_token_on_the_machine() {
    let mut ledger = Ledger::new();
    let [ann, ben, cleo] = [1, 2, 3].map(|digit| ledger.account(digit, 100));
    let codes = codes();
    let members = format!(r#"["{ann}", "{ben}"]"#);
    let wallet = ledger.deploy(
        ann,
        50,
        &codes["multisig"],
        &[("members", &members), ("threshold", "2")],
    );
    let details = [
        ("name", "Gold"),
        ("symbol", "GLD"),
        ("decimals", "2"),
        ("supply", "1_000"),
    ];
    let token = ledger.deploy(ann, 0, &codes["token"], &details);
    token
        .call(
            &mut ledger,
            ann,
            0,
            "transfer",
            &[("to", &show(wallet.address)), ("amount", "10")],
        )
        .unwrap();

    let mut act = |amount: &str| {
        let input = hex::encode(token.input("transfer", &[("to", &show(cleo)), ("amount", amount)]));
        let action = format!(
            r#"{{"Call": {{"contract": "{}", "value": 0, "input": "0x{input}"}}}}"#,
            token.address
        );
        let id = wallet
            .call(&mut ledger, ann, 0, "propose", &[("action", &action)])
            .unwrap()
            .0
            .to_string();
        wallet
            .call(&mut ledger, ben, 0, "approve", &[("id", &id)])
            .unwrap();
        let done = wallet
            .call(&mut ledger, ben, 0, "execute", &[("id", &id)])
            .map(|(answer, _)| answer);
        (
            done,
            token.query(&mut ledger, "balance_of", &[("owner", &show(cleo))]),
        )
    };
    assert_eq!(act("7"), (Ok(json!("0x")), json!(7)));
    let (error, balance) = act("4");
    // The inner reason goes up through the wallet.
    assert!(error.unwrap_err().ends_with("the balance is 3, 4 needed"));
    assert_eq!(balance, json!(7));
}

#[test]
fn a_name_is_registered_on_the_machine() {
    let mut ledger = Ledger::new();
    let alice = ledger.account(1, 100);
    let names = ledger.deploy(alice, 0, &codes()["names"], &[("price", "10")]);
    let register = |ledger: &mut Ledger, name: &str| {
        names.call(ledger, alice, 10, "register", &[("name", name), ("years", "1")])
    };
    register(&mut ledger, "alice").unwrap();
    assert_eq!(
        names.query(&mut ledger, "resolve", &[("name", "alice")]),
        json!(show(alice))
    );
    assert_eq!(
        names.query(&mut ledger, "resolve", &[("name", "bob")]),
        json!(null)
    );
    assert_eq!(
        register(&mut ledger, "alice").unwrap_err(),
        "aborted: the name is taken"
    );
    let long = "x".repeat(300);
    assert_eq!(
        register(&mut ledger, &long).unwrap_err(),
        "aborted: a name has 3 to 32 characters"
    );
}

fn counter(ledger: &mut Ledger, by: Address) -> Contract {
    let path = templates().parent().unwrap().join("examples/counter.wat");
    let code = wat::parse_file(path).unwrap();
    ledger.deploy(by, 0, &code, &[])
}

#[test]
fn a_contract_in_wat_is_called_by_name() {
    let mut ledger = Ledger::new();
    let alice = ledger.account(1, 0);
    let counter = counter(&mut ledger, alice);
    assert_eq!(counter.query(&mut ledger, "total", &[]), json!(0));
    assert_eq!(
        counter
            .call(&mut ledger, alice, 0, "add", &[("by", "5")])
            .unwrap()
            .0,
        json!(5)
    );
    assert_eq!(
        counter
            .call(&mut ledger, alice, 0, "add", &[("by", "37")])
            .unwrap()
            .0,
        json!(42)
    );
    assert_eq!(
        counter.last_event(&ledger),
        ("Added".to_owned(), json!({"by": 37}))
    );
    assert_eq!(counter.query(&mut ledger, "total", &[]), json!(42));
    let most = u64::MAX.to_string();
    let error = counter
        .call(&mut ledger, alice, 0, "add", &[("by", &most)])
        .unwrap_err();
    assert_eq!(error, "aborted: the total is too large");
    let wrong = ledger
        .enter(alice, counter.address, aureon_vm::Entry::Call, 0, b"rubbish")
        .unwrap_err();
    assert_eq!(
        wrong.to_string(),
        "aborted: the contract has `add` to be called and `total` to be asked"
    );
}
