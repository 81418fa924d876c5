//! What a worker checks before a message may enter the engine.
//!
//! [`VerifiedMessage`] is the only thing that [`crate::Input::Message`] carries, so the core's own
//! questions about signatures are answered without work: the type is the proof. This holds only
//! because *every* signature inside a certificate is checked, also beyond the quorum: the core takes
//! certificates apart into votes and files contradictions as evidence.

use aureon_types::{
    Address, GenesisId, SealedHeader, SignedProposal, SignedVote, ValidatorSet, VoteKind,
    signature::{self, Item},
};

use crate::{
    DropReason, Epoch, Lineage, Message, RoundCertificateKind,
    pow::{HeaderFault, check_work},
};

/// A message whose every signature, signer and quorum held against the validators of its height.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedMessage(Message);

/// Why a message was refused. The fault of who sent or signed it, because an honest node forwards only
/// what it has verified; only [`Fault::UnknownValidators`] is nobody's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The block that fixes the validators of this height is not here yet. Says nothing about the
    /// message.
    #[error("the validators of height {0} are not known here yet")]
    UnknownValidators(u64),
    /// Somebody who is no validator of the height.
    #[error("{0} is no validator of this height")]
    UnknownSigner(Address),
    /// A proposal of somebody whose turn it is not.
    #[error("{signer} does not propose in round {round}, {expected} does")]
    NotTheProposer {
        /// Who signed.
        signer: Address,
        /// In which round.
        round: u32,
        /// Whose turn it is.
        expected: Address,
    },
    /// A proposal that claims a polka in its own round or a later one (Tendermint, line 28).
    #[error("the proposal of round {round} names round {valid_round} as earlier")]
    ValidRound {
        /// Of the proposal.
        round: u32,
        /// What it names.
        valid_round: u32,
    },
    /// A signature that does not verify.
    #[error("the signature of {0} is not valid")]
    BadSignature(Address),
    /// A certificate that names a validator twice.
    #[error("{0} is named more than once")]
    DuplicateSigner(Address),
    /// A prevote in a certificate of precommits.
    #[error("a certificate of precommits holds a prevote of {0}")]
    WrongVoteKind(Address),
    /// A header whose work is not done.
    #[error(transparent)]
    Work(#[from] HeaderFault),
    /// A certificate without its quorum.
    #[error("{signed} of {total} voting power signed; more than {thirds} third(s) are needed")]
    TooLittlePower {
        /// Power of the signers.
        signed: u64,
        /// Power of the set.
        total: u64,
        /// 1 or 2.
        thirds: u64,
    },
}

impl Fault {
    /// Whether whoever sent the message has done wrong.
    pub fn is_senders(&self) -> bool {
        !matches!(self, Self::UnknownValidators(_))
    }

    /// Under what it is counted.
    pub fn reason(&self) -> DropReason {
        match self {
            Self::UnknownValidators(_) => DropReason::UnknownValidators,
            Self::UnknownSigner(_) => DropReason::UnknownSigner,
            Self::NotTheProposer { .. } | Self::ValidRound { .. } => DropReason::BadProposal,
            Self::BadSignature(_) => DropReason::BadSignature,
            Self::DuplicateSigner(_) | Self::WrongVoteKind(_) | Self::TooLittlePower { .. } => {
                DropReason::BadCertificate
            }
            Self::Work(_) => DropReason::InvalidHeader,
        }
    }
}

impl VerifiedMessage {
    /// The message.
    pub fn message(&self) -> &Message {
        &self.0
    }

    pub(crate) fn into_inner(self) -> Message {
        self.0
    }
}

/// Checks everything about `message` that can be checked without the state of the chain. `lineage`: of
/// the head; it names the validators of the message's height, and who proposes.
pub fn verify(message: Message, lineage: &Lineage, genesis_id: &GenesisId) -> Result<VerifiedMessage, Fault> {
    if let Message::Work(header) = message {
        return verify_header(*header);
    }
    let height = message.height();
    let epoch = lineage.epoch(height).ok_or(Fault::UnknownValidators(height))?;
    let set = epoch.set();
    match &message {
        Message::Vote(vote) => check_vote(vote, set, genesis_id)?,
        Message::Proposal(proposal) => check_proposal(proposal, epoch, genesis_id)?,
        Message::Polka(certificate) => check_quorum(certificate.votes(), set, genesis_id, 2)?,
        Message::Work(header) => check_work(header)?,
        Message::Round(certificate) => {
            let thirds = match certificate.kind {
                RoundCertificateKind::Skip => 1,
                RoundCertificateKind::Precommit => 2,
            };
            if let (RoundCertificateKind::Precommit, Some(odd)) = (
                certificate.kind,
                certificate
                    .signatures
                    .iter()
                    .find(|signature| signature.kind == VoteKind::Prevote),
            ) {
                return Err(Fault::WrongVoteKind(odd.validator));
            }
            check_quorum(certificate.votes(), set, genesis_id, thirds)?;
        }
    }
    Ok(VerifiedMessage(message))
}

