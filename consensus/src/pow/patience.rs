//! How long a branch of headers may keep us waiting for bodies.
//!
//! Headers are cheap to keep and dear to lose sight of: whoever mined long branches and gives no bodies
//! would fill the tree with them, and no other branch could enter. So the lowest missing body of a branch
//! is waited for [`PATIENCE`]. Each body that comes buys the branch [`Patience::executed`] more time, never
//! more than [`PATIENCE`] in all: whoever gives a body now and then, slower than the chain grows, buys
//! nothing, and who could not keep up with the chain anyway loses nothing.

use std::{collections::BTreeMap, time::Duration};

use aureon_types::BlockId;

/// How long the lowest missing body of a branch is asked for before the branch is forgotten.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// What a body buys at least: blocks may be executed slowly here.
const LEAST_CREDIT: Duration = Duration::from_secs(5);

/// The bodies that whole branches wait for, and until when they are waited for.
#[derive(Debug, Default)]
pub(super) struct Patience {
    until: BTreeMap<BlockId, Duration>,
}

impl Patience {
    /// `lowest`: what is asked for and stands on executed blocks. New ones are waited for from now on,
    /// others not any more.
    pub(super) fn watch(&mut self, now: Duration, lowest: &[BlockId]) {
        self.until.retain(|id, _| lowest.contains(id));
        for id in lowest {
            self.until.entry(*id).or_insert(now.saturating_add(PATIENCE));
        }
    }

    /// A body came, and its `children` are the lowest missing ones now: they have what was left, and two
    /// block times (at least [`LEAST_CREDIT`]) more.
    pub(super) fn executed(
        &mut self,
        now: Duration,
        id: &BlockId,
        children: &[BlockId],
        block_time: Duration,
    ) {
        let Some(until) = self.until.remove(id) else {
            return;
        };
        let credit = block_time.saturating_mul(2).max(LEAST_CREDIT);
        let until = until.saturating_add(credit).min(now.saturating_add(PATIENCE));
        self.until.extend(children.iter().map(|child| (*child, until)));
    }

    /// What was waited for long enough, taken out.
    pub(super) fn expired(&mut self, now: Duration) -> Vec<BlockId> {
        let expired = self.until.iter().filter(|(_, until)| **until <= now);
        let expired: Vec<BlockId> = expired.map(|(id, _)| *id).collect();
        self.until.retain(|_, until| *until > now);
        expired
    }

    /// When the next will have been.
    pub(super) fn next(&self) -> Option<Duration> {
        self.until.values().min().copied()
    }
}
