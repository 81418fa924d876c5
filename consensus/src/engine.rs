//! The one face of all engines.

use aureon_types::Address;

use crate::{
    Admit, Config, ConsensusStatus, DropReason, Effect, Epoch, Head, Input, LogRecord, Message, Now,
    SignMark,
    bft::Bft,
    pow::{self, Pow},
};

/// A consensus engine. Every node of a network runs the one that the genesis selects.
pub enum Engine {
    /// Tendermint: proof of authority and proof of stake.
    Bft(Box<Bft>),
    /// Nakamoto: proof of work.
    Pow(Box<Pow>),
}

impl Engine {
    /// Starts after `head`, the last committed block.
    ///
    /// `log`: the records of height `head + 1` in order, empty if there are none. `sign_mark`: the
    /// highest place at which this key ever signed, as read from disk; `None` if it is missing or
    /// damaged (for a key that was never used, [`SignMark::INITIAL`] is written beside the key).
    pub fn start(
        now: Now,
        config: Config,
        head: Head,
        log: Vec<LogRecord>,
        sign_mark: Option<SignMark>,
        effects: &mut Vec<Effect>,
    ) -> Self {
        Self::Bft(Box::new(Bft::start(now, config, head, log, sign_mark, effects)))
    }

    /// Starts an engine of proof of work from what the disk holds. Refuses what is inconsistent.
    pub fn start_work(
        now: Now,
        start: pow::Start,
        effects: &mut Vec<Effect>,
    ) -> Result<Self, pow::StartFault> {
        Ok(Self::Pow(Box::new(Pow::start(now, start, effects)?)))
    }

    /// The engine of proof of work, where it is that.
    pub fn work(&self) -> Option<&Pow> {
        match self {
            Self::Pow(pow) => Some(pow),
            Self::Bft(_) => None,
        }
    }

    /// The transition. Never waits; takes microseconds per signature that it makes.
    pub fn handle(&mut self, now: Now, input: Input, effects: &mut Vec<Effect>) {
        match self {
            Self::Bft(bft) => bft.handle(now, input, effects),
            Self::Pow(pow) => pow.handle(now, input, effects),
        }
    }

    /// Whether `message` is worth verifying. Counts what is not.
    pub fn admit(&mut self, message: &Message) -> Admit {
        match self {
            Self::Bft(bft) => bft.admit(message),
            Self::Pow(pow) => pow.admit(message),
        }
    }

    /// Counts a message that was dropped elsewhere: malformed, or false as a worker saw.
    pub fn count_drop(&mut self, reason: DropReason) {
        match self {
            Self::Bft(bft) => bft.count_drop(reason),
            Self::Pow(pow) => pow.count_drop(reason),
        }
    }

    /// The epoch of `height`, with its validators; `None` where it is not known. Cheap to clone, for a
    /// worker.
    pub fn epoch(&self, height: u64) -> Option<&Epoch> {
        match self {
            Self::Bft(bft) => bft.epoch(height),
            Self::Pow(_) => None,
        }
    }

    /// Who proposes in `round` of `height`.
    pub fn proposer(&self, height: u64, round: u32) -> Option<Address> {
        match self {
            Self::Bft(bft) => bft.proposer(height, round),
            Self::Pow(_) => None,
        }
    }

    /// What it is doing. Costs a walk over the validators: for requests, not for every event.
    pub fn status(&self) -> ConsensusStatus {
        match self {
            Self::Bft(bft) => bft.status(),
            Self::Pow(pow) => pow.status(),
        }
    }
}
