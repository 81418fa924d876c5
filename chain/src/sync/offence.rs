//! What a peer can do wrong in range sync.

use aureon_types::CertificateFault;

/// An offence, with what shows it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Offence {
    /// It claimed a height and sent nothing from below it.
    #[error("it claims height {claimed} and sent no block from {from} on")]
    ClaimNotKept {
        /// First height asked for.
        from: u64,
        /// Height it claimed.
        claimed: u64,
    },
    /// More blocks than asked for.
    #[error("{asked} blocks were asked for, it sent {given}")]
    TooManyBlocks {
        /// How many were asked for.
        asked: u64,
        /// How many came.
        given: usize,
    },
    /// A block of another height than its place in the answer.
    #[error("block {expected} was due, it sent block {given}")]
    WrongHeight {
        /// The height due.
        expected: u64,
        /// The height in the header.
        given: u64,
    },
    /// A block that does not follow the one before it in the same answer.
    #[error("block {height} does not follow the block before it in the same answer")]
    BrokenChain {
        /// The block.
        height: u64,
    },
    /// A certificate that proves nothing.
    #[error("the certificate of block {height} does not hold: {fault}")]
    BadCertificate {
        /// The block.
        height: u64,
        /// Why.
        fault: CertificateFault,
    },
    /// A body that could not be imported, by the sender's fault.
    #[error("block {height} cannot be imported: {reason}")]
    BadBlock {
        /// The block.
        height: u64,
        /// Why.
        reason: String,
    },
    /// An answer that could not be decoded.
    #[error("its answer is malformed: {0}")]
    Malformed(String),
    /// No answer in time.
    #[error("it did not answer a request for blocks {from} to {last} in time")]
    TimedOut {
        /// First height asked for.
        from: u64,
        /// Last height asked for.
        last: u64,
    },
}

impl Offence {
    /// Whether no honest peer can do this, however slow or overloaded.
    pub fn is_deliberate(&self) -> bool {
        !matches!(self, Self::TimedOut { .. })
    }
}
