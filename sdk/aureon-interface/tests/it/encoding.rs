//! Text and JSON become bytes, bytes become JSON.

use aureon_interface::{Arguments, Budget, FunctionKind, Interface, InterfaceError};
use serde_json::{Value, json};

fn interface() -> Interface {
    let json = json!({
        "version": 1, "name": "shop",
        "deploy": {"name": "open", "arguments": [{"name": "owner", "type": "address"}]},
        "functions": [
            {"kind": "call", "name": "all", "arguments": [
                {"name": "flag", "type": "bool"}, {"name": "small", "type": "u8"}, {"name": "big", "type": "u128"},
                {"name": "signed", "type": "i16"}, {"name": "text", "type": "string"}, {"name": "raw", "type": "bytes"},
                {"name": "four", "type": "bytes4"}, {"name": "list", "type": "list<u16>"},
                {"name": "pair", "type": "(u8,bool)"}, {"name": "way", "type": "Way"}, {"name": "item", "type": "Item"},
                {"name": "maybe", "type": "option<u8>"},
            ], "returns": "list<Item>"},
            {"kind": "call", "name": "pay_to", "arguments": [
                {"name": "the_one", "type": "address"}, {"name": "amount", "type": "u64"}]},
            {"kind": "query", "name": "wide", "arguments": [], "returns": "(u64,u128,i64,i8,option<string>,Way,address)"},
        ],
        "events": [{"name": "Sold", "fields": [{"name": "price", "type": "u64"}]}],
        "types": [
            {"name": "Way", "variants": [{"name": "Up", "fields": []}, {"name": "Down", "fields": [{"name": "by", "type": "u8"}]}]},
            {"name": "Item", "fields": [{"name": "id", "type": "u32"}, {"name": "name", "type": "string"}]},
        ],
    });
    Interface::from_json(json.to_string().as_bytes()).unwrap()
}

