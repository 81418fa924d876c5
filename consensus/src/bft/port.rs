//! The synchronous side of the core's coroutine: answers to its effects.
//!
//! `process!` runs a coroutine that yields effects and is resumed with answers. [`Port::perform`]
//! answers at once, never waits and never fails: what waits (disk, timers, building, committing) is
//! noted here and leaves as an [`Effect`] when the call is over.

use std::{collections::BTreeSet, time::Duration};

use arc_malachitebft_core_consensus::{
    self as malachite, LivenessMsg, Resumable, Resume, SignedConsensusMsg, VoteExtensionError,
};
use arc_malachitebft_core_types::{CertificateError, LinearTimeouts, Round, SignedMessage, Timeout};
use aureon_types::{
    Address, CommitCertificate, Signature, SignedProposal, SignedVote,
    genesis::BftTimeouts,
    signature::{PROPOSAL_DOMAIN, VOTE_DOMAIN},
};
use bytes::Bytes;

use super::{
    context::{Chain, number},
    convert::{
        bare_proposal, commit_out, evidence_out, polka_out, proposal_out, record_out, round_out, vote_out,
    },
    guard::Guard,
    timers::{Timer, Timers},
};
use crate::{
    Effect, Evidence, LogRecord, Message, OutgoingMessage,
    log::{proposal_mark, vote_mark},
};

/// What the core's effects may touch.
pub(super) struct Port {
    pub guard: Guard,
    pub timers: Timers,
    timeouts: LinearTimeouts,
    /// Whether records are kept: an observer publishes nothing and needs no log.
    pub keeps_log: bool,
    /// Records since the last `SyncThenPublish`; they need no sync until something is sent.
    pub records: Vec<LogRecord>,
    pub outbox: Vec<OutgoingMessage>,
    /// The latest `GetValue`, kept until the coroutine is done: by then it may be out of date.
    pub wanted: Option<(u64, u32)>,
    /// While the log is replayed: the encodings that it holds, so that nothing is appended twice.
    pub replaying: Option<BTreeSet<Bytes>>,
    pub decided: Option<(CommitCertificate, Vec<Evidence>)>,
    /// The latest round that began in this call.
    pub started: Option<(u64, u32, Address)>,
    /// Signatures published at this height in this life, so that a repeat gets an attempt number.
    published: BTreeSet<Signature>,
    attempt: u16,
}

/// The core's timeouts from the genesis: linear in the round, up to a ceiling.
pub(super) fn linear(timeouts: &BftTimeouts) -> LinearTimeouts {
    let vote = Duration::from_millis(timeouts.vote_ms);
    let delta = Duration::from_millis(timeouts.increment_ms);
    LinearTimeouts {
        propose: Duration::from_millis(timeouts.propose_ms),
        propose_delta: delta,
        prevote: vote,
        prevote_delta: delta,
        precommit: vote,
        precommit_delta: delta,
        rebroadcast: vote.saturating_mul(2),
        max_timeout: Duration::from_millis(timeouts.ceiling_ms),
    }
}

impl Port {
    /// `wall_ms` sets where attempt numbers begin, so that a restarted validator does not repeat those
    /// of its last life.
    pub(super) fn new(guard: Guard, timeouts: LinearTimeouts, wall_ms: u64) -> Self {
        let seconds = wall_ms.checked_div(1_000).unwrap_or(0) & u64::from(u16::MAX);
        Self {
            guard,
            timers: Timers::default(),
            timeouts,
            keeps_log: false,
            records: Vec::new(),
            outbox: Vec::new(),
            wanted: None,
            replaying: None,
            decided: None,
            started: None,
            published: BTreeSet::new(),
            attempt: u16::try_from(seconds).unwrap_or(0),
        }
    }

    pub(super) fn timeout(&self, timeout: Timeout) -> Duration {
        self.timeouts.duration_for(timeout)
    }

    /// All steps of a round one after the other.
    pub(super) fn whole_round(&self, round: u32) -> Duration {
        let round = Round::new(round);
        let steps = [
            Timeout::propose(round),
            Timeout::prevote(round),
            Timeout::precommit(round),
        ];
        steps
            .into_iter()
            .fold(Duration::ZERO, |sum, step| sum.saturating_add(self.timeout(step)))
    }

    /// Forgets what belonged to the last height.
    pub(super) fn begin_height(&mut self) {
        self.records.clear();
        self.published.clear();
        self.wanted = None;
        self.timers.stop_round();
    }

    /// Answers one effect. Total: an error here would resume the core with `Continue`, which it takes
    /// for a wrong answer. That is used on purpose for a signature that must not be given: the core
    /// then gives up the call.
    pub(super) fn perform(
        &mut self,
        effect: malachite::Effect<Chain>,
        effects: &mut Vec<Effect>,
    ) -> Resume<Chain> {
        use malachite::Effect as Core;
        match effect {
            Core::CancelAllTimeouts(resume) => {
                self.timers.stop_round();
                resume.resume_with(())
            }
            Core::CancelTimeout(timeout, resume) => {
                self.timers.stop(Timer::Step(timeout));
                resume.resume_with(())
            }
            Core::ScheduleTimeout(timeout, resume) => {
                self.timers
                    .start(Timer::Step(timeout), self.timeout(timeout), effects);
                resume.resume_with(())
            }
            Core::StartRound(height, round, proposer, _, resume) => {
                self.started = Some((height.0, number(round), proposer.0));
                resume.resume_with(())
            }
            Core::GetValue(height, round, _, resume) => {
                self.wanted = Some((height.0, number(round)));
                resume.resume_with(())
            }
            Core::SignVote(vote, resume) => match self.sign_vote(&vote) {
                Some(signature) => resume.resume_with(SignedMessage::new(vote, signature)),
                None => Resume::Continue,
            },
            Core::SignProposal(proposal, resume) => match self.sign_proposal(&proposal) {
                Some(signature) => resume.resume_with(SignedMessage::new(proposal, signature)),
                None => Resume::Continue,
            },
            Core::WalAppend(_, record, resume) => {
                self.append(record_out(&record));
                resume.resume_with(())
            }
            // The certificate comes again with `Finalize`, in the same call, and evidence with it.
            Core::Decide(_, _, resume) => resume.resume_with(()),
            Core::Finalize(certificate, _, evidence, resume) => {
                self.decided = Some((commit_out(&certificate), evidence_out(evidence)));
                resume.resume_with(())
            }
            other => self.publish_or_vouch(other),
        }
    }

