//! What a peer can do wrong in header sync.

use aureon_consensus::pow::{HeaderFault, Work};

/// An offence, with what shows it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Offence {
    /// Its chain ends before it holds the work that it claimed.
    #[error("it claims a chain of {claimed} hashes, and its headers end without reaching that")]
    ClaimNotKept {
        /// What it claimed.
        claimed: Work,
    },
    /// More headers than asked for.
    #[error("{asked} headers were asked for, it sent {given}")]
    TooManyHeaders {
        /// How many were asked for.
        asked: usize,
        /// How many came.
        given: usize,
    },
    /// A header that does not follow the one before it in the same answer.
    #[error("header {height} does not follow the header before it in the same answer")]
    BrokenChain {
        /// Its height.
        height: u64,
    },
    /// A header that breaks a rule.
    #[error("header {height} is not valid: {fault}")]
    BadHeader {
        /// Its height.
        height: u64,
        /// The rule.
        fault: HeaderFault,
    },
    /// An answer that follows nothing we named.
    #[error("its headers follow none of the blocks that the request named")]
    NotConnected,
    /// An answer that could not be decoded.
    #[error("its answer is malformed: {0}")]
    Malformed(String),
    /// No answer in time.
    #[error("it did not answer a request for headers in time")]
    TimedOut,
}

impl Offence {
    /// Whether no honest peer can do this, however slow, overloaded or unlucky. A chain can lose its
    /// place in our tree while it is on its way.
    pub fn is_deliberate(&self) -> bool {
        !matches!(self, Self::TimedOut | Self::NotConnected)
    }
}
