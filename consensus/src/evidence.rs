//! Judging evidence: did this validator sign two messages that one honest validator never both signs?
//!
//! An honest validator signs at most one message for each height, round and step ([`crate::SignMark`]),
//! so two different ones prove a fault, whatever they say: two blocks, a block and nil, or one block
//! with two valid rounds. Signing the same message twice proves nothing (and gives the same bytes).

use aureon_types::{Address, Evidence, GenesisId, ValidatorSet};

use crate::{
    SignMark, SignStep,
    log::{proposal_mark, vote_mark},
};

/// A contradiction that is proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offence {
    /// Who signed both messages; a validator of the height.
    pub offender: Address,
    /// For which both were signed.
    pub height: u64,
    /// In which both were signed.
    pub round: u32,
    /// Proposal, prevote or precommit.
    pub kind: SignStep,
}

/// Why evidence proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvidenceFault {
    /// The messages name two signers.
    #[error("the first message is {first}'s, the second {second}'s")]
    TwoSigners {
        /// Of the first message.
        first: Address,
        /// Of the second.
        second: Address,
    },
    /// The messages are of different heights, rounds or steps: an honest validator signs both.
    #[error("the messages are of different heights, rounds or kinds")]
    TwoPlaces,
    /// The messages say the same.
    #[error("both messages say the same")]
    NoContradiction,
    /// The signer did not decide this height.
    #[error("{0} is no validator of this height")]
    UnknownSigner(Address),
    /// A signature that does not verify.
    #[error("a signature of {0} is not valid")]
    BadSignature(Address),
}

/// Judges `evidence`. `set`: the validators of [`Evidence::height`]. Costs two signature checks, and
/// none if anything else is wrong.
pub fn check(
    evidence: &Evidence,
    set: &ValidatorSet,
    genesis_id: &GenesisId,
) -> Result<Offence, EvidenceFault> {
    let offender = evidence.offender();
    let key = |signer| set.get(&signer).map(|validator| validator.public_key);
    let (at, hold) = match evidence {
        Evidence::Votes(first, second) => {
            same_signer(first.validator, second.validator)?;
            let at = same_place(vote_mark(first), vote_mark(second))?;
            contradict(first.vote != second.vote)?;
            let key = key(offender).ok_or(EvidenceFault::UnknownSigner(offender))?;
            (
                at,
                first.verify(&key, genesis_id) && second.verify(&key, genesis_id),
            )
        }
        Evidence::Proposals(first, second) => {
            same_signer(first.proposer, second.proposer)?;
            let at = same_place(proposal_mark(first), proposal_mark(second))?;
            contradict(first.proposal != second.proposal)?;
            let key = key(offender).ok_or(EvidenceFault::UnknownSigner(offender))?;
            (
                at,
                first.verify(&key, genesis_id) && second.verify(&key, genesis_id),
            )
        }
    };
    if !hold {
        return Err(EvidenceFault::BadSignature(offender));
    }
    Ok(Offence {
        offender,
        height: at.height,
        round: at.round,
        kind: at.step,
    })
}

fn same_signer(first: Address, second: Address) -> Result<(), EvidenceFault> {
    if first == second {
        Ok(())
    } else {
        Err(EvidenceFault::TwoSigners { first, second })
    }
}

fn same_place(first: SignMark, second: SignMark) -> Result<SignMark, EvidenceFault> {
    if first == second {
        Ok(first)
    } else {
        Err(EvidenceFault::TwoPlaces)
    }
}

fn contradict(differ: bool) -> Result<(), EvidenceFault> {
    if differ {
        Ok(())
    } else {
        Err(EvidenceFault::NoContradiction)
    }
}

#[cfg(test)]
mod tests {
    use aureon_types::{BlockId, Proposal, SecretKey, SignedProposal, SignedVote, Validator, Vote, VoteKind};

    use super::*;

    const GENESIS: GenesisId = GenesisId([7; 32]);
    const A: Option<BlockId> = Some(BlockId([1; 32]));
    const B: Option<BlockId> = Some(BlockId([2; 32]));

    fn key(seed: u8) -> SecretKey {
        SecretKey::from_seed([seed; 32])
    }

