//! What validators tell each other, and its form on the wire.
//!
//! Votes and certificates travel in `ConsensusMessage`. A signed proposal travels in `ProposedBlock`,
//! together with its body, and reaches the engine through [`Message::Proposal`]; a mined header likewise,
//! through [`Message::Work`].

use aureon_proto::v1 as proto;
use aureon_types::{
    Address, BlockId, CommitSignature, DecodeError, SealedHeader, Signature, SignedProposal, SignedVote,
    Vote, VoteKind,
    limits::MAX_VALIDATORS,
    strict::{self, required, required_bytes},
};
use bytes::Bytes;
use prost::Message as _;

/// Largest encoded consensus message, in bytes: a round certificate of all validators, each entry at
/// most 128 bytes, and its envelope. Larger ones are malformed.
pub const MAX_CONSENSUS_MESSAGE_BYTES: usize = MAX_VALIDATORS.saturating_mul(160).saturating_add(256);

/// More than two thirds of the power prevoted one block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolkaCertificate {
    /// Height of the prevotes.
    pub height: u64,
    /// Round of the prevotes.
    pub round: u32,
    /// The block.
    pub block_id: BlockId,
    /// Over the prevotes; sorted by validator, without repeats.
    pub signatures: Vec<CommitSignature>,
}

/// What a round certificate proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RoundCertificateKind {
    /// More than a third of the power votes in this round: others are there, follow.
    Skip,
    /// More than two thirds of the power precommitted something in this round: it is over.
    Precommit,
}

/// One validator's vote in a round certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoundSignature {
    /// Stage of the vote.
    pub kind: VoteKind,
    /// `None`: nil.
    pub block_id: Option<BlockId>,
    /// The signer.
    pub validator: Address,
    /// Over the vote.
    pub signature: Signature,
}

/// Why a validator is in a later round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoundCertificate {
    /// Height of the votes.
    pub height: u64,
    /// Round of the votes.
    pub round: u32,
    /// What it proves.
    pub kind: RoundCertificateKind,
    /// Sorted by validator, without repeats.
    pub signatures: Vec<RoundSignature>,
}

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

impl PolkaCertificate {
    /// A certificate with its signatures in order.
    pub fn new(height: u64, round: u32, block_id: BlockId, mut signatures: Vec<CommitSignature>) -> Self {
        signatures.sort_by_key(|signature| signature.validator);
        Self {
            height,
            round,
            block_id,
            signatures,
        }
    }

    /// The vote that every signature covers.
    pub fn vote(&self) -> Vote {
        Vote {
            kind: VoteKind::Prevote,
            height: self.height,
            round: self.round,
            block_id: Some(self.block_id),
        }
    }

    /// The votes of which it is made.
    pub fn votes(&self) -> impl Iterator<Item = SignedVote> + '_ {
        let vote = self.vote();
        self.signatures.iter().map(move |signature| SignedVote {
            vote,
            validator: signature.validator,
            signature: signature.signature,
        })
    }

    /// What travels.
    pub fn to_proto(&self) -> proto::PolkaCertificate {
        let signatures = self.signatures.iter().map(|signature| proto::CommitSignature {
            validator: Some(copy(&signature.validator.0)),
            signature: Some(copy(&signature.signature.0)),
        });
        proto::PolkaCertificate {
            height: Some(self.height),
            round: Some(self.round),
            block_id: Some(copy(&self.block_id.0)),
            signatures: signatures.collect(),
        }
    }

    /// Strict: sorted, without repeats, at most [`MAX_VALIDATORS`] signatures.
    pub fn from_proto(message: &proto::PolkaCertificate) -> Result<Self, DecodeError> {
        const WHAT: &str = "polka certificate";
        let signatures = message.signatures.iter().map(|signature| {
            Ok(CommitSignature {
                validator: Address(required_bytes(WHAT, "validator", signature.validator.as_ref())?),
                signature: Signature(required_bytes(WHAT, "signature", signature.signature.as_ref())?),
            })
        });
        let signatures: Vec<_> = signatures.collect::<Result<_, DecodeError>>()?;
        in_order(WHAT, signatures.iter().map(|signature| signature.validator))?;
        Ok(Self {
            height: required(WHAT, "height", message.height)?,
            round: required(WHAT, "round", message.round)?,
            block_id: BlockId(required_bytes(WHAT, "block_id", message.block_id.as_ref())?),
            signatures,
        })
    }
}

