//! Order of precedence, refusals, and the promised example.

use super::*;

/// The example of the product description, with its placeholders.
const PROMISED: &str = r#"
[consensus]
engine = "pow"            # "pow", "pos", "poa"
pow_difficulty = 3
pos_min_stake = 1000
poa_authorities = ["0x...", "0x..."]
[network]
host = "127.0.0.1"
p2p_port = 6000
bootstrap_peers = ["/ip4/.../tcp/6000/p2p/..."]
[api]
host = "127.0.0.1"
port = 8080
[database]
path = "./aureon_db"
cache_size_mb = 256
[state]
initial_balances = { "0xaddr" = 1000 }
"#;

const AUTHORITY: &str = "0x8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c";
const PEER: &str = "/ip4/10.0.0.1/tcp/6000/p2p/12D3KooWHHzSeKaY8xuZVzkLbKFfvNgPPeKhFBGrMbNzbm5akpqu";

/// Loads `text` as a file, with variables and flags.
fn load_with(text: &str, variables: &[(&str, &str)], flags: &Overrides) -> Result<Config, ConfigError> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(FILE_NAME);
    std::fs::write(&path, text).unwrap();
    let variables = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    load(&Source::File(path), variables, flags)
}

fn refusal(text: &str, variables: &[(&str, &str)]) -> String {
    match load_with(text, variables, &Overrides::default()) {
        Ok(_) => panic!("accepted: {text} {variables:?}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn later_sources_win() {
    let port = |text, variables: &[_], flag: Option<u16>| {
        let flags = Overrides::default().with("network", "p2p_port", flag);
        load_with(text, variables, &flags).unwrap().network.p2p_port
    };
    let file = "[network]\np2p_port = 7000";
    let variable = [("AUREON_NETWORK_P2P_PORT", "8000")];
    assert_eq!(port("", &[], None), 6_000);
    assert_eq!(port(file, &[], None), 7_000);
    assert_eq!(port(file, &variable, None), 8_000);
    assert_eq!(port(file, &variable, Some(9_000)), 9_000);
}

#[test]
fn what_somebody_set_is_known_from_the_defaults() {
    let flags = Overrides::default().with("mining", "enabled", Some(true));
    let variables = [("AUREON_POW_DIFFICULTY", "3")];
    let config = load_with("[network]\np2p_port = 6000", &variables, &flags).unwrap();
    let given: Vec<&str> = config.given.iter().map(String::as_str).collect();
    assert_eq!(
        given,
        ["consensus.pow_difficulty", "mining.enabled", "network.p2p_port"]
    );
}

#[test]
fn mining_is_off_until_somebody_asks_for_it() {
    let mining = |text| load_with(text, &[], &Overrides::default()).unwrap().mining;
    assert!(!mining("").enabled);
    let off = mining("[mining]\nthreads = 2");
    assert_eq!(
        (off.enabled, off.threads, off.reward_address),
        (false, Some(2), None)
    );
    let on =
        mining("[mining]\nenabled = true\nreward_address = \"0x52908400098527886E0F7030069857D2E4169EE7\"");
    assert_eq!((on.enabled, on.threads), (true, None));
    assert!(on.reward_address.is_some());
}

#[test]
fn the_promised_example_has_the_promised_shape() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(FILE_NAME);
    std::fs::write(&path, PROMISED).unwrap();
    let document = document(&Source::File(path), [], &Overrides::default()).unwrap();
    assert_eq!(document.consensus.engine, "pow");
    assert_eq!(document.state.initial_balances["0xaddr"], 1_000);
    // Its placeholders are refused by the name of their key.
    assert!(refusal(PROMISED, &[]).starts_with("consensus.poa_authorities: "));
    let filled = PROMISED
        .replace("\"0x...\", \"0x...\"", &format!("\"{AUTHORITY}\""))
        .replace("/ip4/.../tcp/6000/p2p/...", PEER)
        .replace("0xaddr", "0x52908400098527886E0F7030069857D2E4169EE7");
    let config = load_with(&filled, &[], &Overrides::default()).unwrap();
    assert_eq!(config.network.bootstrap_peers[0].to_string(), PEER);
    assert_eq!(config.consensus.poa_authorities[0].to_string(), AUTHORITY);
    assert_eq!(config.cache_bytes, 256 << 20);
    assert!(config.database.ends_with("aureon_db") && config.database.is_absolute());
}

#[test]
fn every_key_is_set_by_its_variables() {
    let text = |key: &keys::Key| match (key.name, key.kind) {
        ("engine", _) => "pos",
        ("enabled", _) => "true",
        ("host", _) => "10.1.2.3",
        ("poa_authorities", _) => AUTHORITY,
        ("bootstrap_peers", _) => PEER,
        ("genesis_id", _) => "0x8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c",
        ("filter", _) => "warn,libp2p=error",
        (_, keys::Kind::Text) => "other",
        (_, keys::Kind::Number) => "31",
        (_, keys::Kind::Flag) => "false",
        (_, keys::Kind::List) => "a, b",
        (_, keys::Kind::Map) => "0x52908400098527886E0F7030069857D2E4169EE7=5",
    };
    let plain = serde_json::to_value(Document::default()).unwrap();
    for key in keys::KEYS {
        for variable in key.variables {
            let set = [((*variable).to_owned(), text(key).to_owned())];
            let source = Source::Directory("/nonexistent".into());
            let document = document(&source, set, &Overrides::default()).unwrap();
            let document = serde_json::to_value(document).unwrap();
            assert_ne!(
                document[key.section][key.name], plain[key.section][key.name],
                "{variable}"
            );
        }
    }
}

#[test]
fn the_table_is_the_document() {
    let document = serde_json::to_value(Document::default()).unwrap();
    let mut paths: Vec<String> = Vec::new();
    for (section, entries) in document.as_object().unwrap() {
        paths.extend(
            entries
                .as_object()
                .unwrap()
                .keys()
                .map(|name| format!("{section}.{name}")),
        );
    }
    let mut table: Vec<String> = keys::KEYS.iter().map(keys::Key::path).collect();
    paths.sort();
    table.sort();
    assert_eq!(paths, table);
}

#[test]
fn names_that_do_not_exist_are_refused_with_the_nearest() {
    for (text, expected) in [
        (
            "[network]\np2p_prt = 1",
            "unknown key \"p2p_prt\" in [network]; did you mean \"p2p_port\"?",
        ),
        (
            "[netwrok]\nhost = \"::\"",
            "unknown section [netwrok]; did you mean \"network\"?",
        ),
        (
            "p2p_port = 1",
            "unknown section [p2p_port]; \"p2p_port\" is a key of [network]",
        ),
        (
            "[api]\np2p_port = 1",
            "unknown key \"p2p_port\" in [api]; it is a key of [network]",
        ),
        ("network = 3", "unknown section [network]"),
        (
            "[api]\nzzzzzzzzzzzzz = 1",
            "unknown key \"zzzzzzzzzzzzz\" in [api]",
        ),
    ] {
        let given = refusal(text, &[]);
        assert!(given.contains(expected), "{text}: {given}");
    }
    let given = refusal("", &[("AUREON_NETWORK_PORT", "1")]);
    assert!(
        given.contains("did you mean \"AUREON_NETWORK_P2P_PORT\"?"),
        "{given}"
    );
    assert!(load_with("", &[("AUREON", "1"), ("PATH", "x")], &Overrides::default()).is_ok());
}

#[test]
fn values_are_checked_by_type_and_bound() {
    for (text, expected) in [
        ("[api]\nport = 70000", "api.port"),
        ("[api]\nport = \"x\"", "api.port"),
        ("[api]\nhost = \"example\"", "\"example\" is not an IP address"),
        ("[consensus]\nengine = \"poaa\"", "did you mean \"poa\"?"),
        ("[consensus]\npow_difficulty = 32", "32 is not within 0 to 31"),
        ("[mining]\nthreads = 1025", "1025 is not within 0 to 1024"),
        ("[mining]\nreward_address = \"0x12\"", "mining.reward_address"),
        ("[database]\ncache_size_mb = 1", "1 is not within 16 to 1048576"),
        ("[database]\npath = \"\"", "database.path: the path is empty"),
        (
            "[mempool]\nmax_transactions = 1",
            "1 is not within 1000 to 10000000",
        ),
        (
            "[network]\nbootstrap_peers = [\"/ip4/1.2.3.4/tcp/1\"]",
            "does not end in /p2p/<peer id>",
        ),
        (
            "[network]\nbootstrap_peers = [\"1.2.3.4:1\"]",
            "is not a multiaddr",
        ),
        (
            "[state]\ninitial_balances = { \"0x52908400098527886e0F7030069857D2E4169EE7\" = 1 }",
            "wrong checksum",
        ),
        ("[log]\nfilter = \"a=b=c\"", "is not a log filter"),
        ("[node]\ngenesis_id = \"0x12\"", "is not a genesis id"),
        ("[network\n", "config.toml"),
    ] {
        let given = refusal(text, &[]);
        assert!(given.contains(expected), "{text}: {given}");
    }
    let twice = "[state]\ninitial_balances = { \"0x52908400098527886E0F7030069857D2E4169EE7\" = 1, \
                 \"0x52908400098527886e0f7030069857d2e4169ee7\" = 2 }";
    assert!(refusal(twice, &[]).contains("listed twice"));
}

#[test]
fn variables_are_checked_too() {
    for (variable, text, expected) in [
        ("AUREON_NETWORK_P2P_PORT", "x", "expected a whole number"),
        ("AUREON_NETWORK_P2P_PORT", "70000", "70000"),
        ("AUREON_NETWORK_MDNS", "yes", "expected \"true\" or \"false\""),
        ("AUREON_STATE_INITIAL_BALANCES", "0x12", "expected address=number"),
    ] {
        let given = refusal("", &[(variable, text)]);
        assert!(given.contains(expected), "{variable}: {given}");
    }
    let both = [
        ("AUREON_POW_DIFFICULTY", "1"),
        ("AUREON_CONSENSUS_POW_DIFFICULTY", "2"),
    ];
    assert!(refusal("", &both).contains("the same key"));
}

#[test]
fn the_template_reads_back_as_it_was() {
    let mut document = Document::default();
    document.consensus.poa_authorities = vec![AUTHORITY.to_owned()];
    document.network.bootstrap_peers = vec![PEER.to_owned()];
    document
        .state
        .initial_balances
        .insert("0x52908400098527886E0F7030069857D2E4169EE7".to_owned(), 7);
    let text = template(&document).unwrap();
    let config = load_with(&text, &[], &Overrides::default()).unwrap();
    assert_eq!(config.initial_balances.len(), 1);
    assert_eq!(toml_of(&text), document);
}

fn toml_of(text: &str) -> Document {
    Figment::from(Toml::string(text)).extract().unwrap()
}

#[test]
fn a_missing_file_is_named() {
    let source = Source::File("/nonexistent/config.toml".into());
    let error = load(&source, [], &Overrides::default()).unwrap_err().to_string();
    assert!(error.contains("/nonexistent/config.toml"), "{error}");
}

/// The tests of contracts name the binary in a variable that begins like ours.
#[test]
fn variables_for_tests_of_contracts_are_not_ours() {
    let set = [
        ("AUREON_NODE", "/usr/bin/aureon-node"),
        ("AUREON_CONTRACTS", "target/x"),
    ];
    load_with("", &set, &Overrides::default()).unwrap();
    assert!(refusal("", &[("AUREON_NODES", "1")]).contains("AUREON_NODES"));
}
