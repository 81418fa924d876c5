//! The plots: what each kind of scenario draws from its seed.

use super::{
    Crash, DiskFailure, DiskFault, DiskName, Engine, Kind, MILLISECOND, Partition, SECOND, Sabotage, Scenario,
};
use crate::{attackers::Attack, random::Random};

/// Block time of proof of work: above ten times what a message takes, so that few blocks are orphans.
const MINED_BLOCK_TIME_MS: u64 = 500;
/// Hashes that a block of the first target takes on average: one zero byte.
const FIRST_TRIES: u64 = 256;

impl Scenario {
    pub(super) fn calm(engine: Engine, seed: u64, random: &mut Random) -> Self {
        Self {
            engine,
            kind: Kind::Calm,
            seed,
            validators: 4,
            stakes: Vec::new(),
            finality_depth: 12,
            reserves: if engine == Engine::Pow { 0 } else { 1 },
            epoch_blocks: 4,
            max_missed_basis_points: 5_000,
            followers: 0,
            followers_at: 0,
            block_time_ms: 250,
            loss_percent: 0,
            duplicate_percent: 0,
            delay: (MILLISECOND, random.between(2, 20).saturating_mul(MILLISECOND)),
            skew_ms: 300,
            crashes: Vec::new(),
            strike_at_work: false,
            disk_failure: None,
            partition: None,
            apart: Vec::new(),
            submissions: 16,
            heal_at: 2 * SECOND,
            blocks_after: 6,
            deadline: 60 * SECOND,
            attackers: Vec::new(),
            sabotage: Sabotage::None,
        }
    }

    pub(super) fn storm(self, random: &mut Random) -> Self {
        let heal_at = 7 * SECOND;
        let crashes = (0..random.between(1, 4)).map(|_| Crash {
            at: random.between(SECOND / 5, heal_at - SECOND),
            nodes: vec![random.below(self.validators)],
            down: random.between(100, 2_500).saturating_mul(MILLISECOND),
        });
        let mut crashes: Vec<Crash> = crashes.collect();
        crashes.sort_by_key(|crash| crash.at);
        let at = random.between(SECOND, 4 * SECOND);
        let sides = (0..self.nodes()).map(|_| random.percent(50)).collect();
        Self {
            kind: Kind::Storm,
            // A side of a cut may mine a while alone.
            finality_depth: 20,
            loss_percent: 5,
            duplicate_percent: 5,
            delay: (MILLISECOND, 50 * MILLISECOND),
            partition: Some(Partition {
                at,
                until: at + random.between(SECOND, 3 * SECOND),
                sides,
            }),
            crashes,
            strike_at_work: true,
            submissions: 30,
            heal_at,
            deadline: 180 * SECOND,
            ..self
        }
    }

    pub(super) fn all_crash(self, random: &mut Random) -> Self {
        let all: Vec<usize> = (0..self.nodes()).collect();
        let crash = |at, down| Crash {
            at,
            nodes: all.clone(),
            down,
        };
        let first = random.between(600, 1_800).saturating_mul(MILLISECOND);
        let second = first + random.between(1_200, 2_500).saturating_mul(MILLISECOND);
        let down = |random: &mut Random| random.between(50, 800).saturating_mul(MILLISECOND);
        let crashes = vec![crash(first, down(random)), crash(second, down(random))];
        Self {
            kind: Kind::AllCrash,
            crashes,
            heal_at: 5 * SECOND,
            deadline: 120 * SECOND,
            ..self
        }
    }

    pub(super) fn late_joiner(self, random: &mut Random) -> Self {
        let at = random.between(2_500, 3_500).saturating_mul(MILLISECOND);
        let crash = Crash {
            at: at + random.between(50, 1_000).saturating_mul(MILLISECOND),
            nodes: vec![self.keys()],
            down: random.between(100, 500).saturating_mul(MILLISECOND),
        };
        Self {
            kind: Kind::LateJoiner,
            followers: 1,
            followers_at: at,
            loss_percent: 2,
            crashes: vec![crash],
            strike_at_work: true,
            heal_at: 5 * SECOND,
            ..self
        }
    }

    pub(super) fn lone(self, random: &mut Random) -> Self {
        let mut at = 0;
        let crashes = (0..4).map(|_| {
            at += random.between(300, 1_200).saturating_mul(MILLISECOND);
            Crash {
                at,
                nodes: vec![0],
                down: random.between(10, 300).saturating_mul(MILLISECOND),
            }
        });
        let crashes = crashes.collect();
        Self {
            kind: Kind::Lone,
            validators: 1,
            reserves: 0,
            crashes,
            strike_at_work: true,
            heal_at: 5 * SECOND,
            ..self
        }
    }

    /// Seeds go through the disks, then on to the next sync; every other one has four validators.
    pub(super) fn every_sync(self, seed: u64, random: &mut Random) -> Self {
        let validators = if seed.is_multiple_of(2) { 1 } else { 4 };
        let disk =
            [DiskName::Blocks, DiskName::States, DiskName::Log][usize::try_from(seed / 2 % 3).unwrap_or(0)];
        let failure = DiskFailure {
            fault: DiskFault::PowerCut,
            node: random.below(validators),
            disk,
            after_syncs: seed / 6,
        };
        Self {
            kind: Kind::EverySync,
            validators,
            reserves: 0,
            disk_failure: Some(failure),
            heal_at: 3 * SECOND,
            ..self
        }
    }
    pub(super) fn full_disk(self, seed: u64, random: &mut Random) -> Self {
        let same = self.every_sync(seed, random);
        Self {
            kind: Kind::FullDisk,
            disk_failure: same.disk_failure.map(|failure| DiskFailure {
                fault: DiskFault::Full,
                ..failure
            }),
            ..same
        }
    }

