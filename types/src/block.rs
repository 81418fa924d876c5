//! Headers and blocks.

use aureon_proto::v1 as proto;
use bytes::Bytes;
use prost::Message as _;

use crate::{
    Address, BlockId, CommitCertificate, DecodeError, GenesisId, Hash, SignedTransaction, hash::blake3,
    limits::MAX_BLOCK_BYTES, merkle, strict,
};

/// The header version that this code makes and accepts.
pub const HEADER_VERSION: u32 = 1;

/// What a block id commits to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The network.
    pub genesis_id: GenesisId,
    /// 1 for the first block.
    pub height: u64,
    /// The block below; the genesis id (as a block id) for the first block.
    pub parent_id: BlockId,
    /// Milliseconds since 1970-01-01 UTC, greater than the parent's.
    pub timestamp_ms: u64,
    /// Who built the block first; receives the fees.
    pub proposer: Address,
    /// Root of the transaction tree.
    pub transactions_root: Hash,
    /// Root of the receipt tree.
    pub receipts_root: Hash,
    /// Root of the account trie after the block.
    pub state_root: Hash,
    /// Gas used by all transactions.
    pub gas_used: u64,
    /// Gas limit of the block.
    pub gas_limit: u64,
    /// [`CommitCertificate::hash`] of the previous block's certificate in the body.
    pub previous_commit_hash: Hash,
    /// [`crate::ValidatorSet::hash`] of the next height's validators; zero under proof of work.
    pub next_validators_hash: Hash,
    /// Proof of work: the target. `None` under the other engines.
    pub target: Option<[u8; 32]>,
}

impl Header {
    /// The one encoding.
    pub fn encode(&self) -> Bytes {
        let field = |bytes: &[u8]| Some(Bytes::copy_from_slice(bytes));
        proto::Header {
            version: Some(HEADER_VERSION),
            genesis_id: field(&self.genesis_id.0),
            height: Some(self.height),
            parent_id: field(&self.parent_id.0),
            timestamp_ms: Some(self.timestamp_ms),
            proposer: field(&self.proposer.0),
            transactions_root: field(&self.transactions_root.0),
            receipts_root: field(&self.receipts_root.0),
            state_root: field(&self.state_root.0),
            gas_used: Some(self.gas_used),
            gas_limit: Some(self.gas_limit),
            previous_commit_hash: field(&self.previous_commit_hash.0),
            next_validators_hash: field(&self.next_validators_hash.0),
            target: field(self.target.as_ref().map_or(&[], |target| &target[..])),
        }
        .encode_to_vec()
        .into()
    }

    /// Strict.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        const WHAT: &str = "header";
        strict::at_most(WHAT, bytes.len(), 1_024)?;
        let message: proto::Header = strict::decode(WHAT, bytes)?;
        let version = strict::required(WHAT, "version", message.version)?;
        if version != HEADER_VERSION {
            let reason = format!("it is {version}, this software knows {HEADER_VERSION}");
            return Err(DecodeError::Invalid {
                what: WHAT,
                field: "version",
                reason,
            });
        }
        let target = strict::required(WHAT, "target", message.target)?;
        let target = if target.is_empty() {
            None
        } else {
            Some(strict::required_bytes(WHAT, "target", Some(target))?)
        };
        let hash = |field, value: Option<Bytes>| strict::required_bytes(WHAT, field, value).map(Hash);
        Ok(Self {
            genesis_id: GenesisId(strict::required_bytes(WHAT, "genesis_id", message.genesis_id)?),
            height: strict::required(WHAT, "height", message.height)?,
            parent_id: BlockId(strict::required_bytes(WHAT, "parent_id", message.parent_id)?),
            timestamp_ms: strict::required(WHAT, "timestamp_ms", message.timestamp_ms)?,
            proposer: Address(strict::required_bytes(WHAT, "proposer", message.proposer)?),
            transactions_root: hash("transactions_root", message.transactions_root)?,
            receipts_root: hash("receipts_root", message.receipts_root)?,
            state_root: hash("state_root", message.state_root)?,
            gas_used: strict::required(WHAT, "gas_used", message.gas_used)?,
            gas_limit: strict::required(WHAT, "gas_limit", message.gas_limit)?,
            previous_commit_hash: hash("previous_commit_hash", message.previous_commit_hash)?,
            next_validators_hash: hash("next_validators_hash", message.next_validators_hash)?,
            target,
        })
    }
}

