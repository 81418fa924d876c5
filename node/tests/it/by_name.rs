//! The templates and the contract in WAT, called by name on the node's machine and ledger: what their own tests do not
//! show.

use std::{collections::BTreeMap, path::PathBuf, sync::LazyLock};

use aureon_interface::{
    Arguments, Interface,
    build::{Project, build},
};
use aureon_node::{
    api::hex_bytes::HexBytes,
    sandbox::{Setup, door::Door},
};
use serde_json::{Value, json};

use crate::templates::{target_folder, templates};

/// The modules of the templates, by name.
static MODULES: LazyLock<BTreeMap<String, PathBuf>> = LazyLock::new(|| {
    let project = Project {
        folder: templates(),
        target_folder: Some(target_folder()),
        locked: true,
    };
    let built = build(&project, &mut |line| println!("{line}")).unwrap();
    built.into_iter().map(|built| (built.name, built.path)).collect()
});

/// A sandbox in which Ann, Ben and Cleo hold 100 each.
struct World(Door);

impl World {
    fn new() -> Self {
        let mut world = Self(Door::new(&Setup::default()).unwrap());
        for name in ["ann", "ben", "cleo"] {
            world.ask(&json!({"do": "account", "name": name, "balance": 100}));
        }
        world
    }

    fn ask(&mut self, request: &Value) -> Value {
        let answer = self.0.answer(request.to_string().as_bytes());
        assert_eq!(answer["error"], Value::Null, "{request}");
        answer["ok"].clone()
    }

    fn address(&mut self, name: &str) -> Value {
        self.ask(&json!({"do": "balance", "of": name}))["address"].clone()
    }

    fn deploy(&mut self, template: &str, value: u64, arguments: &Value) -> Value {
        let deployed = self.ask(&json!({
            "do": "deploy", "from": "ann", "file": MODULES[template], "value": value, "arguments": arguments,
        }));
        assert_eq!(deployed["receipt"]["success"], true, "{deployed}");
        deployed["receipt"]["contract"].clone()
    }

    fn token(&mut self, supply: u64) -> Value {
        let details = json!({"name": "Gold", "symbol": "GLD", "decimals": 2, "supply": supply});
        self.deploy("token", 0, &details)
    }

    /// What a call gave, or why it failed.
    fn call(
        &mut self,
        by: &str,
        contract: &Value,
        function: &str,
        arguments: &Value,
    ) -> Result<Value, String> {
        let request = json!({
            "do": "call", "from": by, "contract": contract, "function": function, "arguments": arguments,
        });
        outcome(&self.ask(&request))
    }

    fn query(&mut self, contract: &Value, function: &str, arguments: &Value) -> Value {
        let request =
            json!({"do": "query", "contract": contract, "function": function, "arguments": arguments});
        self.ask(&request)["result"].clone()
    }
}

fn outcome(answer: &Value) -> Result<Value, String> {
    match answer["receipt"]["failure"].as_str() {
        None => Ok(answer["result"].clone()),
        Some(failure) => Err(failure.to_owned()),
    }
}

/// The bytes of a call, as a wallet keeps them.
fn input(template: &str, function: &str, arguments: &Value) -> Vec<u8> {
    let code = std::fs::read(&MODULES[template]).unwrap();
    let interface = Interface::from_wasm(&code).unwrap().unwrap();
    let arguments = Arguments::Json(arguments.as_object().unwrap());
    interface.encode_call(function, &arguments).unwrap()
}

fn hex(bytes: &[u8]) -> String {
    HexBytes(bytes.to_vec().into()).to_string()
}

#[test]
fn what_is_wrong_with_an_input_is_said() {
    let mut world = World::new();
    let (token, ann) = (world.token(1), world.address("ann"));
    let transfer = input("token", "transfer", &json!({"to": ann, "amount": 0}));
    let query = input("token", "supply", &json!({}));
    let unknown = "the contract has no function `supply` to be called in this way";
    for (input, value, words) in [
        (&[][..], 0, "the input does not begin with a function's name"),
        (
            &[1, 0, 0, 0, b'x'],
            0,
            "the contract has no function `x` to be called in this way",
        ),
        (&transfer[..20], 0, "argument `to`: the bytes end too early"),
        (
            &[&transfer[..], &[0]].concat(),
            0,
            "there are bytes after the last argument",
        ),
        (&transfer, 5, "`transfer` takes no value"),
        (&query, 0, unknown),
    ] {
        let request =
            json!({"do": "call", "from": "ann", "contract": token, "input": hex(input), "value": value});
        let failure = outcome(&world.ask(&request)).unwrap_err();
        assert!(failure.ends_with(&format!("aborted: {words}")), "{failure}");
    }
}

