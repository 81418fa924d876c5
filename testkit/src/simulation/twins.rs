//! A validator that signs twice: for each proposal and vote of its own it forges a twin, and sends the
//! true one to half of the others and the twin to the rest. Validators that do so know each other: they
//! agree on who gets which, and pass nothing on that would betray it.

use std::collections::BTreeMap;

use aureon_chain::assembly::ProposedBlock;
use aureon_protocol::Topic;
use aureon_types::{Block, BlockId, SealedHeader, SignedProposal, SignedVote};
use bytes::Bytes;
use prost::Message as _;

use super::Simulation;
use crate::scenario::Sabotage;

/// Blocks that were forged, by the block they are twins of.
#[derive(Default)]
pub(super) struct Twins {
    of: BTreeMap<BlockId, BlockId>,
}

impl Simulation {
    fn signs_twice(&self, node: usize) -> bool {
        matches!(self.scenario.sabotage, Sabotage::SignTwice { nodes, .. } if node < nodes)
    }

    /// Whether a node conceals what an accomplice told it.
    pub(super) fn keeps_to_itself(&self, node: usize, from: usize) -> bool {
        self.signs_twice(node) && self.signs_twice(from)
    }

    /// Whether an honest node is told the twin.
    fn is_told_the_twin(&self, node: usize) -> bool {
        !self.signs_twice(node) && node % 2 == 1
    }

    pub(super) fn publish_twice(&mut self, node: usize, topic: Topic, data: Bytes) {
        let twin = match topic {
            Topic::Blocks => self.twin_of_proposal(node, &data),
            Topic::Consensus => self.twin_of_vote(node, &data),
            Topic::Transactions => None,
        };
        let Some(twin) = twin else {
            return self.publish(node, topic, data);
        };
        self.check_signed(node, topic, &twin);
        if !self.mark_seen(node, topic, &data) || !self.mark_seen(node, topic, &twin) {
            return;
        }
        let Some(running) = self.running(node) else { return };
        let peers: Vec<usize> = running.peers.keys().copied().collect();
        for peer in peers {
            let content = if self.is_told_the_twin(peer) {
                twin.clone()
            } else {
                data.clone()
            };
            self.send_gossip(node, peer, topic, content);
        }
    }

    /// The same block a millisecond later, proposed in the same round.
    fn twin_of_proposal(&mut self, node: usize, data: &[u8]) -> Option<Bytes> {
        let key = self.nodes[node].key.clone()?;
        let proposed = ProposedBlock::decode(data).ok()?;
        let signed = proposed
            .proposal
            .filter(|signed| signed.proposer == key.address())?;
        let id = proposed.header.id();
        let block = self.running(node)?.services.blocks.block_by_id(&id).ok()??;
        let mut header = proposed.header.header().clone();
        header.timestamp_ms += 1;
        let sealed = SealedHeader::new(header, proposed.header.seal().clone());
        let mut message = block.to_proto();
        message.header = Some(sealed.bytes().clone());
        let twin = Block::decode(&message.encode_to_vec()).ok()?;
        self.twins.of.insert(id, twin.id());
        let mut proposal = signed.proposal;
        proposal.block_id = twin.id();
        let signed = SignedProposal::sign(proposal, &key, &self.cast.chain.genesis_id);
        Some(ProposedBlock::encode(&twin, Some(&signed), proposed.attempt))
    }

    /// The same vote for the twin of its block; for nil, if the block has none.
    fn twin_of_vote(&mut self, node: usize, data: &[u8]) -> Option<Bytes> {
        let key = self.nodes[node].key.clone()?;
        let (signed, attempt) = Self::as_vote(data)?;
        if signed.validator != key.address() {
            return None;
        }
        let mut vote = signed.vote;
        vote.block_id = self.twins.of.get(&signed.vote.block_id?).copied();
        let twin = SignedVote::sign(vote, &key, &self.cast.chain.genesis_id);
        aureon_consensus::Message::Vote(twin).encode(attempt)
    }
}
