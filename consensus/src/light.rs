//! A light client: from a header that is trusted to later ones, without executing a block.
//!
//! Under the BFT engines a block is final once more than two thirds of the power of its height's
//! validators precommitted it, and each header names the hash of the next height's set. So from a
//! trusted block and the set that follows it, headers and certificates prove all later headers one by
//! one, and each header proves its state root. New validators are handed over in full where they
//! change, and checked against the hash.
//!
//! *What is trusted*: the genesis, or a block id that the user got from somebody trustworthy, recently:
//! validators who left long ago can sign another history at no cost (a long-range attack). *What is not
//! checked*: execution. A light client believes that two thirds of the power do not decide a block with
//! a false state root.
//!
//! Every height is checked; there is no skipping. Pure: no clock, so that a header from the future is
//! the caller's to judge.

use aureon_proto::v1 as proto;
use aureon_types::{
    BlockId, CertificateFault, CommitCertificate, DecodeError, Genesis, GenesisId, Hash, PublicKey,
    SealedHeader, Validator, ValidatorSet,
    limits::{MAX_FRAME_BYTES, MAX_VALIDATORS},
    strict::{self, required, required_bytes},
    validators::ValidatorSetError,
};
use bytes::Bytes;
use prost::Message as _;

/// Largest encoded [`LightChain`] that is read, in bytes; longer chains are checked file by file.
pub const MAX_LIGHT_BYTES: usize = MAX_FRAME_BYTES;

/// What a light client needs of a block, well formed and not verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LightBlock {
    /// The header.
    pub header: SealedHeader,
    /// Its own certificate.
    pub certificate: CommitCertificate,
    /// The validators of the next height, where they are others than those of this height.
    pub next_validators: Option<ValidatorSet>,
}

/// Consecutive blocks, ascending; well formed and not verified.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LightChain {
    /// In order of height.
    pub blocks: Vec<LightBlock>,
}

/// A block that is believed, and who decides the next one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trusted {
    /// The network.
    pub genesis_id: GenesisId,
    /// 0: the genesis.
    pub height: u64,
    /// The genesis id at height 0.
    pub block_id: BlockId,
    /// Milliseconds since 1970-01-01 UTC.
    pub timestamp_ms: u64,
    /// Root of the account trie after the block; `None` for the genesis, which does not name it.
    pub state_root: Option<Hash>,
    /// The validators of the next height.
    pub next_validators: ValidatorSet,
}

/// Why a block is not proven.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("block {height}: {reason}")]
pub struct LightFault {
    /// As its header says.
    pub height: u64,
    /// What is wrong.
    pub reason: LightReason,
}

/// What is wrong with a block.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LightReason {
    /// Of another network.
    #[error("it is of another network: its genesis is {0}")]
    Network(GenesisId),
    /// Not the next height.
    #[error("height {expected} was to follow: no height may be left out")]
    Height {
        /// The one above the trusted block.
        expected: u64,
    },
    /// Not on the trusted block.
    #[error("its parent is {given}, the trusted block is {expected}")]
    Parent {
        /// What the header names.
        given: BlockId,
        /// The trusted block.
        expected: BlockId,
    },
    /// Not later than its parent.
    #[error("its time {given} is not later than its parent's, {parent}")]
    Time {
        /// Milliseconds, as the header says.
        given: u64,
        /// Of the trusted block.
        parent: u64,
    },
    /// Mined: such a header has no certificate.
    #[error("it has a proof-of-work target; there is no certificate to check")]
    Mined,
    /// The certificate does not hold, or is of another block.
    #[error("its certificate does not hold: {0}")]
    Certificate(#[from] CertificateFault),
    /// The validators change and are not given.
    #[error("the validators change with it to those with hash {0}, which are not in the file")]
    ValidatorsMissing(Hash),
    /// Other validators are given than the header names.
    #[error("it names the next validators {expected}, given are {given}")]
    WrongValidators {
        /// Hash of those given.
        given: Hash,
        /// Hash in the header.
        expected: Hash,
    },
    /// The trusted block is another.
    #[error("its id is {given}, trusted is {expected}")]
    NotTrusted {
        /// Its id.
        given: BlockId,
        /// The trusted id.
        expected: BlockId,
    },
}

impl Trusted {
    /// Trusts a genesis. `None` under proof of work, which has no validators; an error if they are no
    /// set, which a checked genesis excludes.
    pub fn genesis(genesis: &Genesis) -> Result<Option<Self>, ValidatorSetError> {
        let genesis_id = genesis.id();
        Ok(genesis.validators()?.map(|next_validators| Self {
            genesis_id,
            height: 0,
            block_id: BlockId(genesis_id.0),
            timestamp_ms: genesis.timestamp_ms,
            state_root: None,
            next_validators,
        }))
    }

    /// Trusts the block with this id. `block` must bring the next validators, which its header proves;
    /// its certificate is not needed.
    pub fn block(genesis_id: GenesisId, block_id: BlockId, block: &LightBlock) -> Result<Self, LightFault> {
        let header = block.header.header();
        let fault = |reason| LightFault {
            height: header.height,
            reason,
        };
        if block.header.id() != block_id {
            return Err(fault(LightReason::NotTrusted {
                given: block.header.id(),
                expected: block_id,
            }));
        }
        if header.genesis_id != genesis_id {
            return Err(fault(LightReason::Network(header.genesis_id)));
        }
        let next_validators = block.next_set(None).map_err(fault)?;
        Ok(Self::after(block, next_validators))
    }

    fn after(block: &LightBlock, next_validators: ValidatorSet) -> Self {
        let header = block.header.header();
        Self {
            genesis_id: header.genesis_id,
            height: header.height,
            block_id: block.header.id(),
            timestamp_ms: header.timestamp_ms,
            state_root: Some(header.state_root),
            next_validators,
        }
    }

