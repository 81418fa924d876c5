//! Headers whose work was checked, on a worker.

use aureon_types::SealedHeader;

use super::{HeaderFault, check_work};

/// Headers that have each done the work they claim. Made only by [`verify_headers`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedHeaders(Vec<SealedHeader>);

impl VerifiedHeaders {
    /// As given.
    pub fn headers(&self) -> &[SealedHeader] {
        &self.0
    }
}

/// A header whose work is not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("header {height}: {fault}")]
pub struct HeadersFault {
    /// Its height.
    pub height: u64,
    /// What is wrong.
    pub fault: HeaderFault,
}

/// Checks the work of each header against the target that it names itself. Costs about a microsecond
/// per header.
pub fn verify_headers(headers: Vec<SealedHeader>) -> Result<VerifiedHeaders, HeadersFault> {
    for header in &headers {
        let height = header.header().height;
        check_work(header).map_err(|fault| HeadersFault { height, fault })?;
    }
    Ok(VerifiedHeaders(headers))
}

/// Why headers of a peer are not in the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeaderStop {
    /// One breaks a rule: the fault of who sent it.
    Invalid {
        /// Its height.
        height: u64,
        /// The rule.
        fault: HeaderFault,
    },
    /// The first stands on nothing that is here.
    UnknownParent,
    /// They leave our chain below its final block: another history. Nobody's fault, and not followed.
    TooDeep,
    /// One's time is ahead of our clock: ask again when the wall clock shows this.
    AheadOfClock {
        /// Milliseconds since 1970-01-01 UTC.
        until_ms: u64,
    },
    /// The tree is full of heavier branches.
    Full,
}
