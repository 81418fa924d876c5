//! Commands that need no running node: files, refusals, exit codes.

use std::{fs, net::TcpListener, os::unix::fs::PermissionsExt as _, process::Stdio};

use aureon_types::SecretKey;

use crate::support::{binary, fail, run, stderr, succeed, text};

const ADDRESS: &str = "0x52908400098527886E0F7030069857D2E4169EE7";

#[test]
fn init_makes_a_node_once() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("node");
    let made = succeed(&[
        "init",
        "--dir",
        text(&dir),
        "--balance",
        &format!("{ADDRESS}=5"),
        "--json",
    ]);
    let made: serde_json::Value = serde_json::from_str(&made).unwrap();
    for (file, mode) in [
        ("config.toml", 0o644),
        ("genesis.json", 0o644),
        ("node.key", 0o600),
        ("validator.key", 0o600),
    ] {
        let metadata = fs::metadata(dir.join(file)).unwrap();
        assert_eq!(metadata.permissions().mode() & 0o777, mode, "{file}");
    }
    let genesis = succeed(&["genesis", "show", text(&dir.join("genesis.json")), "--json"]);
    let genesis: serde_json::Value = serde_json::from_str(&genesis).unwrap();
    assert_eq!(genesis["id"], made["genesis_id"]);
    assert_eq!(genesis["authorities"][0], made["validator"]);
    assert_eq!(genesis["supply"], 5);
    let before = fs::read(dir.join("validator.key")).unwrap();
    assert!(fail(1, &["init", "--dir", text(&dir)]).contains("exists already"));
    assert_eq!(fs::read(dir.join("validator.key")).unwrap(), before);
}

#[test]
fn init_for_a_given_genesis_makes_no_validator_unless_told() {
    let temp = tempfile::tempdir().unwrap();
    let (one, two, three) = (
        temp.path().join("1"),
        temp.path().join("2"),
        temp.path().join("3"),
    );
    succeed(&["init", "--dir", text(&one)]);
    let genesis = one.join("genesis.json");
    succeed(&["init", "--dir", text(&two), "--genesis", text(&genesis)]);
    assert!(!two.join("validator.key").exists());
    succeed(&[
        "init",
        "--dir",
        text(&three),
        "--genesis",
        text(&genesis),
        "--validator",
    ]);
    assert!(three.join("validator.key").exists());
    let id = |dir: &std::path::Path| succeed(&["genesis", "check", text(&dir.join("genesis.json"))]);
    assert_eq!(id(&one).rsplit(' ').next(), id(&two).rsplit(' ').next());
}

#[test]
fn a_genesis_is_known_by_its_meaning_and_differs_by_field() {
    let temp = tempfile::tempdir().unwrap();
    let key = SecretKey::from_seed([1; 32]).public_key().to_string();
    let (one, two) = (temp.path().join("one.json"), temp.path().join("two.json"));
    let id = succeed(&["genesis", "new", "--authority", &key, "--out", text(&one)]);
    // Another order and other white space.
    let value: serde_json::Value = serde_json::from_str(&fs::read_to_string(&one).unwrap()).unwrap();
    fs::write(&two, value.to_string()).unwrap();
    assert!(succeed(&["genesis", "check", text(&two)]).contains(id.trim()));
    succeed(&["genesis", "check", text(&one), "--against", text(&two)]);
    let mut other = value.clone();
    other["block_time_ms"] = 777.into();
    fs::write(&two, other.to_string()).unwrap();
    let output = run(&["genesis", "check", text(&one), "--against", text(&two)]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stdout).contains("block_time_ms: ours 1000, theirs 777"));
    for (field, value, expected) in [
        ("block_time_ms", serde_json::json!(1), "block_time_ms"),
        ("colour", serde_json::json!(1), "unknown field `colour`"),
        ("engine", serde_json::json!("pox"), "\"pox\" is not an engine"),
    ] {
        let mut wrong = other.clone();
        wrong[field] = value;
        fs::write(&two, wrong.to_string()).unwrap();
        let error = fail(1, &["genesis", "check", text(&two)]);
        assert!(error.contains(expected), "{error}");
    }
    assert!(fail(2, &["genesis", "new"]).contains("at least one authority"));
    assert!(fail(3, &["genesis", "check", "/nonexistent.json"]).contains("does not exist"));
}

