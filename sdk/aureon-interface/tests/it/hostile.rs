//! Interfaces and bytes of people who mean no good.

use aureon_interface::{Interface, InterfaceError, MAX_INTERFACE_BYTES, SECTION};
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
    }
}
