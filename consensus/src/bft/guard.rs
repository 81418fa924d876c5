//! May this key sign here? The last word before every signature.
//!
//! Three rules, in this order:
//! 1. *Nothing new at or below the sign-mark.* What was signed at this height is known from the log and
//!    may be given out again, byte for byte.
//! 2. *No signature before it is known what this key signed.* The mark is missing, or older than the
//!    chain (a restored backup, a wiped disk, a key that moved): the validator listens for two round
//!    timeouts, then signs only in later rounds than any vote under its key that it heard, and than any
//!    vote of others in the running height (whoever was there may have had our vote). The same where
//!    the mark survived and the log did not: only later rounds than the mark's.
//! 3. *Two signers with one key: the one that notices stops.* A valid vote under our key, above our
//!    mark and not in our log, was made by another process.
//!
//! Rounds that may not be signed in are stepped over by the engine ([`Guard::barred`]): with two
//! validators nobody else could end them, and a wiped validator would stall the chain for ever.

use std::collections::BTreeMap;

use aureon_types::{Address, GenesisId, SecretKey, Signature, signature};
use bytes::Bytes;

use crate::{SignMark, SignStep, Signing};

/// Own messages of a height that are remembered; when there are more, those of the lowest rounds are
/// forgotten (64 rounds and more: the mark still protects them).
const MAX_OWN: usize = 192;

/// A height and a round.
type Place = (u64, u32);

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    /// Nothing was signed in this life, and the mark was not yet held against the chain.
    Unchecked,
    /// Rule 2: since when is not known here; `heard` is the latest place of any vote heard meanwhile.
    Listening { heard: Option<Place> },
    /// Signing is allowed above the barrier.
    Trusted { barrier: Option<Place> },
    /// Rule 3, or a failure. Final.
    Stopped { reason: String },
}

/// What a message under our own key means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Own {
    /// We signed exactly this: an echo.
    Echo,
    /// We may have signed it in an earlier life.
    Forgotten,
    /// Another process signs with our key.
    Foreign,
}

pub(super) struct Guard {
    key: Option<SecretKey>,
    address: Option<Address>,
    genesis_id: GenesisId,
    state: State,
    mark: Option<SignMark>,
    /// The mark has risen since [`Guard::take_mark`].
    risen: bool,
    /// A signature was refused since [`Guard::take_refusal`].
    refused: bool,
    height: u64,
    /// What we signed at `height`, as signed.
    own: BTreeMap<(u32, SignStep), Bytes>,
}

impl Guard {
    pub(super) fn new(key: Option<SecretKey>, genesis_id: GenesisId, mark: Option<SignMark>) -> Self {
        let address = key.as_ref().map(SecretKey::address);
        Self {
            key,
            address,
            genesis_id,
            state: State::Unchecked,
            mark,
            risen: false,
            refused: false,
            height: 0,
            own: BTreeMap::new(),
        }
    }

    pub(super) fn address(&self) -> Option<Address> {
        self.address
    }

    /// A height begins above `head`; `logged` is what the log says we signed in it. Gives true if the
    /// validator must listen from now on (rule 2).
    pub(super) fn begin_height(
        &mut self,
        head: u64,
        is_validator: bool,
        logged: Vec<(SignMark, Bytes)>,
    ) -> bool {
        self.height = head.saturating_add(1);
        self.own = logged
            .into_iter()
            .map(|(at, content)| ((at.round, at.step), content))
            .collect();
        if self.state != State::Unchecked || !is_validator {
            return false;
        }
        let known = self.mark.filter(|mark| mark.height >= head);
        let logged = self.last_own();
        self.mark = self.mark.max(logged);
        match known {
            None => {
                self.state = State::Listening {
                    heard: logged.map(|at| (at.height, at.round)),
                };
                true
            }
            // The log reaches the mark: everything that was signed is known, nothing is barred. Stays
            // unchecked until the first signature: a range import may still outrun the mark.
            Some(mark) if logged >= Some(mark) => false,
            Some(mark) => {
                if mark.height > head {
                    self.state = State::Trusted {
                        barrier: Some((mark.height, mark.round)),
                    };
                }
                false
            }
        }
    }

    fn last_own(&self) -> Option<SignMark> {
        let (round, step) = self.own.keys().next_back()?;
        Some(SignMark {
            height: self.height,
            round: *round,
            step: *step,
        })
    }

    /// Whether the core may vote and propose at this place.
    pub(super) fn allows(&self, place: Place) -> bool {
        self.key.is_some()
            && match &self.state {
                State::Unchecked => true,
                State::Trusted { barrier } => barrier.is_none_or(|barrier| place > barrier),
                State::Listening { .. } | State::Stopped { .. } => false,
            }
    }

