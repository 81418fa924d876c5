//! Certificates of prevotes and of rounds, and their form on the wire.

use aureon_proto::v1 as proto;
use aureon_types::{
    Address, BlockId, CommitSignature, DecodeError, Signature, SignedVote, Vote, VoteKind,
    limits::MAX_VALIDATORS,
    strict::{required, required_bytes},
};
use bytes::Bytes;

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