    fn judge(evidence: &Evidence) -> Result<Offence, EvidenceFault> {
        let members = (1..=2)
            .map(|seed| Validator::new(key(seed).public_key(), 1))
            .collect();
        check(evidence, &ValidatorSet::new(members).unwrap(), &GENESIS)
    }

    fn vote(kind: VoteKind, height: u64, round: u32, block_id: Option<BlockId>) -> Vote {
        Vote {
            kind,
            height,
            round,
            block_id,
        }
    }

    fn votes(seed: u8, first: Vote, second: Vote) -> Evidence {
        let [first, second] = [first, second].map(|vote| SignedVote::sign(vote, &key(seed), &GENESIS));
        Evidence::Votes(first, second)
    }

    #[test]
    fn two_votes_for_one_step_are_an_offence_and_others_are_none() {
        use VoteKind::{Precommit, Prevote};
        let first = vote(Precommit, 3, 1, A);
        for (second, expected) in [
            (vote(Precommit, 3, 1, B), None),
            (vote(Precommit, 3, 1, None), None),
            (vote(Precommit, 3, 1, A), Some(EvidenceFault::NoContradiction)),
            (vote(Prevote, 3, 1, B), Some(EvidenceFault::TwoPlaces)),
            (vote(Precommit, 3, 2, B), Some(EvidenceFault::TwoPlaces)),
            (vote(Precommit, 4, 1, B), Some(EvidenceFault::TwoPlaces)),
        ] {
            let judged = judge(&votes(1, first, second));
            let offence = Offence {
                offender: key(1).address(),
                height: 3,
                round: 1,
                kind: SignStep::Precommit,
            };
            assert_eq!(judged, expected.map_or(Ok(offence), Err), "{second:?}");
        }
    }

    #[test]
    fn only_a_validators_own_signatures_accuse_it() {
        let (first, second) = (vote(VoteKind::Prevote, 3, 0, A), vote(VoteKind::Prevote, 3, 0, B));
        let stranger = key(9).address();
        assert_eq!(
            judge(&votes(9, first, second)),
            Err(EvidenceFault::UnknownSigner(stranger))
        );
        let [mine, yours] = [1, 2].map(|seed| SignedVote::sign(first, &key(seed), &GENESIS));
        let second = SignedVote::sign(second, &key(2), &GENESIS);
        assert!(matches!(
            judge(&Evidence::Votes(mine.clone(), second.clone())),
            Err(EvidenceFault::TwoSigners { .. })
        ));
        // Put under another's name.
        let framed = SignedVote {
            validator: mine.validator,
            ..second.clone()
        };
        for pair in [(mine.clone(), framed.clone()), (framed, mine.clone())] {
            let name = mine.validator;
            assert_eq!(
                judge(&Evidence::Votes(pair.0, pair.1)),
                Err(EvidenceFault::BadSignature(name))
            );
        }
        assert!(judge(&Evidence::Votes(yours.clone(), second)).is_ok());
        let elsewhere = SignedVote::sign(vote(VoteKind::Prevote, 3, 0, None), &key(2), &GenesisId([8; 32]));
        assert!(
            judge(&Evidence::Votes(yours, elsewhere)).is_err(),
            "of another network"
        );
    }

    #[test]
    fn two_proposals_of_a_round_are_an_offence_also_with_one_block() {
        let proposal = |round, block, valid_round| {
            let proposal = Proposal {
                height: 3,
                round,
                block_id: BlockId([block; 32]),
                valid_round,
            };
            SignedProposal::sign(proposal, &key(2), &GENESIS)
        };
        let pair = |first: &SignedProposal, second| judge(&Evidence::Proposals(first.clone(), second));
        let first = proposal(2, 5, None);
        assert_eq!(
            pair(&first, proposal(2, 6, None)).map(|offence| offence.kind),
            Ok(SignStep::Proposal)
        );
        assert!(pair(&first, proposal(2, 5, Some(1))).is_ok());
        assert_eq!(pair(&first, first.clone()), Err(EvidenceFault::NoContradiction));
        assert_eq!(pair(&first, proposal(1, 6, None)), Err(EvidenceFault::TwoPlaces));
        let mut forged = proposal(2, 6, None);
        forged.signature.0[0] ^= 1;
        assert_eq!(
            pair(&first, forged),
            Err(EvidenceFault::BadSignature(key(2).address()))
        );
    }
}
