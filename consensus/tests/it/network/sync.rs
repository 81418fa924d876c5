//! Range sync.

use aureon_consensus::Input;
use aureon_types::CommitCertificate;

use super::{
    Network,
    node::{Block, Event, Wire},
};
use crate::support::GENESIS;

/// Blocks per answer.
const RANGE: usize = 16;

impl Network {
    pub(super) fn tick(&mut self, node: usize) {
        if self.nodes[node].engine.is_some() {
            let head = self.nodes[node].head();
            self.broadcast(node, &Wire::Status(head));
            self.sync(node);
        }
    }

    pub(super) fn sync(&mut self, node: usize) {
        let head = self.nodes[node].head();
        let ahead: Vec<usize> = self.nodes[node]
            .peers
            .iter()
            .filter(|(_, height)| **height > head)
            .map(|(peer, _)| *peer)
            .collect();
        let far = self.nodes[node].peers.values().any(|height| *height > head + 1);
        self.input(node, Input::Behind(far));
        if !ahead.is_empty() {
            let peer = ahead[usize::try_from(self.random.below(ahead.len() as u64)).unwrap()];
            self.send(node, peer, &Wire::RangeRequest(head + 1));
        }
    }

    pub(super) fn serve_range(&mut self, node: usize, to: usize, from: u64) {
        let mut blocks: Vec<_> = self.nodes[node]
            .chain
            .range(from..)
            .take(RANGE)
            .map(|(_, block)| block.clone())
            .collect();
        if self.scenario.equivocator == Some(node)
            && self.random.below(2) == 0
            && let Some((_, certificate)) = blocks.first_mut()
        {
            certificate.signatures.truncate(2);
        }
        self.send(node, to, &Wire::Range(blocks));
    }

    pub(super) fn on_range(&mut self, node: usize, from: usize, blocks: Vec<(Block, CommitCertificate)>) {
        let lineage = self.timeline.lineage(self.nodes[node].head());
        let first = self.nodes[node].head() + 1;
        let mut good = Vec::new();
        let new = blocks.into_iter().skip_while(|(block, _)| block.height < first);
        for (next, (block, certificate)) in (first..).zip(new) {
            if block.height != next || block.id() != certificate.block_id {
                break;
            }
            // Further on nobody here knows who decides: that range is asked for again.
            let Some(set) = lineage.validators(next) else {
                break;
            };
            if certificate.verify(set, &GENESIS).is_err() {
                if self.scenario.equivocator != Some(from) {
                    self.violate(format!("honest {from} served a false certificate"));
                }
                break;
            }
            good.push((block, certificate));
        }
        if !good.is_empty() {
            let took = self.random.between(500, 5_000);
            self.schedule(took, node, Some(self.nodes[node].life), Event::Stored(good));
        }
    }
}
