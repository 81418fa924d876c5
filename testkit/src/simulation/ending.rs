//! How a simulation ends: when all have come as far as they should, or at its deadline; and what is looked at then.

use std::collections::BTreeSet;

use aureon_consensus::pow;
use aureon_storage::StorageError;
use aureon_types::{BlockId, CommitCertificate};

use super::{Simulation, checks::told};
use crate::scenario::SECOND;

/// Accounts read at once when all are added up.
const PAGE: usize = 64;

impl Simulation {
    /// Once nothing goes wrong any more: whether all nodes have come as far as they should.
    pub(super) fn look_whether_finished(&mut self) {
        let Some(goal) = self.goal.filter(|_| self.moved) else {
            return;
        };
        self.moved = false;
        let healed_at = goal.saturating_sub(self.scenario.blocks_after);
        // Where blocks are mined, all must have come to the same one.
        let at_goal = |node: usize| {
            let running = self.nodes[node].running.as_ref()?;
            running.services.blocks.block_id(goal).ok().flatten()
        };
        let blocks: BTreeSet<_> = self.honest().map(at_goal).collect();
        self.finished = self.load.is_resubmitted()
            && blocks.len() == 1
            && self.unpunished(healed_at).next().is_none()
            && self.honest().all(|node| {
                self.nodes[node].running.as_ref().is_some_and(|running| {
                    running.core.head().0 >= goal && self.load.is_settled(running.core.view())
                })
            });
    }

    pub(super) fn on_deadline(&mut self) {
        let goal = self.goal.unwrap_or(0);
        let nodes = self.nodes.iter().map(|node| match &node.running {
            None => "down".to_owned(),
            Some(running) => {
                let status = running.core.status(node.now(self.now));
                let settled = self.load.is_settled(running.core.view());
                format!(
                    "height {} round {} {:?}, {:?}, {} peers, pool {:?}, nonces settled: {settled}, sync {:?}, waits for {}",
                    status.height,
                    status.consensus.round,
                    status.consensus.step,
                    status.consensus.signing,
                    status.peers,
                    status.mempool,
                    status.sync,
                    status.consensus.waiting_for
                )
            }
        });
        let nodes: Vec<String> = nodes.collect();
        let unpunished: Vec<_> = self
            .unpunished(goal.saturating_sub(self.scenario.blocks_after))
            .collect();
        let seconds = self.scenario.deadline / SECOND;
        self.violate(format!(
            "after {seconds} s not all nodes have reached height {goal}: {nodes:#?}, unpunished: {unpunished:?}"
        ));
    }

    /// What can be looked at only at the end.
    pub(super) fn check_end(&mut self) {
        self.call_off_disk_failure();
        let nodes: Vec<usize> = self.honest().collect();
        for node in nodes {
            if let Err(what) = self.look_at_disk(node) {
                return self.violate(format!("node {node}, at the end: {what}"));
            }
        }
        if let Err(what) = self.load.check_admitted(&self.nodes) {
            self.violate(what);
        }
    }

    /// Every account on disk, and a valid certificate for every block.
    fn look_at_disk(&mut self, node: usize) -> Result<(), String> {
        let Some(running) = &self.nodes[node].running else {
            return Err("it is down".to_owned());
        };
        let services = &running.services;
        services.states.flush().map_err(told)?;
        let total = added_up(&services.states).map_err(told)?;
        // The ledger may be a block ahead of the core.
        let due = self.cast.chain.genesis.supply_at(services.states.head().height());
        if total != due.0 {
            return Err(format!(
                "all accounts together hold {total} base units instead of {due}"
            ));
        }
        self.ask_contracts(node)?;
        let Some(running) = &self.nodes[node].running else {
            return Ok(());
        };
        let services = &running.services;
        let mut parent = BlockId(self.cast.chain.genesis_id.0);
        for height in 1..=running.core.head().0 {
            let header = services.blocks.header_by_height(height).map_err(told)?;
            let header = header.ok_or_else(|| format!("block {height} is missing"))?;
            if header.header().parent_id != parent {
                return Err(format!("block {height} does not follow block {parent}"));
            }
            parent = header.id();
            if self.cast.is_mined() {
                pow::check_work(&header).map_err(told)?;
                continue;
            }
            let certificate = services
                .blocks
                .certificate(height)
                .map_err(told)?
                .unwrap_or_default();
            let certificate = CommitCertificate::decode(&certificate).map_err(told)?;
            let set = self.checks.sets.get(&height);
            let set = set.ok_or_else(|| format!("nobody decides block {height}"))?;
            certificate
                .verify(set, &self.cast.chain.genesis_id)
                .map_err(told)?;
            if certificate.block_id != parent {
                return Err(format!("the certificate of block {height} is of another block"));
            }
            self.report.highest_round = self.report.highest_round.max(certificate.round);
        }
        Ok(())
    }
}

fn added_up(states: &aureon_storage::StateStore) -> Result<u64, StorageError> {
    let (mut total, mut after) = (0_u64, None);
    loop {
        let page = states.list(after.as_ref(), PAGE)?;
        let Some((last, ..)) = page.last() else {
            return Ok(total);
        };
        after = Some(*last);
        total = page.iter().fold(total, |total, (_, _, account)| {
            total.saturating_add(account.balance.0)
        });
    }
}
