//! The ledger thread's work: everything that executes or commits, strictly in order. It owns the tip.
//!
//! *The one door.* Every block here passes `chain::import`, or was built by `chain::production`, which
//! gives the same proof. *Order.* The block store first, then the state store, then the world.

use std::sync::Arc;

use aureon_chain::{
    assembly::VerifiedLeaves,
    execution::StateError,
    import::{self, ExecutedBlock, HeaderVerdict, ImportError, VerifiedBlock},
    production,
    sync::ImportFault,
};
use aureon_storage::{Decided, StorageError};
use aureon_types::{Block, BlockId, CertifiedBlock, CommitCertificate, Hash, VerifiedTransaction};
use bytes::Bytes;

use super::{
    Clock, Services,
    accusation::{self, Accusations},
};
use crate::{
    adapters::View,
    core::{
        Body, BodyFault, Building, Built, Committed, Committing, Done, Executing, Imported, Importing, Job,
        Parent,
    },
};

/// Executes and commits.
pub struct Ledger {
    pub(super) services: Services,
    pub(super) tip: Parent,
}

/// The failure of our own machine, in the words of its cause.
pub(super) fn failed(error: &dyn std::error::Error) -> Done {
    Done::Failed {
        reason: error.to_string(),
    }
}

impl Ledger {
    /// The last committed block.
    pub fn tip(&self) -> &Parent {
        &self.tip
    }

    /// Does one of the ledger's jobs. `None`: there is nothing to tell.
    pub fn perform(&mut self, job: Job, clock: Clock<'_>) -> Option<Done> {
        match job {
            Job::Build(building) => Some(self.build(*building, clock)),
            Job::Execute(executing) => Some(self.execute(*executing)),
            Job::Commit(committing) => self.commit(*committing),
            Job::Switch(switching) => Some(self.switch(*switching)),
            Job::Template(templating) => Some(self.template(*templating, clock)),
            Job::Import(importing) => Some(self.import(*importing)),
            other => super::perform(&self.services, other),
        }
    }

    fn build(&self, building: Building, clock: Clock<'_>) -> Done {
        let Building {
            height,
            round,
            params,
            view,
            candidates,
            evidence,
            key,
            budget,
        } = building;
        let end = clock().saturating_add(budget);
        let accused = match &key {
            Some(key) => accusation::accuse(&self.services.chain, &view, key, evidence, candidates),
            None => Ok(Accusations {
                candidates,
                ..Accusations::default()
            }),
        };
        let Accusations {
            candidates,
            mut settled,
        } = match accused {
            Ok(accused) => accused,
            Err(error) => return failed(&error),
        };
        let mut out_of_time = || clock() >= end;
        let built = match production::build(
            &view,
            &*self.services.machine,
            &params,
            candidates,
            &mut out_of_time,
        ) {
            Ok(built) => built,
            Err(error) => return failed(&error),
        };
        if let Err(error) = self.services.blocks.put_body(built.executed.block()) {
            return failed(&error);
        }
        settled.extend(accusation::refused(&built.executed));
        let stale = built.stale.into_iter().map(|(id, _)| id).collect();
        Done::Built(Box::new(Built {
            height,
            round,
            executed: built.executed,
            stale,
            settled,
        }))
    }

    fn execute(&self, executing: Executing) -> Done {
        let Executing {
            block_id,
            body,
            parent,
            wall_ms,
        } = executing;
        let result = match self.judge(block_id, body, &parent, wall_ms) {
            // Durable when its branch becomes the chain, in the same commit.
            Ok(executed) if parent.lineage.work().is_some() => Ok(executed),
            Ok(executed) => match self.services.blocks.put_body(executed.block()) {
                Ok(()) => Ok(executed),
                Err(error) => return failed(&error),
            },
            Err(Refusal::Fault(fault)) => Err(fault),
            Err(Refusal::Ours(error)) => return failed(&error),
        };
        Done::Executed { block_id, result }
    }