#[test]
fn a_supply_that_does_not_fit_is_said() {
    let mut world = World::new();
    let (token, ann) = (world.token(u64::MAX), world.address("ann"));
    let minted = world.call("ann", &token, "mint", &json!({"to": ann, "amount": 1}));
    let failure = minted.unwrap_err();
    assert!(
        failure.ends_with("aborted: the supply would be too large"),
        "{failure}"
    );
}

#[test]
fn a_wallet_calls_a_token_and_hears_why_it_fails() {
    let mut world = World::new();
    let [ann, ben, cleo] = ["ann", "ben", "cleo"].map(|name| world.address(name));
    let token = world.token(1_000);
    let wallet = world.deploy("multisig", 50, &json!({"members": [ann, ben], "threshold": 2}));
    let ten = json!({"to": wallet, "amount": 10});
    world.call("ann", &token, "transfer", &ten).unwrap();
    for (amount, expected, left) in [(7, Ok(json!("0x")), 7), (4, Err("the balance is 3, 4 needed"), 7)] {
        let bytes = hex(&input(
            "token",
            "transfer",
            &json!({"to": cleo, "amount": amount}),
        ));
        let action = json!({"Call": {"contract": token, "value": 0, "input": bytes}});
        let id = world
            .call("ann", &wallet, "propose", &json!({"action": action}))
            .unwrap();
        world.call("ben", &wallet, "approve", &json!({"id": id})).unwrap();
        let done = world.call("ben", &wallet, "execute", &json!({"id": id}));
        match expected {
            Ok(answer) => assert_eq!(done, Ok(answer)),
            Err(why) => {
                let failure = done.unwrap_err();
                // Once: the wallet passes the token's words on.
                assert!(failure.ends_with(&format!(": aborted: {why}")), "{failure}");
                assert_eq!(failure.matches("aborted").count(), 1, "{failure}");
            }
        }
        assert_eq!(world.query(&token, "balance_of", &json!({"owner": cleo})), left);
    }
}

#[test]
fn a_name_that_is_far_too_long_is_refused_in_the_contracts_words() {
    let mut world = World::new();
    let names = world.deploy("names", 0, &json!({"price": 0}));
    let long = json!({"name": "x".repeat(300), "years": 1});
    let failure = world.call("ann", &names, "register", &long).unwrap_err();
    assert!(
        failure.ends_with("aborted: a name has 3 to 32 characters"),
        "{failure}"
    );
    assert_eq!(
        world.query(&names, "resolve", &json!({"name": "nobody"})),
        Value::Null
    );
}

#[test]
fn a_contract_in_wat_is_called_by_name() {
    let path = templates().parent().unwrap().join("examples/counter.wat");
    let code = hex(&wat::parse_file(path).unwrap());
    let mut world = World::new();
    let deployed = world.ask(&json!({"do": "deploy", "from": "ann", "code": code}));
    let counter = deployed["receipt"]["contract"].clone();
    assert_eq!(world.query(&counter, "total", &json!({})), 0);
    assert_eq!(
        world.call("ann", &counter, "add", &json!({"by": 5})),
        Ok(json!(5))
    );
    assert_eq!(
        world.call("ben", &counter, "add", &json!({"by": 37})),
        Ok(json!(42))
    );
    let most = world.call("ben", &counter, "add", &json!({"by": u64::MAX}));
    assert!(most.unwrap_err().ends_with("aborted: the total is too large"));
    let rubbish = json!({"do": "call", "from": "ann", "contract": counter, "input": hex(b"rubbish")});
    let failure = outcome(&world.ask(&rubbish)).unwrap_err();
    assert!(
        failure.ends_with("aborted: the contract has `add` to be called and `total` to be asked"),
        "{failure}"
    );
}
