//! A proposer whose clock is wrong by up to ten minutes, and who dates its blocks as it likes besides: as
//! early as the rules allow, a little ahead, far ahead.

use aureon_node::core::Job;

use super::{Attacker, Scene};
use crate::random::Random;

const MINUTE_MS: u64 = 60_000;

/// See the module.
pub(super) struct TimeLiar;

impl Attacker for TimeLiar {
    fn job(&mut self, scene: &mut Scene<'_>, job: &mut Job) {
        let params = match job {
            Job::Build(building) => &mut building.params,
            Job::Template(templating) => &mut templating.params,
            _ => return,
        };
        let parent = params.parent.timestamp_ms;
        params.timestamp_ms = match scene.random.between(0, 4) {
            0 => parent + 1,
            1 => parent,
            2 => parent + scene.random.between(1, 3_000),
            3 => parent + scene.random.between(3_000, 60 * MINUTE_MS),
            _ => params.timestamp_ms,
        };
    }

    fn skew_ms(&self, random: &mut Random) -> Option<i64> {
        let off = i64::try_from(random.between(0, 20 * MINUTE_MS)).unwrap_or(0);
        Some(off - i64::try_from(10 * MINUTE_MS).unwrap_or(0))
    }
}
