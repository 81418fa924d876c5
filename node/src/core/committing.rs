//! From a decision to the new head: committing, importing, moving on.

use aureon_chain::{assembly, sync};
use aureon_consensus::Now;
use aureon_protocol::Status;
use aureon_types::CommitCertificate;

use super::{Committed, Committing, Core, Effect, HeadChange, Imported, Job};

impl Core {
    pub(super) fn commit(&mut self, certificate: CommitCertificate, effects: &mut Vec<Effect>) {
        let id = certificate.block_id;
        if certificate.height <= self.parent.info.height || self.blocks.committing == Some(id) {
            return;
        }
        self.blocks.committing = Some(id);
        let executed = self.blocks.executed.get(&id).cloned();
        let committing = Committing {
            certificate,
            executed,
        };
        effects.push(Effect::Job(Job::Commit(Box::new(committing))));
    }

    pub(super) fn on_committed(&mut self, now: Now, committed: Committed, effects: &mut Vec<Effect>) {
        if committed.certificate.round == 0 && Some(committed.executed.header().proposer) == self.validator {
            self.limits.on_good_block();
        }
        self.advance(now, committed, effects);
    }

    pub(super) fn on_imported(&mut self, now: Now, imported: Imported, effects: &mut Vec<Effect>) {
        let Imported {
            batch,
            blocks,
            failure,
        } = imported;
        for committed in blocks {
            self.advance(now, committed, effects);
        }
        let input = match failure {
            None => sync::Input::Imported { batch },
            Some((height, fault)) => sync::Input::ImportFailed { batch, height, fault },
        };
        self.sync_input(now, input, effects);
    }

    /// The head moves: the block is durable.
    fn advance(&mut self, now: Now, committed: Committed, effects: &mut Vec<Effect>) {
        let Committed {
            executed,
            certificate,
            parent,
        } = committed;
        let info = parent.info;
        if info.height <= self.parent.info.height {
            return;
        }
        self.parent = parent;
        self.throughput
            .add(now.monotonic, executed.block().transactions().len());
        self.blocks.committed(info.height);
        self.mempool
            .on_block(now.monotonic, info.height, executed.senders());
        self.tell_pending();
        let (height, id) = (info.height, info.id);
        let transactions = executed.block().transactions().len();
        tracing::info!(height, %id, transactions, round = certificate.round, "block committed");
        effects.push(Effect::HeadChanged(HeadChange {
            undone: Vec::new(),
            applied: vec![(height, id)],
        }));
        effects.push(Effect::SetStatus(Status { height, head_id: id }));
        self.assembly_input(now, assembly::Input::Committed { height }, effects);
        let moved = sync::Input::HeadChanged {
            head: sync::Head { height, id },
            known_until: self.parent.lineage.known_until(),
        };
        self.sync_input(now, moved, effects);
        let head = aureon_consensus::Head {
            height,
            block_id: id,
            timestamp_ms: info.timestamp_ms,
        };
        self.pending_engine.push_back(aureon_consensus::Input::Committed(
            head,
            self.parent.lineage.clone(),
        ));
    }
}
