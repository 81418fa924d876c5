//! Nodes that break the rules, one file each.
//!
//! An attacker is a hook around a node that runs as it ships: what leaves the node (what it signs, passes
//! on, answers, has built) goes through the hook, which may hold it back, change it or add to it. What comes
//! in is judged by the shipped code alone. So an attacker can do whatever its key and its place in the
//! network allow, and nothing here is a second wiring.
//!
//! Attackers of one kind know each other ([`Conspiracy`]).

mod body_withholder;
mod double_voter;
mod equivocating_proposer;
mod flooder;
mod forge;
mod former_validators;
mod invalid_proposer;
mod long_range_forker;
mod rotten_branch;
mod selfish_miner;
mod signature_corrupter;
mod time_liar;
mod vote_withholder;

use std::{collections::BTreeMap, fmt};

use aureon_node::core::Job;
use aureon_proto::v1::{self as proto, sync_request};
use aureon_protocol::{Status, Topic};
use aureon_types::{BlockId, GenesisId, SecretKey};
use bytes::Bytes;

use crate::{
    node::Running,
    random::Random,
    scenario::{Engine, Micros},
};

/// What an attacker does. See the file of the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Attack {
    /// Proposes two blocks in each of its rounds, and votes for both.
    EquivocatingProposer,
    /// Signs two votes at each occasion.
    DoubleVoter,
    /// Votes late, to few, or not at all.
    VoteWithholder,
    /// Proposes blocks that break a rule.
    InvalidProposer,
    /// Builds blocks at times that are not.
    TimeLiar,
    /// Sends much about rounds and heights that are far away.
    Flooder,
    /// Passes on and answers what others signed with a bit changed in a signature.
    SignatureCorrupter,
    /// Keeps the blocks that it mines to itself as long as they are ahead.
    SelfishMiner,
    /// Shows a branch that begins below what is final.
    LongRangeForker,
    /// Serves headers and heads, and few bodies or none.
    BodyWithholder,
    /// Mines on an invalid block of its own.
    RottenBranch,
    /// Was a validator, and signs another chain afterwards with the keys of all who left.
    FormerValidators,
}

impl Attack {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::EquivocatingProposer,
        Self::DoubleVoter,
        Self::VoteWithholder,
        Self::InvalidProposer,
        Self::TimeLiar,
        Self::Flooder,
        Self::SignatureCorrupter,
        Self::SelfishMiner,
        Self::LongRangeForker,
        Self::BodyWithholder,
        Self::RottenBranch,
        Self::FormerValidators,
    ];

    /// As on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::EquivocatingProposer => "equivocating-proposer",
            Self::DoubleVoter => "double-voter",
            Self::VoteWithholder => "vote-withholder",
            Self::InvalidProposer => "invalid-proposer",
            Self::TimeLiar => "time-liar",
            Self::Flooder => "flooder",
            Self::SignatureCorrupter => "signature-corrupter",
            Self::SelfishMiner => "selfish-miner",
            Self::LongRangeForker => "long-range-forker",
            Self::BodyWithholder => "body-withholder",
            Self::RottenBranch => "rotten-branch",
            Self::FormerValidators => "former-validators",
        }
    }

    /// Whether there is such an attacker under an engine.
    pub fn fits(self, engine: Engine) -> bool {
        match self {
            Self::EquivocatingProposer
            | Self::DoubleVoter
            | Self::VoteWithholder
            | Self::FormerValidators => engine != Engine::Pow,
            Self::SelfishMiner | Self::RottenBranch => engine == Engine::Pow,
            _ => true,
        }
    }

    /// A new attacker.
    pub(crate) fn begin(self) -> Box<dyn Attacker> {
        match self {
            Self::EquivocatingProposer => Box::new(equivocating_proposer::EquivocatingProposer),
            Self::DoubleVoter => Box::new(double_voter::DoubleVoter),
            Self::VoteWithholder => Box::new(vote_withholder::VoteWithholder),
            Self::InvalidProposer => Box::new(invalid_proposer::InvalidProposer::default()),
            Self::TimeLiar => Box::new(time_liar::TimeLiar),
            Self::Flooder => Box::new(flooder::Flooder),
            Self::SignatureCorrupter => Box::new(signature_corrupter::SignatureCorrupter),
            Self::SelfishMiner => Box::new(selfish_miner::SelfishMiner::default()),
            Self::LongRangeForker => Box::new(long_range_forker::LongRangeForker),
            Self::BodyWithholder => Box::new(body_withholder::BodyWithholder),
            Self::RottenBranch => Box::new(rotten_branch::RottenBranch::default()),
            Self::FormerValidators => Box::new(former_validators::FormerValidators::default()),
        }
    }
}

