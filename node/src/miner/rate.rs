//! How fast this node searches.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// Over which time the rate is taken.
const WINDOW: Duration = Duration::from_secs(10);

/// Nonces tried per second over the last ten seconds.
#[derive(Debug, Default)]
pub struct HashRate {
    /// Readings of the counter, oldest first. Taken ten times a second: about a hundred.
    readings: VecDeque<(Instant, u64)>,
}

impl HashRate {
    /// Takes a reading of the counter.
    pub fn read(&mut self, now: Instant, tried: u64) {
        self.readings.push_back((now, tried));
        let is_old = |at: &Instant| now.saturating_duration_since(*at) > WINDOW;
        while self.readings.len() > 2 && self.readings.front().is_some_and(|(at, _)| is_old(at)) {
            self.readings.pop_front();
        }
    }

    /// The rate; 0 before the second reading.
    pub fn per_second(&self) -> f64 {
        let (Some((since, first)), Some((until, last))) = (self.readings.front(), self.readings.back())
        else {
            return 0.0;
        };
        let seconds = until.saturating_duration_since(*since).as_secs_f64();
        if seconds > 0.0 {
            // Exact far beyond any rate.
            last.saturating_sub(*first) as f64 / seconds
        } else {
            0.0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_that_of_the_last_seconds() {
        let (mut rate, start) = (HashRate::default(), Instant::now());
        assert_eq!(rate.per_second(), 0.0);
        for second in 0..=10 {
            rate.read(start + Duration::from_secs(second), second * 100);
        }
        assert_eq!(rate.per_second(), 100.0);
        for second in 11..=21 {
            rate.read(start + Duration::from_secs(second), 1_000);
        }
        assert_eq!(rate.per_second(), 0.0, "what was before does not count");
    }
}
