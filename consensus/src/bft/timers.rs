//! Timers with an identity.
//!
//! The core's `Timeout` names kind and round but no height: one that was started at the last height
//! would be taken for this one's. So every timer gets a number, and only numbers that are still known
//! may fire. Cancelling is forgetting.

use std::time::Duration;

use arc_malachitebft_core_types::Timeout;

use crate::{Effect, TimerId};

/// What a timer is for. At most one of each runs; the core has at most one per kind and round, and a
/// new round cancels all, so the list stays short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Timer {
    /// A step of the core, or its rebroadcast.
    Step(Timeout),
    /// The next height may start.
    NextHeight,
    /// Enough was heard to sign (see the guard).
    Listened,
    /// This round gets nowhere (it cannot be signed in, or others have left it): go on to the next.
    StepOver(u32),
}

#[derive(Debug, Default)]
pub(super) struct Timers {
    running: Vec<(Timer, TimerId)>,
    last: u64,
}

impl Timers {
    /// Starts `timer`; one that already runs is replaced (the core restarts its rebroadcast often).
    pub(super) fn start(&mut self, timer: Timer, after: Duration, effects: &mut Vec<Effect>) {
        self.stop(timer);
        self.last = self.last.saturating_add(1);
        let id = TimerId(self.last);
        self.running.push((timer, id));
        effects.push(Effect::StartTimer { id, after });
    }

    pub(super) fn stop(&mut self, timer: Timer) {
        self.running.retain(|(running, _)| *running != timer);
    }

    /// Stops what belongs to a round: when a new one begins, and at the commit, else the core would go
    /// on rebroadcasting the votes of the decided height.
    pub(super) fn stop_round(&mut self) {
        self.running
            .retain(|(timer, _)| !matches!(timer, Timer::Step(_) | Timer::StepOver(_)));
    }

    pub(super) fn runs(&self, timer: Timer) -> bool {
        self.running.iter().any(|(running, _)| *running == timer)
    }

    /// What `id` was for, if it is still wanted.
    pub(super) fn fired(&mut self, id: TimerId) -> Option<Timer> {
        let position = self.running.iter().position(|(_, running)| *running == id)?;
        Some(self.running.swap_remove(position).0)
    }
}

#[cfg(test)]
mod tests {
    use arc_malachitebft_core_types::Round;

    use super::*;

    #[test]
    fn only_the_latest_timer_of_a_kind_fires_and_only_once() {
        let (mut timers, mut effects) = (Timers::default(), Vec::new());
        let propose = Timer::Step(Timeout::propose(Round::ZERO));
        timers.start(propose, Duration::ZERO, &mut effects);
        timers.start(propose, Duration::ZERO, &mut effects);
        timers.start(Timer::NextHeight, Duration::ZERO, &mut effects);
        assert_eq!(timers.fired(TimerId(1)), None, "replaced");
        assert_eq!(timers.fired(TimerId(2)), Some(propose));
        assert_eq!(timers.fired(TimerId(2)), None, "fired");
        timers.start(propose, Duration::ZERO, &mut effects);
        timers.stop_round();
        assert_eq!(timers.fired(TimerId(4)), None, "stopped");
        assert!(timers.runs(Timer::NextHeight));
        assert_eq!(effects.len(), 4);
    }
}