impl fmt::Display for Attack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What attackers of one network know together.
#[derive(Debug, Default)]
pub(crate) struct Conspiracy {
    /// Blocks that were forged, by the block they are twins of.
    pub twins: BTreeMap<BlockId, BlockId>,
    /// Keys of validators that left the set, or will.
    pub sold: Vec<SecretKey>,
}

/// A connected node.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Listener {
    pub node: usize,
    /// One of us.
    pub accomplice: bool,
}

/// What an attacker sees when it is asked.
pub(crate) struct Scene<'a> {
    /// Its own, which also signs for its node.
    pub key: &'a SecretKey,
    pub genesis_id: GenesisId,
    /// Its node, as it runs.
    pub running: &'a Running,
    pub listeners: Vec<Listener>,
    pub random: &'a mut Random,
    pub conspiracy: &'a mut Conspiracy,
}

/// Something that an attacker sends.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// Gossip to all, as the node would.
    Publish(Topic, Bytes),
    /// Gossip to one, not before so much time has passed.
    Send {
        to: usize,
        after: Micros,
        topic: Topic,
        data: Bytes,
    },
}

impl Scene<'_> {
    /// `data` for one half of the honest listeners and `twin` for the other; accomplices get `data`. The
    /// halves are the same each time.
    pub fn split(&self, topic: Topic, data: &Bytes, twin: &Bytes) -> Vec<Act> {
        let send = |listener: &Listener| {
            let told_the_twin = !listener.accomplice && listener.node % 2 == 1;
            let data = if told_the_twin { twin } else { data };
            self.to_one(listener.node, 0, topic, data)
        };
        self.listeners.iter().map(send).collect()
    }

    /// `data` for one listener.
    pub fn to_one(&self, to: usize, after: Micros, topic: Topic, data: &Bytes) -> Act {
        Act::Send {
            to,
            after,
            topic,
            data: data.clone(),
        }
    }
}

/// The hook. What is not changed does what an honest node does.
pub(crate) trait Attacker {
    /// Instead of publishing what the node signed or made.
    fn publish(&mut self, scene: &mut Scene<'_>, topic: Topic, data: Bytes) -> Vec<Act> {
        let _ = scene;
        vec![Act::Publish(topic, data)]
    }

    /// Whether the node passes on what it was told and has accepted. `from_accomplice`: by one of us.
    fn passes_on(&self, from_accomplice: bool) -> bool {
        let _ = from_accomplice;
        true
    }

    /// Sent just before something of others is passed on.
    fn before_passing_on(&mut self, scene: &mut Scene<'_>, topic: Topic, data: &Bytes) -> Vec<Act> {
        let _ = (scene, topic, data);
        Vec::new()
    }

    /// Changes the answer to a peer's question. False: there is none.
    fn answer(
        &mut self,
        scene: &mut Scene<'_>,
        request: &sync_request::Request,
        response: &mut proto::SyncResponse,
    ) -> bool {
        let _ = (scene, request, response);
        true
    }

    /// Something of others has arrived; what it does about it.
    fn heard(&mut self, scene: &mut Scene<'_>, topic: Topic, data: &Bytes) -> Vec<Act> {
        let _ = (scene, topic, data);
        Vec::new()
    }

    /// Changes what the node tells of its head.
    fn status(&mut self, scene: &mut Scene<'_>, status: Status) -> Status {
        let _ = scene;
        status
    }

    /// Whether it has cut itself off: it hears and says nothing.
    fn is_silent(&self, running: &Running) -> bool {
        let _ = running;
        false
    }

    /// Changes what the node gives its ledger to do.
    fn job(&mut self, scene: &mut Scene<'_>, job: &mut Job) {
        let _ = (scene, job);
    }

    /// How far its wall clock is off, in milliseconds, if it lies about that.
    fn skew_ms(&self, random: &mut Random) -> Option<i64> {
        let _ = random;
        None
    }

    /// The time between two turns, if it does something by itself.
    fn turns(&self) -> Option<Micros> {
        None
    }

    /// Its turn.
    fn turn(&mut self, scene: &mut Scene<'_>) -> Vec<Act> {
        let _ = scene;
        Vec::new()
    }
}
