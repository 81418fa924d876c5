//! Commit certificates: the proof that a block is final under the BFT engines.

use aureon_proto::v1 as proto;
use bytes::Bytes;
use prost::Message as _;

use crate::{
    Address, Block, BlockId, DecodeError, GenesisId, Hash, Signature, ValidatorSet, Vote, VoteKind,
    hash::blake3, limits::MAX_VALIDATORS, signature, strict,
};

const WHAT: &str = "commit certificate";

/// One validator's precommit signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommitSignature {
    /// The signer.
    pub validator: Address,
    /// Over the precommit for height, round and block of the certificate.
    pub signature: Signature,
}

/// More than two thirds of the power precommitted a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitCertificate {
    /// Height of the block.
    pub height: u64,
    /// The round that decided.
    pub round: u32,
    /// The block.
    pub block_id: BlockId,
    /// Sorted by validator, without repeats.
    pub signatures: Vec<CommitSignature>,
}

/// Why a certificate proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateFault {
    /// Somebody who is no validator of the height.
    #[error("{0} is no validator of this height")]
    UnknownValidator(Address),
    /// A signature that does not verify.
    #[error("the signature of {0} is not valid")]
    BadSignature(Address),
    /// A validator that is named twice.
    #[error("{0} is named more than once")]
    Duplicate(Address),
    /// Less than two thirds.
    #[error("{signed} of {total} voting power signed; more than two thirds are needed")]
    TooLittlePower {
        /// Power of the signers.
        signed: u64,
        /// Power of the set.
        total: u64,
    },
    /// It is about another block than the one it came with.
    #[error("the certificate is for block {given}, expected {expected}")]
    WrongBlock {
        /// What the certificate names.
        given: BlockId,
        /// The block it came with.
        expected: BlockId,
    },
}

impl CommitCertificate {
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

    /// The one encoding; a header's `previous_commit_hash` is over it.
    pub fn encode(&self) -> Bytes {
        let signatures = self.signatures.iter().map(|commit| proto::CommitSignature {
            validator: Some(Bytes::copy_from_slice(commit.validator.as_bytes())),
            signature: Some(Bytes::copy_from_slice(&commit.signature.0)),
        });
        proto::CommitCertificate {
            height: Some(self.height),
            round: Some(self.round),
            block_id: Some(Bytes::copy_from_slice(self.block_id.as_bytes())),
            signatures: signatures.collect(),
        }
        .encode_to_vec()
        .into()
    }

    /// Strict; at most [`MAX_VALIDATORS`] signatures, in order.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        strict::at_most(WHAT, bytes.len(), MAX_VALIDATORS.saturating_mul(128))?;
        let message: proto::CommitCertificate = strict::decode(WHAT, bytes)?;
        let signatures: Vec<CommitSignature> = message
            .signatures
            .iter()
            .map(|commit| {
                Ok(CommitSignature {
                    validator: Address(strict::required_bytes(
                        WHAT,
                        "validator",
                        commit.validator.as_ref(),
                    )?),
                    signature: Signature(strict::required_bytes(
                        WHAT,
                        "signature",
                        commit.signature.as_ref(),
                    )?),
                })
            })
            .collect::<Result<_, DecodeError>>()?;
        if !signatures.is_sorted_by_key(|commit| commit.validator) {
            return Err(DecodeError::NotCanonical { what: WHAT });
        }
        Ok(Self {
            height: strict::required(WHAT, "height", message.height)?,
            round: strict::required(WHAT, "round", message.round)?,
            block_id: BlockId(strict::required_bytes(WHAT, "block_id", message.block_id)?),
            signatures,
        })
    }

    /// BLAKE3 of the encoding.
    pub fn hash(encoded: &[u8]) -> Hash {
        if encoded.is_empty() {
            Hash::ZERO
        } else {
            Hash(blake3(&[encoded]))
        }
    }

    /// The vote that every signature covers.
    pub fn vote(&self) -> Vote {
        Vote {
            kind: VoteKind::Precommit,
            height: self.height,
            round: self.round,
            block_id: Some(self.block_id),
        }
    }

    /// Checks every signature and the quorum against `set`, which must be the validators of the
    /// certificate's height.
    pub fn verify(&self, set: &ValidatorSet, genesis_id: &GenesisId) -> Result<(), CertificateFault> {
        let message = self.vote().signing_message(genesis_id);
        let mut items = Vec::with_capacity(self.signatures.len());
        let (mut signed, mut previous) = (0_u64, None);
        for commit in &self.signatures {
            let validator = set
                .get(&commit.validator)
                .ok_or(CertificateFault::UnknownValidator(commit.validator))?;
            if previous.replace(commit.validator) == Some(commit.validator) {
                return Err(CertificateFault::Duplicate(commit.validator));
            }
            signed = signed.saturating_add(validator.power);
            items.push(signature::Item::new(
                &validator.public_key,
                &commit.signature,
                &message,
            ));
        }
        let verdicts = signature::verify_batch(&items);
        if let Some((commit, _)) = self.signatures.iter().zip(verdicts).find(|(_, holds)| !holds) {
            return Err(CertificateFault::BadSignature(commit.validator));
        }
        let total = set.total_power();
        if set.is_quorum(signed) {
            Ok(())
        } else {
            Err(CertificateFault::TooLittlePower { signed, total })
        }
    }
}

