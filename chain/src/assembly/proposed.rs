//! The gossip message of a proposed block.

use aureon_proto::v1 as proto;
use aureon_types::{
    Block, CommitCertificate, DecodeError, Hash, SealedHeader, SignedProposal, SignedTransaction,
    limits::MAX_BLOCK_BYTES, merkle, strict,
};
use bytes::Bytes;
use prost::Message as _;

use super::{FULL_BLOCK_BYTES, MAX_LEAVES, messages};

const WHAT: &str = "proposed block";

/// The transactions of a proposed block, in one of two forms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// All of them; also the form of an empty block.
    Full(Vec<SignedTransaction>),
    /// Their leaves, at least one.
    Leaves(Vec<Hash>),
}

/// A block that somebody proposes or has mined, in full or in short. Well formed and consistent in
/// itself: a proposal names the header, and the previous certificate and the leaves hash to what the
/// header says. The proposal's signature, the seal's work, the header's rules and all other signatures
/// are unchecked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProposedBlock {
    /// Names the block for a height and round. `None` if and only if the header has a work target:
    /// then its seal is what gives it weight.
    pub proposal: Option<SignedProposal>,
    /// The block's header.
    pub header: SealedHeader,
    /// The encoded certificate of the previous block; empty where there is none.
    pub previous_commit: Bytes,
    /// The transactions.
    pub content: Content,
    /// Raised when the same block is sent again; not signed.
    pub attempt: u16,
}

impl ProposedBlock {
    /// From the bytes of the gossip message. Strict; at most [`MAX_BLOCK_BYTES`]. Hashes every
    /// transaction or leaf once: run it on a worker where blocks are large.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        strict::at_most(WHAT, bytes.len(), MAX_BLOCK_BYTES)?;
        let message: proto::ProposedBlock = strict::decode(WHAT, bytes)?;
        let header = strict::required(WHAT, "header", message.header.as_ref())?;
        let previous_commit = strict::required(WHAT, "previous_commit", message.previous_commit.as_ref())?;
        let proposed = Self {
            proposal: message
                .proposal
                .as_ref()
                .map(SignedProposal::from_proto)
                .transpose()?,
            header: sealed(header, message.seal.as_deref())?,
            // Copied: a slice would keep the whole message alive.
            previous_commit: Bytes::copy_from_slice(previous_commit),
            content: content(&message)?,
            attempt: attempt(message.attempt)?,
        };
        proposed.check()?;
        Ok(proposed)
    }

    /// The gossip message for `block`: in full up to [`FULL_BLOCK_BYTES`], else in short. `proposal`
    /// goes with blocks that are voted on, and only with them.
    pub fn encode(block: &Block, proposal: Option<&SignedProposal>, attempt: u16) -> Bytes {
        let transactions = block.transactions();
        let in_full = transactions.is_empty() || block.size() <= FULL_BLOCK_BYTES;
        let message = proto::ProposedBlock {
            proposal: proposal.map(SignedProposal::to_proto),
            header: Some(block.sealed_header().bytes().clone()),
            previous_commit: Some(block.previous_commit().clone()),
            transactions: transactions
                .iter()
                .take(if in_full { transactions.len() } else { 0 })
                .map(SignedTransaction::to_proto)
                .collect(),
            leaves: (!in_full)
                .then(|| messages::join_leaves(transactions.iter().map(SignedTransaction::leaf))),
            seal: Some(block.sealed_header().seal().clone()).filter(|seal| !seal.is_empty()),
            attempt: Some(u32::from(attempt)),
        };
        message.encode_to_vec().into()
    }

    /// What can be checked before anything is fetched.
    fn check(&self) -> Result<(), DecodeError> {
        self.check_proposal()?;
        let header = self.header.header();
        let commit = CommitCertificate::hash(&self.previous_commit);
        if commit != header.previous_commit_hash {
            let reason = format!(
                "it hashes to {commit}, the header says {}",
                header.previous_commit_hash
            );
            return Err(wrong("previous_commit", reason));
        }
        let (field, root) = match &self.content {
            Content::Full(transactions) => (
                "transactions",
                merkle::root(transactions.iter().map(SignedTransaction::leaf)),
            ),
            Content::Leaves(leaves) => ("leaves", merkle::root(leaves.iter().copied())),
        };
        if root != header.transactions_root {
            let reason = format!("the root is {root}, the header says {}", header.transactions_root);
            return Err(wrong(field, reason));
        }
        Ok(())
    }

    /// A proposal comes with a header without a work target, and names it.
    fn check_proposal(&self) -> Result<(), DecodeError> {
        let header = self.header.header();
        let proposal = match (&self.proposal, header.target) {
            (Some(signed), None) => &signed.proposal,
            (None, Some(_)) => return Ok(()),
            (None, None) => return Err(wrong("proposal", "it is missing".to_owned())),
            (Some(_), Some(_)) => {
                let reason = "it comes with a header that has a work target".to_owned();
                return Err(wrong("proposal", reason));
            }
        };
        if proposal.block_id != self.header.id() {
            let reason = format!(
                "it names {}, the header is of {}",
                proposal.block_id,
                self.header.id()
            );
            return Err(wrong("proposal", reason));
        }
        if proposal.height != header.height {
            let reason = format!(
                "it is for height {}, the header for {}",
                proposal.height, header.height
            );
            return Err(wrong("proposal", reason));
        }
        Ok(())
    }
}

