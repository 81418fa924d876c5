//! A validator that signs two votes at each occasion: where it votes for a block, also for nil; where it
//! votes for nil, also for a block that nobody has. Sometimes each half of the others hears one of the two,
//! sometimes everybody hears both.

use aureon_protocol::Topic;
use aureon_types::{BlockId, hash::blake3};
use bytes::Bytes;

use super::{Act, Attacker, Scene, forge};

/// See the module.
pub(super) struct DoubleVoter;

impl Attacker for DoubleVoter {
    fn publish(&mut self, scene: &mut Scene<'_>, topic: Topic, data: Bytes) -> Vec<Act> {
        let Some(twin) = twin_of(scene, &data) else {
            return vec![Act::Publish(topic, data)];
        };
        if scene.random.percent(50) {
            return scene.split(topic, &data, &twin);
        }
        vec![Act::Publish(topic, data), Act::Publish(topic, twin)]
    }
}

fn twin_of(scene: &mut Scene<'_>, data: &[u8]) -> Option<Bytes> {
    let (signed, attempt) = forge::own_vote(scene, data)?;
    let mut vote = signed.vote;
    vote.block_id = match vote.block_id {
        Some(_) => None,
        None => Some(BlockId(blake3(&[b"nobody has it", &signed.signature.0]))),
    };
    forge::vote(scene, vote, attempt)
}