/// [`verify()`] for a header under proof of work, where no validators are needed.
pub fn verify_header(header: SealedHeader) -> Result<VerifiedMessage, Fault> {
    check_work(&header)?;
    Ok(VerifiedMessage(Message::Work(Box::new(header))))
}

fn check_vote(vote: &SignedVote, set: &ValidatorSet, genesis_id: &GenesisId) -> Result<(), Fault> {
    let signer = set
        .get(&vote.validator)
        .ok_or(Fault::UnknownSigner(vote.validator))?;
    if vote.verify(&signer.public_key, genesis_id) {
        Ok(())
    } else {
        Err(Fault::BadSignature(vote.validator))
    }
}

fn check_proposal(signed: &SignedProposal, epoch: &Epoch, genesis_id: &GenesisId) -> Result<(), Fault> {
    let (signer, proposal) = (signed.proposer, signed.proposal);
    let proposer = epoch.proposer(proposal.height, proposal.round);
    if proposer.address != signer {
        let (round, expected) = (proposal.round, proposer.address);
        return Err(Fault::NotTheProposer {
            signer,
            round,
            expected,
        });
    }
    if let Some(valid_round) = proposal.valid_round
        && valid_round >= proposal.round
    {
        return Err(Fault::ValidRound {
            round: proposal.round,
            valid_round,
        });
    }
    if signed.verify(&proposer.public_key, genesis_id) {
        Ok(())
    } else {
        Err(Fault::BadSignature(signer))
    }
}

