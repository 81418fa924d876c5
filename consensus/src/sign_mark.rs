//! The sign-mark: the highest point at which a key has ever signed.
//!
//! The write-ahead log tells what was signed at the current height; the mark survives the log. Both
//! are made durable before a signed message leaves (`SyncThenPublish`). Nothing new is signed at or
//! below the mark. A key whose mark is missing, or older than the chain, may have signed something
//! that this disk does not know: then the engine listens before it signs (see [`crate::bft`]).

use aureon_types::hash::blake3;

/// What was signed in a round, in the order in which a validator signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SignStep {
    /// A proposal.
    Proposal,
    /// A prevote.
    Prevote,
    /// A precommit.
    Precommit,
}

/// A point in a validator's life. The order of the fields is the order in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SignMark {
    /// Height.
    pub height: u64,
    /// Round.
    pub round: u32,
    /// Step.
    pub step: SignStep,
}

/// Bytes that are no sign-mark. To be treated as a missing mark, and told to the operator.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignMarkError {
    /// Truncated or extended.
    #[error("the sign-mark has {0} bytes, expected {expected}", expected = SignMark::BYTES)]
    Length(usize),
    /// Damaged.
    #[error("the sign-mark is damaged: its checksum does not match")]
    Checksum,
    /// A step that no version of this software writes.
    #[error("the sign-mark names step {0}, known are 1 (proposal), 2 (prevote) and 3 (precommit)")]
    Step(u8),
}

impl SignStep {
    fn number(self) -> u8 {
        match self {
            Self::Proposal => 1,
            Self::Prevote => 2,
            Self::Precommit => 3,
        }
    }

    fn from_number(number: u8) -> Result<Self, SignMarkError> {
        match number {
            1 => Ok(Self::Proposal),
            2 => Ok(Self::Prevote),
            3 => Ok(Self::Precommit),
            other => Err(SignMarkError::Step(other)),
        }
    }
}

impl SignMark {
    /// Length of the encoding: height (8, big-endian), round (4), step (1), checksum (8).
    pub const BYTES: usize = 21;

    /// The mark of a key that has just been made and has signed nothing. To be written beside a new
    /// key, so that a new network need not listen before its first block. Never write it for a key
    /// that may have been used.
    pub const INITIAL: Self = Self {
        height: 0,
        round: 0,
        step: SignStep::Proposal,
    };

    /// The one encoding.
    pub fn encode(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        let (content, checksum) = bytes.split_at_mut(13);
        content[..8].copy_from_slice(&self.height.to_be_bytes());
        content[8..12].copy_from_slice(&self.round.to_be_bytes());
        content[12] = self.step.number();
        checksum.copy_from_slice(&digest(content));
        bytes
    }

    /// Reads what [`SignMark::encode`] wrote.
    pub fn decode(bytes: &[u8]) -> Result<Self, SignMarkError> {
        let bytes: &[u8; Self::BYTES] = bytes.try_into().map_err(|_| SignMarkError::Length(bytes.len()))?;
        let (content, checksum) = bytes.split_at(13);
        if digest(content) != checksum {
            return Err(SignMarkError::Checksum);
        }
        let (mut height, mut round) = ([0; 8], [0; 4]);
        height.copy_from_slice(&content[..8]);
        round.copy_from_slice(&content[8..12]);
        Ok(Self {
            height: u64::from_be_bytes(height),
            round: u32::from_be_bytes(round),
            step: SignStep::from_number(content[12])?,
        })
    }
}

fn digest(content: &[u8]) -> [u8; 8] {
    let hash = blake3(&[b"aureon/sign-mark/1", content]);
    let mut digest = [0; 8];
    digest.copy_from_slice(&hash[..8]);
    digest
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARK: SignMark = SignMark {
        height: 7,
        round: 2,
        step: SignStep::Prevote,
    };

    #[test]
    fn marks_are_ordered_as_a_validator_signs() {
        let later = [
            SignMark {
                step: SignStep::Precommit,
                ..MARK
            },
            SignMark {
                round: 3,
                step: SignStep::Proposal,
                ..MARK
            },
            SignMark {
                height: 8,
                round: 0,
                step: SignStep::Proposal,
            },
        ];
        assert!(SignMark::INITIAL < MARK && MARK < later[0] && later.is_sorted());
    }

    #[test]
    fn the_encoding_is_pinned_and_every_changed_byte_is_noticed() {
        let bytes = MARK.encode();
        assert_eq!(bytes[..13], [0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 2, 2]);
        assert_eq!(SignMark::decode(&bytes), Ok(MARK));
        for position in 0..bytes.len() {
            let mut damaged = bytes;
            damaged[position] ^= 1;
            assert_eq!(
                SignMark::decode(&damaged),
                Err(SignMarkError::Checksum),
                "byte {position}"
            );
        }
        assert_eq!(SignMark::decode(&bytes[..20]), Err(SignMarkError::Length(20)));
        assert_eq!(SignMark::decode(&[]), Err(SignMarkError::Length(0)));
    }

    #[test]
    fn an_unknown_step_is_refused() {
        let mut bytes = MARK.encode();
        bytes[12] = 9;
        let checksum = digest(&bytes[..13]);
        bytes[13..].copy_from_slice(&checksum);
        assert_eq!(SignMark::decode(&bytes), Err(SignMarkError::Step(9)));
    }
}
