//! Who may build a block, which head counts, what is final: Aureon's consensus engines, pure.
//!
//! [`Engine`] is selected from the genesis when a node starts, and the rest of the node does not know
//! which one it is. It is a state machine without I/O: `handle(now, Input, &mut Vec<Effect>)`. Time is
//! an argument ([`Now`]), waiting is an [`Effect::StartTimer`] that comes back as
//! [`Input::TimerFired`], and everything that touches disk, network or execution leaves as an effect.
//!
//! *The engines*: [`bft`] is Tendermint (Buchman, Kwon, Milosevic 2018, "The latest gossip on BFT
//! consensus") on Malachite's core, for the networks where validators vote; [`pow`] is Nakamoto's rule,
//! for those where blocks are mined. What a block fixes for the next one, whichever the engine, is its
//! [`Lineage`].
//!
//! *The way of a message*: bytes -> [`Message::decode`] -> [`Engine::admit`] (cheap, on the loop) ->
//! [`verify`] (every signature, or the work, on a worker) -> [`Input::Message`].
//!
//! *Architecture invariant*: nothing here reads a clock, draws a random number, waits, or iterates in
//! an order that differs between machines. Nothing that a peer sends can make a buffer grow without
//! bound. Nothing is signed that contradicts what this key signed before, in this life of the process
//! or in an earlier one (see [`SignMark`]).

// What decides consensus neither wraps nor panics on a large number; tests may.
#![cfg_attr(
    not(test),
    deny(clippy::arithmetic_side_effects, clippy::cast_possible_truncation)
)]

pub mod admit;
pub mod bft;
mod config;
mod effect;
mod engine;
pub mod evidence;
mod input;
pub mod light;
mod lineage;
pub mod log;
pub mod message;
pub mod pow;
pub mod schedule;
mod sign_mark;
pub mod status;
mod verify;

pub use admit::{Admit, DropReason, Drops};
pub use aureon_types::Evidence;
pub use config::{Config, ConfigError, Head};
pub use effect::{Effect, OutgoingMessage};
pub use engine::Engine;
pub use input::{Input, Now, TimerId};
pub use lineage::Lineage;
pub use log::{LogRecord, LoggedValue, StepTimeout};
pub use message::{Message, PolkaCertificate, RoundCertificate, RoundCertificateKind, RoundSignature};
pub use schedule::{Epoch, Schedule, ScheduleError, limit_change};
pub use sign_mark::{SignMark, SignMarkError, SignStep};
pub use status::{ConsensusStatus, Signing, Step, ValidatorVotes};
pub use verify::{Fault, VerifiedMessage, verify, verify_header};
