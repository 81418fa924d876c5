//! Interfaces and bytes of people who mean no good.

use aureon_interface::{
    Arguments, Budget, Interface, InterfaceError, MAX_INTERFACE_BYTES, MAX_VALUES, SECTION,
};
use proptest::prelude::*;
use serde_json::json;

fn read(functions: serde_json::Value, types: serde_json::Value) -> Result<Interface, InterfaceError> {
    let json = json!({"version": 1, "name": "x", "functions": functions, "types": types});
    Interface::from_json(json.to_string().as_bytes())
}

fn giving(kind: &str, types: serde_json::Value) -> Interface {
    read(
        json!([{"kind": "query", "name": "f", "arguments": [], "returns": kind}]),
        types,
    )
    .unwrap()
}

#[test]
fn an_interface_of_another_kind_is_refused_in_words() {
    let say = |json: &[u8]| Interface::from_json(json).unwrap_err().to_string();
    assert_eq!(
        say(br#"{"version": 2}"#),
        "the interface is of version 2, this node reads version 1"
    );
    assert_eq!(say(b"[]"), "the interface cannot be read: it has no version");
    assert!(say(&vec![b' '; MAX_INTERFACE_BYTES + 1]).contains("at most 65536"));
    let unknown = read(
        json!([{"kind": "call", "name": "f", "arguments": [{"name": "a", "type": "list<Thing>"}]}]),
        json!([]),
    );
    assert_eq!(unknown, Err(InterfaceError::UnknownType("Thing".to_owned())));
    let twice = json!([{"name": "A", "fields": []}, {"name": "A", "fields": []}]);
    assert!(read(json!([]), twice).is_err());
}

#[test]
fn a_type_within_itself_ends() {
    let types = json!([{"name": "A", "fields": [{"name": "a", "type": "A"}]}]);
    let error = giving("A", types).decode_result("f", &[0; 100]).unwrap_err();
    assert_eq!(error, InterfaceError::Bytes("values are nested too deeply"));
}

#[test]
fn a_list_of_a_billion_nothings_ends() {
    let types = json!([{"name": "Nothing", "fields": []}]);
    let error = giving("list<Nothing>", types)
        .decode_result("f", &u32::MAX.to_le_bytes())
        .unwrap_err();
    assert_eq!(error, InterfaceError::Bytes("there are too many values"));
}

#[test]
fn a_tree_of_empty_structures_ends() {
    let field = |name: &str, kind: &str| json!({"name": name, "type": kind});
    let mut types = vec![json!({"name": "T0", "fields": []})];
    for level in 1..15 {
        let below = format!("T{}", level - 1);
        let fields: Vec<_> = (0..50).map(|index| field(&format!("f{index}"), &below)).collect();
        types.push(json!({"name": format!("T{level}"), "fields": fields}));
    }
    let error = giving("T13", types.into()).decode_result("f", &[]).unwrap_err();
    assert_eq!(error, InterfaceError::Bytes("there are too many values"));
}

#[test]
fn names_are_words_once_each() {
    let function = |name: &str| json!([{"kind": "call", "name": name, "arguments": []}]);
    let long = "f".repeat(65);
    for wrong in ["", "a b", "\u{1b}[2J", "a-b", &long] {
        let error = read(function(wrong), json!([])).unwrap_err().to_string();
        assert!(error.contains("is no name of a function"), "{wrong:?}: {error}");
        assert!(error.len() < 250 && !error.contains('\u{1b}'), "{error:?}");
    }
    assert!(read(function("\u{fc}berweisen"), json!([])).is_ok());
    let twice = |what: &str, json: serde_json::Value| {
        let error = Interface::from_json(json.to_string().as_bytes())
            .unwrap_err()
            .to_string();
        assert!(
            error.contains(&format!("the {what} `a` is there twice")),
            "{error}"
        );
    };
    let a = json!({"kind": "query", "name": "a", "arguments": []});
    twice(
        "function",
        json!({"version": 1, "name": "x", "functions": [a, a]}),
    );
    let field = json!({"name": "a", "type": "u8"});
    let fields = json!([{"name": "T", "fields": [field, field]}]);
    twice(
        "field",
        json!({"version": 1, "name": "x", "functions": [], "types": fields}),
    );
    let variant = json!({"name": "a", "fields": []});
    let variants = json!([{"name": "T", "variants": [variant, variant]}]);
    twice(
        "variant",
        json!({"version": 1, "name": "x", "functions": [], "types": variants}),
    );
    let event = json!({"name": "a", "fields": []});
    twice(
        "event",
        json!({"version": 1, "name": "x", "functions": [], "events": [event, event]}),
    );
}

#[test]
fn many_events_are_read_with_one_budget() {
    let json = json!({"version": 1, "name": "x", "functions": [],
        "events": [{"name": "e", "fields": [{"name": "all", "type": "list<Own>"}]}],
        "types": [{"name": "Own", "fields": [{"name": "byte", "type": "u8"}]}]});
    let interface = Interface::from_json(json.to_string().as_bytes()).unwrap();
    let mut data = 4_000_u32.to_le_bytes().to_vec();
    data.extend([7; 4_000]);
    let mut budget = Budget::default();
    let read = (0..64)
        .map_while(|_| interface.decode_event_within(b"e", &data, &mut budget).ok())
        .count();
    // A list, and for each of its elements the structure and what is in it.
    assert_eq!(read, MAX_VALUES / 8_001);
}

/// As many fields as an interface can name.
fn wide(kind: &str) -> Interface {
    let fields: Vec<_> = (0..1_500)
        .map(|index| json!({"name": format!("f{index}"), "type": kind}))
        .collect();
    let types = json!([{"name": "Wide", "fields": fields}, {"name": "Nothing", "fields": []}]);
    let list = json!([{"kind": "call", "name": "f", "arguments": [{"name": "all", "type": "list<Wide>"}]}]);
    read(list, types).unwrap()
}

#[test]
fn a_short_request_does_not_become_a_long_input() {
    for kind in ["option<u8>", "Nothing"] {
        let interface = wide(kind);
        let mut object = serde_json::Map::new();
        object.insert("all".to_owned(), vec![json!({}); 500_000].into());
        let error = interface.encode_call("f", &Arguments::Json(&object)).unwrap_err();
        assert!(error.to_string().contains("65536 bytes"), "{kind}: {error}");
    }
    let text = |length: usize| [("text".to_owned(), "x".repeat(length))];
    let take = json!([{"kind": "call", "name": "f", "arguments": [{"name": "text", "type": "string"}]}]);
    let interface = read(take, json!([])).unwrap();
    // The function's name and two lengths.
    let most = 65_536 - 9;
    assert!(interface.encode_call("f", &Arguments::Text(&text(most))).is_ok());
    assert!(
        interface
            .encode_call("f", &Arguments::Text(&text(most + 1)))
            .is_err()
    );
}

#[test]
fn messages_are_no_pages() {
    let interface = wide("u8");
    let mut object = serde_json::Map::new();
    object.insert("all".to_owned(), json!([{"no\u{1b}": "x".repeat(100_000)}]));
    for error in [
        interface.encode_call("f", &Arguments::Json(&object)).unwrap_err(),
        interface
            .encode_call(&"f".repeat(100_000), &Arguments::Text(&[]))
            .unwrap_err(),
    ] {
        let words = error.to_string();
        assert!(words.len() < 1_000 && !words.contains('\u{1b}'), "{words:?}");
    }
}

fn module(section: &[u8]) -> Vec<u8> {
    let mut bytes = b"\0asm\x01\0\0\0\0".to_vec();
    let mut content = vec![u8::try_from(SECTION.len()).unwrap()];
    content.extend(SECTION.bytes());
    content.extend(section);
    let mut length = content.len();
    while length > 127 {
        bytes.push(u8::try_from(length & 127).unwrap() | 128);
        length >>= 7;
    }
    bytes.push(u8::try_from(length).unwrap());
    bytes.extend(content);
    bytes
}

#[test]
fn a_section_of_rubbish_is_an_error() {
    assert!(Interface::from_wasm(&module(b"{")).is_err());
    let fine = module(br#"{"version":1,"name":"x","functions":[]}"#);
    assert_eq!(Interface::from_wasm(&fine).unwrap().unwrap().name, "x");
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes: Vec<u8>, flip in 0usize..200, to: u8) {
        let mut module = module(br#"{"version":1,"name":"x","functions":[{"kind":"call","name":"f","arguments":[]}]}"#);
        if let Some(byte) = module.get_mut(flip) {
            *byte = to;
        }
        let _ = Interface::from_wasm(&module);
        let _ = Interface::from_json(&bytes);
        let types = json!([{"name": "E", "variants": [{"name": "A", "fields": [{"name": "e", "type": "list<E>"}]}]}]);
        let interface = giving("(list<option<u16>>,list<E>,string,bytes,bytes3,i128)", types);
        let _ = interface.decode_result("f", &bytes);
        if let Some((function, arguments)) = interface.called(&bytes) {
            let _ = interface.decode_arguments(&function.entry, arguments, &mut Budget::default());
        }
    }
}
