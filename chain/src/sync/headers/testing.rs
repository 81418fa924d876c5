//! Mined headers for tests of header sync.

use aureon_consensus::pow::{Rules, Target, Work, WorkChain, header_hash, search};
use aureon_types::{Address, GenesisId, Hash, Header, SealedHeader};
use bytes::Bytes;

use super::{super::Head, Claim};

pub(super) fn rules() -> Rules {
    Rules {
        genesis_id: GenesisId([7; 32]),
        genesis_timestamp_ms: 1_000_000,
        first_target: Target::EASIEST,
        block_time_ms: 1_000,
        half_life_ms: 10_000,
        finality_depth: 1_000,
    }
}

fn mine(parent: &WorkChain, salt: u8) -> SealedHeader {
    mine_at(parent, parent.timestamp_ms() + 1_000, salt)
}

/// A mined header on `parent` with this time, if the median allows it, else the earliest allowed.
pub(super) fn mine_at(parent: &WorkChain, timestamp_ms: u64, salt: u8) -> SealedHeader {
    let target = parent.next_target();
    let header = Header {
        genesis_id: parent.rules().genesis_id,
        height: parent.height() + 1,
        parent_id: parent.block_id(),
        timestamp_ms: timestamp_ms.max(parent.median_time_ms() + 1),
        proposer: Address([salt; 20]),
        transactions_root: Hash::ZERO,
        receipts_root: Hash::ZERO,
        state_root: Hash::ZERO,
        gas_used: 0,
        gas_limit: 1,
        previous_commit_hash: Hash::ZERO,
        next_validators_hash: Hash::ZERO,
        target: Some(target.to_bytes()),
    };
    let nonce = search(&header_hash(&header.encode()), &target, 0..u64::MAX).unwrap();
    SealedHeader::new(header, Bytes::copy_from_slice(&nonce.to_le_bytes()))
}

/// Headers from height 1, with the chain of work after each; each block takes one hash.
#[derive(Clone)]
pub(super) struct Chain {
    pub headers: Vec<SealedHeader>,
    chains: Vec<WorkChain>,
}

impl Chain {
    pub(super) fn new(length: usize, salt: u8) -> Self {
        let genesis = Self {
            headers: vec![],
            chains: vec![WorkChain::genesis(rules())],
        };
        genesis.extended(length, salt)
    }

    /// As many blocks more.
    pub(super) fn extended(&self, length: usize, salt: u8) -> Self {
        let mut this = self.clone();
        for _ in 0..length {
            let parent = this.chains.last().unwrap();
            let header = mine(parent, salt);
            this.chains.push(parent.child(&header));
            this.headers.push(header);
        }
        this
    }

    /// The first `length` blocks.
    pub(super) fn cut(&self, length: usize) -> Self {
        Self {
            headers: self.headers[..length].to_vec(),
            chains: self.chains[..=length].to_vec(),
        }
    }

    pub(super) fn genesis(&self) -> WorkChain {
        self.chains[0].clone()
    }

    pub(super) fn claim(&self) -> Claim {
        self.claim_at(self.headers.len())
    }

    pub(super) fn claim_at(&self, height: usize) -> Claim {
        let chain = &self.chains[height];
        Claim {
            head: Head {
                height: chain.height(),
                id: chain.block_id(),
            },
            work: chain.work(),
        }
    }

    /// Headers after `height`, at most `count`.
    pub(super) fn after(&self, height: usize, count: usize) -> Vec<SealedHeader> {
        self.headers.iter().skip(height).take(count).cloned().collect()
    }
}

/// More than any chain here has.
pub(super) fn boast() -> Work {
    Work::from_bytes(&[0x11; 32])
}
