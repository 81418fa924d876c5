//! One set of validators and the heights that it decides.

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use aureon_proto::v1 as proto;
use aureon_types::{
    Address, DecodeError, PublicKey, Validator, ValidatorSet,
    limits::MAX_VALIDATORS,
    strict::{self, required, required_bytes},
};
use bytes::Bytes;
use prost::Message as _;

use super::priority::Priorities;

const WHAT: &str = "epoch";
/// Steps of the sequence that are computed together, the first time that one of them is asked for.
const CHUNK: u64 = 256;
/// Steps beyond the last height of an epoch, for rounds. After them the sequence starts again. Enough
/// for any set: the dead, who have less than a third of the power, cannot hold so many turns in a row.
const ROUNDS: u64 = 256 * CHUNK;
/// The longest sequence that is not repeated before its epoch is over; a genesis asks for 100,000
/// blocks at most. A longer epoch (see [`super::Schedule::fixed`]) goes through it again and again.
const MAX_STEPS: u64 = 1 << 17;

/// A run of heights that one validator set decides, and who proposes in each of their rounds.
///
/// Immutable and cheap to clone. Proposers are computed once, in chunks, when they are first asked for;
/// all clones share them. Equal where number, length, set and start priorities are.
#[derive(Clone)]
pub struct Epoch(Arc<Inner>);

struct Inner {
    number: u64,
    blocks: u64,
    set: ValidatorSet,
    start: Priorities,
    /// Stands for the proposer of an empty set, which there is not; it can sign nothing.
    nobody: Validator,
    chunks: Vec<OnceLock<Chunk>>,
}

struct Chunk {
    /// Positions in the set; [`MAX_VALIDATORS`] fits 16 bits.
    proposers: Vec<u16>,
    after: Priorities,
}

impl Epoch {
    /// Epoch 0 of a network: heights 1 to `epoch_blocks`.
    pub fn genesis(set: ValidatorSet, epoch_blocks: u64) -> Self {
        let start = Priorities::initial(&set);
        Self::new(0, epoch_blocks.max(1), set, start)
    }

    /// The epoch after this one, decided by `set`. Costs what the proposers of this one cost, if
    /// nobody asked for them yet: a microsecond per height in the largest set.
    pub fn next(&self, set: ValidatorSet) -> Self {
        let start = self.priorities_after(self.0.blocks).carried(&self.0.set, &set);
        Self::new(self.0.number.saturating_add(1), self.0.blocks, set, start)
    }

    fn new(number: u64, blocks: u64, set: ValidatorSet, start: Priorities) -> Self {
        let steps = blocks.min(MAX_STEPS).saturating_add(ROUNDS);
        let chunks = (0..steps.div_ceil(CHUNK)).map(|_| OnceLock::new()).collect();
        Self(Arc::new(Inner {
            number,
            blocks,
            set,
            start,
            nobody: Validator {
                address: Address::default(),
                public_key: PublicKey([0; 32]),
                power: 0,
            },
            chunks,
        }))
    }

    /// From 0.
    pub fn number(&self) -> u64 {
        self.0.number
    }

    /// How many heights every epoch of this network has.
    pub fn blocks(&self) -> u64 {
        self.0.blocks
    }

    /// Its first height.
    pub fn first(&self) -> u64 {
        self.0.number.saturating_mul(self.0.blocks).saturating_add(1)
    }

    /// Its last height.
    pub fn last(&self) -> u64 {
        self.0.number.saturating_add(1).saturating_mul(self.0.blocks)
    }

    /// The height whose execution fixes the set of the next epoch: the last but one, so that the header
    /// of the last can name that set before its own execution.
    pub fn closing(&self) -> u64 {
        self.last().saturating_sub(1).max(self.first())
    }

    /// Whether `height` is one of its heights.
    pub fn contains(&self, height: u64) -> bool {
        (self.first()..=self.last()).contains(&height)
    }

    /// Who decides.
    pub fn set(&self) -> &ValidatorSet {
        &self.0.set
    }

    /// Who proposes in `round` of `height`, which should be one of its heights (others get an answer
    /// that means nothing).
    ///
    /// Step `height - first + round` of the epoch's sequence: a dead proposer costs one round, and then
    /// the turn of the next height's proposer comes early.
    pub fn proposer(&self, height: u64, round: u32) -> &Validator {
        let step = height
            .saturating_sub(self.first())
            .saturating_add(u64::from(round));
        self.at_step(step)
    }

    fn at_step(&self, step: u64) -> &Validator {
        let step = step.checked_rem(self.steps()).unwrap_or(0);
        let position = self.chunk_of(step).and_then(|chunk| {
            let offset = usize::try_from(step.checked_rem(CHUNK)?).ok()?;
            Some(usize::from(*chunk.proposers.get(offset)?))
        });
        position
            .and_then(|position| self.0.set.get_index(position))
            .unwrap_or(&self.0.nobody)
    }

    /// Length of the sequence.
    fn steps(&self) -> u64 {
        u64::try_from(self.0.chunks.len())
            .unwrap_or(u64::MAX)
            .saturating_mul(CHUNK)
    }

