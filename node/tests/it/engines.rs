//! The three engines on the command line: making, showing and refusing a genesis; what a node says when
//! its configuration and its genesis differ; flags that would have no effect.

use std::{fs, path::Path};

use aureon_types::{EngineKind, Genesis, SecretKey};

use crate::support::{binary, fail, stderr, succeed, text};

const ADDRESS: &str = "0x52908400098527886E0F7030069857D2E4169EE7";

fn key(seed: u8) -> String {
    SecretKey::from_seed([seed; 32]).public_key().to_string()
}

fn read(path: &Path) -> Genesis {
    Genesis::from_json(&fs::read_to_string(path).unwrap()).unwrap()
}

/// A genesis of every engine in a directory.
fn one_of_each(dir: &Path) -> [std::path::PathBuf; 3] {
    let (stake, authority) = (format!("{}=5000000:2.5%", key(1)), key(1));
    let arguments: [&[&str]; 3] = [
        &["--engine", "pow", "--pow-difficulty", "1"],
        &["--engine", "pos", "--stake", &stake, "--min-stake", "1000000"],
        &["--engine", "poa", "--authority", &authority],
    ];
    let names = ["pow.json", "pos.json", "poa.json"].map(|name| dir.join(name));
    for (arguments, path) in arguments.iter().zip(&names) {
        let all = [&["genesis", "new", "--out", text(path)], *arguments].concat();
        succeed(&all);
    }
    names
}

#[test]
fn flags_make_the_parameters_of_each_engine() {
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join("genesis.json");
    let stakes = [format!("{}=5000000:2.5%", key(1)), format!("{}=6000000", key(2))];
    succeed(&[
        "genesis",
        "new",
        "--engine",
        "pos",
        "--stake",
        &stakes[0],
        "--stake",
        &stakes[1],
        "--min-stake",
        "1000000",
        "--epoch-blocks",
        "600",
        "--unbonding-epochs",
        "14",
        "--max-validators",
        "50",
        "--slash",
        "10%",
        "--max-missed",
        "90%",
        "--jail-epochs",
        "3",
        "--reward",
        "7",
        "--halving-blocks",
        "1000",
        "--out",
        text(&path),
    ]);
    let EngineKind::Pos(pos) = read(&path).engine else {
        unreachable!("--engine pos")
    };
    assert_eq!(
        (pos.min_stake, pos.epoch_blocks, pos.unbonding_epochs),
        (1_000_000, 600, 14)
    );
    assert_eq!((pos.max_validators, pos.slash_basis_points), (50, 1_000));
    assert_eq!((pos.max_missed_basis_points, pos.jail_epochs), (9_000, 3));
    assert_eq!((pos.reward.per_block, pos.reward.halving_blocks), (7, 1_000));
    let commissions: Vec<u32> = pos
        .validators
        .iter()
        .map(|validator| validator.commission_basis_points)
        .collect();
    assert_eq!(commissions.iter().sum::<u32>(), 250);
    let shown = succeed(&["genesis", "show", text(&path)]);
    for part in [
        "pos, 2 validators",
        "epochs of 600",
        "stake 5000000, commission 2.50 %",
        "10.00 % of the stake",
        "supply         11000000",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }

    let path = temp.path().join("pow.json");
    succeed(&[
        "genesis",
        "new",
        "--engine",
        "pow",
        "--block-time",
        "10s",
        "--half-life",
        "2m",
        "--finality-depth",
        "32",
        "--out",
        text(&path),
    ]);
    let genesis = read(&path);
    let EngineKind::Pow(pow) = &genesis.engine else {
        unreachable!("--engine pow")
    };
    assert_eq!(
        (genesis.block_time_ms, pow.half_life_ms, pow.finality_depth),
        (10_000, 120_000, 32)
    );
    let shown: serde_json::Value =
        serde_json::from_str(&succeed(&["genesis", "show", text(&path), "--json"])).unwrap();
    assert_eq!(shown["pow"]["difficulty"], 3);
    assert_eq!(shown["id"], genesis.id().to_string());
    assert!(shown.get("balances").is_none());
}

#[test]
fn variables_serve_a_new_genesis() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("node");
    let output = binary()
        .args(["init", "--dir", text(&dir)])
        .env("AUREON_CONSENSUS_ENGINE", "pow")
        .env("AUREON_POW_DIFFICULTY", "1")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let EngineKind::Pow(pow) = read(&dir.join("genesis.json")).engine else {
        unreachable!("AUREON_CONSENSUS_ENGINE=pow")
    };
    assert_eq!(pow.difficulty, 1);
    let config = fs::read_to_string(dir.join("config.toml")).unwrap();
    for line in ["engine = \"pow\"", "pow_difficulty = 1", "enabled = false"] {
        assert!(config.contains(line), "{line}: {config}");
    }
}

