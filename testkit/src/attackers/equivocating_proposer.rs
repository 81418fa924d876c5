//! A proposer with two blocks for each of its rounds: one half of the others hears of the one, the other
//! half of the other, and its votes follow the same line. Accomplices agree on who hears which and vote for
//! both as well, and pass nothing on that would betray it.

use aureon_protocol::Topic;
use bytes::Bytes;

use super::{Act, Attacker, Scene, forge};

/// See the module.
pub(super) struct EquivocatingProposer;

impl Attacker for EquivocatingProposer {
    fn publish(&mut self, scene: &mut Scene<'_>, topic: Topic, data: Bytes) -> Vec<Act> {
        let twin = match topic {
            Topic::Blocks => twin_of_proposal(scene, &data),
            Topic::Consensus => twin_of_vote(scene, &data),
            Topic::Transactions => None,
        };
        match twin {
            Some(twin) => scene.split(topic, &data, &twin),
            None => vec![Act::Publish(topic, data)],
        }
    }

    fn passes_on(&self, from_accomplice: bool) -> bool {
        !from_accomplice
    }
}

/// The same block a millisecond later, proposed in the same round.
fn twin_of_proposal(scene: &mut Scene<'_>, data: &[u8]) -> Option<Bytes> {
    let own = forge::own_block(scene, data)?;
    let twin = forge::with_header(&own.block, |header| header.timestamp_ms += 1)?;
    scene.conspiracy.twins.insert(own.block.id(), twin.id());
    Some(forge::propose(scene, &own, &twin))
}

/// The same vote for the twin of its block; for nil, if the block has none.
fn twin_of_vote(scene: &mut Scene<'_>, data: &[u8]) -> Option<Bytes> {
    let (signed, attempt) = forge::own_vote(scene, data)?;
    let mut vote = signed.vote;
    vote.block_id = scene.conspiracy.twins.get(&vote.block_id?).copied();
    forge::vote(scene, vote, attempt)
}
