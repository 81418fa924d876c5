//! What the actions of the engines cost beside a transfer, at their worst, and what the ends of epochs
//! cost: `cargo bench -p aureon-chain`.
//!
//! Blocks of one kind of action are executed, and the new state is hashed, on the trie that a node
//! keeps. The time is CPU time of all threads, the median of five, beyond that of an empty block.
//! Signatures of transactions, which workers check, do not count; those inside evidence do. The last
//! column is time per gas in transfers: 1.0 pays as much for its time as a transfer. The program fails
//! if an action is above 3.

#![expect(clippy::unwrap_used, reason = "a benchmark that fails should say where")]

mod network;

use std::time::Duration;

use aureon_types::{
    Action, Amount, BlockId, EngineKind, Evidence, GenesisId, SignedVote, Vote, VoteKind,
    genesis::{GenesisStake, PoaParameters, PosParameters, RewardSchedule},
};
use network::{Network, address, key, public_key};

/// As many as a set can have; they have the keys from 0.
const VALIDATORS: usize = 1_000;
/// As many more as can be candidates.
const OUTSIDE: usize = 100;
/// Accounts from here on are nobody's but people's.
const PEOPLE: usize = 2_000;
const ACCOUNTS: usize = 20_000;
const STAKE: u64 = 1 << 30;

/// Actions whose time per gas is more than so many transfers' are too cheap.
const MOST: f64 = 3.0;

struct Table {
    transfer: Duration,
    transfer_gas: u64,
    too_cheap: Vec<String>,
}

impl Table {
    fn row(&mut self, what: &str, action: &Action, each: Duration) {
        let (gas, transfer) = (action.gas() as f64, self.transfer.as_secs_f64());
        let ratio = each.as_secs_f64() / transfer;
        let priced = ratio * self.transfer_gas as f64 / gas;
        println!(
            "| {what} | {:.1} | {ratio:.1} | {gas} | {priced:.2} |",
            each.as_secs_f64() * 1e6
        );
        if priced > MOST {
            self.too_cheap.push(format!("{what}: {priced:.2}"));
        }
    }

    fn work(&self, what: &str, time: Duration) {
        let transfers = time.as_secs_f64() / self.transfer.as_secs_f64();
        println!("| {what} | {:.1} ms | {transfers:.0} |", time.as_secs_f64() * 1e3);
    }
}

fn stake(unbonding_epochs: u64, max_missed_basis_points: u32) -> Network {
    let validator = |number| GenesisStake {
        public_key: public_key(number),
        stake: Amount(STAKE),
        commission_basis_points: 0,
    };
    let parameters = PosParameters {
        min_stake: 1,
        epoch_blocks: 4,
        unbonding_epochs,
        max_validators: VALIDATORS as u32,
        slash_basis_points: 100,
        max_missed_basis_points,
        jail_epochs: 1,
        reward: RewardSchedule {
            per_block: 1_000,
            halving_blocks: 1_000_000,
        },
        validators: (0..VALIDATORS).map(validator).collect(),
    };
    Network::new(EngineKind::Pos(parameters), ACCOUNTS)
}

fn bond(amount: u64) -> Action {
    Action::Bond {
        amount: Amount(amount),
        commission_basis_points: 0,
    }
}

fn unbond(amount: u64) -> Action {
    Action::Unbond {
        amount: Amount(amount),
    }
}

fn delegate(validator: usize, amount: u64) -> Action {
    Action::Delegate {
        validator: address(validator),
        amount: Amount(amount),
    }
}

fn undelegate(validator: usize, amount: u64) -> Action {
    Action::Undelegate {
        validator: address(validator),
        amount: Amount(amount),
    }
}

/// Proof that a validator voted twice.
fn double_vote(id: &GenesisId, validator: usize, height: u64) -> Action {
    let vote = |block| {
        let vote = Vote {
            kind: VoteKind::Precommit,
            height,
            round: 0,
            block_id: Some(BlockId([block; 32])),
        };
        SignedVote::sign(vote, &key(validator), id)
    };
    Action::Evidence(Box::new(Evidence::Votes(vote(1), vote(2))))
}

/// One action for each of so many people.
fn people(count: usize, action: impl Fn(usize) -> Action) -> Vec<(usize, Action)> {
    (0..count)
        .map(|number| (PEOPLE + number, action(number)))
        .collect()
}

fn transfers(network: &Network) -> Duration {
    let transfer = |number: usize| Action::Transfer {
        recipient: address(PEOPLE + (number * 7_919 + 13) % (ACCOUNTS - PEOPLE)),
        amount: Amount(1),
    };
    network.each(&people(4_000, transfer), 0)
}