#[test]
fn init_gives_the_nodes_own_key_what_its_engine_needs() {
    let temp = tempfile::tempdir().unwrap();
    let made = |name: &str, more: &[&str]| {
        let dir = temp.path().join(name);
        let made = succeed(&[&["init", "--json", "--dir", text(&dir)], more].concat());
        let made: serde_json::Value = serde_json::from_str(&made).unwrap();
        (
            read(&dir.join("genesis.json")),
            made["validator"].as_str().unwrap().to_owned(),
            fs::read_to_string(dir.join("config.toml")).unwrap(),
        )
    };
    let (genesis, own, config) = made(
        "pos",
        &[
            "--engine",
            "pos",
            "--own-stake",
            "5000000",
            "--own-balance",
            "77",
            "--min-stake",
            "2000",
        ],
    );
    let EngineKind::Pos(pos) = &genesis.engine else {
        unreachable!("--engine pos")
    };
    assert_eq!(pos.validators.len(), 1);
    assert_eq!(pos.validators[0].public_key.to_string(), own);
    assert_eq!(
        (pos.validators[0].stake.0, genesis.supply().0),
        (5_000_000, 5_000_077)
    );
    assert!(config.contains("pos_min_stake = 2000"), "{config}");
    let (genesis, own, _) = made("least", &["--engine", "pos"]);
    let EngineKind::Pos(pos) = &genesis.engine else {
        unreachable!("--engine pos")
    };
    assert_eq!(
        (
            pos.validators[0].public_key.to_string(),
            pos.validators[0].stake.0
        ),
        (own, pos.min_stake)
    );
    let (_, _, config) = made("pow", &["--engine", "pow", "--pow-difficulty", "0", "--mine"]);
    assert!(config.contains("enabled = true") && config.contains("pow_difficulty = 0"));
    // What does not fit the engine is refused, and nothing is left behind.
    for (arguments, expected) in [
        (&["--mine"][..], "only proof of work"),
        (&["--own-stake", "5"], "--engine pos"),
        (&["--engine", "pow", "--min-stake", "5"], "--min-stake belongs to"),
        (&["--engine", "poww"], "did you mean \"pow\"?"),
    ] {
        let dir = temp.path().join("refused");
        let error = fail(2, &[&["init", "--dir", text(&dir)], arguments].concat());
        assert!(error.contains(expected), "{arguments:?}: {error}");
        assert!(!dir.exists(), "{arguments:?}");
    }
}

#[test]
fn a_given_genesis_decides_and_what_it_overrules_is_said() {
    let temp = tempfile::tempdir().unwrap();
    let [pow, ..] = one_of_each(temp.path());
    let dir = temp.path().join("node");
    let output = binary()
        .args(["init", "--dir", text(&dir), "--genesis", text(&pow)])
        .env("AUREON_POW_DIFFICULTY", "9")
        .env("AUREON_CONSENSUS_ENGINE", "pos")
        .output()
        .unwrap();
    assert!(output.status.success());
    for part in [
        "consensus.engine is \"pos\", but the genesis says \"pow\": the genesis wins",
        "consensus.pow_difficulty is 9, but the network began with 1: the genesis wins",
    ] {
        assert!(stderr(&output).contains(part), "{}", stderr(&output));
    }
    let config = fs::read_to_string(dir.join("config.toml")).unwrap();
    assert!(config.contains("engine = \"pow\"") && config.contains("pow_difficulty = 1"));
    // Flags for a new genesis beside a given one would be ignored.
    let other = temp.path().join("other");
    let error = fail(
        2,
        &[
            "init",
            "--dir",
            text(&other),
            "--genesis",
            text(&pow),
            "--pow-difficulty",
            "2",
        ],
    );
    assert!(error.contains("cannot be used with"), "{error}");
}

