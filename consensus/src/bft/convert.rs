//! Between Aureon's messages and records and those of the core. Nothing is decided here.

use arc_malachitebft_core_consensus::{self as malachite, MisbehaviorEvidence, ProposedValue};
use arc_malachitebft_core_types::{
    self as core, NilOrVal, PolkaSignature, Round, SignedMessage, Timeout, TimeoutKind, Validity,
    ValueOrigin, VoteType,
};
use aureon_types::{CommitCertificate, CommitSignature, SignedProposal, SignedVote, VoteKind};

use super::context::{Chain, Height, Proposal, Value, Vote, Who, number};
use crate::{
    Evidence, LogRecord, LoggedValue, Message, PolkaCertificate, RoundCertificate, RoundCertificateKind,
    RoundSignature, StepTimeout,
};

pub(super) type CoreInput = malachite::Input<Chain>;
pub(super) type CoreVote = core::SignedVote<Chain>;
pub(super) type CoreProposal = core::SignedProposal<Chain>;

fn optional(round: Option<u32>) -> Round {
    round.map_or(Round::Nil, Round::new)
}

pub(super) fn vote_in(vote: &SignedVote) -> CoreVote {
    SignedMessage::new(Vote::new(vote.vote, vote.validator), vote.signature)
}

pub(super) fn vote_out(vote: &CoreVote) -> SignedVote {
    SignedVote {
        vote: vote.message.vote,
        validator: vote.message.signer.0,
        signature: vote.signature,
    }
}

fn proposal_in(signed: &SignedProposal) -> CoreProposal {
    let proposal = Proposal {
        height: Height(signed.proposal.height),
        round: Round::new(signed.proposal.round),
        value: Value(signed.proposal.block_id),
        valid_round: optional(signed.proposal.valid_round),
        proposer: Who(signed.proposer),
    };
    SignedMessage::new(proposal, signed.signature)
}

/// What a proposal of the core says, in the form that is signed.
pub(super) fn bare_proposal(proposal: &Proposal) -> aureon_types::Proposal {
    aureon_types::Proposal {
        height: proposal.height.0,
        round: number(proposal.round),
        block_id: proposal.value.0,
        valid_round: proposal.valid_round.as_u32(),
    }
}

pub(super) fn proposal_out(proposal: &CoreProposal) -> SignedProposal {
    SignedProposal {
        proposal: bare_proposal(&proposal.message),
        proposer: proposal.message.proposer.0,
        signature: proposal.signature,
    }
}

fn polka_in(certificate: &PolkaCertificate) -> core::PolkaCertificate<Chain> {
    let signatures = certificate.signatures.iter();
    core::PolkaCertificate {
        height: Height(certificate.height),
        round: Round::new(certificate.round),
        value_id: Value(certificate.block_id),
        polka_signatures: signatures
            .map(|signature| PolkaSignature::new(Who(signature.validator), signature.signature))
            .collect(),
    }
}

pub(super) fn polka_out(certificate: &core::PolkaCertificate<Chain>) -> PolkaCertificate {
    let signatures = certificate.polka_signatures.iter();
    PolkaCertificate::new(
        certificate.height.0,
        number(certificate.round),
        certificate.value_id.0,
        signatures
            .map(|signature| CommitSignature {
                validator: signature.address.0,
                signature: signature.signature,
            })
            .collect(),
    )
}

fn round_in(certificate: &RoundCertificate) -> core::RoundCertificate<Chain> {
    let kind = match certificate.kind {
        RoundCertificateKind::Skip => core::RoundCertificateType::Skip,
        RoundCertificateKind::Precommit => core::RoundCertificateType::Precommit,
    };
    core::RoundCertificate::new_from_votes(
        Height(certificate.height),
        Round::new(certificate.round),
        kind,
        certificate.votes().map(|vote| vote_in(&vote)).collect(),
    )
}

pub(super) fn round_out(certificate: &core::RoundCertificate<Chain>) -> RoundCertificate {
    let kind = match certificate.cert_type {
        core::RoundCertificateType::Skip => RoundCertificateKind::Skip,
        core::RoundCertificateType::Precommit => RoundCertificateKind::Precommit,
    };
    let signatures = certificate
        .round_signatures
        .iter()
        .map(|signature| RoundSignature {
            kind: match signature.vote_type {
                VoteType::Prevote => VoteKind::Prevote,
                VoteType::Precommit => VoteKind::Precommit,
            },
            block_id: match signature.value_id {
                NilOrVal::Nil => None,
                NilOrVal::Val(value) => Some(value.0),
            },
            validator: signature.address.0,
            signature: signature.signature,
        });
    RoundCertificate::new(
        certificate.height.0,
        number(certificate.round),
        kind,
        signatures.collect(),
    )
}

