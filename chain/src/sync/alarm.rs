//! One timer for many deadlines.
//!
//! A machine knows all its deadlines; it needs to be woken at the earliest. The alarm asks for a new
//! timer only when an earlier deadline than the armed one appears, so few timers are alive, and a
//! timer that fires after it was overtaken does nothing.

use std::time::Duration;

/// Names a timer of a machine. Only the newest counts: a host that replaces the earlier timer of the
/// same machine loses nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimerId(pub u64);

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Alarm {
    armed: Option<Duration>,
    generation: u64,
}

impl Alarm {
    /// The timer to start so that the machine wakes at `deadline`, if the armed one is too late.
    pub(crate) fn arm(&mut self, now: Duration, deadline: Option<Duration>) -> Option<(TimerId, Duration)> {
        let deadline = deadline?;
        if self.armed.is_some_and(|armed| armed <= deadline) {
            return None;
        }
        self.armed = Some(deadline);
        self.generation = self.generation.wrapping_add(1);
        Some((TimerId(self.generation), deadline.saturating_sub(now)))
    }

    /// A timer fired.
    pub(crate) fn fired(&mut self, timer: TimerId) {
        if timer.0 == self.generation {
            self.armed = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_earlier_deadline_starts_another_timer() {
        let ms = Duration::from_millis;
        let mut alarm = Alarm::default();
        assert_eq!(alarm.arm(ms(0), None), None);
        assert_eq!(alarm.arm(ms(10), Some(ms(100))), Some((TimerId(1), ms(90))));
        assert_eq!(alarm.arm(ms(10), Some(ms(200))), None);
        assert_eq!(alarm.arm(ms(10), Some(ms(50))), Some((TimerId(2), ms(40))));
        alarm.fired(TimerId(1));
        assert_eq!(
            alarm.arm(ms(20), Some(ms(100))),
            None,
            "an overtaken timer does nothing"
        );
        alarm.fired(TimerId(2));
        assert_eq!(alarm.arm(ms(50), Some(ms(100))), Some((TimerId(3), ms(50))));
    }
}