    fn judge(
        &self,
        block_id: BlockId,
        body: Body,
        parent: &Parent,
        wall_ms: u64,
    ) -> Result<ExecutedBlock<View>, Refusal> {
        let invalid = |reason: String| Refusal::Fault(BodyFault::Invalid(reason));
        let (block, known) = match body {
            Body::Parts(parts) => {
                let (block, known) = parts.join().map_err(|error| invalid(error.to_string()))?;
                (Arc::new(block), known)
            }
            Body::Whole { block, known } => (block, known),
            Body::Stored => match self.services.blocks.block_by_id(&block_id) {
                Ok(Some(block)) => (Arc::new(block), VerifiedLeaves::default()),
                Ok(None) => return Err(Refusal::Fault(BodyFault::Missing)),
                Err(error) => return Err(Refusal::Ours(StateError::Unreadable(Box::new(error)))),
            },
        };
        // Under proof of work a block may stand on any branch.
        if parent.lineage.work().is_none() && parent.info.height < self.tip.info.height {
            return Err(Refusal::Fault(BodyFault::Overtaken));
        }
        let rules = self.services.chain.rules(parent);
        let rules = rules.map_err(|error| Refusal::Ours(error.into()))?;
        match import::check_header(block.sealed_header(), &parent.info, &rules, Some(wall_ms)) {
            Ok(HeaderVerdict::Checked(checked)) => {
                let verified = import::verify_body(*checked, block, |leaf| known.get(leaf))
                    .map_err(|fault| invalid(fault.to_string()))?;
                import::execute(&parent.view, &*self.services.machine, verified).map_err(
                    |error| match error {
                        ImportError::State(error) => Refusal::Ours(error),
                        ImportError::Fault(fault) => invalid(fault.to_string()),
                    },
                )
            }
            Ok(HeaderVerdict::TooFarAhead { until_ms }) => Err(Refusal::Fault(BodyFault::TooFarAhead {
                until_ms,
                body: Body::Whole { block, known },
            })),
            Err(fault) => Err(invalid(fault.to_string())),
        }
    }

    fn commit(&mut self, committing: Committing) -> Option<Done> {
        let Committing {
            certificate,
            executed,
        } = committing;
        if certificate.height <= self.tip.info.height {
            return None; // a range import was quicker and has told
        }
        let executed = match executed {
            Some(executed) => executed,
            None => match self.execute_stored(&certificate) {
                Ok(executed) => executed,
                Err(reason) => return Some(Done::Failed { reason }),
            },
        };
        let next = match self.above(&self.tip, &executed, certificate.encode()) {
            Ok(next) => next,
            Err(error) => return Some(failed(&error)),
        };
        match self.store(vec![(executed, certificate, next)]) {
            Ok(mut committed) => committed
                .pop()
                .map(|committed| Done::Committed(Box::new(committed))),
            Err(error) => Some(failed(&error)),
        }
    }

    /// A decided block whose execution is not at hand (it was executed before a restart).
    fn execute_stored(&self, certificate: &CommitCertificate) -> Result<ExecutedBlock<View>, String> {
        let block = self
            .services
            .blocks
            .block_by_id(&certificate.block_id)
            .map_err(|error| error.to_string())?;
        let block =
            block.ok_or_else(|| format!("block {} is decided and its body is gone", certificate.block_id))?;
        self.execute_decided(Arc::new(block), &self.tip)
            .map_err(|error| error.to_string())
    }

    /// Executes a block that a certificate decided: its time is not ours to judge.
    pub(super) fn execute_decided(
        &self,
        block: Arc<Block>,
        parent: &Parent,
    ) -> Result<ExecutedBlock<View>, Unfit> {
        let verified = self.verify_decided(block, parent)?;
        import::execute(&parent.view, &*self.services.machine, verified).map_err(|error| match error {
            ImportError::State(error) => Unfit::Ours(error),
            ImportError::Fault(fault) => Unfit::Block(fault.to_string()),
        })
    }

