//! What happens in a simulation, as a function of a seed.

mod plots;

use std::{fmt, str::FromStr};

use crate::{attackers::Attack, random::Random};

/// Virtual time, in microseconds.
pub type Micros = u64;

/// A millisecond of virtual time.
pub const MILLISECOND: Micros = 1_000;
/// A second of virtual time.
pub const SECOND: Micros = 1_000_000;

/// Who makes blocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Engine {
    /// Proof of authority.
    #[default]
    Poa,
    /// Proof of stake.
    Pos,
    /// Proof of work.
    Pow,
}

impl Engine {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Poa, Self::Pos, Self::Pow];

    /// As on the command line and in `genesis.json`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Poa => "poa",
            Self::Pos => "pos",
            Self::Pow => "pow",
        }
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that no engine has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no engine \"{0}\"; there are poa, pos and pow")]
pub struct UnknownEngine(String);

impl FromStr for Engine {
    type Err = UnknownEngine;

    fn from_str(name: &str) -> Result<Self, UnknownEngine> {
        Self::ALL
            .into_iter()
            .find(|engine| engine.name() == name)
            .ok_or_else(|| UnknownEngine(name.to_owned()))
    }
}

/// The plots there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Four validators and nothing goes wrong.
    Calm,
    /// Loss, duplicates, delays, a partition, and crashes at random moments.
    Storm,
    /// All four die at once, more than once.
    AllCrash,
    /// A fifth node, not a validator, starts late, and dies once while it catches up.
    LateJoiner,
    /// One validator alone, dying again and again.
    Lone,
    /// Power goes in a certain sync of a certain disk: neighbouring seeds walk through all of them,
    /// from the very first.
    EverySync,
    /// The same with disks that are full from then on: the node stops, and comes back when there is room.
    FullDisk,
    /// Less than a third of the validators attack, on a network that loses a little, while an honest node
    /// may crash.
    Attacked(Attack),
}

impl Kind {
    /// Those without attackers.
    pub const HONEST: [Self; 7] = [
        Self::Calm,
        Self::Storm,
        Self::AllCrash,
        Self::LateJoiner,
        Self::Lone,
        Self::EverySync,
        Self::FullDisk,
    ];

    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::HONEST.into_iter().chain(Attack::ALL.map(Self::Attacked))
    }

    /// Those that make sense under an engine.
    pub fn of(engine: Engine) -> impl Iterator<Item = Self> {
        Self::all().filter(move |kind| match kind {
            Self::Attacked(attack) => attack.fits(engine),
            _ => true,
        })
    }

    /// As on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Calm => "calm",
            Self::Storm => "storm",
            Self::AllCrash => "all-crash",
            Self::LateJoiner => "late-joiner",
            Self::Lone => "lone",
            Self::EverySync => "every-sync",
            Self::FullDisk => "full-disk",
            Self::Attacked(attack) => attack.name(),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that no scenario has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no scenario \"{0}\"; there are {names}", names = names())]
pub struct UnknownKind(String);

fn names() -> String {
    let names: Vec<_> = Kind::all().map(Kind::name).collect();
    names.join(", ")
}

impl FromStr for Kind {
    type Err = UnknownKind;

    fn from_str(name: &str) -> Result<Self, UnknownKind> {
        Self::all()
            .find(|kind| kind.name() == name)
            .ok_or_else(|| UnknownKind(name.to_owned()))
    }
}

/// A rule broken on purpose: the simulation must notice. It is the harness that breaks it, around the
/// shipped code.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sabotage {
    /// None.
    #[default]
    None,
    /// Log disks say that they synced and did not, so votes leave before they are durable.
    SkipLogSync,
    /// A proposer of the first block has money that the genesis did not give, so its blocks have roots
    /// that are wrong for all others; and the others judge its blocks by its own state.
    AcceptBadRoot,
    /// Attackers pass for honest, so what they do is to be noticed by itself.
    Undeclared,
    /// The contract machine of one node takes one gas more for each run.
    DearMachine,
    /// The contract machine of one node stores other values.
    OtherValues,
    /// The contract machines of all nodes agree and do not store all that they are told to.
    ForgetfulMachines,
}

/// A crash that is to come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crash {
    /// When.
    pub at: Micros,
    /// Who.
    pub nodes: Vec<usize>,
    /// How long each is down.
    pub down: Micros,
}

/// One of a machine's disks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskName {
    /// With `blocks.redb`.
    Blocks,
    /// With `state.redb`.
    States,
    /// With the consensus log.
    Log,
}

/// What happens to a machine in the middle of a sync.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskFault {
    /// It loses power.
    PowerCut,
    /// The disk is full: that sync and everything after it fails, and the node stops by itself. It starts
    /// again when there is room.
    Full,
}

/// A disk that will fail in the middle of a sync.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiskFailure {
    /// How.
    pub fault: DiskFault,
    /// Whose.
    pub node: usize,
    /// The disk that syncs at that moment.
    pub disk: DiskName,
    /// The syncs of that disk before.
    pub after_syncs: u64,
}

/// A partition that is to come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    /// From.
    pub at: Micros,
    /// Until.
    pub until: Micros,
    /// The side that each node is on.
    pub sides: Vec<bool>,
}