/// A block with the certificate that decided it, well formed but not verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertifiedBlock {
    /// The block.
    pub block: Block,
    /// Its own certificate.
    pub certificate: CommitCertificate,
}

impl CertifiedBlock {
    /// Strict.
    pub fn from_proto(message: &proto::CertifiedBlock) -> Result<Self, DecodeError> {
        const WHAT: &str = "certified block";
        let block = Block::from_proto(strict::required(WHAT, "block", message.block.as_ref())?)?;
        let certificate = CommitCertificate::decode(strict::required(
            WHAT,
            "certificate",
            message.certificate.as_ref(),
        )?)?;
        Ok(Self { block, certificate })
    }

    /// What travels.
    pub fn to_proto(&self) -> proto::CertifiedBlock {
        proto::CertifiedBlock {
            block: Some(self.block.to_proto()),
            certificate: Some(self.certificate.encode()),
        }
    }

    /// Checks that the certificate is for this block and holds against `set`.
    pub fn verify(&self, set: &ValidatorSet, genesis_id: &GenesisId) -> Result<(), CertificateFault> {
        let (given, expected) = (self.certificate.block_id, self.block.id());
        if given != expected || self.certificate.height != self.block.header().height {
            return Err(CertificateFault::WrongBlock { given, expected });
        }
        self.certificate.verify(set, genesis_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SecretKey, SignedVote, Validator};

    const GENESIS: GenesisId = GenesisId([7; 32]);
    const BLOCK: BlockId = BlockId([5; 32]);

    fn keys() -> Vec<SecretKey> {
        (1..=4).map(|seed| SecretKey::from_seed([seed; 32])).collect()
    }

    fn set() -> ValidatorSet {
        ValidatorSet::new(
            keys()
                .iter()
                .map(|key| Validator::new(key.public_key(), 1))
                .collect(),
        )
        .unwrap()
    }

    fn certificate(signers: &[SecretKey]) -> CommitCertificate {
        let vote = Vote {
            kind: VoteKind::Precommit,
            height: 3,
            round: 1,
            block_id: Some(BLOCK),
        };
        let sign = |key: &SecretKey| CommitSignature {
            validator: key.address(),
            signature: SignedVote::sign(vote, key, &GENESIS).signature,
        };
        CommitCertificate::new(3, 1, BLOCK, signers.iter().map(sign).collect())
    }

    #[test]
    fn three_of_four_decide_and_two_do_not() {
        assert_eq!(certificate(&keys()[..3]).verify(&set(), &GENESIS), Ok(()));
        assert_eq!(
            certificate(&keys()[..2]).verify(&set(), &GENESIS),
            Err(CertificateFault::TooLittlePower { signed: 2, total: 4 })
        );
    }

    #[test]
    fn strangers_forgeries_and_repeats_are_named() {
        let stranger = SecretKey::from_seed([9; 32]);
        let with = [&keys()[..3], std::slice::from_ref(&stranger)].concat();
        assert_eq!(
            certificate(&with).verify(&set(), &GENESIS),
            Err(CertificateFault::UnknownValidator(stranger.address()))
        );
        let mut forged = certificate(&keys());
        forged.signatures[1].signature.0[0] ^= 1;
        let name = forged.signatures[1].validator;
        assert_eq!(
            forged.verify(&set(), &GENESIS),
            Err(CertificateFault::BadSignature(name))
        );
        let one = keys()[0].clone();
        let repeated = certificate(&[one.clone(), one.clone(), one.clone()]);
        assert_eq!(
            repeated.verify(&set(), &GENESIS),
            Err(CertificateFault::Duplicate(one.address()))
        );
        let mut other = certificate(&keys());
        other.round = 2;
        assert!(matches!(
            other.verify(&set(), &GENESIS),
            Err(CertificateFault::BadSignature(_))
        ));
    }

    #[test]
    fn the_encoding_is_strict_and_sorted() {
        let good = certificate(&keys());
        assert_eq!(CommitCertificate::decode(&good.encode()), Ok(good.clone()));
        let mut unsorted = good.clone();
        unsorted.signatures.reverse();
        assert!(CommitCertificate::decode(&unsorted.encode()).is_err());
    }
}
