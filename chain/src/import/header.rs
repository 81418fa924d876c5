//! Step 1: the rules that a header keeps by itself, beside its parent and the clock.

use aureon_types::{BlockId, Genesis, Hash, Header, SealedHeader};

use super::{HeaderFault, HeightRules};

/// The block below.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParentInfo {
    /// Its height; 0: the genesis.
    pub height: u64,
    /// Its id; the genesis id for the genesis.
    pub id: BlockId,
    /// Its time, in milliseconds since 1970-01-01 UTC.
    pub timestamp_ms: u64,
    /// Root of the state after it.
    pub state_root: Hash,
}

impl ParentInfo {
    /// Under the first block: the genesis, and the root of the state that holds its balances.
    pub fn genesis(genesis: &Genesis, state_root: Hash) -> Self {
        Self {
            height: 0,
            id: BlockId(genesis.id().0),
            timestamp_ms: genesis.timestamp_ms,
            state_root,
        }
    }

    /// A block that others can be built on.
    pub fn of(header: &SealedHeader) -> Self {
        let Header {
            height,
            timestamp_ms,
            state_root,
            ..
        } = *header.header();
        Self {
            height,
            id: header.id(),
            timestamp_ms,
            state_root,
        }
    }
}

/// A header that keeps the rules, with parent and rules that it was checked against.
#[derive(Clone, Debug)]
pub struct CheckedHeader {
    pub(super) header: SealedHeader,
    pub(super) parent: ParentInfo,
    pub(super) rules: HeightRules,
}

impl CheckedHeader {
    /// The header.
    pub fn sealed(&self) -> &SealedHeader {
        &self.header
    }
}

/// What to do with a header that breaks no rule.
#[derive(Clone, Debug)]
pub enum HeaderVerdict {
    /// Go on.
    Checked(Box<CheckedHeader>),
    /// Its time is too far ahead: ask again when the wall clock shows `until_ms`. Not a fault, and
    /// nobody is to blame.
    TooFarAhead {
        /// Milliseconds since 1970-01-01 UTC.
        until_ms: u64,
    },
}

/// Checks `header` against its parent and the rules of its height. `now_wall_ms` is our clock;
/// `None` for a block that a certificate has already decided: its time is not ours to judge. The
/// header's version was checked when it was decoded.
pub fn check_header(
    header: &SealedHeader,
    parent: &ParentInfo,
    rules: &HeightRules,
    now_wall_ms: Option<u64>,
) -> Result<HeaderVerdict, HeaderFault> {
    check_place(header.header(), parent, rules)?;
    check_gas(header.header(), rules)?;
    check_engine(header.header(), rules)?;
    let until_ms = header
        .header()
        .timestamp_ms
        .saturating_sub(rules.time.max_ahead_ms);
    if now_wall_ms.is_some_and(|now| now < until_ms) {
        return Ok(HeaderVerdict::TooFarAhead { until_ms });
    }
    let checked = CheckedHeader {
        header: header.clone(),
        parent: *parent,
        rules: rules.clone(),
    };
    Ok(HeaderVerdict::Checked(Box::new(checked)))
}

/// Network, height, parent, time.
fn check_place(header: &Header, parent: &ParentInfo, rules: &HeightRules) -> Result<(), HeaderFault> {
    if header.genesis_id != rules.genesis_id {
        return Err(HeaderFault::OtherNetwork {
            given: header.genesis_id,
            expected: rules.genesis_id,
        });
    }
    let expected = parent.height.saturating_add(1);
    if header.height != expected {
        return Err(HeaderFault::WrongHeight {
            given: header.height,
            expected,
        });
    }
    if header.parent_id != parent.id {
        return Err(HeaderFault::WrongParent {
            given: header.parent_id,
            expected: parent.id,
        });
    }
    let (given, after) = (header.timestamp_ms, rules.time.after_ms);
    if given <= after {
        return Err(HeaderFault::NotLater { given, after });
    }
    Ok(())
}

fn check_gas(header: &Header, rules: &HeightRules) -> Result<(), HeaderFault> {
    let (used, limit, expected) = (header.gas_used, header.gas_limit, rules.gas_limit);
    if limit != expected {
        return Err(HeaderFault::GasLimit {
            given: limit,
            expected,
        });
    }
    if used > limit {
        Err(HeaderFault::GasUsedAboveLimit { used, limit })
    } else {
        Ok(())
    }
}

/// What depends on how blocks become final.
fn check_engine(header: &Header, rules: &HeightRules) -> Result<(), HeaderFault> {
    let height = header.height;
    if header.target != rules.engine.target() {
        return Err(HeaderFault::Target { height });
    }
    let validators = rules.engine.validators();
    let expected = validators.map_or(Hash::ZERO, |validators| validators.next_hash);
    if header.next_validators_hash != expected {
        return Err(HeaderFault::NextValidators {
            given: header.next_validators_hash,
            expected,
        });
    }
    let commit_given = header.previous_commit_hash != Hash::ZERO;
    match (rules.needs_commit(height), commit_given) {
        (true, false) => return Err(HeaderFault::MissingCommit { height }),
        (false, true) => return Err(HeaderFault::UnexpectedCommit { height }),
        _ => {}
    }
    match validators {
        Some(validators) if validators.epoch.set().get(&header.proposer).is_none() => {
            Err(HeaderFault::ProposerNotValidator {
                proposer: header.proposer,
                height,
            })
        }
        _ => Ok(()),
    }
}
