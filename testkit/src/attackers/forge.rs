//! Making false messages that look like true ones.

use aureon_chain::assembly::ProposedBlock;
use aureon_consensus::{Message, pow};
use aureon_types::{Block, Header, Proposal, SignedProposal, SignedTransaction, SignedVote};
use bytes::Bytes;
use prost::Message as _;

use super::Scene;

/// Hashes that are tried for a false block.
const MOST_TRIES: u64 = 1 << 16;

/// The node's own vote in a message; `None` for everything else.
pub(super) fn own_vote(scene: &Scene<'_>, data: &[u8]) -> Option<(SignedVote, u16)> {
    match Message::decode(data) {
        Ok((Message::Vote(vote), attempt)) if vote.validator == scene.key.address() => Some((vote, attempt)),
        _ => None,
    }
}

/// A block that the node itself proposes or has mined.
pub(super) struct Own {
    /// `None`: mined.
    proposal: Option<Proposal>,
    attempt: u16,
    pub block: Block,
}

/// The node's own block in a message.
pub(super) fn own_block(scene: &Scene<'_>, data: &[u8]) -> Option<Own> {
    let proposed = ProposedBlock::decode(data).ok()?;
    let by = match &proposed.proposal {
        Some(signed) => signed.proposer,
        None => proposed.header.header().proposer,
    };
    if by != scene.key.address() {
        return None;
    }
    let block = scene.running.services.blocks.block_by_id(&proposed.header.id());
    Some(Own {
        proposal: proposed.proposal.map(|signed| signed.proposal),
        attempt: proposed.attempt,
        block: block.ok()??,
    })
}

/// The block with another header and body, and a seal that fits if it needs one. `None` if no block can
/// look so.
pub(super) fn remade(header: Header, transactions: &[SignedTransaction], like: &Block) -> Option<Block> {
    let mut message = like.to_proto();
    message.seal = Some(seal(&header)?);
    message.header = Some(header.encode());
    message.transactions = transactions.iter().map(SignedTransaction::to_proto).collect();
    Block::decode(&message.encode_to_vec()).ok()
}

/// The nonce that does the work which the header itself asks for; empty if it asks for none.
pub(super) fn seal(header: &Header) -> Option<Bytes> {
    let Some(target) = &header.target else {
        return Some(Bytes::new());
    };
    let target = pow::Target::from_bytes(target)?;
    let nonce = pow::search(&pow::header_hash(&header.encode()), &target, 0..MOST_TRIES)?;
    Some(Bytes::copy_from_slice(&nonce.to_le_bytes()))
}

/// The block with another header and the same body.
pub(super) fn with_header(block: &Block, change: impl FnOnce(&mut Header)) -> Option<Block> {
    let mut header = block.header().clone();
    change(&mut header);
    remade(header, block.transactions(), block)
}

/// The gossip message for `block` where the node meant to send another.
pub(super) fn propose(scene: &Scene<'_>, instead_of: &Own, block: &Block) -> Bytes {
    let signed = instead_of.proposal.map(|mut proposal| {
        proposal.block_id = block.id();
        SignedProposal::sign(proposal, scene.key, &scene.genesis_id)
    });
    ProposedBlock::encode(block, signed.as_ref(), instead_of.attempt)
}

/// The node's vote, changed and signed again.
pub(super) fn vote(scene: &Scene<'_>, vote: aureon_types::Vote, attempt: u16) -> Option<Bytes> {
    let signed = SignedVote::sign(vote, scene.key, &scene.genesis_id);
    Message::Vote(signed).encode(attempt)
}