    /// Whether this place lies at or below the barrier in its height, so that it is to be stepped over.
    pub(super) fn barred(&self, place: Place) -> bool {
        matches!(self.state, State::Trusted { barrier: Some(barrier) } if place <= barrier && place.0 == barrier.0)
    }

    /// Bars a round that is otherwise allowed: its votes were cast unsigned.
    pub(super) fn bar(&mut self, place: Place) {
        if let State::Trusted { barrier } = &mut self.state {
            *barrier = (*barrier).max(Some(place));
        }
    }

    /// Somebody votes or proposes there. Matters while listening.
    pub(super) fn hear(&mut self, place: Place) {
        if let State::Listening { heard } = &mut self.state {
            *heard = (*heard).max(Some(place));
        }
    }

    /// The time of listening is over; `place` is where the core stands. It has decided its votes of
    /// this round without signing them, so the round is barred too.
    pub(super) fn listened(&mut self, place: Place) {
        if let State::Listening { heard } = self.state {
            let mark = self.mark.map(|mark| (mark.height, mark.round));
            self.state = State::Trusted {
                barrier: heard.max(mark).max(Some(place)),
            };
        }
    }

    /// Judges a verified message under our key.
    pub(super) fn judge_own(&mut self, at: SignMark, content: &[u8]) -> Own {
        let same_height = at.height == self.height;
        match self.own.get(&(at.round, at.step)).filter(|_| same_height) {
            Some(signed) if signed == content => Own::Echo,
            Some(_) => Own::Foreign,
            None if matches!(self.state, State::Listening { .. }) => {
                self.hear((at.height, at.round));
                Own::Forgotten
            }
            None if self.mark.is_none_or(|mark| at > mark) => Own::Foreign,
            None => Own::Forgotten,
        }
    }

    pub(super) fn stop(&mut self, reason: String) {
        self.state = State::Stopped { reason };
    }

    /// Signs `content` under `domain` at a place in our life. `None`: it would break rule 1.
    pub(super) fn sign(&mut self, at: SignMark, domain: &str, content: Bytes) -> Option<Signature> {
        if !self.may_sign(at, &content) {
            self.refused = true;
            return None;
        }
        let message = signature::message(domain, &self.genesis_id, &content);
        let signature = self.key.as_ref().map(|key| key.sign(&message));
        if !self.own.contains_key(&(at.round, at.step)) {
            if self.state == State::Unchecked {
                self.state = State::Trusted { barrier: None };
            }
            self.mark = Some(at);
            self.risen = true;
            self.remember(at, content);
        }
        signature
    }

    /// As [`Guard::sign`], where nobody depends on the signature: what rule 1 forbids is left, and bars
    /// nothing.
    pub(super) fn sign_if_free(&mut self, at: SignMark, domain: &str, content: Bytes) -> Option<Signature> {
        if self.may_sign(at, &content) {
            self.sign(at, domain, content)
        } else {
            None
        }
    }

    fn may_sign(&self, at: SignMark, content: &Bytes) -> bool {
        let place = (at.height, at.round);
        self.allows(place)
            && at.height == self.height
            && match self.own.get(&(at.round, at.step)) {
                Some(signed) => signed == content,
                None => self.mark.is_none_or(|mark| at > mark),
            }
    }

    /// Whether a signature was refused since the last call. Then this round is barred: the mark reaches
    /// into it, and the log does not say how far.
    pub(super) fn take_refusal(&mut self, place: Place) -> bool {
        let refused = std::mem::take(&mut self.refused);
        if refused && self.state == State::Unchecked {
            self.state = State::Trusted { barrier: None };
        }
        if refused {
            self.bar(place);
        }
        refused
    }

    fn remember(&mut self, at: SignMark, content: Bytes) {
        if self.own.len() >= MAX_OWN {
            self.own.pop_first();
        }
        self.own.insert((at.round, at.step), content);
    }

    /// The mark, if it rose since the last call.
    pub(super) fn take_mark(&mut self) -> Option<SignMark> {
        if std::mem::take(&mut self.risen) {
            self.mark
        } else {
            None
        }
    }

    pub(super) fn is_stopped(&self) -> bool {
        matches!(self.state, State::Stopped { .. })
    }

    /// For status; `is_validator` at the height of `place`.
    pub(super) fn signing(&self, is_validator: bool, place: Place) -> Signing {
        match &self.state {
            _ if self.key.is_none() => Signing::Observer,
            State::Stopped { reason } => Signing::Stopped {
                reason: reason.clone(),
            },
            _ if !is_validator => Signing::NotAValidator,
            State::Listening { .. } => Signing::Listening,
            State::Trusted {
                barrier: Some((height, round)),
            } if place <= (*height, *round) => Signing::Barred {
                height: *height,
                round: *round,
            },
            State::Unchecked | State::Trusted { .. } => Signing::Yes,
        }
    }
}

#[cfg(test)]
mod tests;
