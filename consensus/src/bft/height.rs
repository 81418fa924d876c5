//! From one height to the next: committing, pacing, starting.

use std::time::Duration;

use arc_malachitebft_core_consensus::MisbehaviorEvidence;
use arc_malachitebft_core_types::VoteExtensionPolicy;
use aureon_types::EmptyBlocks;

use super::{
    Bft, Blocks, Phase,
    context::{Height, Members},
    convert::{CoreInput, evidence_out, vote_out},
    timers::Timer,
};
use crate::{Effect, Head, Lineage, LogRecord, Now};

impl Bft {
    pub(super) fn on_committed(
        &mut self,
        now: Now,
        head: Head,
        lineage: &Lineage,
        effects: &mut Vec<Effect>,
    ) {
        if head.height <= self.head.height {
            return;
        }
        self.head = head;
        if let Some(schedule) = lineage.schedule() {
            self.config.schedule = schedule.clone();
        }
        if self.epoch(head.height.saturating_add(1)).is_none() && self.halted.is_none() {
            self.halt_without_validators(effects);
        }
        if self.phase == Phase::Running && head.height < self.height() {
            return; // an import that consensus has overtaken
        }
        self.port.timers.stop_round();
        self.pace(now, effects);
    }

    pub(super) fn on_behind(&mut self, now: Now, behind: bool, effects: &mut Vec<Effect>) {
        let changed = self.behind != behind;
        self.behind = behind;
        if changed && behind && self.phase == (Phase::Waiting { paced: false }) {
            self.pace(now, effects);
        }
    }

    /// Waits until the next height is due.
    pub(super) fn pace(&mut self, now: Now, effects: &mut Vec<Effect>) {
        self.phase = Phase::Waiting { paced: false };
        let after = self.pause(now);
        self.port.timers.start(Timer::NextHeight, after, effects);
    }

    /// The block time counts from the start of the height before. After a restart that is not known;
    /// the head's timestamp stands in for it. The next block must be later than its parent, so a parent
    /// from the future is waited for, within reason: a wrong clock must not stop the chain.
    fn pause(&self, now: Now) -> Duration {
        if self.behind {
            return Duration::ZERO;
        }
        let block_time = self.config.block_time;
        let until_later = self
            .head
            .timestamp_ms
            .saturating_add(1)
            .saturating_sub(now.wall_ms);
        let until_later = Duration::from_millis(until_later);
        let paced = match self.began {
            Some(began) => began.saturating_add(block_time).saturating_sub(now.monotonic),
            None => until_later
                .saturating_add(block_time)
                .saturating_sub(self.age(now))
                .min(block_time),
        };
        if self.head.height == 0 {
            return paced.max(until_later); // a genesis may announce a start in the future
        }
        let ceiling = Duration::from_millis(self.config.timeouts.ceiling_ms);
        paced.max(until_later.min(ceiling))
    }

    /// How long ago the head's timestamp is; zero if it lies ahead.
    fn age(&self, now: Now) -> Duration {
        Duration::from_millis(now.wall_ms.saturating_sub(self.head.timestamp_ms))
    }

    /// Starts the next height if its time has come and something asks for it. Where empty blocks are
    /// made on demand, that is a transaction here, or a verified message of somebody who has begun.
    pub(super) fn begin_if_due(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let next = self.head.height.saturating_add(1);
        let wanted = match self.config.empty_blocks {
            EmptyBlocks::Always => true,
            EmptyBlocks::OnDemand => self.pending_transactions || self.future.has(next),
        };
        if self.phase == (Phase::Waiting { paced: true }) && wanted && self.halted.is_none() {
            self.close_height(effects);
            effects.push(Effect::StartLog { height: next });
            self.begin_height(now, &[], effects);
            for message in self.future.take(next) {
                self.listen(&message);
                self.feed(&message, effects);
            }
        }
    }

    /// `log`: the records that will be replayed.
    pub(super) fn begin_height(&mut self, now: Now, log: &[LogRecord], effects: &mut Vec<Effect>) {
        let next = self.head.height.saturating_add(1);
        self.began = Some(now.monotonic);
        self.phase = Phase::Running;
        self.blocks = Blocks::default();
        self.port.begin_height();
        let is_validator = self.is_validator(next);
        self.port.keeps_log = is_validator && !self.port.guard.is_stopped();
        let own = self
            .port
            .guard
            .address()
            .map(|address| super::replay::own(log, &address));
        if self
            .port
            .guard
            .begin_height(self.head.height, is_validator, own.unwrap_or_default())
        {
            let after = self.port.whole_round(0).saturating_mul(2);
            self.port.timers.start(Timer::Listened, after, effects);
        }
        let members = Members::new(self.epoch_or_current(next).clone());
        // Not as a restart, and without a target time: the core would read a clock.
        let start = CoreInput::StartHeight(Height(next), members, false, None, VoteExtensionPolicy::Disabled);
        self.drive(start, effects);
    }

    /// Takes from the core what came after the decision: a quarter of all evidence, and the precommits
    /// that were too late for the certificate.
    fn close_height(&mut self, effects: &mut Vec<Effect>) {
        if self.began.is_none() {
            return; // no height has been left yet
        }
        let height = self.core.height();
        let precommits = match self.core.decided_value() {
            Some((round, value)) => self.core.restore_precommits(height, round, &value),
            None => Vec::new(), // decided by others, imported as a range
        };
        let evidence = MisbehaviorEvidence {
            proposals: self.core.driver.take_proposal_evidence(),
            votes: self.core.driver.take_vote_evidence(),
        };
        effects.push(Effect::HeightClosed {
            height: height.0,
            precommits: precommits.iter().map(vote_out).collect(),
            evidence: evidence_out(evidence),
        });
    }
}