    fn publish_or_vouch(&mut self, effect: malachite::Effect<Chain>) -> Resume<Chain> {
        use malachite::Effect as Core;
        match effect {
            Core::PublishConsensusMsg(SignedConsensusMsg::Vote(vote), resume) => {
                self.publish_signed(Message::Vote(vote_out(&vote)), vote.signature);
                resume.resume_with(())
            }
            // From round 10 on this can be another's proposal (the hidden-lock rule).
            Core::PublishConsensusMsg(SignedConsensusMsg::Proposal(proposal), resume) => {
                self.publish_signed(Message::Proposal(proposal_out(&proposal)), proposal.signature);
                resume.resume_with(())
            }
            Core::PublishLivenessMsg(message, resume) => {
                let message = match message {
                    LivenessMsg::Vote(vote) => Message::Vote(vote_out(&vote)),
                    LivenessMsg::PolkaCertificate(certificate) => Message::Polka(polka_out(&certificate)),
                    LivenessMsg::SkipRoundCertificate(certificate) => Message::Round(round_out(&certificate)),
                };
                self.publish_again(message);
                resume.resume_with(())
            }
            Core::RepublishVote(vote, resume) => {
                self.publish_again(Message::Vote(vote_out(&vote)));
                resume.resume_with(())
            }
            Core::RepublishRoundCertificate(certificate, resume) => {
                self.publish_again(Message::Round(round_out(&certificate)));
                resume.resume_with(())
            }
            // The signed proposal is published beside this, and always with its body.
            Core::RestreamProposal(_, _, _, _, _, resume) => resume.resume_with(()),
            // Network messages are `VerifiedMessage`s, our own we signed, the log holds only these.
            Core::VerifySignature(_, _, resume) => resume.resume_with(true),
            Core::VerifyPolkaCertificate(_, _, _, resume) => resume.resume_with(Ok(())),
            Core::VerifyRoundCertificate(_, _, _, resume) => resume.resume_with(Ok(())),
            // Built by the core from verified votes; it panics on any other answer.
            Core::VerifyCommitCertificate(_, _, _, resume) => resume.resume_with(Ok(())),
            // Never asked: no `SyncValueResponse` is fed and vote extensions are disabled.
            Core::VerifyExtendedCommitCertificate(_, _, _, _, resume) => {
                resume.resume_with(Err(CertificateError::VerificationError(None)))
            }
            Core::ExtendVote(_, _, _, _, resume) => resume.resume_with(None),
            Core::VerifyVoteExtension(_, _, _, _, _, _, resume) => {
                resume.resume_with(Err(VoteExtensionError::InvalidVoteExtension))
            }
            // Answered in `perform`, or sync values, which are never fed.
            _ => Resume::Continue,
        }
    }

    fn sign_vote(&mut self, vote: &super::context::Vote) -> Option<Signature> {
        let unsigned = SignedVote {
            vote: vote.vote,
            validator: vote.signer.0,
            signature: Signature([0; 64]),
        };
        self.guard
            .sign(vote_mark(&unsigned), VOTE_DOMAIN, vote.vote.encode())
    }

    fn sign_proposal(&mut self, proposal: &super::context::Proposal) -> Option<Signature> {
        let bare = bare_proposal(proposal);
        let unsigned = SignedProposal {
            proposal: bare,
            proposer: proposal.proposer.0,
            signature: Signature([0; 64]),
        };
        self.guard
            .sign(proposal_mark(&unsigned), PROPOSAL_DOMAIN, bare.encode())
    }

    fn append(&mut self, record: Option<LogRecord>) {
        let Some(record) = record.filter(|_| self.keeps_log) else {
            return;
        };
        if !self
            .replaying
            .as_ref()
            .is_some_and(|log| log.contains(&record.encode()))
        {
            self.records.push(record);
        }
    }

    pub(super) fn publish_signed(&mut self, message: Message, signature: Signature) {
        if self.published.insert(signature) && self.replaying.is_none() {
            self.outbox.push(OutgoingMessage { message, attempt: 0 });
        } else {
            self.publish_again(message);
        }
    }

    /// What is to be sent, causes before what they cause: the core publishes from the inside out, our
    /// precommit before the prevote that completed the polka.
    pub(super) fn take_outbox(&mut self) -> Vec<OutgoingMessage> {
        let mut outbox = std::mem::take(&mut self.outbox);
        outbox.sort_by_key(|outgoing| {
            let rank = match &outgoing.message {
                Message::Polka(_) | Message::Round(_) | Message::Work(_) => None,
                Message::Proposal(proposal) => Some(proposal_mark(proposal).step),
                Message::Vote(vote) => Some(vote_mark(vote).step),
            };
            (outgoing.message.round(), rank)
        });
        outbox
    }

    fn publish_again(&mut self, message: Message) {
        // Wraps past 0 after 65,535 repeats, by when every duplicate cache has forgotten the first.
        self.attempt = self.attempt.wrapping_add(1).max(1);
        self.outbox.push(OutgoingMessage {
            message,
            attempt: self.attempt,
        });
    }
}
