//! The invariants.

use std::collections::{BTreeMap, BTreeSet};

use aureon_chain::{
    assembly::ProposedBlock,
    execution::{StateCommitment as _, StateReader as _},
    sync::ImportFault,
};
use aureon_node::{
    adapters::View,
    core::{BodyFault, Done, HeadChange},
};
use aureon_protocol::{Status, Topic};
use aureon_storage::StorageError;
use aureon_types::{Amount, BlockId, ValidatorSet};

use super::{
    Simulation,
    contracts::{Books, look_up},
    punished::{Occasion, occasion},
};
use crate::node::Running;

/// What the invariants remember.
#[derive(Default)]
pub(super) struct Checks {
    /// The one block of each height.
    decided: BTreeMap<u64, BlockId>,
    /// What honest validators have signed.
    signed: BTreeMap<Occasion, String>,
    /// Each node's chain, as its announcements tell it.
    followed: BTreeMap<usize, BTreeMap<u64, BlockId>>,
    /// How far each node's chain was looked at.
    looked: BTreeMap<usize, u64>,
    /// Who decides each height.
    pub(super) sets: BTreeMap<u64, ValidatorSet>,
    /// What contracts hold.
    pub(super) books: Books,
}

impl Simulation {
    /// A validator never contradicts itself, in all its lives.
    pub(super) fn check_signed(&mut self, node: usize, topic: Topic, data: &[u8]) {
        if topic == Topic::Blocks && ProposedBlock::decode(data).is_err() && self.nodes[node].honest {
            return self.violate(format!("node {node} published a proposal that nobody can read"));
        }
        let Some((occasion, content)) = occasion(topic, data) else {
            return;
        };
        let signer = self.cast.node_of(&occasion.0);
        if signer.is_none_or(|signer| !self.nodes[signer].honest) {
            return;
        }
        let before = self
            .checks
            .signed
            .entry(occasion)
            .or_insert_with(|| content.clone())
            .clone();
        if before != content {
            let (_, kind, height, round) = occasion;
            self.violate(format!(
                "node {signer:?} contradicts itself with a {kind} at height {height} round {round}: {before}, then {content}"
            ));
        }
    }

    /// An honest node finds nothing wrong with what another has made, or with what the network has decided.
    pub(super) fn check_refused(&mut self, node: usize, done: &Done) {
        if !self.nodes[node].honest {
            return;
        }
        match done {
            Done::Executed {
                block_id,
                result: Err(BodyFault::Invalid(reason)),
            } => {
                if let Some((maker, height)) = self.honest_maker(block_id) {
                    self.violate(format!(
                        "node {node} refuses block {height} of honest node {maker}: {reason}"
                    ));
                }
            }
            Done::Imported(imported) => {
                if let Some((height, ImportFault::Ours(reason))) = &imported.failure {
                    self.violate(format!("node {node} cannot import block {height}: {reason}"));
                }
            }
            _ => {}
        }
    }

    /// The honest node that has made a block and still has it, and the block's height.
    fn honest_maker(&self, id: &BlockId) -> Option<(usize, u64)> {
        self.honest().find_map(|maker| {
            let node = &self.nodes[maker];
            let header = node.running.as_ref()?.services.blocks.header_by_id(id);
            let header = header.ok().flatten()?;
            let is_its_own = node.key.as_ref()?.address() == header.header().proposer;
            is_its_own.then_some((maker, header.header().height))
        })
    }

    /// A head that was announced is a promise.
    pub(super) fn announce(&mut self, node: usize, status: Status) {
        let known = self.nodes[node].announced.get_or_insert(status);
        if rank(&status) > rank(known) {
            *known = status;
        }
    }

    pub(super) fn on_head_changed(&mut self, node: usize, change: &HeadChange) {
        self.moved = true;
        let Some(running) = self.running(node) else { return };
        let status = status_of(running);
        self.trace
            .record(self.now, node, "head", status.head_id.as_bytes());
        let undone = u64::try_from(change.undone.len()).unwrap_or(u64::MAX);
        self.report.reorgs += u64::from(undone > 0);
        self.report.deepest_reorg = self.report.deepest_reorg.max(undone);
        self.count_undone(node, change);
        if self.nodes[node].honest {
            self.report.height = self.report.height.max(status.height);
            self.announce(node, status);
            if let Err(what) = self.follow(node, change) {
                self.violate(format!("node {node}: {what}"));
            }
            self.check_chain(node);
            if let Err(what) = self.settle_punished(node) {
                self.violate(what);
            }
        }
    }

    /// Whoever follows a node by its announcements has the same chain: what is undone was on top, what is
    /// applied comes next.
    fn follow(&mut self, node: usize, change: &HeadChange) -> Result<(), String> {
        let chain = self.checks.followed.entry(node).or_default();
        for undone in &change.undone {
            let top = chain.pop_last();
            if top != Some(*undone) {
                return Err(format!("{undone:?} was undone, and the chain ends with {top:?}"));
            }
        }
        for (height, id) in &change.applied {
            let top = chain.last_key_value().map_or(0, |(height, _)| *height);
            if *height != top + 1 {
                return Err(format!("block {height} was applied on block {top}"));
            }
            chain.insert(*height, *id);
        }
        Ok(())
    }

