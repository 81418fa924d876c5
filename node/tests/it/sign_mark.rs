//! A validator moves to another machine with its sign-mark.

use std::{fs, path::Path};

use serde_json::{Value, json};
use tempfile::tempdir;

use crate::support::{Node, eventually, fail, run, stderr, succeed, text};

fn shown(dir: &Path) -> Value {
    serde_json::from_str(&succeed(&["sign-mark", "show", "--dir", text(dir), "--json"])).unwrap()
}

#[test]
fn a_sign_mark_moves_with_its_key_and_is_never_lowered() {
    let temp = tempdir().unwrap();
    let (old, new, file) = (
        temp.path().join("old"),
        temp.path().join("new"),
        temp.path().join("mark.json"),
    );
    let node = Node::lone(&old, "0x52908400098527886E0F7030069857D2E4169EE7=5");
    let client = node.client();
    eventually("it signs", || client.head().ok().filter(|head| head.height >= 3));
    let export = ["sign-mark", "export", "--dir", text(&old), "--out", text(&file)];
    let refused = fail(1, &export);
    assert!(refused.contains("stop the node first"), "{refused}");
    assert!(!file.exists());
    assert_eq!(node.stop(), Some(0));
    succeed(&export);
    let mark = shown(&old);
    assert!(mark["height"].as_u64().unwrap() >= 3, "{mark}");
    assert_eq!(
        serde_json::from_slice::<Value>(&fs::read(&file).unwrap()).unwrap(),
        mark
    );

    // The other machine has the genesis and a key of its own: the mark is not this key's.
    let genesis = old.join("genesis.json");
    succeed(&[
        "init",
        "--dir",
        text(&new),
        "--genesis",
        text(&genesis),
        "--validator",
    ]);
    let import = ["sign-mark", "import", "--dir", text(&new), text(&file)];
    let refused = fail(1, &import);
    assert!(refused.contains("nothing was changed"), "{refused}");

    // With the key, the mark is taken over; once more changes nothing, and a lower one does not either.
    fs::copy(old.join("validator.key"), new.join("validator.key")).unwrap();
    succeed(&import);
    assert_eq!(shown(&new), mark);
    for height in [mark["height"].as_u64().unwrap(), 1] {
        let mut lower = mark.clone();
        lower["height"] = json!(height);
        fs::write(&file, lower.to_string()).unwrap();
        let output = run(&import);
        assert!(output.status.success() && stderr(&output).contains("nothing was changed"));
        assert_eq!(shown(&new), mark);
    }

    // Of another network.
    let mut foreign = mark.clone();
    foreign["genesis_id"] = json!(format!("0x{}", "11".repeat(32)));
    fs::write(&file, foreign.to_string()).unwrap();
    assert!(fail(1, &import).contains("of the network"));
    assert_eq!(shown(&new), mark);
    fs::write(&file, "{}").unwrap();
    assert!(fail(1, &import).contains("no exported sign-mark"));
    assert_eq!(
        fail(3, &["sign-mark", "show", "--dir", text(temp.path())])
            .lines()
            .count(),
        1
    );
}
