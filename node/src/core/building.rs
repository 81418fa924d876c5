//! Blocks of our own.

use std::time::Duration;

use aureon_chain::production::BuildParams;
use aureon_consensus::Now;
use aureon_types::{TransactionId, limits::MAX_BLOCK_BYTES};

use super::{Building, Built, Core, Effect, Job};

impl Core {
    pub(super) fn build(
        &mut self,
        now: Now,
        height: u64,
        round: u32,
        within: Duration,
        effects: &mut Vec<Effect>,
    ) {
        let Some(proposer) = self.validator else { return };
        if height != self.parent.info.height.saturating_add(1) {
            return;
        }
        let rules = match self.chain.rules(&self.parent) {
            Ok(rules) => rules,
            Err(error) => {
                tracing::error!(height, %error, "no block can be built on this head");
                return;
            }
        };
        let (max_gas, max_bytes) = (self.limits.gas(), self.limits.bytes().min(MAX_BLOCK_BYTES));
        let params = BuildParams {
            parent: self.parent.info,
            previous_commit: self.parent.certificate.clone(),
            rules,
            timestamp_ms: now.wall_ms,
            proposer,
            max_gas,
            max_bytes,
        };
        let building = Building {
            height,
            round,
            params,
            view: self.parent.view.clone(),
            candidates: self.candidates(max_gas, max_bytes),
            evidence: self.offences.due(),
            key: self.key.clone(),
            budget: within / 3,
        };
        effects.push(Effect::Job(Job::Build(Box::new(building))));
    }

    /// What the builder found to be worthless.
    pub(super) fn drop_inapplicable(&mut self, now: Now, stale: Vec<TransactionId>) {
        for dropped in self.mempool.drop_inapplicable(now.monotonic, stale) {
            tracing::debug!(transaction = %dropped.id, reason = dropped.reason.describe(), "dropped from the pool");
        }
    }

    /// As many ready transactions as a block could hold.
    pub(super) fn candidates(
        &self,
        max_gas: u64,
        max_bytes: usize,
    ) -> Vec<aureon_types::VerifiedTransaction> {
        let (mut gas, mut bytes) = (0_u64, 0_usize);
        let fits = |transaction: &aureon_types::VerifiedTransaction| {
            gas = gas.saturating_add(transaction.transaction().gas_limit);
            bytes = bytes.saturating_add(transaction.size());
            gas <= max_gas && bytes <= max_bytes
        };
        self.mempool.ready().take_while(fits).collect()
    }

    pub(super) fn on_built(&mut self, now: Now, built: Built) {
        let Built {
            height,
            round,
            executed,
            stale,
            settled,
        } = built;
        self.offences.settle(&settled);
        self.drop_inapplicable(now, stale);
        if height != self.parent.info.height.saturating_add(1) {
            return;
        }
        let block_id = executed.id();
        self.blocks.executed.insert(block_id, executed);
        self.pending_engine.push_back(aureon_consensus::Input::Built {
            height,
            round,
            block_id,
        });
    }
}
