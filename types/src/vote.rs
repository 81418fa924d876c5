//! Votes and proposals of the BFT engines, with the bytes that are signed.

use aureon_proto::v1 as proto;
use bytes::Bytes;
use prost::Message as _;

use crate::{
    Address, BlockId, DecodeError, GenesisId, PublicKey, SecretKey, Signature,
    signature::{self, PROPOSAL_DOMAIN, VOTE_DOMAIN},
    strict,
};

/// Prevote or precommit (Tendermint, Buchman et al. 2018, algorithm 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum VoteKind {
    /// First stage.
    Prevote,
    /// Second stage.
    Precommit,
}

/// What a validator signs. It does not name the signer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Vote {
    /// Stage.
    pub kind: VoteKind,
    /// Height voted on.
    pub height: u64,
    /// Round voted in.
    pub round: u32,
    /// `None`: nil.
    pub block_id: Option<BlockId>,
}

impl VoteKind {
    /// The number in the schema.
    pub fn to_proto(self) -> i32 {
        match self {
            Self::Prevote => proto::VoteType::Prevote.into(),
            Self::Precommit => proto::VoteType::Precommit.into(),
        }
    }

    /// From the number in the schema.
    pub fn from_proto(number: i32) -> Option<Self> {
        match proto::VoteType::try_from(number).ok()? {
            proto::VoteType::Prevote => Some(Self::Prevote),
            proto::VoteType::Precommit => Some(Self::Precommit),
            proto::VoteType::Unspecified => None,
        }
    }
}

fn vote_kind(what: &'static str, number: Option<i32>) -> Result<VoteKind, DecodeError> {
    let number = strict::required(what, "type", number)?;
    VoteKind::from_proto(number).ok_or_else(|| DecodeError::Invalid {
        what,
        field: "type",
        reason: format!("{number} is neither prevote nor precommit"),
    })
}

impl Vote {
    /// The one encoding.
    pub fn encode(&self) -> Bytes {
        proto::Vote {
            r#type: Some(self.kind.to_proto()),
            height: Some(self.height),
            round: Some(self.round),
            block_id: self.block_id.map(|id| Bytes::copy_from_slice(id.as_bytes())),
        }
        .encode_to_vec()
        .into()
    }

    /// Strict.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        const WHAT: &str = "vote";
        let message: proto::Vote = strict::decode(WHAT, bytes)?;
        let block_id = message
            .block_id
            .map(|id| strict::required_bytes(WHAT, "block_id", Some(id)).map(BlockId))
            .transpose()?;
        Ok(Self {
            kind: vote_kind(WHAT, message.r#type)?,
            height: strict::required(WHAT, "height", message.height)?,
            round: strict::required(WHAT, "round", message.round)?,
            block_id,
        })
    }

    /// What the signature covers.
    pub fn signing_message(&self, genesis_id: &GenesisId) -> Vec<u8> {
        signature::message(VOTE_DOMAIN, genesis_id, &self.encode())
    }
}

/// A vote with its signer and a signature that nobody has checked yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedVote {
    /// The vote.
    pub vote: Vote,
    /// The signer.
    pub validator: Address,
    /// Over [`Vote::signing_message`].
    pub signature: Signature,
}

impl SignedVote {
    /// Signs `vote`.
    pub fn sign(vote: Vote, key: &SecretKey, genesis_id: &GenesisId) -> Self {
        Self {
            vote,
            validator: key.address(),
            signature: key.sign(&vote.signing_message(genesis_id)),
        }
    }

    /// Whether the signature is `key`'s.
    pub fn verify(&self, key: &PublicKey, genesis_id: &GenesisId) -> bool {
        signature::verify(key, &self.signature, &self.vote.signing_message(genesis_id))
    }

    /// What travels.
    pub fn to_proto(&self) -> proto::SignedVote {
        proto::SignedVote {
            vote: Some(self.vote.encode()),
            validator: Some(Bytes::copy_from_slice(self.validator.as_bytes())),
            signature: Some(Bytes::copy_from_slice(&self.signature.0)),
        }
    }

    /// Strict.
    pub fn from_proto(message: &proto::SignedVote) -> Result<Self, DecodeError> {
        const WHAT: &str = "signed vote";
        Ok(Self {
            vote: Vote::decode(strict::required(WHAT, "vote", message.vote.as_ref())?)?,
            validator: Address(strict::required_bytes(
                WHAT,
                "validator",
                message.validator.as_ref(),
            )?),
            signature: Signature(strict::required_bytes(
                WHAT,
                "signature",
                message.signature.as_ref(),
            )?),
        })
    }
}

/// What the proposer of a round signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Proposal {
    /// Height.
    pub height: u64,
    /// Round.
    pub round: u32,
    /// The block.
    pub block_id: BlockId,
    /// The round in which the block had a polka; `None`: it is new.
    pub valid_round: Option<u32>,
}

