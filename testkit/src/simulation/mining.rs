//! Miners: each searches with the shipped search, from a seeded nonce on. What is virtual is the time that it
//! takes: as many tries as it really took, at the node's hash rate. A new template ends the search.

use aureon_consensus::pow;
use aureon_node::core::{Input, Mined, MiningWork};

use super::{Event, Simulation};
use crate::scenario::SECOND;

/// Nonces that are tried before a miner looks up.
const TRIES: u64 = 4_096;

impl Simulation {
    pub(super) fn prepare_miners(&mut self) {
        if self.cast.is_mined() {
            for (node, rate) in self.nodes.iter_mut().zip(&self.scenario.stakes) {
                node.hash_rate = *rate;
            }
        }
    }

    pub(super) fn mine(&mut self, node: usize, work: Option<MiningWork>) {
        let Some(running) = self.running(node) else { return };
        running.mining += 1;
        let template = running.mining;
        if let Some(work) = work {
            self.search(node, template, work);
        }
    }

    fn search(&mut self, node: usize, template: u64, work: MiningWork) {
        let rate = self.nodes[node].hash_rate;
        if rate == 0 {
            return;
        }
        let first = self.random.draw() >> 1;
        let found = pow::search(&work.template.0, &work.target, first..first + TRIES);
        let tries = found.map_or(TRIES, |nonce| nonce - first + 1);
        let event = Event::Tried {
            template,
            work,
            found,
        };
        self.schedule_own(tries.saturating_mul(SECOND) / rate, node, event);
    }

    pub(super) fn tried(&mut self, node: usize, template: u64, work: MiningWork, found: Option<u64>) {
        if self
            .running(node)
            .is_none_or(|running| running.mining != template)
        {
            return;
        }
        match found {
            None => self.search(node, template, work),
            Some(nonce) => {
                let template = work.template;
                self.tell(node, Input::Mined(Mined { template, nonce }));
            }
        }
    }
}
