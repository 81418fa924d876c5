//! Validators come and go while a network runs, and no process is restarted.

use aureon_node::api::staking::Standing;
use aureon_types::{
    Address, Amount, BlockId, EngineKind, Evidence, GenesisId, SignedVote, Vote, VoteKind,
    genesis::{GenesisStake, PoaParameters, PosParameters, RewardSchedule},
};
use tempfile::tempdir;

use crate::{
    network::{BALANCE, Network, Process, validator_key},
    support::{eventually, fail, succeed, text},
};

const STAKE: u64 = 1_000_000;

fn proof_of_stake() -> EngineKind {
    let stake = |index| GenesisStake {
        public_key: validator_key(index).public_key(),
        stake: Amount(STAKE),
        commission_basis_points: 1_000,
    };
    EngineKind::Pos(PosParameters {
        min_stake: 1_000,
        epoch_blocks: 8,
        unbonding_epochs: 3,
        jail_epochs: 1,
        // A newcomer listens for two round timeouts before it signs, which is several of these epochs; and
        // one test kills a validator.
        max_missed_basis_points: 10_000,
        reward: RewardSchedule {
            per_block: 1_000,
            halving_blocks: 1_000_000,
        },
        ..PosParameters::new((0..4).map(stake).collect())
    })
}

fn proof_of_authority() -> EngineKind {
    EngineKind::Poa(PoaParameters {
        epoch_blocks: 8,
        ..PoaParameters::new((0..4).map(|index| validator_key(index).public_key()).collect())
    })
}

fn address(index: u8) -> Address {
    validator_key(index).address()
}

/// Exports all headers and checks them from the genesis on, over every change of the validators.
fn headers_are_proven(network: &Network, dir: &std::path::Path, top: u64) {
    let (file, genesis) = (dir.join("headers.bin"), dir.join("net/genesis.json"));
    let (api, last) = (&network.nodes[0].runtime.api, top.to_string());
    succeed(&["headers", "--node", api, "--to", &last, "--out", text(&file)]);
    let proven = succeed(&[
        "verify-header",
        "--genesis",
        text(&genesis),
        text(&file),
        "--json",
    ]);
    let proven: serde_json::Value = serde_json::from_str(&proven).unwrap();
    assert_eq!(proven["height"].as_u64(), Some(top));

    // From the middle on, by an id that is trusted; and with another id it is refused.
    let (middle, later) = (top / 2, dir.join("later.bin"));
    succeed(&[
        "headers",
        "--node",
        api,
        "--from",
        &middle.to_string(),
        "--to",
        &last,
        "--out",
        text(&later),
    ]);
    let id = network.client(0).block_at(middle).unwrap().id.to_string();
    succeed(&[
        "verify-header",
        "--genesis",
        text(&genesis),
        "--trusted",
        &id,
        text(&later),
    ]);
    let other = network.client(0).block_at(middle + 1).unwrap().id.to_string();
    let refused = fail(
        1,
        &[
            "verify-header",
            "--genesis",
            text(&genesis),
            "--trusted",
            &other,
            text(&later),
        ],
    );
    assert!(refused.contains("trusted is"), "{refused}");

    // One flipped bit in a signature of the last certificate.
    let mut bytes = std::fs::read(&file).unwrap();
    let place = bytes.len() - 10;
    bytes[place] ^= 1;
    std::fs::write(&later, bytes).unwrap();
    let refused = fail(1, &["verify-header", "--genesis", text(&genesis), text(&later)]);
    assert!(
        refused.contains("not proven") || refused.contains("no file of headers"),
        "{refused}"
    );
}

