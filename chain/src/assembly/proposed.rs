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

/// A proposal with its block, in full or in short. Well formed and consistent in itself: the proposal
/// names the header, and the previous certificate and the leaves hash to what the header says. The
/// proposal's signature, the header's rules and all other signatures are unchecked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProposedBlock {
    /// Names the block for a height and round.
    pub proposal: SignedProposal,
    /// The block's header.
    pub header: SealedHeader,
    /// The encoded certificate of the previous block; empty where there is none.
    pub previous_commit: Bytes,
    /// The transactions.
    pub content: Content,
    /// Raised when the same proposal is sent again; not signed.
    pub attempt: u16,
}

impl ProposedBlock {
    /// From the bytes of the gossip message. Strict; at most [`MAX_BLOCK_BYTES`]. Hashes every
    /// transaction or leaf once: run it on a worker where blocks are large.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        strict::at_most(WHAT, bytes.len(), MAX_BLOCK_BYTES)?;
        let message: proto::ProposedBlock = strict::decode(WHAT, bytes)?;
        let proposal = strict::required(WHAT, "proposal", message.proposal.as_ref())?;
        let header = strict::required(WHAT, "header", message.header.as_ref())?;
        let previous_commit = strict::required(WHAT, "previous_commit", message.previous_commit.as_ref())?;
        let proposed = Self {
            proposal: SignedProposal::from_proto(proposal)?,
            header: SealedHeader::from_parts(header, &[])?,
            // Copied: a slice would keep the whole message alive.
            previous_commit: Bytes::copy_from_slice(previous_commit),
            content: content(&message)?,
            attempt: attempt(message.attempt)?,
        };
        proposed.check()?;
        Ok(proposed)
    }

    /// The gossip message for `block`: in full up to [`FULL_BLOCK_BYTES`], else in short.
    pub fn encode(block: &Block, proposal: &SignedProposal, attempt: u16) -> Bytes {
        let transactions = block.transactions();
        let in_full = transactions.is_empty() || block.size() <= FULL_BLOCK_BYTES;
        let message = proto::ProposedBlock {
            proposal: Some(proposal.to_proto()),
            header: Some(block.sealed_header().bytes().clone()),
            previous_commit: Some(block.previous_commit().clone()),
            transactions: transactions
                .iter()
                .take(if in_full { transactions.len() } else { 0 })
                .map(SignedTransaction::to_proto)
                .collect(),
            leaves: (!in_full)
                .then(|| messages::join_leaves(transactions.iter().map(SignedTransaction::leaf))),
            attempt: Some(u32::from(attempt)),
        };
        message.encode_to_vec().into()
    }

    /// What can be checked before anything is fetched.
    fn check(&self) -> Result<(), DecodeError> {
        let (proposal, header) = (&self.proposal.proposal, self.header.header());
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
    use aureon_types::{BlockId, Proposal};

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
        let bytes = ProposedBlock::encode(block, &propose(block), 3);
        let mut message = proto::ProposedBlock::decode(bytes).unwrap();
        change(&mut message);
        ProposedBlock::decode(&message.encode_to_vec()).map_err(|error| error.to_string())
    }

    #[test]
    fn small_blocks_travel_in_full_and_large_ones_in_short() {
        for (count, full) in [(0, true), (3, true), (200, false)] {
            let block = sized(count);
            let bytes = ProposedBlock::encode(&block, &propose(&block), 3);
            let proposed = ProposedBlock::decode(&bytes).unwrap();
            assert_eq!(proposed.proposal, propose(&block));
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
        let error = ProposedBlock::decode(&ProposedBlock::encode(&block, &proposal, 0)).unwrap_err();
        assert!(error.to_string().contains("height 6"), "{error}");
    }

    #[test]
    fn truncated_and_extended_messages_are_refused() {
        let block = sized(1);
        let good = ProposedBlock::encode(&block, &propose(&block), 0);
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
}
