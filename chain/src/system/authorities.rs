//! Proof of authority: the authorities decide by votes who is one.
//!
//! A change is voted for by sending it. The first vote opens a *ballot*, which counts for the number of
//! heights that the genesis says; when more than half of the authorities have voted for it, the change
//! is made. From then on the new list votes, and it is the set of the next epoch (as far as a third may
//! change in one). Votes count as long as who cast them is an authority.

use aureon_types::{PublicKey, RefusalCode, limits::MAX_VALIDATORS};

use super::{
    MAX_BALLOTS, Outcome, Sender, count, damaged,
    records::{Authorities, Ballot, OpenBallot, OpenBallots},
    refuse,
    rules::AuthorityRules,
    slots::{self, Slots},
};
use crate::execution::{Overlay, StateError, StateReader};

impl Authorities {
    /// Whether this key is one of theirs.
    pub(super) fn have(&self, key: &PublicKey) -> bool {
        self.0.binary_search(key).is_ok()
    }

    /// How many votes a change needs: more than half.
    pub(super) fn needed(&self) -> usize {
        (self.0.len() / 2).saturating_add(1)
    }

    /// The list after a change, or why it cannot be.
    fn changed(&self, add: Option<PublicKey>, remove: Option<PublicKey>) -> Outcome<Self> {
        let mut keys = self.0.clone();
        if let Some(key) = remove {
            let Ok(place) = keys.binary_search(&key) else {
                return refuse(RefusalCode::UnknownAuthority, 0, 0);
            };
            if keys.len() == 1 && add.is_none() {
                return refuse(RefusalCode::LastAuthority, 0, 0);
            }
            keys.remove(place);
        }
        if let Some(key) = add {
            if key.check().is_err() {
                return refuse(RefusalCode::KeyRefused, 0, 0);
            }
            let Err(place) = keys.binary_search(&key) else {
                return refuse(RefusalCode::AlreadyAuthority, 0, 0);
            };
            keys.insert(place, key);
        }
        if keys.len() > MAX_VALIDATORS {
            return refuse(
                RefusalCode::TooManyAuthorities,
                count(keys.len()),
                count(MAX_VALIDATORS),
            );
        }
        Ok(Self(keys))
    }
}

/// Counts the sender's vote for a change, and makes the change if that was the vote it needed.
pub(super) fn vote<R: StateReader>(
    overlay: &mut Overlay<'_, R>,
    rules: &AuthorityRules,
    height: u64,
    sender: Sender,
    add: Option<PublicKey>,
    remove: Option<PublicKey>,
) -> Outcome {
    let list = slots::authorities();
    let authorities: Authorities = overlay.load(&list)?.ok_or_else(|| damaged("authorities"))?;
    if !authorities.have(&sender.key) {
        return refuse(RefusalCode::NotAnAuthority, 0, 0);
    }
    let after = authorities.changed(add, remove)?;
    let (mut open, mut changed) = drop_expired(overlay, height)?;
    let slot = slots::ballot(add.as_ref(), remove.as_ref());
    let mut ballot = match overlay.load::<Ballot>(&slot)? {
        Some(ballot) => ballot,
        None => {
            let expires = height.saturating_add(rules.vote_expiry_blocks);
            enter(
                &mut open,
                &authorities,
                OpenBallot {
                    slot,
                    opener: sender.address,
                    expires,
                },
            )?;
            changed = true;
            Ballot {
                add,
                remove,
                expires,
                voters: Vec::new(),
            }
        }
    };
    // Who is no authority any longer has no vote any longer.
    ballot.voters.retain(|voter| authorities.have(voter));
    let repeated = ballot.voters.contains(&sender.key);
    if !repeated {
        ballot.voters.push(sender.key);
    }
    if ballot.voters.len() >= authorities.needed() {
        overlay.clear(&slot)?;
        open.0.retain(|other| other.slot != slot);
        changed = true;
        overlay.put(&list, &after)?;
    } else if repeated {
        return refuse(RefusalCode::AlreadyVoted, 0, ballot.expires);
    } else {
        overlay.put(&slot, &ballot)?;
    }
    if changed {
        overlay.put_list(&slots::open_ballots(), &open, open.0.is_empty())?;
    }
    Ok(())
}

/// Enters a new ballot, if its opener may have one more.
fn enter(open: &mut OpenBallots, authorities: &Authorities, ballot: OpenBallot) -> Outcome {
    let share = MAX_BALLOTS.checked_div(authorities.0.len()).unwrap_or(0).max(1);
    let own = open
        .0
        .iter()
        .filter(|other| other.opener == ballot.opener)
        .count();
    if own >= share {
        return refuse(RefusalCode::TooManyVotes, count(own), count(share));
    }
    // What was opened by authorities that are none any longer can fill the list beyond the shares.
    if open.0.len() >= MAX_BALLOTS {
        return refuse(RefusalCode::TooManyVotes, count(open.0.len()), count(MAX_BALLOTS));
    }
    open.0.push(ballot);
    Ok(())
}

/// The open ballots, without those whose time is over, and whether there were any of these.
fn drop_expired<R: StateReader>(
    overlay: &mut Overlay<'_, R>,
    height: u64,
) -> Result<(OpenBallots, bool), StateError> {
    let mut open: OpenBallots = overlay.load_or_default(&slots::open_ballots())?;
    for ballot in open.0.iter().filter(|ballot| ballot.expires < height) {
        overlay.clear(&ballot.slot)?;
    }
    let before = open.0.len();
    open.0.retain(|ballot| ballot.expires >= height);
    let dropped = open.0.len() < before;
    Ok((open, dropped))
}