/// Everything that is decided before a simulation starts.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Who makes blocks.
    pub engine: Engine,
    /// Which plot.
    pub kind: Kind,
    /// Drives every chance.
    pub seed: u64,
    /// Nodes whose keys validate from the first block on. They have the lowest numbers.
    pub validators: usize,
    /// What each of these has at stake, under proof of stake; hashes per second, under proof of work.
    pub stakes: Vec<u64>,
    /// Blocks so far below the head are final, under proof of work.
    pub finality_depth: u64,
    /// Nodes after them whose keys are to become validators and leave again.
    pub reserves: usize,
    /// Heights of an epoch.
    pub epoch_blocks: u64,
    /// Share of an epoch's blocks that a validator may miss, in hundredths of a percent.
    pub max_missed_basis_points: u32,
    /// Nodes without a key, the last ones.
    pub followers: usize,
    /// When followers start.
    pub followers_at: Micros,
    /// Time between blocks.
    pub block_time_ms: u64,
    /// Messages lost per hundred.
    pub loss_percent: u64,
    /// Messages delivered twice per hundred.
    pub duplicate_percent: u64,
    /// Least and greatest time of a message on a link.
    pub delay: (Micros, Micros),
    /// How far the wall clock of a node may be off, in milliseconds.
    pub skew_ms: u64,
    /// In order of time.
    pub crashes: Vec<Crash>,
    /// Whether a crash may wait for the moment when the node's ledger or log is at work.
    pub strike_at_work: bool,
    /// At most one.
    pub disk_failure: Option<DiskFailure>,
    /// At most one.
    pub partition: Option<Partition>,
    /// Pairs that never hear of each other directly, the lower number first.
    pub apart: Vec<(usize, usize)>,
    /// Submissions of clients, spread over the time until healing.
    pub submissions: usize,
    /// From then on nothing goes wrong any more and no new transactions come.
    pub heal_at: Micros,
    /// Blocks that every node must see after healing.
    pub blocks_after: u64,
    /// When everything must be done.
    pub deadline: Micros,
    /// Nodes that attack, and how.
    pub attackers: Vec<(usize, Attack)>,
    /// The rule that is broken.
    pub sabotage: Sabotage,
}

impl Scenario {
    /// The scenario of `kind` that `seed` makes.
    pub fn new(engine: Engine, kind: Kind, seed: u64) -> Self {
        // Another stream than the simulation's own.
        let mut random = Random::new(seed ^ 0x5cef_a810_0000_0000);
        let calm = Self::calm(engine, seed, &mut random);
        let scenario = match kind {
            Kind::Calm => calm,
            Kind::Storm => calm.storm(&mut random),
            Kind::AllCrash => calm.all_crash(&mut random),
            Kind::LateJoiner => calm.late_joiner(&mut random),
            Kind::Lone => calm.lone(&mut random),
            Kind::EverySync => calm.every_sync(seed, &mut random),
            Kind::FullDisk => calm.full_disk(seed, &mut random),
            Kind::Attacked(attack) => calm.attacked(attack, &mut random),
        };
        let scenario = scenario.staked(&mut random);
        match engine {
            Engine::Poa | Engine::Pos => scenario,
            Engine::Pow => scenario.mined(),
        }
    }

    /// The same with a broken rule.
    #[must_use]
    pub fn with(self, sabotage: Sabotage) -> Self {
        Self { sabotage, ..self }
    }

    /// All nodes.
    pub fn nodes(&self) -> usize {
        self.keys().saturating_add(self.followers)
    }

    /// Nodes with a key of their own.
    pub fn keys(&self) -> usize {
        self.validators.saturating_add(self.reserves)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_makes_one_scenario_and_everything_that_goes_wrong_ends_before_healing() {
        let both = Engine::ALL.map(|engine| Kind::of(engine).map(move |kind| (kind, engine)));
        for (kind, engine) in both.into_iter().flatten() {
            assert_eq!(
                (kind.name().parse(), engine.name().parse()),
                (Ok(kind), Ok(engine))
            );
            for seed in 0..200 {
                let scenario = Scenario::new(engine, kind, seed);
                assert_eq!(
                    format!("{scenario:?}"),
                    format!("{:?}", Scenario::new(engine, kind, seed))
                );
                let total: u64 = scenario.stakes.iter().sum();
                let attacking = scenario
                    .attackers
                    .iter()
                    .filter_map(|(node, _)| scenario.stakes.get(*node));
                let (attacking, share): (u64, _) =
                    (attacking.sum(), if engine == Engine::Pow { 2 } else { 3 });
                assert!(
                    attacking * share < total
                        || (kind, engine) == (Kind::Attacked(Attack::LongRangeForker), Engine::Pow),
                    "{kind} {seed}: too many attack"
                );
                assert_eq!(scenario.kind, kind);
                let wrong = scenario.crashes.iter().map(|crash| crash.at);
                let last = wrong
                    .chain(scenario.partition.iter().map(|partition| partition.until))
                    .max();
                assert!(last.unwrap_or(0) < scenario.heal_at, "{kind} {seed}");
                assert!(scenario.crashes.is_sorted_by_key(|crash| crash.at));
            }
        }
        assert!("gale".parse::<Kind>().is_err() && "pob".parse::<Engine>().is_err());
    }
}
