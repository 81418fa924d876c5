//! When our threads mine, and when they do not.
//!
//! Not before this node has heard of its peers' chains, or has waited in vain for peers
//! ([`start_patience`]): a node that joins would make a chain of its own, and below its finality depth
//! never leave it. Not while it is far behind ([`FAR_BEHIND`]). And while blocks come ten
//! times faster than they should, because a new network is stronger than its genesis expected, only once
//! in a while ([`Core::is_hot`]): else nodes would fork deeper than finality before they hear each other.
//! All of this is politeness, not a rule: nobody can rely on it, and miners outside need not know it.

use std::time::Duration;

use aureon_chain::sync::Phase;
use aureon_consensus::Now;

use crate::core::Core;

/// The longest time between two looks whether a template should be built anew.
const MAX_REFRESH: Duration = Duration::from_secs(1);
/// The shortest.
const MIN_REFRESH: Duration = Duration::from_millis(100);
/// A node whose head is so many blocks below the heaviest header does not mine.
const FAR_BEHIND: u64 = 16;
/// Longest time that a node without peers waits for some before it mines.
const MAX_START_PATIENCE: Duration = Duration::from_secs(10);
/// The shortest; also how long the first peers have to tell how far they are.
const MIN_START_PATIENCE: Duration = Duration::from_secs(1);

/// How often a look is taken whether our own template should be built anew: a fifth of the block time,
/// within bounds.
pub(super) fn refresh(block_time_ms: u64) -> Duration {
    Duration::from_millis(block_time_ms / 5).clamp(MIN_REFRESH, MAX_REFRESH)
}

/// How long a node without peers waits for some before it mines: two block times, within bounds.
fn start_patience(block_time_ms: u64) -> Duration {
    Duration::from_millis(block_time_ms.saturating_mul(2)).clamp(MIN_START_PATIENCE, MAX_START_PATIENCE)
}

impl Core {
    /// Whether our threads may begin: once they may, they go on.
    pub(super) fn has_begun(&mut self, now: Now) -> bool {
        if !self.mining.begun {
            let age = now.monotonic.saturating_sub(self.mining.started);
            let synced = self
                .headers
                .as_ref()
                .is_some_and(|headers| headers.status(now).phase == Phase::Synced);
            let joined = age >= MIN_START_PATIENCE && synced && !self.peers.is_empty();
            self.mining.begun = joined || age >= start_patience(self.chain.genesis.block_time_ms);
        }
        self.mining.begun
    }

    /// Whether the last blocks came ten times faster than they should: the times of the head and of the
    /// median, five blocks below, are closer than half a block time.
    pub(super) fn is_hot(&self) -> bool {
        self.parent.lineage.work().is_some_and(|chain| {
            let last_five = chain.timestamp_ms().saturating_sub(chain.median_time_ms());
            last_five < chain.rules().block_time_ms / 2
        })
    }

    /// Whether blocks on our head would be worth nothing, because the heaviest branch of headers goes so
    /// much higher; each would be a detour of the catch-up. Close behind this node mines all the same:
    /// nobody stops it with headers whose bodies he keeps.
    pub(super) fn is_far_behind(&self) -> bool {
        let best = self
            .engine
            .work()
            .and_then(|engine| engine.work_chain(&engine.best_header()));
        let ahead = best.map_or(0, |chain| chain.height().saturating_sub(self.parent.info.height));
        ahead > FAR_BEHIND
    }
}
