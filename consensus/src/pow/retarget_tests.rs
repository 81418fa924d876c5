//! How the difficulty follows the hash rate, in virtual time.
//!
//! Blocks are found at exponentially distributed times, as mining is (Nakamoto 2008, section 11). Figures:
//!
//! ```text
//! cargo test -p aureon-consensus --lib retarget -- --nocapture
//! ```

use super::{
    MAX_HALF_LIVES, Rules, Target, Work, WorkChain, next_target,
    testing::{Random, rules},
};

/// As a genesis has them by default: 5 s and ten block times.
const BLOCK_TIME_MS: u64 = 5_000;
const HALF_LIFE_MS: u64 = 50_000;
const SEEDS: u64 = 1_000;
/// Hashes per second at the start.
const RATE: f64 = 1e9;

fn number(work: Work) -> f64 {
    work.to_u128() as f64
}

/// A chain of times and targets only.
struct Network {
    random: Random,
    target: Target,
    rate: f64,
    now_ms: f64,
    last_ms: u64,
}

impl Network {
    /// In balance: a block takes a block time.
    fn new(seed: u64) -> Self {
        let mut this = Self {
            random: Random::new(seed),
            target: Target::from_zero_bytes(4),
            rate: RATE,
            now_ms: 1e12,
            last_ms: 1_000_000_000_000,
        };
        this.rate = number(this.target.work()) / (BLOCK_TIME_MS as f64 / 1_000.0);
        this
    }

    /// How long the next block takes on average, in block times.
    fn expected(&self) -> f64 {
        number(self.target.work()) / self.rate * 1_000.0 / BLOCK_TIME_MS as f64
    }

    /// Finds a block; gives the time it took, in block times.
    fn block(&mut self) -> f64 {
        let took = self.random.exponential() * self.expected();
        self.now_ms += took * BLOCK_TIME_MS as f64;
        self.retarget();
        took
    }

    fn retarget(&mut self) {
        let time = self.now_ms as u64;
        let elapsed = i128::from(time) - i128::from(self.last_ms);
        self.target = next_target(self.target, elapsed, BLOCK_TIME_MS, HALF_LIFE_MS);
        self.last_ms = time;
    }
}

/// Mean, and the values below which a tenth and above which a tenth of the seeds lie.
fn spread(mut values: Vec<f64>) -> (f64, f64, f64) {
    values.sort_by(f64::total_cmp);
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let at = |share: f64| values[(values.len() as f64 * share) as usize];
    (mean, at(0.1), at(0.9))
}

#[test]
fn sixty_blocks_after_a_tenfold_change_blocks_take_their_time_again() {
    for (what, factor) in [
        ("ten times the hash rate", 10.0),
        ("a tenth of it", 0.1),
        ("as before", 1.0),
    ] {
        let after = (0..SEEDS).map(|seed| {
            let mut network = Network::new(seed);
            for _ in 0..100 {
                network.block();
            }
            network.rate *= factor;
            for _ in 0..60 {
                network.block();
            }
            network.expected()
        });
        let (mean, low, high) = spread(after.collect());
        println!(
            "{what}: after 60 blocks a block is expected to take {mean:.3} block times (80 % of {SEEDS} seeds: {low:.3} to {high:.3})"
        );
        assert!((0.75..=1.25).contains(&mean), "{what}: {mean}");
    }
}

#[test]
fn the_block_time_holds_in_the_long_run() {
    let mut network = Network::new(1);
    let blocks = 50_000;
    let total: f64 = (0..blocks).map(|_| network.block()).sum();
    let mean = total / f64::from(blocks);
    println!("{blocks} blocks at a constant hash rate: {mean:.4} block times each");
    assert!((0.99..=1.01).contains(&mean), "{mean}");
}