/// A header with the bytes that were hashed, its seal, and the id that follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedHeader {
    bytes: Bytes,
    seal: Bytes,
    header: Header,
    id: BlockId,
}

impl SealedHeader {
    /// Seals a header of our own. `seal`: the nonce under proof of work, else empty.
    pub fn new(header: Header, seal: Bytes) -> Self {
        let bytes = header.encode();
        let id = BlockId(blake3(&[&bytes, &seal]));
        Self {
            bytes,
            seal,
            header,
            id,
        }
    }

    /// From received bytes. Strict; the seal has 8 bytes if the header has a target, else none.
    pub fn from_parts(bytes: &[u8], seal: &[u8]) -> Result<Self, DecodeError> {
        let header = Header::decode(bytes)?;
        let expected = if header.target.is_some() { 8 } else { 0 };
        if seal.len() != expected {
            let reason = format!("it has {} bytes, expected {expected}", seal.len());
            return Err(DecodeError::Invalid {
                what: "block",
                field: "seal",
                reason,
            });
        }
        let id = BlockId(blake3(&[bytes, seal]));
        Ok(Self {
            bytes: Bytes::copy_from_slice(bytes),
            seal: Bytes::copy_from_slice(seal),
            header,
            id,
        })
    }

    /// The hashed bytes.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The seal.
    pub fn seal(&self) -> &Bytes {
        &self.seal
    }

    /// What the bytes say.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// BLAKE3(header bytes, seal).
    pub fn id(&self) -> BlockId {
        self.id
    }
}

/// A well-formed block. Its body matches its header: the transaction root and the previous commit's
/// hash were checked when it was made. Signatures, execution and certificates are unchecked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    header: SealedHeader,
    previous_commit: Bytes,
    transactions: Vec<SignedTransaction>,
}

impl Block {
    /// Joins a header and a body. Refuses a body that is not the header's: that is the fault of who
    /// sent it, not of the block id.
    pub fn new(
        header: SealedHeader,
        previous_commit: Bytes,
        transactions: Vec<SignedTransaction>,
    ) -> Result<Self, DecodeError> {
        const WHAT: &str = "block";
        let wrong = |field, given: Hash, expected: Hash| DecodeError::Invalid {
            what: WHAT,
            field,
            reason: format!("the body hashes to {given}, the header says {expected}"),
        };
        let commit = CommitCertificate::hash(&previous_commit);
        if commit != header.header.previous_commit_hash {
            return Err(wrong(
                "previous_commit",
                commit,
                header.header.previous_commit_hash,
            ));
        }
        let root = merkle::root(transactions.iter().map(SignedTransaction::leaf));
        if root != header.header.transactions_root {
            return Err(wrong("transactions", root, header.header.transactions_root));
        }
        let block = Self {
            header,
            previous_commit,
            transactions,
        };
        strict::at_most(WHAT, block.size(), MAX_BLOCK_BYTES)?;
        Ok(block)
    }

    /// The same block with another seal, and so with another id. The body still is the header's.
    #[must_use]
    pub fn with_seal(&self, seal: Bytes) -> Self {
        Self {
            header: SealedHeader::new(self.header.header.clone(), seal),
            ..self.clone()
        }
    }

    /// Strict.
    pub fn from_proto(message: &proto::Block) -> Result<Self, DecodeError> {
        const WHAT: &str = "block";
        let header = strict::required(WHAT, "header", message.header.as_ref())?;
        let seal = strict::required(WHAT, "seal", message.seal.as_ref())?;
        let previous_commit = strict::required(WHAT, "previous_commit", message.previous_commit.clone())?;
        let transactions = message
            .transactions
            .iter()
            .map(SignedTransaction::from_proto)
            .collect::<Result<_, _>>()?;
        Self::new(
            SealedHeader::from_parts(header, seal)?,
            previous_commit,
            transactions,
        )
    }

