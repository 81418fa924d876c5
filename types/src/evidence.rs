//! Evidence: two signed messages that one honest validator would never both have signed.

use aureon_proto::v1 as proto;
use prost::Message as _;

use crate::{Address, DecodeError, SignedProposal, SignedVote, strict};

const WHAT: &str = "evidence";

/// Claims that a validator contradicted itself: two different signed messages for one height, round
/// and step. Well formed, and nothing more: whether it is true is for consensus to verify.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// Two votes of one kind.
    Votes(SignedVote, SignedVote),
    /// Two proposals.
    Proposals(SignedProposal, SignedProposal),
}

impl Evidence {
    /// Who is said to have contradicted itself: the signer of the first message.
    pub fn offender(&self) -> Address {
        match self {
            Self::Votes(first, _) => first.validator,
            Self::Proposals(first, _) => first.proposer,
        }
    }

    /// The height of the first message.
    pub fn height(&self) -> u64 {
        match self {
            Self::Votes(first, _) => first.vote.height,
            Self::Proposals(first, _) => first.proposal.height,
        }
    }

    /// The round of the first message.
    pub fn round(&self) -> u32 {
        match self {
            Self::Votes(first, _) => first.vote.round,
            Self::Proposals(first, _) => first.proposal.round,
        }
    }

    /// What travels.
    pub fn to_proto(&self) -> proto::Evidence {
        let contradiction = match self {
            Self::Votes(first, second) => proto::evidence::Contradiction::Votes(proto::VotePair {
                first: Some(first.to_proto()),
                second: Some(second.to_proto()),
            }),
            Self::Proposals(first, second) => {
                proto::evidence::Contradiction::Proposals(proto::ProposalPair {
                    first: Some(first.to_proto()),
                    second: Some(second.to_proto()),
                })
            }
        };
        proto::Evidence {
            contradiction: Some(contradiction),
        }
    }

    /// Strict in what was signed; whoever decodes the message around it answers for the rest.
    pub fn from_proto(message: &proto::Evidence) -> Result<Self, DecodeError> {
        let contradiction = strict::required(WHAT, "contradiction", message.contradiction.as_ref())?;
        match contradiction {
            proto::evidence::Contradiction::Votes(pair) => Ok(Self::Votes(
                SignedVote::from_proto(strict::required(WHAT, "votes.first", pair.first.as_ref())?)?,
                SignedVote::from_proto(strict::required(WHAT, "votes.second", pair.second.as_ref())?)?,
            )),
            proto::evidence::Contradiction::Proposals(pair) => Ok(Self::Proposals(
                SignedProposal::from_proto(strict::required(WHAT, "proposals.first", pair.first.as_ref())?)?,
                SignedProposal::from_proto(strict::required(
                    WHAT,
                    "proposals.second",
                    pair.second.as_ref(),
                )?)?,
            )),
        }
    }

    /// The encoding of the `Evidence` message.
    pub fn encode(&self) -> Vec<u8> {
        self.to_proto().encode_to_vec()
    }

    /// Strict.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        Self::from_proto(&strict::decode(WHAT, bytes)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BlockId, GenesisId, Proposal, SecretKey, Vote, VoteKind};

    const GENESIS: GenesisId = GenesisId([7; 32]);

    fn votes() -> Evidence {
        let key = SecretKey::from_seed([1; 32]);
        let [a, b] = [Some(BlockId([5; 32])), None].map(|block_id| {
            let vote = Vote {
                kind: VoteKind::Precommit,
                height: 3,
                round: 1,
                block_id,
            };
            SignedVote::sign(vote, &key, &GENESIS)
        });
        Evidence::Votes(a, b)
    }

    fn proposals() -> Evidence {
        let key = SecretKey::from_seed([1; 32]);
        let [a, b] = [5, 6].map(|byte| {
            let proposal = Proposal {
                height: 3,
                round: 1,
                block_id: BlockId([byte; 32]),
                valid_round: None,
            };
            SignedProposal::sign(proposal, &key, &GENESIS)
        });
        Evidence::Proposals(a, b)
    }

    #[test]
    fn evidence_comes_back_and_names_the_offence() {
        for evidence in [votes(), proposals()] {
            let bytes = evidence.encode();
            assert_eq!(Evidence::decode(&bytes), Ok(evidence.clone()));
            assert_eq!(
                (evidence.offender(), evidence.height(), evidence.round()),
                (SecretKey::from_seed([1; 32]).address(), 3, 1)
            );
            for cut in 0..bytes.len() {
                assert!(Evidence::decode(&bytes[..cut]).is_err(), "cut at {cut}");
            }
        }
    }

    #[test]
    fn a_message_inside_that_is_not_strict_is_refused() {
        let mut message = votes().to_proto();
        let Some(proto::evidence::Contradiction::Votes(pair)) = &mut message.contradiction else {
            unreachable!()
        };
        let second = pair.second.as_mut().unwrap();
        let mut vote = second.vote.clone().unwrap().to_vec();
        vote.extend([0x72, 0]); // field 14, unknown
        second.vote = Some(vote.into());
        assert_eq!(
            Evidence::decode(&message.encode_to_vec()),
            Err(DecodeError::NotCanonical { what: "vote" })
        );
    }
}