#[test]
fn wrong_parameters_are_refused_with_field_and_reason() {
    let stake = format!("{}=999", key(1));
    let twice = format!("{}=5000", key(1));
    let none = format!("{}=0", key(1));
    let much = format!("{}=1152921504606846975", key(1));
    let much_balance = format!("{ADDRESS}=1152921504606846975");
    let pos = ["genesis", "new", "--engine", "pos", "--stake"];
    let pow = ["genesis", "new", "--engine", "pow"];
    for (command, rest, expected) in [
        (
            &pos[..],
            &[stake.as_str()][..],
            "\"validators\": the stake of 0x8a88",
        ),
        (&pos, &[&none], "is 0, below pos.min_stake, 1000"),
        (&pos, &[&twice, "--stake", &twice], "appears more than once"),
        (
            &pos,
            &[&much, "--balance", &much_balance],
            "above the greatest supply",
        ),
        (&pos, &[&twice, "--epoch-blocks", "3"], "\"pos.epoch_blocks\": 3"),
        (
            &pos,
            &[&twice, "--reward", "1152921504606846975"],
            "\"pos.reward\": all rewards",
        ),
        (
            &pow,
            &["--block-time", "0s"],
            "\"block_time_ms\": 0 is not within",
        ),
        (&pow, &["--half-life", "1s"], "\"pow.half_life_ms\": 1000"),
        (&pow, &["--finality-depth", "0"], "\"pow.finality_depth\": 0"),
        (
            &pow,
            &["--halving-blocks", "0"],
            "\"pow.reward.halving_blocks\": 0",
        ),
        (
            &pow,
            &["--empty-blocks", "on-demand"],
            "\"empty_blocks\": proof of work makes",
        ),
    ] {
        let error = fail(1, &[command, rest].concat());
        assert!(error.contains(expected), "{rest:?}: {error}");
        assert_eq!(error.trim_end().lines().count(), 1, "{error}");
    }
    for (command, rest, expected) in [
        (&pow[..], &["--stake", twice.as_str()][..], "--stake belongs to"),
        (
            &pow,
            &["--epoch-blocks", "9"],
            "belongs to the engine \"pos\" or \"poa\"",
        ),
        (&["genesis", "new"], &["--reward", "9"], "--reward belongs to"),
        (
            &["genesis", "new", "--engine", "pos"],
            &[],
            "at least one validator",
        ),
        (&pos, &["0x12=5"], "0x12"),
        (&pos, &[&key(1)], "is not <public key>=<base units>"),
        (&pow, &["--pow-difficulty", "-1"], "-1"),
        (&pow, &["--pow-difficulty", "32"], "32 is not in 0..=31"),
    ] {
        let error = fail(2, &[command, rest].concat());
        assert!(error.contains(expected), "{rest:?}: {error}");
    }
}

#[test]
fn a_document_that_was_edited_wrongly_is_refused_with_field_and_reason() {
    let temp = tempfile::tempdir().unwrap();
    let [pow, pos, poa] = one_of_each(temp.path());
    let edited = temp.path().join("edited.json");
    for (path, from, to, expected) in [
        (&pow, "\"pow\",", "\"pox\",", "\"pox\" is not an engine"),
        (
            &pow,
            "\"pow\",",
            "\"poa\",",
            "\"pow\": it belongs to the engine \"pow\"",
        ),
        (&pow, "\"difficulty\"", "\"hardness\"", "unknown field `hardness`"),
        (&pow, "\"difficulty\": 1", "\"difficulty\": 300", "300"),
        (&pos, "5000000", "0", "is 0, below pos.min_stake"),
        (
            &pos,
            "\"stake\": 5000000",
            "\"stake\": 1152921504606846975",
            "above the greatest supply",
        ),
        (
            &pos,
            "\"block_time_ms\": 6000",
            "\"block_time_ms\": 0",
            "block_time_ms",
        ),
        (&poa, &key(1), "0x00", "public key"),
    ] {
        let document = fs::read_to_string(path).unwrap();
        assert!(document.contains(from), "{from}: {document}");
        fs::write(&edited, document.replacen(from, to, 1)).unwrap();
        let error = fail(1, &["genesis", "check", text(&edited)]);
        assert!(error.contains(expected), "{to}: {error}");
        // A node refuses it with the same words.
        let dir = temp.path().join("node");
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir(&dir).unwrap();
        fs::write(dir.join("genesis.json"), fs::read(&edited).unwrap()).unwrap();
        let error = fail(1, &["run", "--dir", text(&dir), "--api-port", "0"]);
        assert!(error.contains(expected), "{to}: {error}");
    }
}

#[test]
fn mining_is_refused_where_it_cannot_be() {
    let temp = tempfile::tempdir().unwrap();
    let [pow, _, poa] = one_of_each(temp.path());
    let node = |name: &str, genesis: &Path| {
        let dir = temp.path().join(name);
        succeed(&["init", "--dir", text(&dir), "--genesis", text(genesis)]);
        dir
    };
    let (pow, poa) = (node("pow", &pow), node("poa", &poa));
    let run = |code, dir: &Path, more: &[&str]| {
        let base = ["run", "--dir", text(dir), "--api-port", "0", "--p2p-port", "0"];
        fail(code, &[&base[..], more].concat())
    };
    assert!(run(1, &pow, &["--mine"]).contains("--reward-address"));
    assert!(run(1, &poa, &["--mine", "--reward-address", ADDRESS]).contains("\"poa\", which is not mined"));
    assert!(run(2, &pow, &["--mine-threads", "2"]).contains("mining is off"));
    assert!(run(2, &pow, &["--mine", "--mine-threads", "0"]).contains("1..=1024"));
    assert!(run(2, &pow, &["--mine", "--reward-address", "0x12"]).contains("0x12"));
}

#[test]
fn a_test_network_of_another_engine_is_not_opened_by_mistake() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("net");
    let error = fail(2, &["testnet", "up", "--engine", "poww", "--dir", text(&dir)]);
    assert!(error.contains("did you mean \"pow\"?"), "{error}");
    assert!(!dir.exists());
}