impl RoundCertificate {
    /// A certificate with its signatures in order.
    pub fn new(
        height: u64,
        round: u32,
        kind: RoundCertificateKind,
        mut signatures: Vec<RoundSignature>,
    ) -> Self {
        signatures.sort_by_key(|signature| signature.validator);
        Self {
            height,
            round,
            kind,
            signatures,
        }
    }

    /// The votes of which it is made.
    pub fn votes(&self) -> impl Iterator<Item = SignedVote> + '_ {
        self.signatures.iter().map(|signature| SignedVote {
            vote: Vote {
                kind: signature.kind,
                height: self.height,
                round: self.round,
                block_id: signature.block_id,
            },
            validator: signature.validator,
            signature: signature.signature,
        })
    }

    /// What travels.
    pub fn to_proto(&self) -> proto::RoundCertificate {
        let kind = match self.kind {
            RoundCertificateKind::Skip => proto::RoundCertificateType::Skip,
            RoundCertificateKind::Precommit => proto::RoundCertificateType::Precommit,
        };
        let signatures = self.signatures.iter().map(|signature| proto::RoundSignature {
            r#type: Some(signature.kind.to_proto()),
            block_id: signature.block_id.map(|id| copy(&id.0)),
            validator: Some(copy(&signature.validator.0)),
            signature: Some(copy(&signature.signature.0)),
        });
        proto::RoundCertificate {
            height: Some(self.height),
            round: Some(self.round),
            r#type: Some(kind.into()),
            signatures: signatures.collect(),
        }
    }

    /// Strict: sorted, without repeats, at most [`MAX_VALIDATORS`] signatures.
    pub fn from_proto(message: &proto::RoundCertificate) -> Result<Self, DecodeError> {
        const WHAT: &str = "round certificate";
        let number = required(WHAT, "type", message.r#type)?;
        let kind = match proto::RoundCertificateType::try_from(number) {
            Ok(proto::RoundCertificateType::Skip) => RoundCertificateKind::Skip,
            Ok(proto::RoundCertificateType::Precommit) => RoundCertificateKind::Precommit,
            _ => {
                let reason = format!("{number} is neither skip nor precommit");
                return Err(DecodeError::Invalid {
                    what: WHAT,
                    field: "type",
                    reason,
                });
            }
        };
        let signatures: Vec<_> = message
            .signatures
            .iter()
            .map(round_signature)
            .collect::<Result<_, DecodeError>>()?;
        in_order(WHAT, signatures.iter().map(|signature| signature.validator))?;
        Ok(Self {
            height: required(WHAT, "height", message.height)?,
            round: required(WHAT, "round", message.round)?,
            kind,
            signatures,
        })
    }
}