/// By an absolute schedule, eight hours would be made up by 5,760 blocks as quick as they can be hashed.
#[test]
fn a_night_of_standing_still_is_not_made_up() {
    let quick = (0..SEEDS).map(|seed| {
        let mut network = Network::new(seed);
        for _ in 0..100 {
            network.block();
        }
        network.now_ms += 8.0 * 3_600_000.0;
        network.block();
        let night_over = network.now_ms;
        let mut blocks = 0;
        while network.now_ms - night_over < 100.0 * BLOCK_TIME_MS as f64 {
            network.block();
            blocks += 1;
        }
        f64::from(blocks) - 100.0
    });
    let (mean, low, high) = spread(quick.collect());
    let most = (MAX_HALF_LIVES * HALF_LIFE_MS / BLOCK_TIME_MS) as f64;
    println!(
        "after a night: {mean:.1} blocks more than usual in the next 100 block times (80 %: {low:.0} to {high:.0})"
    );
    assert!(mean <= most * 1.25, "{mean}, the clamp allows {most}");
    assert!(mean >= most * 0.5, "{mean}: this measures nothing");
}

/// What a miner writes into its blocks.
#[derive(Clone, Copy, Debug)]
enum Lie {
    None,
    /// As late as others accept at once.
    Late,
    /// As early as the median allows.
    Early,
    /// One after the other.
    Both,
}

/// Block time and share of a miner with 30 % of the hash rate that lies about time in every block, while
/// the others tell the truth.
fn with_a_liar(lie: Lie) -> (f64, f64) {
    let limits = Rules {
        block_time_ms: BLOCK_TIME_MS,
        half_life_ms: HALF_LIFE_MS,
        ..rules(64)
    };
    let mut network = Network::new(3);
    let (mut times, blocks) = (vec![network.last_ms], 40_000_u32);
    let (mut theirs, begin) = (0_u32, network.now_ms);
    for count in 0..blocks {
        network.now_ms += network.random.exponential() * network.expected() * BLOCK_TIME_MS as f64;
        let mut last: Vec<u64> = times.iter().rev().take(super::MEDIAN_BLOCKS).copied().collect();
        last.sort_unstable();
        let earliest = last[last.len() / 2] + 1;
        let honest = (network.now_ms as u64).max(earliest);
        let late = network.now_ms as u64 + limits.max_ahead_ms();
        let liar = network.random.unit() < 0.3;
        theirs += u32::from(liar);
        let time = match lie {
            Lie::Late if liar => late,
            Lie::Early if liar => earliest,
            Lie::Both if liar && count % 2 == 0 => late,
            Lie::Both if liar => earliest,
            _ => honest,
        };
        times.push(time);
        let elapsed = i128::from(time) - i128::from(network.last_ms);
        network.target = next_target(network.target, elapsed, BLOCK_TIME_MS, HALF_LIFE_MS);
        network.last_ms = time;
    }
    let pace = (network.now_ms - begin) / (f64::from(blocks) * BLOCK_TIME_MS as f64);
    (pace, f64::from(theirs) / f64::from(blocks))
}

#[test]
fn lying_about_time_gains_next_to_nothing() {
    let (pace, share) = with_a_liar(Lie::None);
    let honest = share / pace;
    for lie in [Lie::Late, Lie::Early, Lie::Both] {
        let (pace, share) = with_a_liar(lie);
        // Blocks, hence rewards, of the liar per time, against the same miner telling the truth.
        let gain = share / pace / honest - 1.0;
        println!(
            "30 % of the hash rate, times {lie:?}: a block takes {pace:.4} block times, {:+.2} % rewards",
            gain * 100.0
        );
        assert!(gain.abs() < 0.01, "{lie:?}: {gain}");
        assert!((pace - 1.0).abs() < 0.01, "{lie:?}: {pace}");
    }
}

/// The same through [`WorkChain`], which the rules of a header are made of.
#[test]
fn a_chain_names_the_targets_that_were_simulated() {
    let genesis = WorkChain::genesis(Rules {
        block_time_ms: BLOCK_TIME_MS,
        half_life_ms: HALF_LIFE_MS,
        ..rules(64)
    });
    let mut random = Random::new(9);
    let (mut chain, mut target) = (genesis, rules(64).first_target);
    for _ in 0..20 {
        let took = 1 + random.below(3 * BLOCK_TIME_MS);
        let header = super::testing::mine(&chain, took, 1);
        chain = chain.child(&header);
        if chain.height() > 1 {
            target = next_target(target, i128::from(took), BLOCK_TIME_MS, HALF_LIFE_MS);
        }
        assert_eq!(chain.next_target(), target, "after {}", chain.height());
    }
}