impl Proposal {
    /// The one encoding.
    pub fn encode(&self) -> Bytes {
        proto::Proposal {
            height: Some(self.height),
            round: Some(self.round),
            block_id: Some(Bytes::copy_from_slice(self.block_id.as_bytes())),
            valid_round: self.valid_round,
        }
        .encode_to_vec()
        .into()
    }

    /// Strict.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        const WHAT: &str = "proposal";
        let message: proto::Proposal = strict::decode(WHAT, bytes)?;
        Ok(Self {
            height: strict::required(WHAT, "height", message.height)?,
            round: strict::required(WHAT, "round", message.round)?,
            block_id: BlockId(strict::required_bytes(WHAT, "block_id", message.block_id)?),
            valid_round: message.valid_round,
        })
    }

    /// What the signature covers.
    pub fn signing_message(&self, genesis_id: &GenesisId) -> Vec<u8> {
        signature::message(PROPOSAL_DOMAIN, genesis_id, &self.encode())
    }
}

/// A proposal with its signer and a signature that nobody has checked yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedProposal {
    /// The proposal.
    pub proposal: Proposal,
    /// The signer.
    pub proposer: Address,
    /// Over [`Proposal::signing_message`].
    pub signature: Signature,
}

impl SignedProposal {
    /// Signs `proposal`.
    pub fn sign(proposal: Proposal, key: &SecretKey, genesis_id: &GenesisId) -> Self {
        Self {
            proposal,
            proposer: key.address(),
            signature: key.sign(&proposal.signing_message(genesis_id)),
        }
    }

    /// Whether the signature is `key`'s.
    pub fn verify(&self, key: &PublicKey, genesis_id: &GenesisId) -> bool {
        signature::verify(key, &self.signature, &self.proposal.signing_message(genesis_id))
    }

    /// What travels.
    pub fn to_proto(&self) -> proto::SignedProposal {
        proto::SignedProposal {
            proposal: Some(self.proposal.encode()),
            proposer: Some(Bytes::copy_from_slice(self.proposer.as_bytes())),
            signature: Some(Bytes::copy_from_slice(&self.signature.0)),
        }
    }

    /// Strict.
    pub fn from_proto(message: &proto::SignedProposal) -> Result<Self, DecodeError> {
        const WHAT: &str = "signed proposal";
        Ok(Self {
            proposal: Proposal::decode(strict::required(WHAT, "proposal", message.proposal.as_ref())?)?,
            proposer: Address(strict::required_bytes(
                WHAT,
                "proposer",
                message.proposer.as_ref(),
            )?),
            signature: Signature(strict::required_bytes(
                WHAT,
                "signature",
                message.signature.as_ref(),
            )?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GENESIS: GenesisId = GenesisId([7; 32]);

    #[test]
    fn votes_are_signed_strict_and_pinned() {
        let key = SecretKey::from_seed([1; 32]);
        let vote = Vote {
            kind: VoteKind::Precommit,
            height: 3,
            round: 0,
            block_id: Some(BlockId([5; 32])),
        };
        assert_eq!(
            hex::encode(vote.encode()),
            format!("0802100318002220{}", "05".repeat(32))
        );
        let signed = SignedVote::sign(vote, &key, &GENESIS);
        assert_eq!(SignedVote::from_proto(&signed.to_proto()), Ok(signed.clone()));
        assert!(signed.verify(&key.public_key(), &GENESIS));
        assert!(!signed.verify(&key.public_key(), &GenesisId([8; 32])));
        let nil = SignedVote {
            vote: Vote {
                block_id: None,
                ..vote
            },
            ..signed
        };
        assert!(!nil.verify(&key.public_key(), &GENESIS));
    }

    #[test]
    fn an_unknown_vote_type_is_refused() {
        let mut bytes = Vote {
            kind: VoteKind::Prevote,
            height: 1,
            round: 0,
            block_id: None,
        }
        .encode()
        .to_vec();
        bytes[1] = 3;
        assert!(matches!(
            Vote::decode(&bytes),
            Err(DecodeError::Invalid { field: "type", .. })
        ));
    }

    #[test]
    fn proposals_are_signed_and_strict() {
        let key = SecretKey::from_seed([1; 32]);
        let proposal = Proposal {
            height: 3,
            round: 2,
            block_id: BlockId([5; 32]),
            valid_round: Some(0),
        };
        let signed = SignedProposal::sign(proposal, &key, &GENESIS);
        assert_eq!(SignedProposal::from_proto(&signed.to_proto()), Ok(signed.clone()));
        assert!(signed.verify(&key.public_key(), &GENESIS));
        let fresh = SignedProposal {
            proposal: Proposal {
                valid_round: None,
                ..proposal
            },
            ..signed
        };
        assert!(
            !fresh.verify(&key.public_key(), &GENESIS),
            "no valid round is not valid round 0"
        );
    }
}
