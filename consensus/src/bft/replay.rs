//! Restart in the middle of a height.
//!
//! Replay is the ordinary input path: `StartHeight`, then every record of the log as if it came again,
//! between `index_wal_entries` and `reset_entries_index`. The core derives our messages anew and takes
//! their signatures from the index; they are published again (with attempt numbers: peers may not have
//! them). What a crash cut off is derived, signed and appended. Without the index the core would sign
//! afresh; without a complete log it would derive something else.
//!
//! An earlier life may have been silent in a part of the height (see the guard). What the core decides
//! there was never signed and must not be signed now. A message of ours directly follows, in the log,
//! the record that caused it; so before the last of them the core may sign only where one follows.

use std::collections::BTreeSet;

use aureon_types::Address;
use bytes::Bytes;

use super::{
    Bft,
    convert::{record_in, timeout_in},
    timers::Timer,
};
use crate::{Effect, LogRecord, Now, SignMark};

/// What `signer` signed, from the log, with the bytes that were signed.
pub(super) fn own(log: &[LogRecord], signer: &Address) -> Vec<(SignMark, Bytes)> {
    let own = log.iter().filter_map(|record| {
        let content = match record {
            LogRecord::Vote(vote) => vote.vote.encode(),
            LogRecord::Proposal(proposal) => proposal.proposal.encode(),
            _ => return None,
        };
        Some((record.signed_by(signer)?, content))
    });
    own.collect()
}

impl Bft {
    pub(super) fn replay(&mut self, now: Now, log: Vec<LogRecord>, effects: &mut Vec<Effect>) {
        self.port.replaying = Some(log.iter().map(LogRecord::encode).collect::<BTreeSet<_>>());
        self.begin_height(now, &log, effects);
        let inputs: Vec<_> = log.iter().map(record_in).collect();
        self.core.index_wal_entries(&inputs);
        let address = self.port.guard.address();
        let ours = |record: &LogRecord| address.is_some_and(|own| record.signed_by(&own).is_some());
        let last = log.iter().rposition(ours);
        for (position, (record, input)) in log.iter().zip(inputs).enumerate() {
            match record {
                LogRecord::Value(value) => {
                    self.blocks.known.insert(value.block_id);
                }
                LogRecord::Proposal(proposal) => {
                    let known = self.blocks.per_round.entry(proposal.proposal.round).or_default();
                    known.insert(proposal.proposal.block_id);
                }
                LogRecord::Timeout { step, round } => {
                    self.port.timers.stop(Timer::Step(timeout_in(*step, *round)));
                }
                LogRecord::Vote(_) | LogRecord::Polka(_) => {}
            }
            if last.is_some_and(|last| position < last) {
                self.core.params.enabled = log.get(position.saturating_add(1)).is_some_and(ours);
                self.run(input, effects);
            } else {
                self.drive(input, effects);
            }
        }
        self.core.reset_entries_index();
        self.port.replaying = None;
        self.ask_again(&log, effects);
    }

    /// What the crash cut short is asked for again: proposals that were not executed, and blocks that
    /// were voted for without a proposal here.
    fn ask_again(&mut self, log: &[LogRecord], effects: &mut Vec<Effect>) {
        if !self.is_running(self.head.height.saturating_add(1)) || self.core.driver.step_is_commit() {
            return;
        }
        for record in log {
            if let LogRecord::Proposal(signed) = record {
                self.execute(signed, effects);
            }
        }
        for record in log {
            match record {
                LogRecord::Vote(vote) => self.fetch_if_trusted(vote, effects),
                LogRecord::Polka(certificate) => {
                    self.fetch(certificate.block_id, certificate.round, effects);
                }
                LogRecord::Proposal(_) | LogRecord::Value(_) | LogRecord::Timeout { .. } => {}
            }
        }
    }
}
