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

#[cfg(test)]
mod tests {
    use aureon_types::{CommitSignature, GenesisId, Proposal, SecretKey, Signature, Vote};

    use super::*;

    const GENESIS: GenesisId = GenesisId([7; 32]);
    const BLOCK: BlockId = BlockId([5; 32]);

    fn records() -> Vec<LogRecord> {
        let key = SecretKey::from_seed([1; 32]);
        let vote = Vote {
            kind: VoteKind::Precommit,
            height: 3,
            round: 0,
            block_id: Some(BLOCK),
        };
        let proposal = Proposal {
            height: 3,
            round: 2,
            block_id: BLOCK,
            valid_round: None,
        };
        let signature = CommitSignature {
            validator: key.address(),
            signature: Signature([2; 64]),
        };
        let value = LoggedValue {
            height: 3,
            round: 0,
            valid_round: None,
            proposer: key.address(),
            block_id: BLOCK,
            valid: false,
        };
        let mut records = vec![
            LogRecord::Vote(SignedVote::sign(vote, &key, &GENESIS)),
            LogRecord::Proposal(SignedProposal::sign(proposal, &key, &GENESIS)),
            LogRecord::Polka(PolkaCertificate::new(3, 1, BLOCK, vec![signature])),
            LogRecord::Value(value),
            LogRecord::Value(LoggedValue {
                valid_round: Some(0),
                valid: true,
                ..value
            }),
        ];
        let steps = [StepTimeout::Propose, StepTimeout::Prevote, StepTimeout::Precommit];
        records.extend(steps.map(|step| LogRecord::Timeout { step, round: 0 }));
        records
    }

    #[test]
    fn records_come_back() {
        for record in records() {
            assert_eq!(LogRecord::decode(&record.encode()), Ok(record));
        }
    }

    #[test]
    fn no_cut_or_changed_record_comes_back_as_another_life_of_itself() {
        for record in records() {
            let bytes = record.encode();
            for length in 0..bytes.len() {
                assert!(
                    LogRecord::decode(&bytes[..length]).is_err(),
                    "{record:?} cut to {length}"
                );
            }
            for position in 0..bytes.len() {
                let mut changed = bytes.to_vec();
                changed[position] ^= 0x40;
                assert_ne!(LogRecord::decode(&changed), Ok(record.clone()), "byte {position}");
            }
        }
    }

    #[test]
    fn the_encoding_of_a_timeout_is_pinned() {
        let record = LogRecord::Timeout {
            step: StepTimeout::Precommit,
            round: 7,
        };
        assert_eq!(record.encode()[..], [0x2a, 4, 0x08, 3, 0x10, 7]);
        assert!(
            LogRecord::decode(&[0x2a, 4, 0x08, 4, 0x10, 7]).is_err(),
            "an unknown kind"
        );
        assert!(LogRecord::decode(&[]).is_err());
    }

    #[test]
    fn who_signed_what_is_read_from_the_record() {
        let (own, other) = (SecretKey::from_seed([1; 32]).address(), Address([9; 20]));
        let marks: Vec<_> = records().iter().map(|record| record.signed_by(&own)).collect();
        let mark = |round, step| {
            Some(SignMark {
                height: 3,
                round,
                step,
            })
        };
        assert_eq!(
            marks[..3],
            [mark(0, SignStep::Precommit), mark(2, SignStep::Proposal), None]
        );
        assert!(records().iter().all(|record| record.signed_by(&other).is_none()));
    }
}
