//! Making false messages that look like true ones.

use aureon_chain::assembly::ProposedBlock;
use aureon_consensus::Message;
use aureon_types::{Block, Header, Proposal, SealedHeader, SignedProposal, SignedVote};
use bytes::Bytes;
use prost::Message as _;

use super::Scene;

/// The node's own vote in a message; `None` for everything else.
pub(super) fn own_vote(scene: &Scene<'_>, data: &[u8]) -> Option<(SignedVote, u16)> {
    match Message::decode(data) {
        Ok((Message::Vote(vote), attempt)) if vote.validator == scene.key.address() => Some((vote, attempt)),
        _ => None,
    }
}

/// A proposal of the node itself, with the block.
pub(super) struct Own {
    proposal: Proposal,
    attempt: u16,
    pub block: Block,
}

/// The node's own proposal in a message.
pub(super) fn own_proposal(scene: &Scene<'_>, data: &[u8]) -> Option<Own> {
    let proposed = ProposedBlock::decode(data).ok()?;
    let signed = proposed.proposal?;
    if signed.proposer != scene.key.address() {
        return None;
    }
    let block = scene.running.services.blocks.block_by_id(&proposed.header.id());
    Some(Own {
        proposal: signed.proposal,
        attempt: proposed.attempt,
        block: block.ok()??,
    })
}

/// The block with another header and the same body. `None` if no block can look so.
pub(super) fn with_header(block: &Block, change: impl FnOnce(&mut Header)) -> Option<Block> {
    let mut header = block.header().clone();
    change(&mut header);
    let mut message = block.to_proto();
    message.header = Some(
        SealedHeader::new(header, block.sealed_header().seal().clone())
            .bytes()
            .clone(),
    );
    Block::decode(&message.encode_to_vec()).ok()
}

/// The gossip message that proposes `block` where the node meant to propose another.
pub(super) fn propose(scene: &Scene<'_>, instead_of: &Own, block: &Block) -> Bytes {
    let mut proposal = instead_of.proposal;
    proposal.block_id = block.id();
    let signed = SignedProposal::sign(proposal, scene.key, &scene.genesis_id);
    ProposedBlock::encode(block, Some(&signed), instead_of.attempt)
}

/// The node's vote, changed and signed again.
pub(super) fn vote(scene: &Scene<'_>, vote: aureon_types::Vote, attempt: u16) -> Option<Bytes> {
    let signed = SignedVote::sign(vote, scene.key, &scene.genesis_id);
    Message::Vote(signed).encode(attempt)
}