    /// Everything that comes before its execution.
    pub(super) fn verify_decided(&self, block: Arc<Block>, parent: &Parent) -> Result<VerifiedBlock, Unfit> {
        let rules = self.services.chain.rules(parent);
        let rules = rules.map_err(|error| Unfit::Ours(error.into()))?;
        let verdict = import::check_header(block.sealed_header(), &parent.info, &rules, None)
            .map_err(|fault| Unfit::Block(fault.to_string()))?;
        let HeaderVerdict::Checked(checked) = verdict else {
            unreachable!("without a clock no time is ahead")
        };
        let none = |_: &_| None::<VerifiedTransaction>;
        import::verify_body(*checked, block, none).map_err(|fault| Unfit::Block(fault.to_string()))
    }

    /// Executes the blocks of a range on each other and stores them in one commit.
    fn import(&mut self, importing: Importing) -> Done {
        let Importing { batch, blocks } = importing;
        let (mut executed, mut failure, mut parent) = (Vec::new(), None, self.tip.clone());
        for CertifiedBlock { block, certificate } in blocks.into_blocks() {
            let height = block.header().height;
            if height <= parent.info.height {
                continue;
            }
            match self.execute_decided(Arc::new(block), &parent) {
                Ok(block) => {
                    parent = match self.above(&parent, &block, certificate.encode()) {
                        Ok(next) => next,
                        Err(error) => return failed(&error),
                    };
                    executed.push((block, certificate, parent.clone()));
                }
                Err(Unfit::Ours(error)) => return failed(&error),
                Err(Unfit::Block(reason)) => {
                    failure = Some((height, ImportFault::Ours(reason)));
                    break;
                }
            }
        }
        match self.store(executed) {
            Ok(blocks) => Done::Imported(Box::new(Imported {
                batch,
                blocks,
                failure,
            })),
            Err(error) => failed(&error),
        }
    }

    /// `block`, which was executed on `parent`, as the one that others are built on.
    pub(super) fn above(
        &self,
        parent: &Parent,
        block: &ExecutedBlock<View>,
        certificate: Bytes,
    ) -> Result<Parent, StateError> {
        Ok(Parent {
            info: block.as_parent(),
            certificate,
            view: block.view_after().clone(),
            lineage: self.services.chain.lineage_after(&parent.lineage, block)?,
        })
    }

    /// Durable in the block store, then queued for the state store; the tip moves.
    fn store(
        &mut self,
        blocks: Vec<(ExecutedBlock<View>, CommitCertificate, Parent)>,
    ) -> Result<Vec<Committed>, StorageError> {
        if blocks.is_empty() {
            return Ok(Vec::new());
        }
        let named: Vec<Option<(Hash, Bytes)>> = blocks.iter().map(|(_, _, next)| newly_named(next)).collect();
        let decided: Vec<Decided<'_>> = blocks
            .iter()
            .zip(&named)
            .map(|((executed, _, next), named)| Decided {
                block: executed.block(),
                certificate: &next.certificate,
                receipts: executed.encoded_receipts(),
                work: None,
                validators: named.as_ref().map(|(hash, epoch)| (*hash, &epoch[..])),
            })
            .collect();
        self.services.blocks.import(&decided)?;
        drop(decided);
        let mut committed = Vec::with_capacity(blocks.len());
        for (executed, certificate, mut parent) in blocks {
            self.services.states.commit(executed.view_after().0.clone())?;
            parent.view = View(self.services.states.head());
            self.tip = parent.clone();
            committed.push(Committed {
                executed,
                certificate,
                parent,
            });
        }
        Ok(committed)
    }
}

/// The validators of the height above `block`, if they are others than its own: the encoded epoch, by the
/// hash with which the block's header names them. Light clients need them long after the state has forgotten
/// them.
fn newly_named(block: &Parent) -> Option<(Hash, Bytes)> {
    let height = block.info.height;
    let above = block.lineage.epoch(height.saturating_add(1))?;
    let changed = block.lineage.validators(height) != Some(above.set());
    changed.then(|| (above.set().hash(), above.encode()))
}

/// A decided block that cannot be committed here.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unfit {
    /// It breaks a rule, although two thirds of the network signed it.
    #[error("{0}")]
    Block(String),
    /// The disk failed, or this software did.
    #[error(transparent)]
    Ours(StateError),
}

enum Refusal {
    Fault(BodyFault),
    Ours(StateError),
}
