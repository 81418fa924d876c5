//! What a node keeps, and what travels and happens.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use aureon_consensus::{Engine, Input, LogRecord, OutgoingMessage, SignMark};
use aureon_types::{Address, BlockId, CommitCertificate, SignedProposal, hash::blake3};

use super::Micros;

#[derive(Clone, Debug)]
pub(super) struct Block {
    pub(super) height: u64,
    pub(super) nonce: u64,
    pub(super) timestamp_ms: u64,
    pub(super) valid: bool,
}

impl Block {
    pub(super) fn id(&self) -> BlockId {
        let valid = [u8::from(self.valid)];
        BlockId(blake3(&[
            &self.height.to_be_bytes(),
            &self.nonce.to_be_bytes(),
            &self.timestamp_ms.to_be_bytes(),
            &valid,
        ]))
    }
}

#[derive(Clone, Debug)]
pub(super) enum Wire {
    /// The bytes of a gossip message.
    Consensus(Vec<u8>),
    Proposed(SignedProposal, Block, u16),
    Status(u64),
    RangeRequest(u64),
    Range(Vec<(Block, CommitCertificate)>),
    BlockRequest(BlockId),
    Block(Option<SignedProposal>, Block),
}

#[derive(Debug)]
pub(super) enum Event {
    Deliver {
        from: usize,
        wire: Wire,
    },
    Local(Input),
    Built {
        height: u64,
        round: u32,
        block: Block,
    },
    Executed {
        height: u64,
        round: u32,
        proposer: Address,
        block: Block,
    },
    Stored(Vec<(Block, CommitCertificate)>),
    DiskDone,
    Tick,
    Crash,
    Restart,
    Transaction,
}

pub(super) enum Job {
    StartLog(u64),
    Sync {
        records: Vec<LogRecord>,
        mark: Option<SignMark>,
        messages: Vec<OutgoingMessage>,
    },
}

/// `log`, `mark`, `bodies` and `chain` are on disk and survive a crash; the rest does not.
#[derive(Default)]
pub(super) struct Node {
    pub(super) engine: Option<Engine>,
    pub(super) life: u32,
    pub(super) log: (u64, Vec<Vec<u8>>),
    pub(super) mark: Option<Vec<u8>>,
    pub(super) bodies: BTreeMap<BlockId, Block>,
    pub(super) chain: BTreeMap<u64, (Block, CommitCertificate)>,
    pub(super) disk: VecDeque<Job>,
    pub(super) disk_free: Micros,
    pub(super) jobs: u64,
    /// Bodies that came with a proposal and are not executed yet, and the proposals.
    pub(super) arrived: BTreeMap<BlockId, Block>,
    pub(super) proposals: BTreeMap<BlockId, SignedProposal>,
    pub(super) waiting: BTreeMap<BlockId, (u64, u32, Address)>,
    /// What gossip has delivered: a second copy is swallowed.
    pub(super) seen: BTreeSet<[u8; 32]>,
    pub(super) peers: BTreeMap<usize, u64>,
    pub(super) transactions: u64,
}

impl Node {
    pub(super) fn head(&self) -> u64 {
        self.chain.keys().next_back().copied().unwrap_or(0)
    }

    pub(super) fn body(&self, id: &BlockId) -> Option<&Block> {
        self.bodies.get(id).or_else(|| self.arrived.get(id))
    }
}
