//! What a worker checks before a message may enter the engine.
//!
//! [`VerifiedMessage`] is the only thing that [`crate::Input::Message`] carries, so the core's own
//! questions about signatures are answered without work: the type is the proof. This holds only
//! because *every* signature inside a certificate is checked, also beyond the quorum: the core takes
//! certificates apart into votes and files contradictions as evidence.

use aureon_types::{
    Address, GenesisId, SignedVote, ValidatorSet, VoteKind,
    signature::{self, Item},
};

use crate::{Message, RoundCertificateKind, schedule::turn};

/// A message whose every signature, signer and quorum held against the validators of its height.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedMessage(Message);

/// Why a message was refused. Always the fault of who sent or signed it: an honest node forwards only
/// what it has verified.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
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

impl VerifiedMessage {
    /// The message.
    pub fn message(&self) -> &Message {
        &self.0
    }

    pub(crate) fn into_inner(self) -> Message {
        self.0
    }
}

/// Checks everything about `message` that can be checked without the state of the chain. `set` must be
/// the validators of its height ([`crate::Engine::validators`]).
pub fn verify(
    message: Message,
    set: &ValidatorSet,
    genesis_id: &GenesisId,
) -> Result<VerifiedMessage, Fault> {
    match &message {
        Message::Vote(vote) => check_vote(vote, set, genesis_id)?,
        Message::Proposal(_) => check_proposal(&message, set, genesis_id)?,
        Message::Polka(certificate) => check_quorum(certificate.votes(), set, genesis_id, 2)?,
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

fn check_proposal(message: &Message, set: &ValidatorSet, genesis_id: &GenesisId) -> Result<(), Fault> {
    let Message::Proposal(signed) = message else {
        return Ok(());
    };
    let (signer, proposal) = (signed.proposer, signed.proposal);
    let proposer = set
        .get_index(turn(proposal.height, proposal.round, set.count()))
        .ok_or(Fault::UnknownSigner(signer))?;
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