    /// One of four, or two of seven.
    pub(super) fn attacked(self, attack: Attack, random: &mut Random) -> Self {
        let alone = matches!(
            attack,
            Attack::SelfishMiner | Attack::LongRangeForker | Attack::RottenBranch
        );
        let (validators, attackers) = if random.percent(25) && !alone {
            (7, 2)
        } else {
            (4, 1)
        };
        let first = random.below(validators);
        let attackers: Vec<_> = (0..attackers)
            .map(|next| ((first + next) % validators, attack))
            .collect();
        // A branch must outgrow the finality depth before it is shown.
        let mined_fork = attack == Attack::LongRangeForker && self.engine == Engine::Pow;
        let (heal_at, finality_depth) = if mined_fork {
            (24 * SECOND, 5)
        } else {
            (4 * SECOND, 16)
        };
        let honest = (first + attackers.len()) % validators;
        let crash = random.percent(40).then(|| Crash {
            at: random.between(SECOND / 2, heal_at - SECOND),
            nodes: vec![honest],
            down: random.between(50, 1_000).saturating_mul(MILLISECOND),
        });
        let attacked = Self {
            kind: Kind::Attacked(attack),
            validators,
            reserves: 0,
            // Who attacks must stay a minority: nobody is jailed for being slow.
            max_missed_basis_points: 10_000,
            attackers,
            finality_depth,
            loss_percent: 2,
            duplicate_percent: 2,
            delay: (MILLISECOND, 30 * MILLISECOND),
            crashes: crash.into_iter().collect(),
            strike_at_work: true,
            heal_at,
            deadline: 180 * SECOND,
            ..self
        };
        match attack {
            Attack::BodyWithholder => attacked.with_a_follower_of_withholders(honest, random),
            Attack::FormerValidators => attacked.with_former_validators(random),
            _ => attacked,
        }
    }

    /// Somebody joins who hears of the attackers and of one honest node only.
    fn with_a_follower_of_withholders(self, friend: usize, random: &mut Random) -> Self {
        let attacks = |node: &usize| self.attackers.iter().any(|(attacker, _)| attacker == node);
        let follower = self.keys();
        let others = (0..follower).filter(|node| *node != friend && !attacks(node));
        Self {
            followers: 1,
            followers_at: random.between(2_500, 3_500).saturating_mul(MILLISECOND),
            apart: others.map(|node| (node, follower)).collect(),
            ..self
        }
    }

    /// Two reserves come and go; the first of them attacks when it is out, and somebody joins after that.
    fn with_former_validators(self, random: &mut Random) -> Self {
        Self {
            validators: 4,
            reserves: 2,
            attackers: vec![(4, Attack::FormerValidators)],
            followers: 1,
            followers_at: self.heal_at + random.between(3_500, 6_000).saturating_mul(MILLISECOND),
            blocks_after: 36,
            ..self
        }
    }

    /// Unequal stakes, of which attackers hold little enough.
    pub(super) fn staked(self, random: &mut Random) -> Self {
        let stake = |node: usize| match (self.attack_of(node), self.engine) {
            (Some(Attack::LongRangeForker), Engine::Pow) => random.between(1_200, 1_600),
            // Beside three others, less than half of all.
            (Some(Attack::SelfishMiner), _) => random.between(300, 500),
            (Some(_), _) => random.between(100, 200),
            (None, _) => random.between(200, 400),
        };
        let stakes = (0..self.validators)
            .map(stake)
            .map(|stake| stake.saturating_mul(1_000));
        Self {
            stakes: stakes.collect(),
            ..self
        }
    }

    fn attack_of(&self, node: usize) -> Option<Attack> {
        let of = |(attacker, attack): &(usize, Attack)| (*attacker == node).then_some(*attack);
        self.attackers.iter().find_map(of)
    }

    /// The same where blocks are mined: hash rates instead of stakes, and more time, because miners wait a
    /// second for peers before they begin, and blocks come when they come.
    pub(super) fn mined(self) -> Self {
        let more = 3 * SECOND;
        // So many hashes together find a block in a block time.
        let total: u64 = self.stakes.iter().sum();
        let together = FIRST_TRIES.saturating_mul(1_000) / MINED_BLOCK_TIME_MS;
        let rate = |stake: &u64| (stake.saturating_mul(together) / total.max(1)).max(1);
        Self {
            stakes: self.stakes.iter().map(rate).collect(),
            followers_at: self.followers_at + more,
            block_time_ms: MINED_BLOCK_TIME_MS,
            heal_at: self.heal_at + more,
            crashes: self
                .crashes
                .into_iter()
                .map(|crash| Crash {
                    at: crash.at + more,
                    ..crash
                })
                .collect(),
            partition: self.partition.map(|partition| Partition {
                at: partition.at + more,
                until: partition.until + more,
                ..partition
            }),
            // Their disks are idle most of the time.
            strike_at_work: true,
            // So that some become final.
            blocks_after: self.finality_depth + 6,
            deadline: 2 * self.deadline,
            ..self
        }
    }
}