#[test]
fn a_validator_bonds_in_proposes_a_block_and_leaves_again() {
    let temp = tempdir().unwrap();
    let mut network = Network::up(&temp.path().join("net"), proof_of_stake());
    network.reach(2);
    network.add(4);
    network.reach(3);
    let (newcomer, client) = (address(4), network.client(4));
    let explained = client.status().unwrap().consensus.signing_explained;
    assert!(explained.contains("stake bond"), "{explained}");

    // In: from the next epoch on it proposes, without a restart.
    let bond = ["stake", "bond", "--amount", "1000000", "--commission", "5%"];
    network.sign(4, &bond);
    network.stands(newcomer, "it is in the set", |entry| {
        entry.is_some_and(|entry| entry.status == Standing::Active && entry.power == STAKE)
    });
    let block = network.proposed_by(newcomer, network.height());
    assert!(client.status().unwrap().consensus.signing);

    // Somebody delegates to it; what it earns can be seen and claimed.
    let to = newcomer.to_string();
    network.sign(0, &["stake", "delegate", "--to", &to, "--amount", "200000"]);
    network.proposed_by(newcomer, block.height + 1);
    let shown = network.client(0).delegations(&address(0)).unwrap();
    let delegation = shown
        .delegations
        .iter()
        .find(|found| found.validator == newcomer)
        .unwrap();
    assert_eq!(delegation.stake, Amount(200_000));
    eventually("the delegator earns", || {
        let shown = network.client(0).delegations(&address(0)).ok()?;
        let found = shown
            .delegations
            .into_iter()
            .find(|found| found.validator == newcomer)?;
        (found.pending_rewards > Amount::ZERO).then_some(())
    });
    network.sign(0, &["stake", "claim", "--from", &to]);
    network.sign(0, &["stake", "undelegate", "--from", &to, "--amount", "200000"]);

    // Out: it leaves the set, and its stake returns.
    network.sign(4, &["stake", "unbond", "--amount", "1000000"]);
    network.stands(newcomer, "it has left the set", |entry| {
        entry.is_none_or(|entry| entry.power == 0)
    });
    eventually("its stake is back", || {
        let balance = network.client(4).balance(&newcomer).ok()?.balance;
        (balance.0 > BALANCE - STAKE).then_some(())
    });
    let top = network.height() + 2;
    network.reach(top);
    network.agree(top);
    network.nobody_restarted();
    headers_are_proven(&network, temp.path(), top);
}

#[test]
fn an_authority_is_voted_in_proposes_a_block_and_is_voted_out() {
    let temp = tempdir().unwrap();
    let mut network = Network::up(&temp.path().join("net"), proof_of_authority());
    network.reach(2);
    network.add(4);
    network.reach(3);
    let (newcomer, key) = (address(4), validator_key(4).public_key().to_string());
    let explained = network.client(4).status().unwrap().consensus.signing_explained;
    assert!(explained.contains("authority propose"), "{explained}");

    // Three of four, each with its own key.
    for index in 0..2 {
        network.sign(index, &["authority", "propose", "--add", &key]);
    }
    let open = network.client(1).authorities().unwrap();
    assert_eq!((open.votes[0].voters.len(), open.votes[0].needed), (2, 3));
    network.sign(2, &["authority", "propose", "--add", &key]);
    network.stands(newcomer, "it is an authority", |entry| {
        entry.is_some_and(|entry| entry.status == Standing::Active)
    });
    network.proposed_by(newcomer, network.height());
    let open = network.client(1).authorities().unwrap();
    assert_eq!((open.authorities.len(), open.votes.len()), (5, 0));

    // Three of five.
    for index in 0..3 {
        network.sign(index, &["authority", "propose", "--remove", &key]);
    }
    network.stands(newcomer, "it is an authority no longer", |entry| entry.is_none());
    let top = network.height() + 2;
    network.reach(top);
    network.agree(top);
    network.nobody_restarted();
    headers_are_proven(&network, temp.path(), top);
}

