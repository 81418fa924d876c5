//! A validator that is stingy with its votes: some it sends to nobody, some to one other, some so late that
//! the round is over or nearly so. What it proposes it proposes as it should.

use aureon_protocol::Topic;
use bytes::Bytes;

use super::{Act, Attacker, Scene, forge};
use crate::scenario::{MILLISECOND, SECOND};

/// See the module.
pub(super) struct VoteWithholder;

impl Attacker for VoteWithholder {
    fn publish(&mut self, scene: &mut Scene<'_>, topic: Topic, data: Bytes) -> Vec<Act> {
        if forge::own_vote(scene, &data).is_none() {
            return vec![Act::Publish(topic, data)];
        }
        match scene.random.between(0, 3) {
            0 => Vec::new(),
            1 => {
                let place = scene.random.below(scene.listeners.len());
                let one = scene.listeners.get(place);
                one.map(|one| scene.to_one(one.node, 0, topic, &data))
                    .into_iter()
                    .collect()
            }
            2 => {
                let after = scene.random.between(100 * MILLISECOND, 3 * SECOND);
                let late = scene.listeners.iter();
                late.map(|one| scene.to_one(one.node, after, topic, &data))
                    .collect()
            }
            _ => vec![Act::Publish(topic, data)],
        }
    }
}