    /// After a start: nothing is lost, and nothing is different.
    pub(super) fn check_recovered(&mut self, node: usize) {
        self.moved = true;
        if !self.nodes[node].honest {
            return;
        }
        let Some(running) = self.running(node) else { return };
        let status = status_of(running);
        let chain = (1..=status.height)
            .map(|height| {
                Ok((
                    height,
                    running.services.blocks.block_id(height)?.unwrap_or_default(),
                ))
            })
            .collect::<Result<_, StorageError>>();
        match chain {
            Ok(chain) => drop(self.checks.followed.insert(node, chain)),
            Err(error) => return self.violate(error.to_string()),
        }
        if let Some(announced) = &self.nodes[node].announced
            && rank(announced) > rank(&status)
        {
            return self.violate(format!(
                "node {node} announced {announced:?} and came back with {status:?}"
            ));
        }
        self.checks.looked.remove(&node);
        self.check_chain(node);
    }

    /// One final block per height and no gap; the head's state and supply.
    fn check_chain(&mut self, node: usize) {
        if let Err(what) = self.look_at_chain(node) {
            self.violate(format!("node {node}: {what}"));
        }
    }

    fn look_at_chain(&mut self, node: usize) -> Result<(), String> {
        let from = self.checks.looked.get(&node).copied().unwrap_or(0);
        let Some(running) = &self.nodes[node].running else {
            return Ok(());
        };
        let (head, head_id) = running.core.head();
        let blocks = &running.services.blocks;
        let last_final = match running.core.lineage().work() {
            Some(work) => head.saturating_sub(work.rules().finality_depth),
            None => head,
        };
        for height in from + 1..=last_final {
            let id = blocks.block_id(height).map_err(told)?;
            let id = id.ok_or_else(|| format!("its head is {head} and block {height} is missing"))?;
            match self.checks.decided.insert(height, id) {
                Some(decided) if decided != id => {
                    return Err(format!("block {height} is {id}, elsewhere it is {decided}"));
                }
                Some(_) => drop(look_up(blocks, height)?),
                None => {
                    let (block, receipts) = look_up(blocks, height)?;
                    self.report.included += u64::try_from(receipts.len()).unwrap_or(u64::MAX);
                    self.report.count_calls(&block, &receipts);
                }
            }
        }
        if head > 0 {
            let header = blocks
                .header_by_height(head)
                .map_err(told)?
                .ok_or("its head has no header")?;
            let root = running.core.view().root();
            if header.id() != head_id || header.header().state_root != root {
                let wanted = header.header().state_root;
                return Err(format!(
                    "the state after block {head} has root {root}, its header says {wanted}"
                ));
            }
        }
        let supply = self.supply(running.core.view()).map_err(told)?;
        let due = self.cast.chain.genesis.supply_at(head);
        if supply != due {
            return Err(format!(
                "after block {head} there are {supply} base units instead of {due}"
            ));
        }
        self.checks.looked.insert(node, last_final.max(from));
        self.look_at_contracts(node)?;
        self.look_at_sets(node)
    }

    /// One validator set per height. Sets are seen while their heights are near.
    fn look_at_sets(&mut self, node: usize) -> Result<(), String> {
        let Some(running) = &self.nodes[node].running else {
            return Ok(());
        };
        let lineage = running.core.lineage();
        let (head, epoch) = (running.core.head().0, self.scenario.epoch_blocks);
        for height in head.saturating_sub(epoch).max(1)..=head.saturating_add(2 * epoch) {
            let Some(set) = lineage.validators(height) else {
                continue;
            };
            let known = self.checks.sets.entry(height).or_insert_with(|| set.clone());
            if known != set {
                return Err(format!("other validators decide block {height} than elsewhere"));
            }
        }
        Ok(())
    }

    /// Different validator sets so far.
    pub(super) fn count_sets(&self) -> u64 {
        let hashes: BTreeSet<_> = self.checks.sets.values().map(ValidatorSet::hash).collect();
        u64::try_from(hashes.len()).unwrap_or(u64::MAX)
    }

    fn supply(&self, view: &View) -> Result<Amount, aureon_chain::execution::StateError> {
        let mut total = 0_u64;
        let contracts: BTreeSet<_> = self.load.contracts().collect();
        for address in self.cast.addresses.iter().chain(&contracts) {
            total = total.saturating_add(view.account(address)?.unwrap_or_default().balance.0);
        }
        Ok(Amount(total))
    }
}

/// A head that counts more, counts more: by work, or by height.
fn rank(status: &Status) -> (Option<[u8; 32]>, u64) {
    let height = if status.work.is_some() { 0 } else { status.height };
    (status.work, height)
}

/// The head of a node, as it tells it.
fn status_of(running: &Running) -> Status {
    let (height, head_id) = running.core.head();
    Status {
        height,
        head_id,
        work: running.core.lineage().work().map(|chain| chain.work().to_bytes()),
    }
}

pub(super) fn told(error: impl std::fmt::Display) -> String {
    error.to_string()
}