/// Stake that moves in and out, in a network of the most validators and candidates.
fn staking(table: &mut Table, network: &mut Network) {
    let delegations = people(1_000, |number| delegate(number % VALIDATORS, 1_000_000));
    table.row(
        "delegate, a validator each",
        &delegations[0].1,
        network.each(&delegations, 0),
    );
    network.done(&delegations);
    let withdrawals = people(1_000, |number| undelegate(number % VALIDATORS, 1_000));
    table.row(
        "undelegate, a validator each",
        &withdrawals[0].1,
        network.each(&withdrawals, 0),
    );
    let own: Vec<_> = (0..VALIDATORS).map(|number| (number, unbond(1_000))).collect();
    table.row("unbond", &own[0].1, network.each(&own, 0));

    let wide = PEOPLE + 5_000;
    let to_hundred: Vec<_> = (0..100)
        .map(|validator| (wide, delegate(validator, 1_000_000)))
        .collect();
    network.done(&to_hundred);
    let from_hundred = |times: usize| -> Vec<_> {
        (0..times * 100)
            .map(|number| (wide, undelegate(number % 100, 1_000)))
            .collect()
    };
    network.done(&from_hundred(1));
    let again = from_hundred(10);
    table.row("undelegate, a hundred wait", &again[0].1, network.each(&again, 0));

    let more: Vec<_> = (0..VALIDATORS).map(|number| (number, bond(1_000))).collect();
    table.row("bond, more", &more[0].1, network.each(&more, 0));
    let newcomers: Vec<_> = (0..OUTSIDE)
        .map(|number| (VALIDATORS + number, bond(1_000)))
        .collect();
    table.row("bond, a newcomer", &newcomers[0].1, network.each(&newcomers, 0));
    network.done(&newcomers);

    // The last block of an epoch, when the next one is in the state: nobody is in the set that was given.
    network.run_to(network.height.next_multiple_of(4) + 3);
    let stronger: Vec<_> = (0..50)
        .map(|number| (VALIDATORS + OUTSIDE + number, bond(2_000 + number as u64)))
        .collect();
    table.row(
        "bond, a weaker one gives way",
        &stronger[0].1,
        network.each(&stronger, 0),
    );
    let weaker: Vec<_> = (0..50)
        .map(|number| (VALIDATORS + OUTSIDE + number, bond(1)))
        .collect();
    table.row(
        "bond, refused in a full list",
        &weaker[0].1,
        network.each(&weaker, weaker.len()),
    );

    let mut proposers = Vec::new();
    for _ in 0..40 {
        proposers.push(network.proposer());
        network.run_to(network.height + 1);
    }
    let claims = (0..VALIDATORS).filter(|number| proposers.contains(&address(*number)));
    let claims: Vec<_> = claims
        .map(|number| {
            (
                number,
                Action::ClaimRewards {
                    validator: address(number),
                },
            )
        })
        .collect();
    table.row("claim_rewards", &claims[0].1, network.each(&claims, 0));
}

/// Validators that were absent for an epoch, and come back.
fn jail(table: &mut Table, network: &mut Network) {
    network.run_to(network.height.next_multiple_of(4));
    let absent: Vec<u16> = (700..1_000).collect();
    for _ in 0..4 {
        network.block(&[], &absent);
    }
    network.run_to(network.height + 8);
    let all: Vec<_> = (0..VALIDATORS).map(|number| (number, Action::Unjail)).collect();
    let refused = network.clone().block(&all, &[]);
    assert_eq!(refused, 700, "300 were jailed");
    let mut probe = network.clone();
    let jailed: Vec<_> = all
        .into_iter()
        .filter(|one| probe.block(std::slice::from_ref(one), &[]) == 0)
        .take(100)
        .collect();
    table.row("unjail", &Action::Unjail, network.each(&jailed, 0));
}