#[test]
fn keys_are_private_and_said_to_be_unencrypted() {
    let temp = tempfile::tempdir().unwrap();
    let file = temp.path().join("alice.key");
    let output = run(&["keys", "new", "--out", text(&file), "--json"]);
    assert!(stderr(&output).contains("not encrypted"));
    let made: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(made.get("secret_key").is_none());
    let shown: serde_json::Value =
        serde_json::from_str(&succeed(&["keys", "show", text(&file), "--secret", "--json"])).unwrap();
    assert_eq!(shown["address"], made["address"]);
    assert_eq!(
        format!("{}\n", shown["secret_key"].as_str().unwrap()),
        fs::read_to_string(&file).unwrap()
    );
    assert!(fail(1, &["keys", "new", "--out", text(&file)]).contains("not overwritten"));
    fs::write(&file, "nonsense").unwrap();
    let error = fail(1, &["keys", "show", text(&file)]);
    assert!(
        error.contains("is not a key file") && !error.contains("nonsense"),
        "{error}"
    );
}

#[test]
fn wrong_configurations_are_refused_in_one_line() {
    let temp = tempfile::tempdir().unwrap();
    let file = temp.path().join("config.toml");
    let refused = |content: &str| {
        fs::write(&file, content).unwrap();
        let error = fail(1, &["--config", text(&file)]);
        assert_eq!(error.trim_end().lines().count(), 1, "{error}");
        assert!(error.starts_with("error: "), "{error}");
        error
    };
    assert!(refused("[network]\np2p_prt = 1").contains("did you mean \"p2p_port\"?"));
    assert!(refused("[database]\ncache_size_mb = 1").contains("16 to 1048576"));
    assert!(refused("[api]\nport = 0").contains("there is no genesis"));
    let output = binary()
        .args(["run", "--dir", text(temp.path())])
        .env("AUREON_API_PROT", "1")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("did you mean \"AUREON_API_PORT\"?"),
        "{}",
        stderr(&output)
    );
    assert!(fail(1, &["run", "--config", "/nonexistent/config.toml"]).contains("/nonexistent/config.toml"));
}

#[test]
fn a_port_in_use_is_named() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("node");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    succeed(&["init", "--dir", text(&dir), "--p2p-port", "0"]);
    let error = fail(1, &["run", "--dir", text(&dir), "--api-port", &port, "--no-mdns"]);
    assert!(error.contains(&format!("127.0.0.1:{port} is in use")), "{error}");
    let taken = TcpListener::bind("0.0.0.0:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let error = fail(
        1,
        &[
            "run",
            "--dir",
            text(&dir),
            "--api-port",
            "0",
            "--p2p-port",
            &port,
            "--no-mdns",
        ],
    );
    assert!(error.contains(&port) && error.contains("in use"), "{error}");
}

#[test]
fn exit_codes_tell_scripts_what_happened() {
    fail(2, &["nonsense"]);
    fail(2, &["balance", "0x12"]);
    fail(2, &["testnet", "up", "--nodes", "0"]);
    fail(2, &["testnet", "up", "--engine", "poww"]);
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = fail(5, &["status", "--node", &format!("http://{free}")]);
    assert!(error.contains("cannot reach a node"), "{error}");
    let temp = tempfile::tempdir().unwrap();
    assert!(fail(3, &["testnet", "status", "--dir", text(temp.path())]).contains("no test network"));
    fs::write(temp.path().join("other"), "").unwrap();
    assert!(
        fail(
            1,
            &["testnet", "up", "--base-port", "0", "--dir", text(temp.path())]
        )
        .contains("is not empty")
    );
    assert!(succeed(&["--help"]).contains("Exit codes"));
}

#[test]
fn nobody_reading_is_no_failure() {
    let mut child = binary()
        .args(["keys", "new"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(stderr(&output).is_empty(), "{}", stderr(&output));
    assert_eq!(output.status.code(), Some(0));
}