fn round_signature(message: &proto::RoundSignature) -> Result<RoundSignature, DecodeError> {
    const WHAT: &str = "round signature";
    let number = required(WHAT, "type", message.r#type)?;
    let kind = VoteKind::from_proto(number).ok_or_else(|| DecodeError::Invalid {
        what: WHAT,
        field: "type",
        reason: format!("{number} is neither prevote nor precommit"),
    })?;
    let block_id = message
        .block_id
        .as_ref()
        .map(|id| required_bytes(WHAT, "block_id", Some(id)).map(BlockId));
    Ok(RoundSignature {
        kind,
        block_id: block_id.transpose()?,
        validator: Address(required_bytes(WHAT, "validator", message.validator.as_ref())?),
        signature: Signature(required_bytes(WHAT, "signature", message.signature.as_ref())?),
    })
}

/// One certificate has one encoding: signers ascending, none twice.
fn in_order(what: &'static str, signers: impl ExactSizeIterator<Item = Address>) -> Result<(), DecodeError> {
    if signers.len() > MAX_VALIDATORS {
        let reason = format!(
            "there are {}, at most {MAX_VALIDATORS} are allowed",
            signers.len()
        );
        return Err(DecodeError::Invalid {
            what,
            field: "signatures",
            reason,
        });
    }
    if !signers.is_sorted_by(|a, b| a < b) {
        let reason = "they are not sorted by validator without repeats".to_owned();
        return Err(DecodeError::Invalid {
            what,
            field: "signatures",
            reason,
        });
    }
    Ok(())
}

fn copy(bytes: &[u8]) -> Bytes {
    Bytes::copy_from_slice(bytes)
}

#[cfg(test)]
mod tests {
    use aureon_types::{GenesisId, Proposal, SecretKey};

    use super::*;

    const GENESIS: GenesisId = GenesisId([7; 32]);
    const BLOCK: BlockId = BlockId([5; 32]);

    fn key(seed: u8) -> SecretKey {
        SecretKey::from_seed([seed; 32])
    }

    fn signature(seed: u8) -> CommitSignature {
        CommitSignature {
            validator: key(seed).address(),
            signature: Signature([seed; 64]),
        }
    }

    fn round_signature(seed: u8, block_id: Option<BlockId>) -> RoundSignature {
        let CommitSignature { validator, signature } = signature(seed);
        RoundSignature {
            kind: VoteKind::Precommit,
            block_id,
            validator,
            signature,
        }
    }

    fn messages() -> Vec<Message> {
        let vote = Vote {
            kind: VoteKind::Prevote,
            height: 3,
            round: 0,
            block_id: None,
        };
        let signatures = vec![round_signature(1, None), round_signature(2, Some(BLOCK))];
        vec![
            Message::Vote(SignedVote::sign(vote, &key(1), &GENESIS)),
            Message::Polka(PolkaCertificate::new(
                3,
                1,
                BLOCK,
                vec![signature(1), signature(2)],
            )),
            Message::Round(RoundCertificate::new(
                3,
                2,
                RoundCertificateKind::Skip,
                signatures,
            )),
        ]
    }

    #[test]
    fn messages_come_back_with_their_attempt() {
        for message in messages() {
            for attempt in [0, 1, u16::MAX] {
                let bytes = message.encode(attempt).unwrap();
                assert_eq!(Message::decode(&bytes), Ok((message.clone(), attempt)));
            }
        }
    }

    #[test]
    fn an_attempt_makes_other_bytes_and_the_same_message() {
        let [first, second] = [0, 1].map(|attempt| messages()[0].encode(attempt).unwrap());
        assert_ne!(first, second);
    }

    #[test]
    fn proposals_travel_elsewhere() {
        let proposal = Proposal {
            height: 3,
            round: 0,
            block_id: BLOCK,
            valid_round: None,
        };
        assert_eq!(
            Message::Proposal(SignedProposal::sign(proposal, &key(1), &GENESIS)).encode(0),
            None
        );
    }

    #[test]
    fn truncated_extended_and_oversized_bytes_are_refused() {
        for message in messages() {
            let bytes = message.encode(1).unwrap();
            for length in 0..bytes.len() {
                // What remains may be another well-formed message only if nothing was cut from it.
                let cut = Message::decode(&bytes[..length]);
                assert!(cut.map_or(true, |(_, attempt)| attempt == 0), "{length} bytes");
            }
            let mut longer = bytes.to_vec();
            longer.extend([0x72, 0]); // field 14, unknown
            assert!(matches!(
                Message::decode(&longer),
                Err(DecodeError::NotCanonical { .. })
            ));
        }
        let huge = vec![0; MAX_CONSENSUS_MESSAGE_BYTES + 1];
        assert!(matches!(
            Message::decode(&huge),
            Err(DecodeError::TooLarge { .. })
        ));
    }

    #[test]
    fn a_certificate_has_one_encoding() {
        let Message::Polka(mut polka) = messages()[1].clone() else {
            unreachable!()
        };
        polka.signatures.reverse();
        let refused = |polka: &PolkaCertificate| {
            matches!(
                PolkaCertificate::from_proto(&polka.to_proto()),
                Err(DecodeError::Invalid {
                    field: "signatures",
                    ..
                })
            )
        };
        assert!(refused(&polka), "unsorted");
        polka.signatures[1] = polka.signatures[0];
        assert!(refused(&polka), "repeated");
    }

    #[test]
    fn an_attempt_above_the_bound_and_an_unknown_type_are_refused() {
        let mut message = messages()[0].to_proto(0).unwrap();
        message.attempt = Some(65_536);
        assert!(matches!(
            Message::from_proto(&message),
            Err(DecodeError::Invalid { field: "attempt", .. })
        ));
        let Message::Round(certificate) = &messages()[2] else {
            unreachable!()
        };
        let mut certificate = certificate.to_proto();
        certificate.r#type = Some(3);
        assert!(RoundCertificate::from_proto(&certificate).is_err());
    }
}