fn text(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn pay(pairs: &[(&str, &str)]) -> Result<Vec<u8>, InterfaceError> {
    interface().encode_call("pay_to", &Arguments::Text(&text(pairs)))
}

const ADDRESS: &str = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed";

#[test]
fn text_and_json_give_the_same_bytes() {
    let given = text(&[
        ("flag", "true"),
        ("small", "7"),
        ("big", "1_000_000"),
        ("signed", "-2"),
        ("text", "hi"),
        ("raw", "0x0102"),
        ("four", "0xa1a2a3a4"),
        ("list", "[1, 2]"),
        ("pair", "[3, false]"),
        ("way", r#"{"Down": {"by": 9}}"#),
        ("item", r#"{"id": 5, "name": "x"}"#),
        ("maybe", "4"),
    ]);
    let bytes = interface().encode_call("all", &Arguments::Text(&given)).unwrap();
    let mut expected = vec![3, 0, 0, 0, b'a', b'l', b'l', 1, 7];
    expected.extend(1_000_000u128.to_le_bytes());
    expected.extend([
        0xfe, 0xff, 2, 0, 0, 0, b'h', b'i', 2, 0, 0, 0, 1, 2, 0xa1, 0xa2, 0xa3, 0xa4,
    ]);
    expected.extend([
        2, 0, 0, 0, 1, 0, 2, 0, 3, 0, 1, 9, 5, 0, 0, 0, 1, 0, 0, 0, b'x', 1, 4,
    ]);
    assert_eq!(bytes, expected);
    let given = json!({
        "flag": true, "small": 7, "big": "1000000", "signed": -2, "text": "hi", "raw": "0x0102", "four": "0xa1a2a3a4",
        "list": [1, 2], "pair": [3, false], "way": {"Down": {"by": 9}}, "item": {"id": 5, "name": "x"}, "maybe": 4,
    });
    let given = given.as_object().unwrap();
    assert_eq!(
        interface().encode_call("all", &Arguments::Json(given)).unwrap(),
        expected
    );
}

#[test]
fn a_dash_in_a_name_is_an_underscore() {
    let bytes = pay(&[("amount", "5"), ("the-one", ADDRESS)]).unwrap();
    assert_eq!(&bytes[..10], [6, 0, 0, 0, b'p', b'a', b'y', b'_', b't', b'o']);
    assert_eq!(bytes.len(), 10 + 20 + 8);
    assert_eq!(&bytes[30..], 5u64.to_le_bytes());
}

#[test]
fn what_does_not_fit_is_named() {
    let say = |pairs: &[(&str, &str)]| pay(pairs).unwrap_err().to_string();
    let to = ("the_one", ADDRESS);
    assert_eq!(say(&[to]), "`pay_to` needs the argument `amount` (u64)");
    assert_eq!(
        say(&[to, ("amount", "5"), ("x", "1")]),
        "`pay_to` has no argument `x`; it takes: the_one (address), amount (u64)"
    );
    assert_eq!(
        say(&[to, ("amount", "5"), ("the-one", ADDRESS)]),
        "the argument `the_one` is given twice"
    );
    assert_eq!(say(&[to, ("amount", "-5")]), "amount: \"-5\" is not a `u64`");
    assert_eq!(
        say(&[to, ("amount", "18446744073709551616")]),
        "amount: 18446744073709551616 does not fit into `u64`"
    );
    let wrong_case = ADDRESS.replace('A', "a");
    assert!(
        say(&[("the_one", &wrong_case), ("amount", "5")]).starts_with("the_one: "),
        "a wrong checksum is refused"
    );
    let none = Arguments::Text(&[]);
    let error = interface()
        .encode(FunctionKind::Query, "pay_to", &none)
        .unwrap_err();
    assert!(
        error.to_string().starts_with("`pay_to` changes things"),
        "{error}"
    );
    let error = interface().encode(FunctionKind::Call, "wide", &none).unwrap_err();
    assert!(error.to_string().starts_with("`wide` only reads"), "{error}");
    assert!(interface().encode(FunctionKind::Query, "wide", &none).is_ok());
    let error = interface().encode_call("pay", &Arguments::Text(&[])).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the contract `shop` has no function `pay`; it has: all, pay_to, wide"
    );
    let error = interface()
        .encode_migrate(&Arguments::Text(&text(&[("a", "1")])))
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the contract has no `migrate` and takes no arguments there"
    );
}

#[test]
fn deep_mistakes_say_where() {
    let mut object = json!({
        "flag": true, "small": 7, "big": 1, "signed": 1, "text": "", "raw": "0x", "four": "0x00000000",
        "list": [1, 70_000], "pair": [3, false], "way": "Up", "item": {"id": 5, "name": "x"},
    });
    let mut say = |key: &str, value: Value| {
        let object = object.as_object_mut().unwrap();
        let before = object.insert(key.to_owned(), value);
        let error = interface()
            .encode_call("all", &Arguments::Json(object))
            .unwrap_err()
            .to_string();
        object.insert(key.to_owned(), before.unwrap());
        error
    };
    assert_eq!(say("text", json!("ok")), "list[1]: 70000 does not fit into `u16`");
    object["list"] = json!([]);
    let mut say = |key: &str, value: Value| {
        let object = object.as_object_mut().unwrap();
        let before = object.insert(key.to_owned(), value);
        let error = interface()
            .encode_call("all", &Arguments::Json(object))
            .unwrap_err()
            .to_string();
        object.insert(key.to_owned(), before.unwrap());
        error
    };
    assert_eq!(
        say("way", json!("Left")),
        "way: `Way` has no variant `Left`; it has: Up, Down"
    );
    assert_eq!(say("way", json!({"Down": {}})), "way.Down.by: null is not a `u8`");
    assert_eq!(
        say("item", json!({"id": 1, "nam": "x"})),
        "item: there is no field `nam`; there are: id (u32), name (string)"
    );
    assert_eq!(
        say("four", json!("0x01")),
        "four: `bytes4` has 4 bytes, \"0x01\" has 1"
    );
    assert_eq!(
        say("signed", json!(40_000)),
        "signed: 40000 does not fit into `i16`"
    );
    assert_eq!(say("signed", json!(1.5)), "signed: 1.5 is not a `i16`");
    assert_eq!(say("pair", json!([1])), "pair: [1] is not a `(u8,bool)`");
}

#[test]
fn results_and_events_are_json() {
    let mut bytes = u64::MAX.to_le_bytes().to_vec();
    bytes.extend(u128::MAX.to_le_bytes());
    bytes.extend((-5i64).to_le_bytes());
    bytes.push(0x80);
    bytes.extend([1, 2, 0, 0, 0, b'h', b'i', 1, 9]);
    bytes.extend(hex::decode(&ADDRESS[2..]).unwrap());
    assert_eq!(
        interface().decode_result("wide", &bytes).unwrap(),
        json!([u64::MAX, u128::MAX.to_string(), -5, -128, "hi", {"Down": {"by": 9}}, ADDRESS])
    );
    let items = [2, 0, 0, 0, 5, 0, 0, 0, 1, 0, 0, 0, b'x', 6, 0, 0, 0, 0, 0, 0, 0];
    assert_eq!(
        interface().decode_result("all", &items).unwrap(),
        json!([{"id": 5, "name": "x"}, {"id": 6, "name": ""}])
    );
    assert_eq!(interface().decode_result("pay_to", &[]).unwrap(), Value::Null);
    assert_eq!(
        interface().decode_event(b"Sold", &7u64.to_le_bytes()).unwrap(),
        Some(json!({"price": 7}))
    );
    assert_eq!(interface().decode_event(b"Bought", &[]).unwrap(), None);
}

#[test]
fn inputs_are_read_back() {
    let interface = interface();
    let given = json!({"the_one": ADDRESS, "amount": 5});
    let input = interface
        .encode_call("pay_to", &Arguments::Json(given.as_object().unwrap()))
        .unwrap();
    let (function, arguments) = interface.called(&input).unwrap();
    assert_eq!(function.entry.name, "pay_to");
    let mut budget = Budget::default();
    let mut read = |bytes: &[u8]| interface.decode_arguments(&function.entry, bytes, &mut budget);
    assert_eq!(read(arguments), Ok(given));
    assert!(read(&arguments[1..]).is_err());
    assert!(interface.called(b"").is_none());
    assert!(interface.called(&[6, 0, 0, 0, b'p', b'a']).is_none());
    assert!(interface.called(&[2, 0, 0, 0, b'n', b'o']).is_none());
    let deploy = interface.deploy.as_ref().unwrap();
    assert_eq!(
        interface.decode_arguments(deploy, &[0x11; 20], &mut Budget::default()),
        Ok(json!({"owner": "0x1111111111111111111111111111111111111111"}))
    );
}

#[test]
fn other_bytes_are_refused() {
    assert!(interface().decode_result("pay_to", &[1]).is_err());
    assert!(interface().decode_event(b"Sold", &[1, 2]).is_err());
    assert!(interface().decode_event(b"Sold", &[0; 9]).is_err());
}

#[test]
fn an_interface_is_written_as_it_was_read() {
    let json = serde_json::to_vec(&interface()).unwrap();
    assert_eq!(Interface::from_json(&json).unwrap(), interface());
}