/// The worst evidence: its epoch must be read, and a hundred pools are slashed.
fn evidence(table: &mut Table) {
    let mut network = stake(100, 10_000);
    let delegator = PEOPLE;
    network.done(&[
        (delegator, delegate(0, 1 << 30)),
        (delegator, delegate(1, 1 << 30)),
    ]);
    while network.height < 405 {
        let withdraw = (network.height % 4 == 1).then(|| (delegator, undelegate(0, 1_000_000)));
        network.done(withdraw.as_slice());
    }
    // The epochs from 1 on count. One height of each in turn, so that each epoch is read again.
    let id = network.id;
    let accuse = |offender, height| (PEOPLE + 1, double_vote(&id, offender, height));
    let oldest = |offender: usize| -> Vec<_> {
        (0..32)
            .map(|number| accuse(offender, 5 + number / 8 + number % 8 * 4))
            .collect()
    };
    let worst = oldest(0);
    let action = worst[0].1.clone();
    table.row(
        "evidence, 100 epochs of withdrawals",
        &action,
        network.each(&worst, 0),
    );
    table.row(
        "evidence, the first of its epoch in a block",
        &action,
        network.each(&worst[..1], 0),
    );
    table.row("evidence, no withdrawals", &action, network.each(&oldest(1), 0));
    let many: Vec<_> = (0..4_000)
        .map(|number| accuse(number / 4, 5 + (number % 4) as u64))
        .collect();
    network.done(&many[..3_900]);
    table.row(
        "evidence, 3,900 others in its epoch",
        &action,
        network.each(&many[3_900..], 0),
    );
    let repeated = network.each(&many[..100], 100);
    table.row("evidence, punished already", &action, repeated);
    let false_ones: Vec<_> = (0..100).map(|number| accuse(VALIDATORS + number, 5)).collect();
    table.row("evidence, of nobody", &action, network.each(&false_ones, 100));
}

fn votes(table: &mut Table) {
    let parameters = PoaParameters {
        authorities: (0..VALIDATORS).map(public_key).collect(),
        epoch_blocks: 4,
        vote_expiry_blocks: 1_000,
    };
    let mut network = Network::new(EngineKind::Poa(parameters), ACCOUNTS);
    let add = |number: usize| Action::AuthorityVote {
        add: Some(public_key(VALIDATORS + number)),
        remove: Some(public_key(0)),
    };
    let open: Vec<_> = (0..VALIDATORS).map(|number| (number, add(number))).collect();
    network.done(&open[..800]);
    table.row(
        "authority_vote, 800 open, one more",
        &open[0].1,
        network.each(&open[800..], 0),
    );
    network.done(&open[800..]);
    let agree: Vec<_> = (1..VALIDATORS).map(|number| (number, add(0))).collect();
    network.done(&agree[..399]);
    table.row(
        "authority_vote, 1,000 open, 400 voted",
        &agree[0].1,
        network.each(&agree[399..499], 0),
    );
    let everybody_else = network.each(&agree[499..500], 0);
    table.row("authority_vote, that decides", &agree[0].1, everybody_else);
}

fn epochs(table: &Table) {
    let mut network = stake(1, 0);
    println!("\n| work of a block beside its transactions | CPU | in transfers |\n| --- | --- | --- |");
    table.work("block in the middle of an epoch", network.time(&[], &[], 0));
    let all: Vec<u16> = (0..VALIDATORS as u16).collect();
    table.work("all absent", network.time(&[], &all, 0));
    // More than a third wants to change, and 100 more than the set can hold.
    let newcomers: Vec<_> = (0..OUTSIDE)
        .map(|number| (VALIDATORS + number, bond(STAKE * 4)))
        .collect();
    network.done(&newcomers);
    table.work("closing block", {
        let mut at = network.clone();
        at.run_to(2);
        at.time(&[], &[], 0)
    });
    network.block(&[], &all);
    table.work("closing block, all were absent", network.time(&[], &all, 0));
    network.done(&people(3_000, |number| {
        delegate(VALIDATORS + number % OUTSIDE, 1_000)
    }));
    network.run_to(4);
    network.done(&people(3_000, |number| {
        undelegate(VALIDATORS + number % OUTSIDE, 1_000)
    }));
    network.run_to(11);
    table.work("a thousand withdrawals are paid", network.time(&[], &[], 0));
}

fn main() {
    let mut network = stake(1, 0);
    let transfer = transfers(&network);
    let action = Action::Transfer {
        recipient: address(0),
        amount: Amount(1),
    };
    let mut table = Table {
        transfer,
        transfer_gas: action.gas(),
        too_cheap: Vec::new(),
    };
    println!(
        "| action | microseconds of CPU | in transfers | gas | time per gas |\n| --- | --- | --- | --- | --- |"
    );
    table.row("transfer", &action, transfer);
    staking(&mut table, &mut network);
    jail(&mut table, &mut network);
    evidence(&mut table);
    votes(&mut table);
    epochs(&table);
    assert!(table.too_cheap.is_empty(), "too cheap: {:?}", table.too_cheap);
}
