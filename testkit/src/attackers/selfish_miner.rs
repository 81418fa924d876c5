//! A miner that keeps the blocks it finds to itself, and shows them only when the others come close: then they
//! have worked on a branch that loses (Eyal, Sirer 2014, "Majority is not enough: Bitcoin mining is
//! vulnerable"). Its head that it tells of is the last one it has shown.

use std::collections::VecDeque;

use aureon_chain::assembly::ProposedBlock;
use aureon_protocol::{Status, Topic};
use bytes::Bytes;

use super::{Act, Attacker, Scene, forge};

/// See the module.
#[derive(Default)]
pub(super) struct SelfishMiner {
    /// Its blocks that nobody has seen, with their heights, the lowest first.
    hidden: VecDeque<(u64, Bytes)>,
    shown: Option<Status>,
}

impl Attacker for SelfishMiner {
    fn publish(&mut self, scene: &mut Scene<'_>, topic: Topic, data: Bytes) -> Vec<Act> {
        match forge::own_block(scene, &data) {
            Some(own) if topic == Topic::Blocks => {
                self.hidden.push_back((own.block.header().height, data));
                Vec::new()
            }
            _ => vec![Act::Publish(topic, data)],
        }
    }

    /// Shows what another's block has caught up with; everything, if its lead is gone.
    fn heard(&mut self, _scene: &mut Scene<'_>, topic: Topic, data: &Bytes) -> Vec<Act> {
        let Some(height) = height_of(topic, data) else {
            return Vec::new();
        };
        let lead_left = self.hidden.back().is_some_and(|(tip, _)| *tip > height + 1);
        let mut acts = Vec::new();
        while let Some((_, block)) = self.hidden.pop_front_if(|(at, _)| *at <= height || !lead_left) {
            acts.push(Act::Publish(Topic::Blocks, block));
        }
        if self.hidden.is_empty() {
            self.shown = None;
        }
        acts
    }

    fn status(&mut self, _scene: &mut Scene<'_>, status: Status) -> Status {
        if self.hidden.is_empty() {
            self.shown = Some(status);
        }
        *self.shown.get_or_insert(status)
    }
}

fn height_of(topic: Topic, data: &[u8]) -> Option<u64> {
    let proposed = (topic == Topic::Blocks).then(|| ProposedBlock::decode(data).ok())??;
    Some(proposed.header.header().height)
}
