//! From a decision to the new head: committing, importing, moving on.

use aureon_chain::{assembly, sync};
use aureon_consensus::Now;
use aureon_types::{CommitCertificate, CommitSignature, SignedVote, VoteKind};

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

    /// The certificate that our next block carries gets the precommits that came after the decision: who
    /// was only late is not counted as absent.
    pub(super) fn merge_late_precommits(&mut self, height: u64, precommits: &[SignedVote]) {
        if height != self.parent.info.height || precommits.is_empty() {
            return; // a range import was quicker
        }
        match CommitCertificate::decode(&self.parent.certificate) {
            Ok(certificate) => self.parent.certificate = extended(certificate, precommits).encode(),
            Err(error) => tracing::error!(%error, height, "the certificate of the head cannot be read"),
        }
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
        self.cross_off_evidence(&executed);
        self.tell_pending();
        let (height, id) = (info.height, info.id);
        let transactions = executed.block().transactions().len();
        tracing::info!(height, %id, transactions, round = certificate.round, "block committed");
        effects.push(Effect::HeadChanged(HeadChange {
            undone: Vec::new(),
            applied: vec![(height, id)],
        }));
        effects.push(Effect::SetStatus(self.own_status()));
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

/// `certificate` with the votes of `precommits` that say the same and are not in it.
fn extended(certificate: CommitCertificate, precommits: &[SignedVote]) -> CommitCertificate {
    let CommitCertificate {
        height,
        round,
        block_id,
        mut signatures,
    } = certificate;
    for signed in precommits {
        let vote = &signed.vote;
        let same = vote.kind == VoteKind::Precommit
            && (vote.height, vote.round, vote.block_id) == (height, round, Some(block_id));
        let known = signatures.iter().any(|known| known.validator == signed.validator);
        if same && !known {
            signatures.push(CommitSignature {
                validator: signed.validator,
                signature: signed.signature,
            });
        }
    }
    CommitCertificate::new(height, round, block_id, signatures)
}

#[cfg(test)]
mod tests {
    use aureon_types::{BlockId, GenesisId, SecretKey, Validator, ValidatorSet, Vote};

    use super::*;

    const GENESIS: GenesisId = GenesisId([7; 32]);
    const BLOCK: BlockId = BlockId([9; 32]);

    fn precommit(seed: u8, round: u32, block_id: Option<BlockId>) -> SignedVote {
        let vote = Vote {
            kind: VoteKind::Precommit,
            height: 5,
            round,
            block_id,
        };
        SignedVote::sign(vote, &SecretKey::from_seed([seed; 32]), &GENESIS)
    }

    #[test]
    fn late_precommits_join_the_certificate_and_others_do_not() {
        let keys = (1..=4).map(|seed| SecretKey::from_seed([seed; 32]).public_key());
        let set = ValidatorSet::new(keys.map(|key| Validator::new(key, 1)).collect()).unwrap();
        let decided: Vec<SignedVote> = (1..=3).map(|seed| precommit(seed, 1, Some(BLOCK))).collect();
        let certificate = extended(CommitCertificate::new(5, 1, BLOCK, Vec::new()), &decided);
        assert_eq!(certificate.signatures.len(), 3);
        let late = [
            precommit(3, 1, Some(BLOCK)),
            precommit(4, 0, Some(BLOCK)),
            precommit(4, 1, None),
        ];
        assert_eq!(extended(certificate.clone(), &late), certificate);
        let whole = extended(certificate, &[precommit(4, 1, Some(BLOCK))]);
        assert_eq!(whole.signatures.len(), 4);
        assert_eq!(whole.verify(&set, &GENESIS), Ok(()));
        assert_eq!(CommitCertificate::decode(&whole.encode()), Ok(whole));
    }
}
