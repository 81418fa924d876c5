//! What the blocks up to one of them fix for the next.

use aureon_types::{BlockId, Genesis, GenesisId, Header, SealedHeader, genesis::PowParameters};

use super::{HeaderFault, Target, Work, asert};

/// Blocks whose times bound the next block's time from below.
pub const MEDIAN_BLOCKS: usize = 11;
/// The least that a block's time may be ahead of our clock before it is held back, in milliseconds.
const MIN_AHEAD_MS: u64 = 2_000;

/// What a genesis says about proof of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// The network.
    pub genesis_id: GenesisId,
    /// The genesis' time, in milliseconds since 1970-01-01 UTC.
    pub genesis_timestamp_ms: u64,
    /// Of the blocks at heights 1 and 2.
    pub first_target: Target,
    /// Wanted between two blocks, in milliseconds.
    pub block_time_ms: u64,
    /// Delay that makes blocks twice as easy, in milliseconds.
    pub half_life_ms: u64,
    /// A block with this many blocks above it is final: no fork below it is followed.
    pub finality_depth: u64,
}

impl Rules {
    /// What `genesis` says, whose engine has these `parameters`.
    pub fn of(genesis: &Genesis, parameters: &PowParameters) -> Self {
        Self {
            genesis_id: genesis.id(),
            genesis_timestamp_ms: genesis.timestamp_ms,
            first_target: Target::from_zero_bytes(parameters.difficulty),
            block_time_ms: genesis.block_time_ms,
            half_life_ms: parameters.half_life_ms,
            finality_depth: parameters.finality_depth,
        }
    }

    /// How far a block's time may be ahead of our clock, in milliseconds: two block times, at least two
    /// seconds. A header that is further ahead is held until then and is nobody's fault: the wrong clock
    /// may be ours.
    pub fn max_ahead_ms(&self) -> u64 {
        self.block_time_ms.saturating_mul(2).max(MIN_AHEAD_MS)
    }
}

/// The times of the last blocks, newest last; one to [`MEDIAN_BLOCKS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Times {
    times: [u64; MEDIAN_BLOCKS],
    count: usize,
}

impl Times {
    fn one(time: u64) -> Self {
        let mut times = [0; MEDIAN_BLOCKS];
        times[0] = time;
        Self { times, count: 1 }
    }

    fn push(&mut self, time: u64) {
        if let Some(free) = self.times.get_mut(self.count) {
            *free = time;
            self.count = self.count.saturating_add(1);
        } else {
            self.times.rotate_left(1);
            self.times[MEDIAN_BLOCKS.saturating_sub(1)] = time;
        }
    }

    /// The middle one; of an even number the later of the two.
    fn median(&self) -> u64 {
        let mut sorted = self.times;
        let sorted = sorted.get_mut(..self.count).unwrap_or_default();
        sorted.sort_unstable();
        sorted.get(self.count / 2).copied().unwrap_or(0)
    }
}

/// The chain up to a block, as far as it decides what header may follow. About 250 bytes; immutable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkChain {
    rules: Rules,
    height: u64,
    block_id: BlockId,
    target: Target,
    timestamp_ms: u64,
    parent_timestamp_ms: u64,
    times: Times,
    work: Work,
}

impl WorkChain {
    /// At the genesis, which took no work.
    pub fn genesis(rules: Rules) -> Self {
        Self {
            rules,
            height: 0,
            block_id: BlockId(rules.genesis_id.0),
            target: rules.first_target,
            timestamp_ms: rules.genesis_timestamp_ms,
            parent_timestamp_ms: rules.genesis_timestamp_ms,
            times: Times::one(rules.genesis_timestamp_ms),
            work: Work::ZERO,
        }
    }