    /// What is trusted once `block`, which must be the next one, is proven. Costs the check of each
    /// signature of the certificate (about 35 microseconds, 14 in large sets).
    pub fn verify(&self, block: &LightBlock) -> Result<Self, LightFault> {
        let height = block.header.header().height;
        let next = self
            .check(block)
            .map_err(|reason| LightFault { height, reason })?;
        Ok(Self::after(block, next))
    }

    /// Proves consecutive blocks, one after the other: gives what is trusted after the last.
    pub fn verify_all<'a>(
        &self,
        blocks: impl IntoIterator<Item = &'a LightBlock>,
    ) -> Result<Self, LightFault> {
        let mut trusted = self.clone();
        for block in blocks {
            trusted = trusted.verify(block)?;
        }
        Ok(trusted)
    }

    fn check(&self, block: &LightBlock) -> Result<ValidatorSet, LightReason> {
        let header = block.header.header();
        if header.genesis_id != self.genesis_id {
            return Err(LightReason::Network(header.genesis_id));
        }
        if self.height.checked_add(1) != Some(header.height) {
            let expected = self.height.saturating_add(1);
            return Err(LightReason::Height { expected });
        }
        if header.parent_id != self.block_id {
            return Err(LightReason::Parent {
                given: header.parent_id,
                expected: self.block_id,
            });
        }
        if header.timestamp_ms <= self.timestamp_ms {
            return Err(LightReason::Time {
                given: header.timestamp_ms,
                parent: self.timestamp_ms,
            });
        }
        if header.target.is_some() {
            return Err(LightReason::Mined);
        }
        let (certificate, id) = (&block.certificate, block.header.id());
        if certificate.block_id != id || certificate.height != header.height {
            return Err(LightReason::Certificate(CertificateFault::WrongBlock {
                given: certificate.block_id,
                expected: id,
            }));
        }
        certificate.verify(&self.next_validators, &self.genesis_id)?;
        block.next_set(Some(&self.next_validators))
    }
}

impl LightBlock {
    /// The validators of the next height: those given, or else `current` if the header says that they
    /// stay.
    fn next_set(&self, current: Option<&ValidatorSet>) -> Result<ValidatorSet, LightReason> {
        let expected = self.header.header().next_validators_hash;
        match self.next_validators.as_ref().or(current) {
            Some(set) if set.hash() == expected => Ok(set.clone()),
            Some(set) if self.next_validators.is_some() => Err(LightReason::WrongValidators {
                given: set.hash(),
                expected,
            }),
            _ => Err(LightReason::ValidatorsMissing(expected)),
        }
    }

    /// Strict.
    pub fn from_proto(message: &proto::LightBlock) -> Result<Self, DecodeError> {
        const WHAT: &str = "light block";
        let header = required(WHAT, "header", message.header.as_ref())?;
        let certificate = required(WHAT, "certificate", message.certificate.as_ref())?;
        Ok(Self {
            header: SealedHeader::from_parts(header, &[])?,
            certificate: CommitCertificate::decode(certificate)?,
            next_validators: message.next_validators.as_ref().map(read_set).transpose()?,
        })
    }

    /// What travels.
    pub fn to_proto(&self) -> proto::LightBlock {
        proto::LightBlock {
            header: Some(self.header.bytes().clone()),
            certificate: Some(self.certificate.encode()),
            next_validators: self.next_validators.as_ref().map(list_set),
        }
    }
}

impl LightChain {
    /// The content of a file.
    pub fn encode(&self) -> Bytes {
        let blocks = self.blocks.iter().map(LightBlock::to_proto).collect();
        proto::LightChain { blocks }.encode_to_vec().into()
    }

    /// Strict; at most [`MAX_LIGHT_BYTES`].
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        const WHAT: &str = "light chain";
        strict::at_most(WHAT, bytes.len(), MAX_LIGHT_BYTES)?;
        let message: proto::LightChain = strict::decode(WHAT, bytes)?;
        let blocks = message.blocks.iter().map(LightBlock::from_proto);
        Ok(Self {
            blocks: blocks.collect::<Result<_, _>>()?,
        })
    }
}

fn list_set(set: &ValidatorSet) -> proto::ValidatorList {
    let validators = set.iter().map(|validator| proto::ListedValidator {
        public_key: Some(Bytes::copy_from_slice(&validator.public_key.0)),
        power: Some(validator.power),
    });
    proto::ValidatorList {
        validators: validators.collect(),
    }
}

fn read_set(message: &proto::ValidatorList) -> Result<ValidatorSet, DecodeError> {
    const WHAT: &str = "validator list";
    let invalid = |reason: String| DecodeError::Invalid {
        what: WHAT,
        field: "validators",
        reason,
    };
    if message.validators.len() > MAX_VALIDATORS {
        return Err(invalid(
            ValidatorSetError::TooMany(message.validators.len()).to_string(),
        ));
    }
    let read = message.validators.iter().map(|validator| {
        let key = PublicKey(required_bytes(WHAT, "public_key", validator.public_key.as_ref())?);
        Ok(Validator::new(key, required(WHAT, "power", validator.power)?))
    });
    let validators: Vec<Validator> = read.collect::<Result<_, DecodeError>>()?;
    let set = ValidatorSet::new(validators.clone()).map_err(|error| invalid(error.to_string()))?;
    if !set.iter().eq(validators.iter()) {
        return Err(invalid("they are not sorted by power, then address".to_owned()));
    }
    Ok(set)
}

#[cfg(test)]
#[path = "light_tests.rs"]
mod tests;