#[test]
fn proof_of_stake_survives_the_death_of_one_and_the_death_of_all() {
    let temp = tempdir().unwrap();
    let mut network = Network::up(&temp.path().join("net"), proof_of_stake());
    network.reach(3);
    network.nodes[2].kill();
    let at_death = network.height();
    let to = Address([9; 20]).to_string();
    network.sign(1, &["tx", "send", "--to", &to, "--amount", "5"]);
    // Over the end of an epoch, so that it has to learn a schedule that it never saw.
    network.reach(at_death + 10);
    let (dir, bootstrap) = (network.nodes[2].dir.clone(), network.bootstrap());
    network.nodes[2] = Process::start(&dir, &bootstrap);
    let top = network.height() + 3;
    network.reach(top);
    network.agree(top);
    let back = address(2);
    let mut searched = top;
    eventually("it signs again", || {
        let certificate = network.client(0).block_at(searched).ok()?.certificate?;
        searched += 1;
        certificate.signers.contains(&back).then_some(())
    });
    for index in 0..4 {
        let balance = network.client(index).balance(&Address([9; 20])).unwrap().balance;
        assert_eq!(balance, Amount(5));
    }

    // All die at once, and go on in a later epoch: the schedule is read from the state.
    let top = network.height();
    network.reach(top);
    let before = network.agree(top);
    network.kill_all_and_start_again();
    network.reach(top + 10);
    let after = network.agree(top + 10);
    assert!(
        before.iter().all(|(height, id)| after[height] == *id),
        "a committed block is missing"
    );
}

/// Two prevotes of validator `index` that contradict each other.
fn contradiction(index: u8, genesis_id: &GenesisId) -> Evidence {
    let sign = |block| {
        let vote = Vote {
            kind: VoteKind::Prevote,
            height: 1,
            round: 7,
            block_id: Some(BlockId([block; 32])),
        };
        SignedVote::sign(vote, &validator_key(index), genesis_id)
    };
    Evidence::Votes(sign(1), sign(2))
}

#[test]
fn anybody_s_evidence_is_punished_once_and_the_jailed_come_back() {
    let temp = tempdir().unwrap();
    let mut network = Network::up(&temp.path().join("net"), proof_of_stake());
    network.reach(2);
    let (offender, genesis_id) = (address(2), network.nodes[0].runtime.genesis_id);
    let file = temp.path().join("evidence.hex");
    let bytes = contradiction(2, &genesis_id).encode();
    std::fs::write(&file, format!("0x{}\n", hex::encode(bytes))).unwrap();
    network.sign(0, &["evidence", "submit", text(&file)]);

    // Five percent are gone, and it is out at the end of the epoch.
    let entry = network.client(0).validator(&offender).unwrap();
    let stake = entry.stake.unwrap();
    assert_eq!(
        (entry.status, stake.tokens),
        (Standing::Jailed, Amount(STAKE - STAKE / 20))
    );
    let (key, api) = (network.key_file(1), &network.nodes[1].runtime.api);
    let submit = [
        "evidence",
        "submit",
        text(&file),
        "--key",
        text(&key),
        "--node",
        api,
        "--wait",
        "2m",
    ];
    let again = fail(4, &submit);
    assert!(again.contains("punished"), "{again}");
    network.stands(offender, "it is out", |entry| {
        entry.is_some_and(|entry| entry.power == 0)
    });
    eventually("it says why it does not sign", || {
        let explained = network.client(2).status().ok()?.consensus.signing_explained;
        explained.contains("stake unjail").then_some(())
    });

    // Its time in jail passes, it comes back, and proposes again.
    let until = stake.jailed_until_epoch.unwrap();
    eventually("its time in jail is over", || {
        (network.client(0).validators().ok()?.epoch.number > until).then_some(())
    });
    network.sign(2, &["stake", "unjail"]);
    network.stands(offender, "it is back", |entry| {
        entry.is_some_and(|entry| entry.status == Standing::Active && entry.power == stake.tokens.0)
    });
    network.proposed_by(offender, network.height());
    network.nobody_restarted();
}
