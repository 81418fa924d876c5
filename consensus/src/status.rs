//! What consensus is doing, for people: `/status`, and the answer to "why is the chain stalled".

use aureon_types::{Address, BlockId};

use crate::{Drops, pow::WorkStatus};

/// Where a round stands (Tendermint's steps).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The height has not started: the block time is not over, or no transaction asks for a block.
    Waiting,
    /// Waiting for the proposal and its execution.
    Propose,
    /// Collecting prevotes.
    Prevote,
    /// Collecting precommits.
    Precommit,
    /// Proof of work: a heavier branch is known, and its bodies are being fetched and executed.
    CatchUp,
    /// Proof of work: the head is the heaviest block known; somebody has to find the next.
    Mine,
    /// Decided; the block is being committed, or the next height is awaited.
    Commit,
}

impl Step {
    /// Lower case, for JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Propose => "propose",
            Self::Prevote => "prevote",
            Self::Precommit => "precommit",
            Self::CatchUp => "catch_up",
            Self::Mine => "mine",
            Self::Commit => "commit",
        }
    }
}

/// Whether this node signs, and if not, why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signing {
    /// It does.
    Yes,
    /// Nobody signs under proof of work.
    NotNeeded,
    /// It has no key.
    Observer,
    /// Its key is none of the validators' of this height.
    NotAValidator,
    /// It does not know what its key signed before, and listens before it signs.
    Listening,
    /// It may have signed up to this place in an earlier life, and signs in later rounds only.
    Barred {
        /// The place's height.
        height: u64,
        /// The place's round.
        round: u32,
    },
    /// It stopped for good.
    Stopped {
        /// Why, and what to do.
        reason: String,
    },
}

impl Signing {
    /// One sentence.
    pub fn explain(&self) -> String {
        match self {
            Self::Yes => "this node signs".to_owned(),
            Self::NotNeeded => "under proof of work nobody signs: blocks are mined".to_owned(),
            Self::Observer => "this node has no validator key and only follows".to_owned(),
            Self::NotAValidator => {
                "this node's key is none of the validators' of this height; it only follows".to_owned()
            }
            Self::Listening => "this node's sign-mark is missing or older than the chain: it listens \
                                for two round timeouts before it signs, in order not to contradict \
                                what it may have signed before"
                .to_owned(),
            Self::Barred { height, round } => format!(
                "this node may have signed up to height {height} round {round} in an earlier life and \
                 signs only after that"
            ),
            Self::Stopped { reason } => reason.clone(),
        }
    }
}

/// What a validator has voted in the current round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ValidatorVotes {
    /// The validator.
    pub address: Address,
    /// Its voting power.
    pub power: u64,
    /// Its prevote; the inner `None` is nil.
    pub prevote: Option<Option<BlockId>>,
    /// Its precommit; the inner `None` is nil.
    pub precommit: Option<Option<BlockId>>,
}

/// The state of consensus at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsensusStatus {
    /// The engine's name, as in `genesis.json`.
    pub engine: &'static str,
    /// The height that is being decided.
    pub height: u64,
    /// Its round, from 0.
    pub round: u32,
    /// The step of the round.
    pub step: Step,
    /// Who proposes in this round.
    pub proposer: Option<Address>,
    /// Every validator and its votes in this round.
    pub validators: Vec<ValidatorVotes>,
    /// Power of all validators.
    pub total_power: u64,
    /// Least power that decides.
    pub quorum_power: u64,
    /// Whether this node signs.
    pub signing: Signing,
    /// What has to happen next, as a sentence.
    pub waiting_for: String,
    /// Messages that were dropped at the edge, by reason, since the start.
    pub drops: Drops,
    /// Work, difficulty, branches; `None` where validators vote.
    pub work: Option<WorkStatus>,
}