/// A seal that is absent is empty, and an empty one is absent: one encoding for each block.
fn sealed(header: &[u8], seal: Option<&[u8]>) -> Result<SealedHeader, DecodeError> {
    if seal.is_some_and(<[u8]>::is_empty) {
        let reason = "it is empty; a block without a seal has no such field".to_owned();
        return Err(wrong("seal", reason));
    }
    SealedHeader::from_parts(header, seal.unwrap_or_default())
}

fn content(message: &proto::ProposedBlock) -> Result<Content, DecodeError> {
    let Some(leaves) = &message.leaves else {
        let transactions = message.transactions.iter().map(SignedTransaction::from_proto);
        return Ok(Content::Full(transactions.collect::<Result<_, _>>()?));
    };
    if !message.transactions.is_empty() {
        return Err(wrong(
            "leaves",
            "it comes beside transactions; one of both is allowed".to_owned(),
        ));
    }
    if leaves.is_empty() {
        return Err(wrong(
            "leaves",
            "it is empty; an empty block has no such field".to_owned(),
        ));
    }
    Ok(Content::Leaves(messages::split_leaves(WHAT, leaves, MAX_LEAVES)?))
}

fn attempt(number: Option<u32>) -> Result<u16, DecodeError> {
    let number = strict::required(WHAT, "attempt", number)?;
    u16::try_from(number).map_err(|_| wrong("attempt", format!("it is {number}, at most {}", u16::MAX)))
}

fn wrong(field: &'static str, reason: String) -> DecodeError {
    DecodeError::Invalid {
        what: WHAT,
        field,
        reason,
    }
}

#[cfg(test)]
mod tests {
    use aureon_types::{BlockId, Header, Proposal};

    use super::*;
    use crate::sync::testing::{GENESIS, authority, block, transfer};

    fn propose(block: &Block) -> SignedProposal {
        let (height, block_id) = (block.header().height, block.id());
        SignedProposal::sign(
            Proposal {
                height,
                round: 1,
                block_id,
                valid_round: None,
            },
            &authority(),
            &GENESIS,
        )
    }

    fn sized(transactions: u64) -> Block {
        block(5, BlockId([4; 32]), (0..transactions).map(transfer).collect())
    }

    /// Encodes `block` after `change`.
    fn changed(
        block: &Block,
        change: impl FnOnce(&mut proto::ProposedBlock),
    ) -> Result<ProposedBlock, String> {
        let bytes = ProposedBlock::encode(block, Some(&propose(block)), 3);
        let mut message = proto::ProposedBlock::decode(bytes).unwrap();
        change(&mut message);
        ProposedBlock::decode(&message.encode_to_vec()).map_err(|error| error.to_string())
    }

    #[test]
    fn small_blocks_travel_in_full_and_large_ones_in_short() {
        for (count, full) in [(0, true), (3, true), (200, false)] {
            let block = sized(count);
            let bytes = ProposedBlock::encode(&block, Some(&propose(&block)), 3);
            let proposed = ProposedBlock::decode(&bytes).unwrap();
            assert_eq!(proposed.proposal, Some(propose(&block)));
            assert_eq!(&proposed.header, block.sealed_header());
            assert_eq!(proposed.attempt, 3);
            match proposed.content {
                Content::Full(transactions) => {
                    assert!(full);
                    assert_eq!(transactions, block.transactions());
                }
                Content::Leaves(leaves) => {
                    assert!(!full);
                    assert!(
                        leaves.iter().eq(block
                            .transactions()
                            .iter()
                            .map(|t| t.leaf())
                            .collect::<Vec<_>>()
                            .iter())
                    );
                    assert!(bytes.len() < block.size() / 4);
                }
            }
        }
    }

