//! The precommit of a validator that was overtaken.
//!
//! Who hears the precommits of two thirds before its own turn to precommit decides at once, and the core
//! never asks for its signature any more. Nothing is missing for the decision; but whoever is absent from
//! certificates counts as absent, and a validator whose machine is slower than those of the fastest two
//! thirds, or one beside a validator with more than two thirds of the power, would never be in one. So it
//! says afterwards what it would have said. Others collect it until the height is closed, and the next
//! block's certificate names it.
//!
//! *Safe*: the vote is for what is decided, at the place where it is decided, and only if nothing was signed
//! there or later in the height.

use arc_malachitebft_core_types::{Round, VoteType};
use aureon_types::{SignedVote, Vote, VoteKind, signature::VOTE_DOMAIN};

use super::{
    Bft,
    context::Who,
    convert::{CoreInput, vote_in},
};
use crate::{Effect, Message, log::vote_mark};

impl Bft {
    /// To be called when a call has decided, before the decision leaves.
    pub(super) fn vote_late(&mut self, effects: &mut Vec<Effect>) {
        let Some(late) = self.late_vote() else { return };
        self.port
            .publish_signed(Message::Vote(late.clone()), late.signature);
        // The core counts and logs it like anybody's.
        self.drive(CoreInput::Vote(vote_in(&late)), effects);
    }

    fn late_vote(&mut self) -> Option<SignedVote> {
        let (certificate, _) = self.port.decided.as_ref()?;
        let vote = Vote {
            kind: VoteKind::Precommit,
            height: certificate.height,
            round: certificate.round,
            block_id: Some(certificate.block_id),
        };
        let validator = self.port.guard.address()?;
        let votes = self.core.driver.votes().per_round(Round::new(vote.round));
        let has_voted =
            votes.is_some_and(|votes| votes.get_vote(VoteType::Precommit, &Who(validator)).is_some());
        if has_voted || vote.height != self.height() || !self.is_validator(vote.height) {
            return None;
        }
        let mut late = SignedVote {
            vote,
            validator,
            signature: aureon_types::Signature([0; 64]),
        };
        let content = vote.encode();
        late.signature = self
            .port
            .guard
            .sign_if_free(vote_mark(&late), VOTE_DOMAIN, content)?;
        Some(late)
    }
}
