//! Header sync: how a node under proof of work finds the heaviest chain.
//!
//! *Protocol.* Peers say how much work their chain holds. The one that claims most, if that is more than
//! our heaviest header has, is asked for the headers after a locator; the headers must follow each other;
//! a worker checks the work of each; then consensus judges them and puts them into its tree. A full
//! answer is continued from its last header, until the peer has no more. Bodies are not our business:
//! consensus asks for them once a branch of headers is heavier than its head.
//!
//! *A claim is only a claim.* A peer whose chain ends before it holds the work that it claimed is
//! penalised, and its claim does not count for a while that doubles with each offence. Work that was
//! delivered counts whoever sent it.
//!
//! *Headers without bodies.* Whoever mined a long branch at the difficulty of long ago can send its headers
//! and keep its bodies. If the head stands still for [`STALL`] while headers are far ahead of it, those who
//! sent headers rest, and others are asked for what follows the head: consensus executes the branches that
//! are heavier than its head, not the heaviest only. A branch whose bodies do not come is forgotten by
//! consensus after a while ([`aureon_consensus::pow::PATIENCE`]); those who may have sent it rest for
//! [`STALL`], and others are asked before them from then on, so that what enters in its place is not the same
//! again.
//!
//! *Another history.* A peer whose chain leaves ours below our last final block is not followed and not
//! blamed; its claim is ignored for [`OTHER_HISTORY_REST`]. An answer can also be overtaken: another was quicker, and
//! our head went on, so that what the answer follows is final or forgotten by now. Then its sender only rests a little,
//! unless that happens again and again.
//!
//! *Bounds.* [`MAX_REQUESTS`] answers of [`MAX_HEADERS`] headers on their way or being checked; nothing
//! is asked for while headers are [`MAX_AHEAD`] or more ahead of an executed head that moves.
//!
//! *Pure*, as [`super::RangeSync`] is.

mod effect;
mod input;
mod machine;
mod messages;
mod offence;
mod peers;
mod steps;

#[cfg(test)]
mod machine_tests;
#[cfg(test)]
mod network;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod testing;

use std::time::Duration;

pub use effect::Effect;
pub use input::{Claim, Input, Tip};
pub use machine::HeaderSync;
pub use messages::{MAX_LOCATOR, answer_headers, decode_headers, decode_headers_request, headers_request};
pub use offence::Offence;

/// Most headers of one answer: about a megabyte.
pub const MAX_HEADERS: usize = 2_000;
/// Answers on their way or being judged, at most one per peer. A second peer is asked only when the first
/// lets us wait for [`HEDGE`]: both send the same.
pub const MAX_REQUESTS: usize = 2;
/// Headers that may be ahead of the executed head. Above it nothing is asked for: bodies must catch up.
pub const MAX_AHEAD: u64 = 4_096;
/// How long the head may stand still while headers are [`MAX_AHEAD`] ahead, before others than those who
/// sent them are asked; and how long those rest.
pub const STALL: Duration = Duration::from_secs(30);
/// How long a peer may take to answer.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// After this a second peer is asked.
pub const HEDGE: Duration = Duration::from_secs(3);
/// How long a header that gossip should bring is left to it before it is asked for.
pub const GRACE: Duration = Duration::from_millis(500);
/// How long a heavier chain must be known before this node says that it is behind.
pub const BEHIND_AFTER: Duration = Duration::from_secs(2);
/// How long the claim of a peer with another history is ignored.
pub const OTHER_HISTORY_REST: Duration = Duration::from_secs(600);