    #[test]
    fn inconsistent_messages_are_refused_by_field() {
        let (small, large) = (sized(2), sized(200));
        let other = propose(&sized(1)).to_proto();
        let refused = |field: &str, block: &Block, change: &dyn Fn(&mut proto::ProposedBlock)| {
            let error = changed(block, change).unwrap_err();
            assert!(error.contains(&format!("\"{field}\"")), "{field}: {error}");
        };
        refused("proposal", &small, &|m| m.proposal = None);
        refused("proposal", &small, &|m| m.proposal = Some(other.clone()));
        refused("header", &small, &|m| m.header = None);
        refused("previous_commit", &small, &|m| m.previous_commit = None);
        refused("previous_commit", &small, &|m| {
            m.previous_commit = Some(vec![1].into())
        });
        refused("attempt", &small, &|m| m.attempt = None);
        refused("attempt", &small, &|m| m.attempt = Some(65_536));
        refused("transactions", &small, &|m| m.transactions.reverse());
        refused("leaves", &small, &|m| m.leaves = Some(vec![0; 32].into()));
        refused("leaves", &sized(0), &|m| m.leaves = Some(Bytes::new()));
        refused("leaves", &large, &|m| {
            m.leaves = m.leaves.take().map(|leaves| leaves.slice(1..))
        });
        refused("leaves", &large, &|m| {
            m.leaves = m.leaves.take().map(|leaves| leaves.slice(32..))
        });
        refused("leaves", &large, &|m| {
            m.leaves = Some(vec![0; 32 * MAX_LEAVES + 32].into())
        });
    }

    #[test]
    fn a_proposal_for_another_height_is_refused() {
        let block = sized(1);
        let mut proposal = propose(&block).proposal;
        proposal.height = 6;
        let proposal = SignedProposal::sign(proposal, &authority(), &GENESIS);
        let error = ProposedBlock::decode(&ProposedBlock::encode(&block, Some(&proposal), 0)).unwrap_err();
        assert!(error.to_string().contains("height 6"), "{error}");
    }

    #[test]
    fn truncated_and_extended_messages_are_refused() {
        let block = sized(1);
        let good = ProposedBlock::encode(&block, Some(&propose(&block)), 0);
        for cut in 0..good.len() {
            assert!(ProposedBlock::decode(&good[..cut]).is_err(), "cut at {cut}");
        }
        let extended = [&good[..], &[0xf8, 0x07, 0x01]].concat();
        assert!(ProposedBlock::decode(&extended).is_err());
        assert!(matches!(
            ProposedBlock::decode(&vec![0; MAX_BLOCK_BYTES + 1]),
            Err(DecodeError::TooLarge { .. })
        ));
    }

    fn mined(transactions: u64) -> Block {
        let plain = sized(transactions);
        let header = Header {
            target: Some([0xff; 32]),
            ..plain.header().clone()
        };
        let sealed = SealedHeader::new(header, Bytes::copy_from_slice(&[7; 8]));
        Block::new(sealed, Bytes::new(), plain.transactions().to_vec()).unwrap()
    }

    #[test]
    fn a_mined_block_travels_with_its_seal_and_without_a_proposal() {
        for count in [0, 3, 200] {
            let block = mined(count);
            let proposed = ProposedBlock::decode(&ProposedBlock::encode(&block, None, 0)).unwrap();
            assert_eq!(&proposed.header, block.sealed_header());
            assert_eq!(proposed.proposal, None);
        }
    }

    #[test]
    fn a_seal_and_a_proposal_exclude_each_other() {
        let (voted, worked) = (sized(1), mined(1));
        let refused = |field: &str, bytes: Bytes, change: &dyn Fn(&mut proto::ProposedBlock)| {
            let mut message = proto::ProposedBlock::decode(bytes).unwrap();
            change(&mut message);
            let error = ProposedBlock::decode(&message.encode_to_vec()).unwrap_err();
            assert!(
                error.to_string().contains(&format!("\"{field}\"")),
                "{field}: {error}"
            );
        };
        let plain = ProposedBlock::encode(&voted, Some(&propose(&voted)), 0);
        refused("proposal", ProposedBlock::encode(&voted, None, 0), &|_| ());
        refused("seal", plain.clone(), &|m| m.seal = Some(Bytes::new()));
        refused("seal", plain, &|m| m.seal = Some(vec![7; 8].into()));
        let sealed = ProposedBlock::encode(&worked, None, 0);
        refused("proposal", sealed.clone(), &|m| {
            m.proposal = Some(propose(&voted).to_proto())
        });
        refused("seal", sealed.clone(), &|m| m.seal = None);
        refused("seal", sealed, &|m| m.seal = Some(vec![7; 9].into()));
    }
}
