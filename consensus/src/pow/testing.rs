//! Headers with real work, for tests.

use aureon_types::{Address, BlockId, GenesisId, Hash, Header, SealedHeader};
use bytes::Bytes;

use super::{Rules, Target, WorkChain, header_hash, search};

/// 256 hashes per block; blocks every second; a half-life of ten.
pub(crate) fn rules(finality_depth: u64) -> Rules {
    Rules {
        genesis_id: GenesisId([7; 32]),
        genesis_timestamp_ms: 1_000_000,
        first_target: Target::from_zero_bytes(1),
        block_time_ms: 1_000,
        half_life_ms: 10_000,
        finality_depth,
    }
}

/// A header on `parent` that is not yet mined. `salt` tells siblings apart.
pub(crate) fn draft(parent: &WorkChain, timestamp_ms: u64, salt: u8) -> Header {
    Header {
        genesis_id: parent.rules().genesis_id,
        height: parent.height() + 1,
        parent_id: parent.block_id(),
        timestamp_ms,
        proposer: Address([salt; 20]),
        transactions_root: Hash::ZERO,
        receipts_root: Hash::ZERO,
        state_root: Hash::ZERO,
        gas_used: 0,
        gas_limit: 1,
        previous_commit_hash: Hash::ZERO,
        next_validators_hash: Hash::ZERO,
        target: Some(parent.next_target().to_bytes()),
    }
}

/// Does the work that the header itself asks for.
pub(crate) fn seal(header: Header) -> SealedHeader {
    let target = Target::from_bytes(&header.target.unwrap()).unwrap();
    let nonce = search(&header_hash(&header.encode()), &target, 0..u64::MAX).unwrap();
    SealedHeader::new(header, Bytes::copy_from_slice(&nonce.to_le_bytes()))
}

/// A mined header on `parent`, `after_ms` later.
pub(crate) fn mine(parent: &WorkChain, after_ms: u64, salt: u8) -> SealedHeader {
    seal(draft(parent, parent.timestamp_ms() + after_ms, salt))
}

/// A line of mined headers on `parent`, each `after_ms` later than the one before.
pub(crate) fn line(parent: &WorkChain, length: usize, after_ms: u64, salt: u8) -> Vec<SealedHeader> {
    let (mut chain, mut headers) = (parent.clone(), Vec::new());
    for _ in 0..length {
        let header = mine(&chain, after_ms, salt);
        chain = chain.child(&header);
        headers.push(header);
    }
    headers
}

pub(crate) fn ids(headers: &[SealedHeader]) -> Vec<BlockId> {
    headers.iter().map(SealedHeader::id).collect()
}

/// A small seeded generator (xorshift64*, Vigna 2016): tests must not depend on a library's stream.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        (self.next() >> 33) % limit
    }

    /// From 0 to 1, without both.
    pub(crate) fn unit(&mut self) -> f64 {
        ((self.next() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }

    /// Exponentially distributed with mean 1: the time until somebody finds a block.
    pub(crate) fn exponential(&mut self) -> f64 {
        -self.unit().ln()
    }
}
