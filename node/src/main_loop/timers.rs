//! Timers of the core, in one heap.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    time::{Duration, Instant},
};

use crate::core::Timer;

/// Started timers. The core's machines start a bounded number and ignore stale ones.
#[derive(Default)]
pub(crate) struct Timers {
    heap: BinaryHeap<Reverse<(Instant, u64, Timer)>>,
    started: u64,
}

impl Timers {
    /// `timer` fires in `after`. Equal times fire in the order of their start.
    pub(crate) fn start(&mut self, timer: Timer, after: Duration) {
        let now = Instant::now();
        // A century is as good as for ever.
        let at = now.checked_add(after).unwrap_or(now);
        self.started = self.started.wrapping_add(1);
        self.heap.push(Reverse((at, self.started, timer)));
    }

    /// Waits for the first timer; for ever if there is none.
    pub(crate) async fn next(&self) {
        match self.heap.peek() {
            Some(Reverse((at, _, _))) => tokio::time::sleep_until((*at).into()).await,
            None => std::future::pending().await,
        }
    }

    /// The first timer, if it is due.
    pub(crate) fn pop(&mut self, now: Instant) -> Option<Timer> {
        if self.heap.peek().is_some_and(|Reverse((at, _, _))| *at <= now) {
            return self.heap.pop().map(|Reverse((_, _, timer))| timer);
        }
        None
    }
}
