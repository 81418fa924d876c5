//! What validators tell each other, and its form on the wire.
//!
//! Votes and certificates travel in `ConsensusMessage`. A signed proposal travels in `ProposedBlock`,
//! together with its body, and reaches the engine through [`Message::Proposal`]; a mined header likewise,
//! through [`Message::Work`].

use aureon_proto::v1 as proto;
use aureon_types::{
    Address, DecodeError, SealedHeader, SignedProposal, SignedVote,
    limits::MAX_VALIDATORS,
    strict::{self, required},
};
use bytes::Bytes;
use prost::Message as _;

mod certificates;
#[cfg(test)]
mod tests;

pub use certificates::{PolkaCertificate, RoundCertificate, RoundCertificateKind, RoundSignature};

/// Largest encoded consensus message, in bytes: a round certificate of all validators, each entry at
/// most 128 bytes, and its envelope. Larger ones are malformed.
pub const MAX_CONSENSUS_MESSAGE_BYTES: usize = MAX_VALIDATORS.saturating_mul(160).saturating_add(256);

/// A consensus message, well formed and not verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// A vote.
    Vote(SignedVote),
    /// A proposal; its body travels beside it.
    Proposal(SignedProposal),
    /// A polka.
    Polka(PolkaCertificate),
    /// A justification of a round.
    Round(RoundCertificate),
    /// Proof of work: a header with its nonce; its body travels beside it.
    Work(Box<SealedHeader>),
}

impl Message {
    /// The height that it is about.
    pub fn height(&self) -> u64 {
        match self {
            Self::Vote(vote) => vote.vote.height,
            Self::Proposal(proposal) => proposal.proposal.height,
            Self::Polka(certificate) => certificate.height,
            Self::Round(certificate) => certificate.height,
            Self::Work(header) => header.header().height,
        }
    }

    /// The round that it is about; 0 under proof of work, which has none.
    pub fn round(&self) -> u32 {
        match self {
            Self::Vote(vote) => vote.vote.round,
            Self::Proposal(proposal) => proposal.proposal.round,
            Self::Polka(certificate) => certificate.round,
            Self::Round(certificate) => certificate.round,
            Self::Work(_) => 0,
        }
    }

    /// Who says to have signed it; a certificate has no single author, and a header is not signed.
    pub fn author(&self) -> Option<Address> {
        match self {
            Self::Vote(vote) => Some(vote.validator),
            Self::Proposal(proposal) => Some(proposal.proposer),
            Self::Polka(_) | Self::Round(_) | Self::Work(_) => None,
        }
    }

    /// Reads the content of a gossip message, strictly. Gives the attempt number beside the message.
    pub fn decode(bytes: &[u8]) -> Result<(Self, u16), DecodeError> {
        strict::at_most(WHAT, bytes.len(), MAX_CONSENSUS_MESSAGE_BYTES)?;
        Self::from_proto(&strict::decode(WHAT, bytes)?)
    }

    /// The content of a gossip message. `None` for a proposal or a mined header, which
    /// travel in `ProposedBlock`.
    pub fn encode(&self, attempt: u16) -> Option<Bytes> {
        Some(self.to_proto(attempt)?.encode_to_vec().into())
    }

    /// Strict in everything that was signed.
    pub fn from_proto(message: &proto::ConsensusMessage) -> Result<(Self, u16), DecodeError> {
        use proto::consensus_message::Message as Content;
        let attempt = message.attempt.unwrap_or(0);
        let attempt = u16::try_from(attempt).map_err(|_| DecodeError::Invalid {
            what: WHAT,
            field: "attempt",
            reason: format!("{attempt} is above {}", u16::MAX),
        })?;
        let content = match required(WHAT, "message", message.message.as_ref())? {
            Content::Vote(vote) => Self::Vote(SignedVote::from_proto(vote)?),
            Content::Polka(certificate) => Self::Polka(PolkaCertificate::from_proto(certificate)?),
            Content::Round(certificate) => Self::Round(RoundCertificate::from_proto(certificate)?),
        };
        Ok((content, attempt))
    }

    /// What travels. `None` for a proposal or a mined header, which travel in `ProposedBlock`.
    pub fn to_proto(&self, attempt: u16) -> Option<proto::ConsensusMessage> {
        use proto::consensus_message::Message as Content;
        let content = match self {
            Self::Vote(vote) => Content::Vote(vote.to_proto()),
            Self::Polka(certificate) => Content::Polka(certificate.to_proto()),
            Self::Round(certificate) => Content::Round(certificate.to_proto()),
            Self::Proposal(_) | Self::Work(_) => return None,
        };
        Some(proto::ConsensusMessage {
            message: Some(content),
            attempt: Some(u32::from(attempt)),
        })
    }
}

const WHAT: &str = "consensus message";