    /// From the encoding of a `Block` message. Strict; at most [`MAX_BLOCK_BYTES`].
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        strict::at_most("block", bytes.len(), MAX_BLOCK_BYTES)?;
        Self::from_proto(&strict::decode("block", bytes)?)
    }

    /// What travels.
    pub fn to_proto(&self) -> proto::Block {
        proto::Block {
            header: Some(self.header.bytes.clone()),
            seal: Some(self.header.seal.clone()),
            previous_commit: Some(self.previous_commit.clone()),
            transactions: self
                .transactions
                .iter()
                .map(SignedTransaction::to_proto)
                .collect(),
        }
    }

    /// The encoding of the `Block` message.
    pub fn encode(&self) -> Vec<u8> {
        self.to_proto().encode_to_vec()
    }

    /// The id.
    pub fn id(&self) -> BlockId {
        self.header.id
    }

    /// What the header says.
    pub fn header(&self) -> &Header {
        &self.header.header
    }

    /// The header with its bytes and seal.
    pub fn sealed_header(&self) -> &SealedHeader {
        &self.header
    }

    /// The encoded certificate of the previous block; empty where there is none.
    pub fn previous_commit(&self) -> &Bytes {
        &self.previous_commit
    }

    /// The transactions in order.
    pub fn transactions(&self) -> &[SignedTransaction] {
        &self.transactions
    }

    /// An upper bound of the encoded size, in bytes.
    pub fn size(&self) -> usize {
        let fixed = self
            .header
            .bytes
            .len()
            .saturating_add(self.previous_commit.len())
            .saturating_add(64);
        self.transactions
            .iter()
            .fold(fixed, |sum, transaction| sum.saturating_add(transaction.size()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Action, Amount, SecretKey, Transaction, transaction::TRANSFER_GAS};

    const GENESIS: GenesisId = GenesisId([9; 32]);

    fn transaction(nonce: u64) -> SignedTransaction {
        let key = SecretKey::from_seed([1; 32]);
        Transaction {
            network: GENESIS.network_hint(),
            public_key: key.public_key(),
            nonce,
            gas_limit: TRANSFER_GAS,
            gas_price: 1,
            last_valid_height: None,
            action: Action::Transfer {
                recipient: Address([2; 20]),
                amount: Amount(5),
            },
        }
        .sign(&key, &GENESIS)
    }

    fn block(transactions: Vec<SignedTransaction>) -> Block {
        let header = Header {
            genesis_id: GENESIS,
            height: 1,
            parent_id: BlockId(GENESIS.0),
            timestamp_ms: 1,
            proposer: Address([3; 20]),
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

    #[test]
    fn a_block_comes_back_as_it_was() {
        let block = block(vec![transaction(0), transaction(1)]);
        assert_eq!(Block::decode(&block.encode()), Ok(block.clone()));
        assert!(block.size() >= block.encode().len());
    }

    #[test]
    fn any_changed_byte_is_another_id_or_refused() {
        let block = block(vec![transaction(0)]);
        let good = block.encode();
        for position in 0..good.len() {
            let mut bytes = good.clone();
            bytes[position] ^= 1;
            if let Ok(other) = Block::decode(&bytes) {
                assert_ne!(
                    other.id(),
                    block.id(),
                    "byte {position} changed under the same id"
                );
            }
        }
    }

    #[test]
    fn a_foreign_body_is_refused() {
        let block = block(vec![transaction(0)]);
        let header = block.sealed_header().clone();
        let error = Block::new(header.clone(), Bytes::new(), vec![transaction(1)]).unwrap_err();
        assert!(
            matches!(
                error,
                DecodeError::Invalid {
                    field: "transactions",
                    ..
                }
            ),
            "{error}"
        );
        let error = Block::new(header, Bytes::from_static(b"x"), vec![transaction(0)]).unwrap_err();
        assert!(
            matches!(
                error,
                DecodeError::Invalid {
                    field: "previous_commit",
                    ..
                }
            ),
            "{error}"
        );
    }

    #[test]
    fn a_seal_without_a_target_is_refused() {
        let block = block(vec![]);
        assert!(SealedHeader::from_parts(block.sealed_header().bytes(), &[0; 8]).is_err());
    }
}