/// Checks that more than `thirds` thirds of the power signed, and each signature, in one batch.
fn check_quorum(
    votes: impl Iterator<Item = SignedVote>,
    set: &ValidatorSet,
    genesis_id: &GenesisId,
    thirds: u64,
) -> Result<(), Fault> {
    let (mut signers, mut items, mut signed) = (Vec::new(), Vec::new(), 0_u64);
    for vote in votes {
        let validator = set
            .get(&vote.validator)
            .ok_or(Fault::UnknownSigner(vote.validator))?;
        if signers.last().is_some_and(|last| *last >= vote.validator) {
            return Err(Fault::DuplicateSigner(vote.validator));
        }
        signers.push(vote.validator);
        signed = signed.saturating_add(validator.power);
        let message = vote.vote.signing_message(genesis_id);
        items.push(Item::new(&validator.public_key, &vote.signature, &message));
    }
    // The cheap check first: a certificate without its quorum costs no signature.
    let total = set.total_power();
    if u128::from(signed).saturating_mul(3) <= u128::from(total).saturating_mul(u128::from(thirds)) {
        return Err(Fault::TooLittlePower {
            signed,
            total,
            thirds,
        });
    }
    let verdicts = signature::verify_batch(&items);
    match signers.iter().zip(verdicts).find(|(_, holds)| !holds) {
        Some((signer, _)) => Err(Fault::BadSignature(*signer)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use aureon_types::{BlockId, CommitSignature, Proposal, SecretKey, Signature, Validator, Vote};

    use super::*;
    use crate::{PolkaCertificate, RoundCertificate, RoundSignature, Schedule};

    const GENESIS: GenesisId = GenesisId([7; 32]);
    const BLOCK: BlockId = BlockId([5; 32]);

    fn keys() -> Vec<SecretKey> {
        (1..=4).map(|seed| SecretKey::from_seed([seed; 32])).collect()
    }

    fn epoch() -> Epoch {
        let members = keys()
            .iter()
            .map(|key| Validator::new(key.public_key(), 1))
            .collect();
        Epoch::genesis(ValidatorSet::new(members).unwrap(), 50)
    }

    fn stranger() -> SecretKey {
        SecretKey::from_seed([9; 32])
    }

    fn check(message: Message) -> Result<(), Fault> {
        verify(message, &Lineage::Voting(Schedule::genesis(epoch())), &GENESIS).map(drop)
    }

    fn vote(kind: VoteKind, round: u32, block_id: Option<BlockId>) -> Vote {
        Vote {
            kind,
            height: 3,
            round,
            block_id,
        }
    }

    fn polka(signers: &[SecretKey]) -> PolkaCertificate {
        let sign = |key: &SecretKey| CommitSignature {
            validator: key.address(),
            signature: SignedVote::sign(vote(VoteKind::Prevote, 1, Some(BLOCK)), key, &GENESIS).signature,
        };
        PolkaCertificate::new(3, 1, BLOCK, signers.iter().map(sign).collect())
    }

    fn round(kind: RoundCertificateKind, votes: &[(VoteKind, Option<BlockId>)]) -> RoundCertificate {
        let sign = |(key, (kind, block_id)): (&SecretKey, &(VoteKind, Option<BlockId>))| RoundSignature {
            kind: *kind,
            block_id: *block_id,
            validator: key.address(),
            signature: SignedVote::sign(vote(*kind, 1, *block_id), key, &GENESIS).signature,
        };
        RoundCertificate::new(3, 1, kind, keys().iter().zip(votes).map(sign).collect())
    }

    #[test]
    fn votes() {
        let good = SignedVote::sign(vote(VoteKind::Prevote, 0, None), &keys()[0], &GENESIS);
        assert_eq!(check(Message::Vote(good.clone())), Ok(()));
        let name = good.validator;
        let other = SignedVote {
            vote: vote(VoteKind::Precommit, 0, None),
            ..good.clone()
        };
        assert_eq!(check(Message::Vote(other)), Err(Fault::BadSignature(name)));
        let elsewhere = SignedVote::sign(good.vote, &keys()[0], &GenesisId([8; 32]));
        assert_eq!(check(Message::Vote(elsewhere)), Err(Fault::BadSignature(name)));
        let strange = SignedVote::sign(good.vote, &stranger(), &GENESIS);
        assert_eq!(
            check(Message::Vote(strange)),
            Err(Fault::UnknownSigner(stranger().address()))
        );
    }

    #[test]
    fn what_cannot_be_judged_is_nobodys_fault() {
        let later = Vote {
            height: 51,
            ..vote(VoteKind::Prevote, 0, None)
        };
        let fault = check(Message::Vote(SignedVote::sign(later, &keys()[0], &GENESIS))).unwrap_err();
        assert_eq!(fault, Fault::UnknownValidators(51));
        assert!(!fault.is_senders() && Fault::BadSignature(keys()[0].address()).is_senders());
    }

    #[test]
    fn proposals() {
        let proposer = epoch().proposer(3, 2).address;
        let key = keys().into_iter().find(|key| key.address() == proposer).unwrap();
        let other = keys().into_iter().find(|key| key.address() != proposer).unwrap();
        let proposal = Proposal {
            height: 3,
            round: 2,
            block_id: BLOCK,
            valid_round: Some(1),
        };
        let signed =
            |proposal, key: &SecretKey| Message::Proposal(SignedProposal::sign(proposal, key, &GENESIS));
        assert_eq!(check(signed(proposal, &key)), Ok(()));
        assert_eq!(
            check(signed(proposal, &other)),
            Err(Fault::NotTheProposer {
                signer: other.address(),
                round: 2,
                expected: proposer
            })
        );
        for valid_round in [2, 3] {
            let proposal = Proposal {
                valid_round: Some(valid_round),
                ..proposal
            };
            assert_eq!(
                check(signed(proposal, &key)),
                Err(Fault::ValidRound {
                    round: 2,
                    valid_round
                })
            );
        }
        let forged = SignedProposal {
            proposer,
            ..SignedProposal::sign(proposal, &other, &GENESIS)
        };
        assert_eq!(
            check(Message::Proposal(forged)),
            Err(Fault::BadSignature(proposer))
        );
    }

    #[test]
    fn polkas() {
        assert_eq!(check(Message::Polka(polka(&keys()[..3]))), Ok(()));
        let fault = Fault::TooLittlePower {
            signed: 2,
            total: 4,
            thirds: 2,
        };
        assert_eq!(check(Message::Polka(polka(&keys()[..2]))), Err(fault));
        let one = keys()[0].clone();
        let repeated = polka(&[one.clone(), one.clone(), one.clone()]);
        assert_eq!(
            check(Message::Polka(repeated)),
            Err(Fault::DuplicateSigner(one.address()))
        );
        let with = polka(&[&keys()[..3], &[stranger()]].concat());
        assert_eq!(
            check(Message::Polka(with)),
            Err(Fault::UnknownSigner(stranger().address()))
        );
    }

    /// The core takes certificates apart: a forged signature beyond the quorum would become evidence.
    #[test]
    fn every_signature_of_a_certificate_is_checked_also_beyond_the_quorum() {
        for position in 0..4 {
            let mut forged = polka(&keys());
            forged.signatures[position].signature = Signature([1; 64]);
            let name = forged.signatures[position].validator;
            assert_eq!(check(Message::Polka(forged)), Err(Fault::BadSignature(name)));
        }
    }

    #[test]
    fn round_certificates() {
        use RoundCertificateKind::{Precommit, Skip};
        use VoteKind::{Precommit as Pc, Prevote as Pv};
        let fault = |signed, thirds| {
            Err(Fault::TooLittlePower {
                signed,
                total: 4,
                thirds,
            })
        };
        for (kind, votes, expected) in [
            (Skip, &[(Pv, None), (Pc, Some(BLOCK))][..], Ok(())),
            (Skip, &[(Pv, None)], fault(1, 1)),
            (Precommit, &[(Pc, None), (Pc, Some(BLOCK)), (Pc, None)], Ok(())),
            (Precommit, &[(Pc, None), (Pc, None)], fault(2, 2)),
        ] {
            assert_eq!(
                check(Message::Round(round(kind, votes))),
                expected,
                "{kind:?} {votes:?}"
            );
        }
        let mixed = round(Precommit, &[(Pc, None), (Pv, None), (Pc, None)]);
        assert_eq!(
            check(Message::Round(mixed)),
            Err(Fault::WrongVoteKind(keys()[1].address()))
        );
    }
}
