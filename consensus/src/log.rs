//! Records of the write-ahead log, and their bytes.
//!
//! The log of a height holds, in order, everything that moved the state machine: votes (ours and
//! others'), proposals, polkas, judged blocks, timeouts of steps. Replaying it from the start of the
//! height gives the same state and, signature by signature, the same messages; that is why a restarted
//! validator does not contradict itself. Our own votes alone would not do: what follows from them
//! depends on what caused them.
//!
//! Each record is the protobuf encoding of `LogRecord`, strict. Framing, checksums of frames and the
//! cutting of a torn tail are the business of whoever owns the file.

use aureon_proto::v1 as proto;
use aureon_types::{
    Address, BlockId, DecodeError, SignedProposal, SignedVote,
    strict::{self, required, required_bytes},
};
use bytes::Bytes;
use prost::Message as _;

use crate::{PolkaCertificate, SignMark, SignStep};
use aureon_types::VoteKind;

const WHAT: &str = "log record";

/// One entry of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogRecord {
    /// A vote that was counted.
    Vote(SignedVote),
    /// A proposal that was kept.
    Proposal(SignedProposal),
    /// A polka that was counted.
    Polka(PolkaCertificate),
    /// A body that was judged.
    Value(LoggedValue),
    /// A timeout that was acted on.
    Timeout {
        /// Which.
        step: StepTimeout,
        /// Of which round.
        round: u32,
    },
}

/// The body of a proposed block was judged; if it is valid, it was durable before this was recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoggedValue {
    /// Of the block.
    pub height: u64,
    /// In which it was proposed.
    pub round: u32,
    /// The round of an earlier polka, where the core noted one.
    pub valid_round: Option<u32>,
    /// Who proposed it.
    pub proposer: Address,
    /// The block.
    pub block_id: BlockId,
    /// Whether it may be decided.
    pub valid: bool,
}

/// The timers of a round that move the state machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StepTimeout {
    /// No proposal came.
    Propose,
    /// Two thirds prevoted, for different things.
    Prevote,
    /// Two thirds precommitted, for different things.
    Precommit,
}

impl StepTimeout {
    fn number(self) -> u32 {
        match self {
            Self::Propose => 1,
            Self::Prevote => 2,
            Self::Precommit => 3,
        }
    }

    fn from_number(number: u32) -> Result<Self, DecodeError> {
        match number {
            1 => Ok(Self::Propose),
            2 => Ok(Self::Prevote),
            3 => Ok(Self::Precommit),
            other => Err(DecodeError::Invalid {
                what: WHAT,
                field: "kind",
                reason: format!("{other} is no timeout of a step (1 to 3)"),
            }),
        }
    }
}

impl LogRecord {
    /// The height it belongs to; a timeout names none.
    pub fn height(&self) -> Option<u64> {
        match self {
            Self::Vote(vote) => Some(vote.vote.height),
            Self::Proposal(proposal) => Some(proposal.proposal.height),
            Self::Polka(certificate) => Some(certificate.height),
            Self::Value(value) => Some(value.height),
            Self::Timeout { .. } => None,
        }
    }

    /// Where in its life `signer` signed this; `None` for what another signed or nobody.
    pub fn signed_by(&self, signer: &Address) -> Option<SignMark> {
        match self {
            Self::Vote(vote) if vote.validator == *signer => Some(vote_mark(vote)),
            Self::Proposal(proposal) if proposal.proposer == *signer => Some(proposal_mark(proposal)),
            _ => None,
        }
    }

    /// The one encoding.
    pub fn encode(&self) -> Bytes {
        use proto::log_record::Record;
        let copy = |bytes: &[u8]| Some(Bytes::copy_from_slice(bytes));
        let record = match self {
            Self::Vote(vote) => Record::Vote(vote.to_proto()),
            Self::Proposal(proposal) => Record::Proposal(proposal.to_proto()),
            Self::Polka(certificate) => Record::Polka(certificate.to_proto()),
            Self::Value(value) => Record::Value(proto::LoggedValue {
                height: Some(value.height),
                round: Some(value.round),
                valid_round: value.valid_round,
                proposer: copy(&value.proposer.0),
                block_id: copy(&value.block_id.0),
                valid: Some(value.valid),
            }),
            Self::Timeout { step, round } => Record::Timeout(proto::LoggedTimeout {
                kind: Some(step.number()),
                round: Some(*round),
            }),
        };
        proto::LogRecord { record: Some(record) }.encode_to_vec().into()
    }

    /// Strict.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        use proto::log_record::Record;
        let message: proto::LogRecord = strict::decode(WHAT, bytes)?;
        match required(WHAT, "record", message.record)? {
            Record::Vote(vote) => SignedVote::from_proto(&vote).map(Self::Vote),
            Record::Proposal(proposal) => SignedProposal::from_proto(&proposal).map(Self::Proposal),
            Record::Polka(certificate) => PolkaCertificate::from_proto(&certificate).map(Self::Polka),
            Record::Value(value) => logged_value(&value).map(Self::Value),
            Record::Timeout(timeout) => Ok(Self::Timeout {
                step: StepTimeout::from_number(required(WHAT, "kind", timeout.kind)?)?,
                round: required(WHAT, "round", timeout.round)?,
            }),
            // The core takes round certificates apart and logs their votes.
            Record::Round(_) => Err(DecodeError::Invalid {
                what: WHAT,
                field: "record",
                reason: "round certificates are logged as their votes".to_owned(),
            }),
        }
    }
}

fn logged_value(value: &proto::LoggedValue) -> Result<LoggedValue, DecodeError> {
    Ok(LoggedValue {
        height: required(WHAT, "height", value.height)?,
        round: required(WHAT, "round", value.round)?,
        valid_round: value.valid_round,
        proposer: Address(required_bytes(WHAT, "proposer", value.proposer.as_ref())?),
        block_id: BlockId(required_bytes(WHAT, "block_id", value.block_id.as_ref())?),
        valid: required(WHAT, "valid", value.valid)?,
    })
}

/// Where its signer stood when it signed `vote`.
pub(crate) fn vote_mark(vote: &SignedVote) -> SignMark {
    let step = match vote.vote.kind {
        VoteKind::Prevote => SignStep::Prevote,
        VoteKind::Precommit => SignStep::Precommit,
    };
    SignMark {
        height: vote.vote.height,
        round: vote.vote.round,
        step,
    }
}

/// Where its signer stood when it signed `proposal`.
pub(crate) fn proposal_mark(proposal: &SignedProposal) -> SignMark {
    SignMark {
        height: proposal.proposal.height,
        round: proposal.proposal.round,
        step: SignStep::Proposal,
    }
}