pub(super) fn commit_out(certificate: &core::CommitCertificate<Chain>) -> CommitCertificate {
    let signatures = certificate.commit_signatures.iter();
    CommitCertificate::new(
        certificate.height.0,
        number(certificate.round),
        certificate.value_id.0,
        signatures
            .map(|signature| CommitSignature {
                validator: signature.address.0,
                signature: signature.signature,
            })
            .collect(),
    )
}

/// `None` for a mined header, which is not of this engine.
pub(super) fn message_in(message: &Message) -> Option<CoreInput> {
    Some(match message {
        Message::Vote(vote) => CoreInput::Vote(vote_in(vote)),
        Message::Proposal(proposal) => CoreInput::Proposal(proposal_in(proposal)),
        Message::Polka(certificate) => CoreInput::PolkaCertificate(polka_in(certificate)),
        Message::Round(certificate) => CoreInput::RoundCertificate(round_in(certificate)),
        Message::Work(_) => return None,
    })
}

pub(super) fn value_in(value: &LoggedValue) -> CoreInput {
    let proposed = ProposedValue {
        height: Height(value.height),
        round: Round::new(value.round),
        valid_round: optional(value.valid_round),
        proposer: Who(value.proposer),
        value: Value(value.block_id),
        validity: Validity::from_bool(value.valid),
    };
    CoreInput::ProposedValue(proposed, ValueOrigin::Consensus)
}

pub(super) fn record_in(record: &LogRecord) -> CoreInput {
    match record {
        LogRecord::Vote(vote) => CoreInput::Vote(vote_in(vote)),
        LogRecord::Proposal(proposal) => CoreInput::Proposal(proposal_in(proposal)),
        LogRecord::Polka(certificate) => CoreInput::PolkaCertificate(polka_in(certificate)),
        LogRecord::Value(value) => value_in(value),
        LogRecord::Timeout { step, round } => CoreInput::TimeoutElapsed(timeout_in(*step, *round)),
    }
}

pub(super) fn timeout_in(step: StepTimeout, round: u32) -> Timeout {
    let round = Round::new(round);
    match step {
        StepTimeout::Propose => Timeout::propose(round),
        StepTimeout::Prevote => Timeout::prevote(round),
        StepTimeout::Precommit => Timeout::precommit(round),
    }
}

/// `None` for the inputs that the core never logs.
pub(super) fn record_out(input: &CoreInput) -> Option<LogRecord> {
    match input {
        CoreInput::Vote(vote) => Some(LogRecord::Vote(vote_out(vote))),
        CoreInput::Proposal(proposal) => Some(LogRecord::Proposal(proposal_out(proposal))),
        CoreInput::PolkaCertificate(certificate) => Some(LogRecord::Polka(polka_out(certificate))),
        CoreInput::ProposedValue(value, _) => Some(LogRecord::Value(LoggedValue {
            height: value.height.0,
            round: number(value.round),
            valid_round: value.valid_round.as_u32(),
            proposer: value.proposer.0,
            block_id: value.value.0,
            valid: value.validity.is_valid(),
        })),
        CoreInput::TimeoutElapsed(timeout) => {
            let step = match timeout.kind {
                TimeoutKind::Propose => StepTimeout::Propose,
                TimeoutKind::Prevote => StepTimeout::Prevote,
                TimeoutKind::Precommit => StepTimeout::Precommit,
                TimeoutKind::Rebroadcast | TimeoutKind::FinalizeHeight(_) => return None,
            };
            Some(LogRecord::Timeout {
                step,
                round: number(timeout.round),
            })
        }
        CoreInput::StartHeight(..)
        | CoreInput::RoundCertificate(_)
        | CoreInput::Propose(_)
        | CoreInput::SyncValueResponse(_) => None,
    }
}

pub(super) fn evidence_out(evidence: MisbehaviorEvidence<Chain>) -> Vec<Evidence> {
    let votes = evidence.votes.into_iter().flat_map(|(_, pairs)| pairs);
    let votes = votes.map(|(a, b)| Evidence::Votes(vote_out(&a), vote_out(&b)));
    let proposals = evidence.proposals.into_iter().flat_map(|(_, pairs)| pairs);
    let proposals = proposals.map(|(a, b)| Evidence::Proposals(proposal_out(&a), proposal_out(&b)));
    votes.chain(proposals).collect()
}