    fn chunk_of(&self, step: u64) -> Option<&Chunk> {
        let wanted = usize::try_from(step.checked_div(CHUNK)?).ok()?;
        let chunks = &self.0.chunks;
        let done = (0..=wanted)
            .rev()
            .find_map(|index| Some((index, chunks.get(index)?.get()?)));
        let (mut next, mut latest) = match done {
            Some((index, chunk)) => (index.saturating_add(1), Some(chunk)),
            None => (0, None),
        };
        while next <= wanted {
            let before = latest.map_or(&self.0.start, |chunk| &chunk.after);
            latest = Some(
                chunks
                    .get(next)?
                    .get_or_init(|| Chunk::after(before, &self.0.set)),
            );
            next = next.saturating_add(1);
        }
        latest
    }

    /// The priorities when so many steps are done.
    fn priorities_after(&self, steps: u64) -> Priorities {
        let steps = steps.checked_rem(self.steps()).unwrap_or(0);
        let whole = steps.checked_div(CHUNK).unwrap_or(0);
        let mut priorities = match whole.checked_sub(1) {
            None => self.0.start.clone(),
            Some(last) => self
                .chunk_of(last.saturating_mul(CHUNK))
                .map_or_else(|| self.0.start.clone(), |chunk| chunk.after.clone()),
        };
        for _ in 0..steps.checked_rem(CHUNK).unwrap_or(0) {
            priorities.step(&self.0.set);
        }
        priorities
    }

    /// The one encoding: set and start priorities (56 bytes for each validator at most).
    pub fn encode(&self) -> Bytes {
        let validators = self.0.set.iter().zip(self.0.start.values());
        let validators = validators.map(|(validator, priority)| proto::EpochValidator {
            public_key: Some(Bytes::copy_from_slice(&validator.public_key.0)),
            power: Some(validator.power),
            priority: Some(*priority),
        });
        proto::Epoch {
            number: Some(self.0.number),
            blocks: Some(self.0.blocks),
            validators: validators.collect(),
        }
        .encode_to_vec()
        .into()
    }

    /// Strict: nothing that [`Epoch::encode`] could not have written.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let message: proto::Epoch = strict::decode(WHAT, bytes)?;
        let invalid = |field, reason: String| DecodeError::Invalid {
            what: WHAT,
            field,
            reason,
        };
        let number = required(WHAT, "number", message.number)?;
        let blocks = required(WHAT, "blocks", message.blocks)?;
        let last = number.checked_add(1).and_then(|count| count.checked_mul(blocks));
        if blocks == 0 || last.is_none() {
            return Err(invalid(
                "blocks",
                format!("{blocks} in epoch {number}: no heights"),
            ));
        }
        let (validators, priorities): (Vec<_>, Vec<_>) = read(&message.validators)?.into_iter().unzip();
        let set = ValidatorSet::new(validators.clone())
            .map_err(|error| invalid("validators", error.to_string()))?;
        if !set.iter().eq(validators.iter()) {
            return Err(invalid(
                "validators",
                "they are not sorted by power, then address".to_owned(),
            ));
        }
        let start = Priorities::restored(priorities, &set)
            .ok_or_else(|| invalid("priority", "they are not scaled and centred".to_owned()))?;
        Ok(Self::new(number, blocks, set, start))
    }
}

fn read(validators: &[proto::EpochValidator]) -> Result<Vec<(Validator, i64)>, DecodeError> {
    const WHAT: &str = "validator of an epoch";
    if validators.len() > MAX_VALIDATORS {
        return Err(DecodeError::Invalid {
            what: self::WHAT,
            field: "validators",
            reason: format!(
                "there are {}, at most {MAX_VALIDATORS} are allowed",
                validators.len()
            ),
        });
    }
    let read = validators.iter().map(|validator| {
        let key = PublicKey(required_bytes(WHAT, "public_key", validator.public_key.as_ref())?);
        let power = required(WHAT, "power", validator.power)?;
        let priority = required(WHAT, "priority", validator.priority)?;
        Ok((Validator::new(key, power), priority))
    });
    read.collect()
}

impl Chunk {
    fn after(before: &Priorities, set: &ValidatorSet) -> Self {
        let mut after = before.clone();
        let proposers = (0..CHUNK)
            .map(|_| u16::try_from(after.step(set)).unwrap_or(0))
            .collect();
        Self { proposers, after }
    }
}

impl PartialEq for Epoch {
    fn eq(&self, other: &Self) -> bool {
        let parts = |epoch: &Self| {
            (
                epoch.0.number,
                epoch.0.blocks,
                epoch.0.set.clone(),
                epoch.0.start.clone(),
            )
        };
        Arc::ptr_eq(&self.0, &other.0) || parts(self) == parts(other)
    }
}

impl Eq for Epoch {}

impl fmt::Debug for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Epoch")
            .field("number", &self.0.number)
            .field("heights", &(self.first()..=self.last()))
            .field("set", &self.0.set)
            .finish_non_exhaustive()
    }
}
