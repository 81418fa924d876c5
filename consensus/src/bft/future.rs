//! Verified messages for heights that have not started here.
//!
//! The core would buffer them itself, but oldest first and repeats counted, so that a chatty peer
//! fills its queue. The rule here: per validator and step, only the newest (by height, then round) is
//! kept; of certificates, the newest of each kind. That bounds the store to three messages per
//! validator and two certificates. What is displaced is not lost for good: a validator that is further
//! ahead has decided the heights between, and range sync brings them.

use std::collections::BTreeMap;

use aureon_types::Address;

use crate::{DropReason, Message, SignStep, log::vote_mark};

/// Heights above the last committed one for which messages are kept. Further ones are dropped: who is
/// that far behind needs range sync first.
pub(super) const WINDOW: u64 = 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Slot {
    Signed(Address, SignStep),
    Polka,
    Round,
}

#[derive(Debug, Default)]
pub(super) struct Future {
    newest: BTreeMap<Slot, Message>,
}

fn slot(message: &Message) -> Slot {
    match message {
        Message::Vote(vote) => Slot::Signed(vote.validator, vote_mark(vote).step),
        Message::Proposal(proposal) => Slot::Signed(proposal.proposer, SignStep::Proposal),
        Message::Polka(_) => Slot::Polka,
        // A mined header is dropped at the edge, before anybody asks where to hold it.
        Message::Round(_) | Message::Work(_) => Slot::Round,
    }
}

impl Future {
    /// Why `message` would not be kept, if so.
    pub(super) fn objection(&self, message: &Message) -> Option<DropReason> {
        if self.newest.get(&slot(message)) == Some(message) {
            return Some(DropReason::Repeated);
        }
        (!self.wants(message)).then_some(DropReason::Duplicate)
    }

    /// Whether `message` is newer than what is there.
    fn wants(&self, message: &Message) -> bool {
        let position = |message: &Message| (message.height(), message.round());
        self.newest
            .get(&slot(message))
            .is_none_or(|kept| position(kept) < position(message))
    }

    /// Keeps `message` if it is the newest of its validator and step.
    pub(super) fn hold(&mut self, message: Message) {
        if self.wants(&message) {
            self.newest.insert(slot(&message), message);
        }
    }

    /// Whether anybody has begun `height`.
    pub(super) fn has(&self, height: u64) -> bool {
        self.newest.values().any(|message| message.height() == height)
    }

    /// The messages for `height`, proposals first, certificates last; what is older is forgotten.
    pub(super) fn take(&mut self, height: u64) -> Vec<Message> {
        let (mut taken, mut kept) = (Vec::new(), BTreeMap::new());
        for (slot, message) in std::mem::take(&mut self.newest) {
            if message.height() == height {
                taken.push((slot, message));
            } else if message.height() > height {
                kept.insert(slot, message);
            }
        }
        self.newest = kept;
        taken.sort_by_key(|(slot, _)| match slot {
            Slot::Signed(_, step) => (0, Some(*step)),
            Slot::Polka | Slot::Round => (1, None),
        });
        taken.into_iter().map(|(_, message)| message).collect()
    }
}

#[cfg(test)]
mod tests {
    use aureon_types::{BlockId, GenesisId, SecretKey, SignedVote, Vote, VoteKind};

    use super::*;
    use crate::PolkaCertificate;

    fn vote(seed: u8, kind: VoteKind, height: u64, round: u32) -> Message {
        let vote = Vote {
            kind,
            height,
            round,
            block_id: None,
        };
        Message::Vote(SignedVote::sign(
            vote,
            &SecretKey::from_seed([seed; 32]),
            &GenesisId([1; 32]),
        ))
    }

    #[test]
    fn the_newest_of_each_validator_and_step_is_kept() {
        let mut future = Future::default();
        for (height, round) in [(5, 0), (5, 2), (5, 1), (4, 9)] {
            future.hold(vote(1, VoteKind::Prevote, height, round));
        }
        future.hold(vote(1, VoteKind::Precommit, 5, 0));
        future.hold(vote(2, VoteKind::Prevote, 5, 0));
        assert!(!future.wants(&vote(2, VoteKind::Prevote, 5, 0)), "a repeat");
        assert!(future.has(5) && !future.has(4));
        let taken = future.take(5);
        assert_eq!(taken.len(), 3);
        assert!(taken.contains(&vote(1, VoteKind::Prevote, 5, 2)));
        assert!(future.take(5).is_empty());
    }

    #[test]
    fn a_chatty_validator_cannot_push_out_another() {
        let mut future = Future::default();
        future.hold(vote(2, VoteKind::Prevote, 5, 0));
        for round in 0..1_000 {
            future.hold(vote(1, VoteKind::Prevote, 5, round));
        }
        assert_eq!(future.newest.len(), 2);
        assert!(future.take(5).contains(&vote(2, VoteKind::Prevote, 5, 0)));
    }

    #[test]
    fn certificates_come_last_and_old_heights_are_forgotten() {
        let mut future = Future::default();
        future.hold(Message::Polka(PolkaCertificate::new(
            6,
            0,
            BlockId([1; 32]),
            Vec::new(),
        )));
        future.hold(vote(1, VoteKind::Precommit, 6, 0));
        future.hold(vote(2, VoteKind::Prevote, 5, 0));
        assert!(matches!(
            future.take(6)[..],
            [Message::Vote(_), Message::Polka(_)]
        ));
        assert!(!future.has(5));
    }
}
