//! `contract inspect`.

use serde_json::{Value, json};
use tempfile::tempdir;

use super::support::{parse, token, write_token};
use crate::support::{fail, succeed, text};

#[test]
fn a_module_is_inspected_without_a_node() {
    let temp = tempdir().unwrap();
    let file = write_token(temp.path());
    let shown: Value = parse(&succeed(&["contract", "inspect", text(&file), "--json"]));
    assert_eq!(shown["entries"], json!(["deploy", "call", "query"]));
    assert_eq!(shown["deploy_gas"], 32_000 + 200 * token().len());
    assert!(
        shown["imports"]
            .as_array()
            .unwrap()
            .iter()
            .any(|import| import["name"] == "emit_log")
    );
    assert!(succeed(&["contract", "inspect", text(&file)]).contains("pages of memory"));

    for (wat, expected) in [
        ("(module)", "exports none of"),
        (
            r#"(module (import "env" "time" (func)) (func (export "call")))"#,
            "env.time",
        ),
        (
            r#"(module (func $s) (start $s) (func (export "call")))"#,
            "start function",
        ),
        (
            r#"(module (memory (export "memory") 300) (func (export "call")))"#,
            "300 pages of memory",
        ),
    ] {
        std::fs::write(&file, wat::parse_str(wat).unwrap()).unwrap();
        let error = fail(4, &["contract", "inspect", text(&file)]);
        assert!(error.contains(expected), "{error}");
    }
    std::fs::write(&file, vec![0; (512 << 10) + 1]).unwrap();
    let error = fail(1, &["contract", "inspect", text(&file)]);
    assert!(error.contains("524289") && error.contains("524288"), "{error}");
}