    /// At the last of `headers`, from what the disk has: `work` up to and including it, and the headers
    /// up to it, in order, each on the one before: at least [`MEDIAN_BLOCKS`], or all from height 1.
    /// `None` if they are none of that.
    pub fn resume(rules: Rules, work: Work, headers: &[SealedHeader]) -> Option<Self> {
        let first = headers.first()?.header();
        let mut times = match first.height {
            1 => Times::one(rules.genesis_timestamp_ms),
            _ if headers.len() < MEDIAN_BLOCKS => return None,
            _ => Times {
                times: [0; MEDIAN_BLOCKS],
                count: 0,
            },
        };
        let (mut below, mut parent_timestamp_ms): (Option<&SealedHeader>, _) =
            (None, rules.genesis_timestamp_ms);
        for header in headers {
            if let Some(parent) = below {
                let follows = header.header().height == parent.header().height.checked_add(1)?
                    && header.header().parent_id == parent.id();
                if !follows {
                    return None;
                }
                parent_timestamp_ms = parent.header().timestamp_ms;
            }
            times.push(header.header().timestamp_ms);
            below = Some(header);
        }
        let last = headers.last()?;
        Some(Self {
            rules,
            height: last.header().height,
            block_id: last.id(),
            target: last.header().target.as_ref().and_then(Target::from_bytes)?,
            timestamp_ms: last.header().timestamp_ms,
            parent_timestamp_ms,
            times,
            work,
        })
    }

    /// One block further. `header` is on this block and was [`Self::check`]ed.
    #[must_use]
    pub fn child(&self, header: &SealedHeader) -> Self {
        let (id, header) = (header.id(), header.header());
        let target = self.next_target();
        let mut times = self.times;
        times.push(header.timestamp_ms);
        Self {
            rules: self.rules,
            height: header.height,
            block_id: id,
            target,
            timestamp_ms: header.timestamp_ms,
            parent_timestamp_ms: self.timestamp_ms,
            times,
            work: self.work.plus(target.work()),
        }
    }

    /// What the next block's header must name.
    pub fn next_target(&self) -> Target {
        // The genesis' time may be years ago: the first block's time says nothing.
        if self.height < 2 {
            return self.rules.first_target;
        }
        let elapsed = i128::from(self.timestamp_ms).saturating_sub(i128::from(self.parent_timestamp_ms));
        let Rules {
            block_time_ms,
            half_life_ms,
            ..
        } = self.rules;
        asert::next_target(self.target, elapsed, block_time_ms, half_life_ms)
    }

    /// Median of the last [`MEDIAN_BLOCKS`] times (fewer at the start), in milliseconds since 1970-01-01
    /// UTC. The next block must be later.
    pub fn median_time_ms(&self) -> u64 {
        self.times.median()
    }

    /// Whether `header` may follow, beside its work, its execution and our clock.
    pub fn check(&self, header: &Header) -> Result<(), HeaderFault> {
        if header.genesis_id != self.rules.genesis_id {
            return Err(HeaderFault::OtherNetwork(header.genesis_id));
        }
        let expected = self.height.saturating_add(1);
        if header.height != expected {
            return Err(HeaderFault::WrongHeight {
                given: header.height,
                expected,
            });
        }
        if header.parent_id != self.block_id {
            return Err(HeaderFault::WrongParent {
                given: header.parent_id,
                expected: self.block_id,
            });
        }
        let expected = self.next_target();
        match header.target.as_ref().and_then(Target::from_bytes) {
            Some(given) if given == expected => {}
            Some(given) => return Err(HeaderFault::WrongTarget { given, expected }),
            None => return Err(HeaderFault::NoWork),
        }
        let median = self.median_time_ms();
        if header.timestamp_ms <= median {
            return Err(HeaderFault::NotLater {
                given: header.timestamp_ms,
                median,
            });
        }
        Ok(())
    }

    /// What the genesis says.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Of the block; 0: the genesis.
    pub fn height(&self) -> u64 {
        self.height
    }

    /// The block; the genesis id for the genesis.
    pub fn block_id(&self) -> BlockId {
        self.block_id
    }

    /// The block's target; at the genesis that of the first block.
    pub fn target(&self) -> Target {
        self.target
    }

    /// The block's time, in milliseconds since 1970-01-01 UTC.
    pub fn timestamp_ms(&self) -> u64 {
        self.timestamp_ms
    }

    /// Of all blocks up to this one.
    pub fn work(&self) -> Work {
        self.work
    }
}
