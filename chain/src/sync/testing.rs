//! A chain with real certificates, for tests of this crate.

use aureon_types::{
    Action, Address, Amount, Block, BlockId, CertifiedBlock, CommitCertificate, CommitSignature, GenesisId,
    Hash, Header, SealedHeader, SecretKey, SignedTransaction, SignedVote, Transaction, Validator,
    ValidatorSet, Vote, VoteKind, merkle, transaction::TRANSFER_GAS,
};
use bytes::Bytes;

use super::Head;

pub(crate) const GENESIS: GenesisId = GenesisId([7; 32]);

/// A small seeded generator (xorshift64*, Vigna 2016): tests must not depend on a library's stream.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % limit
    }
}

pub(crate) fn authority() -> SecretKey {
    SecretKey::from_seed([1; 32])
}

pub(crate) fn transfer(nonce: u64) -> SignedTransaction {
    let key = SecretKey::from_seed([2; 32]);
    Transaction {
        network: GENESIS.network_hint(),
        public_key: key.public_key(),
        nonce,
        gas_limit: TRANSFER_GAS,
        gas_price: 1,
        last_valid_height: None,
        action: Action::Transfer {
            recipient: Address([3; 20]),
            amount: Amount(nonce),
        },
    }
    .sign(&key, &GENESIS)
}

/// A block with these transactions. Its execution is not looked at here, so the other roots are zero.
pub(crate) fn block(height: u64, parent_id: BlockId, transactions: Vec<SignedTransaction>) -> Block {
    let header = Header {
        genesis_id: GENESIS,
        height,
        parent_id,
        timestamp_ms: height,
        proposer: authority().address(),
        transactions_root: merkle::root(transactions.iter().map(SignedTransaction::leaf)),
        receipts_root: Hash::ZERO,
        state_root: Hash::ZERO,
        gas_used: 0,
        gas_limit: 1,
        previous_commit_hash: Hash::ZERO,
        next_validators_hash: Hash::ZERO,
        target: None,
    };
    Block::new(
        SealedHeader::new(header, Bytes::new()),
        Bytes::new(),
        transactions,
    )
    .unwrap()
}

pub(crate) fn certify(block: Block, key: &SecretKey) -> CertifiedBlock {
    let (height, id) = (block.header().height, block.id());
    let vote = Vote {
        kind: VoteKind::Precommit,
        height,
        round: 0,
        block_id: Some(id),
    };
    let signature = SignedVote::sign(vote, key, &GENESIS).signature;
    let signatures = vec![CommitSignature {
        validator: key.address(),
        signature,
    }];
    CertifiedBlock {
        block,
        certificate: CommitCertificate::new(height, 0, id, signatures),
    }
}

/// Blocks 1 to n of one authority.
#[derive(Clone)]
pub(crate) struct Chain(Vec<CertifiedBlock>);

impl Chain {
    pub(crate) fn new(length: u64) -> Self {
        Self::signed_by(length, &authority(), 0)
    }

    /// Another chain for each `salt`, signed by `key`.
    pub(crate) fn signed_by(length: u64, key: &SecretKey, salt: u64) -> Self {
        let mut parent = BlockId(GENESIS.0);
        let mut blocks = Vec::new();
        for height in 1..=length {
            let block = block(height, parent, vec![transfer(height + salt)]);
            parent = block.id();
            blocks.push(certify(block, key));
        }
        Self(blocks)
    }

    pub(crate) fn block(&self, height: u64) -> CertifiedBlock {
        self.0[usize::try_from(height).unwrap() - 1].clone()
    }

    /// Blocks `from` on, at most `count`.
    pub(crate) fn range(&self, from: u64, count: u64) -> Vec<CertifiedBlock> {
        (from..from.saturating_add(count))
            .take_while(|height| *height <= self.height())
            .map(|h| self.block(h))
            .collect()
    }

    pub(crate) fn height(&self) -> u64 {
        self.0.len() as u64
    }

    pub(crate) fn head(&self) -> Head {
        self.head_at(self.height())
    }

    pub(crate) fn head_at(&self, height: u64) -> Head {
        let id = if height == 0 {
            BlockId(GENESIS.0)
        } else {
            self.block(height).block.id()
        };
        Head { height, id }
    }
}

pub(crate) fn validators() -> ValidatorSet {
    ValidatorSet::new(vec![Validator::new(authority().public_key(), 1)]).unwrap()
}
