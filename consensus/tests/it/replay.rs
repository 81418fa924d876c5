//! Restart from every point of a recorded log.

use std::collections::BTreeMap;

use crate::{
    network::{Report, SECOND, Scenario, run},
    support::{GENESIS, at, config, genesis_head, keys},
};
use aureon_consensus::{
    Effect, Engine, Input, Lineage, LogRecord, Message, SignMark, VerifiedMessage, verify,
};
use aureon_types::{Address, SecretKey};

/// Logs of height 1 of all validators, of a network that needed several rounds.
fn recorded(seed: u64) -> Report {
    let report = run(Scenario {
        heights: 1,
        loss_percent: 10,
        duplicate_percent: 5,
        no_blocks_before: 3 * SECOND,
        ..Scenario::calm(seed, 4)
    });
    assert!(
        report.violations.is_empty() && report.highest_round > 1,
        "{report:?}"
    );
    report
}

fn verified(message: Message) -> VerifiedMessage {
    let lineage = Lineage::Voting(config(&keys(4), None).schedule);
    verify(message, &lineage, &GENESIS).expect("the log holds verified messages")
}

type Own = BTreeMap<SignMark, Vec<u8>>;

/// What `signer` signed, by place. Panics on a contradiction.
fn note(own: &mut Own, signer: &Address, message: &Message) {
    let (record, content) = match message {
        Message::Vote(vote) => (LogRecord::Vote(vote.clone()), vote.vote.encode()),
        Message::Proposal(proposal) => (LogRecord::Proposal(proposal.clone()), proposal.proposal.encode()),
        _ => return,
    };
    if let Some(place) = record.signed_by(signer) {
        let first = own.entry(place).or_insert_with(|| content.to_vec());
        assert_eq!(first[..], content[..], "a contradiction at {place:?}");
    }
}

fn message(record: &LogRecord) -> Option<Message> {
    match record {
        LogRecord::Vote(vote) => Some(Message::Vote(vote.clone())),
        LogRecord::Proposal(proposal) => Some(Message::Proposal(proposal.clone())),
        LogRecord::Polka(certificate) => Some(Message::Polka(certificate.clone())),
        LogRecord::Value(_) | LogRecord::Timeout { .. } => None,
    }
}

/// A life that begins with a log, and then hears everything again.
struct Life {
    engine: Engine,
    now: u64,
    own: Own,
    signer: Address,
    timers: Vec<(u64, aureon_consensus::TimerId)>,
    decided: bool,
    asked: Vec<Effect>,
}

impl Life {
    fn start(key: &SecretKey, log: &[LogRecord], mark: Option<SignMark>, own: Own) -> Self {
        let mut effects = Vec::new();
        let config = config(&keys(4), Some(key));
        let engine = Engine::start(at(0), config, genesis_head(), log.to_vec(), mark, &mut effects);
        let signer = key.address();
        let mut life = Self {
            engine,
            now: 0,
            own,
            signer,
            timers: Vec::new(),
            decided: false,
            asked: Vec::new(),
        };
        life.perform(effects);
        life
    }

    fn perform(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::SyncThenPublish { messages, .. } => {
                    messages
                        .iter()
                        .for_each(|sent| note(&mut self.own, &self.signer, &sent.message));
                }
                Effect::StartTimer { id, after } => {
                    self.timers.push((self.now + after.as_micros() as u64, id));
                }
                Effect::Commit { .. } => self.decided = true,
                Effect::Halted { reason } | Effect::SigningStopped { reason } => panic!("{reason}"),
                asked @ (Effect::Execute { .. } | Effect::Build { .. }) => self.asked.push(asked),
                _ => {}
            }
        }
    }

    fn input(&mut self, input: Input) {
        let mut effects = Vec::new();
        self.engine.handle(at(self.now), input, &mut effects);
        self.perform(effects);
    }

    /// Every body that is asked for is here and valid.
    fn answer(&mut self) {
        for asked in std::mem::take(&mut self.asked) {
            if let Effect::Execute {
                height,
                round,
                proposer,
                block_id,
                ..
            } = asked
            {
                self.input(Input::Executed {
                    height,
                    round,
                    proposer,
                    block_id,
                    valid: true,
                });
            }
        }
    }

    fn hear_all(&mut self, heard: &[VerifiedMessage]) {
        for heard in heard {
            self.input(Input::Message(heard.clone()));
            self.answer();
        }
    }

    fn next_timer(&mut self) -> bool {
        let Some(next) = self.timers.iter().min().copied() else {
            return false;
        };
        self.timers.retain(|timer| *timer != next);
        self.now = self.now.max(next.0);
        self.input(Input::TimerFired(next.1));
        self.answer();
        true
    }
}

/// For every prefix of the log (a crash loses any tail that was not synced): the restarted engine does
/// not contradict what it may have sent before, and is never without a timer, also while it hears again
/// what the others said.
#[test]
fn every_prefix_of_a_log_recovers() {
    let report = recorded(1);
    for (key, logs) in keys(4).iter().zip(&report.logs) {
        let (log, signer) = (&logs[&1], key.address());
        let others = log
            .iter()
            .filter_map(message)
            .filter(|message| message.author() != Some(signer));
        let heard: Vec<VerifiedMessage> = others.map(verified).collect();
        for length in 0..=log.len() {
            recover(key, &log[..length], &heard);
        }
    }
}

fn recover(key: &SecretKey, kept: &[LogRecord], heard: &[VerifiedMessage]) {
    let signer = key.address();
    // What was synced before the crash was perhaps sent; what was not synced was not.
    let mut own = Own::new();
    kept.iter()
        .filter_map(message)
        .for_each(|message| note(&mut own, &signer, &message));
    let mark = own.keys().next_back().copied().unwrap_or(SignMark::INITIAL);
    let mut life = Life::start(key, kept, Some(mark), own);
    life.answer();
    for _ in 0..6 {
        assert!(
            life.decided || !life.timers.is_empty(),
            "stuck after {} records",
            kept.len()
        );
        life.hear_all(heard);
        life.next_timer();
    }
    // The others are silent from here on, but it has not lost its timers.
    assert!(
        life.decided || !life.timers.is_empty(),
        "stuck after {} records",
        kept.len()
    );
}

/// The mark survives, the log does not: nothing is signed up to the mark, and later rounds go on.
#[test]
fn with_a_mark_ahead_of_the_log_only_later_rounds_are_signed() {
    let report = recorded(1);
    for (key, logs) in keys(4).iter().zip(&report.logs) {
        let (log, signer) = (&logs[&1], key.address());
        let mut sent = Own::new();
        log.iter()
            .filter_map(message)
            .for_each(|message| note(&mut sent, &signer, &message));
        let mark = *sent.keys().next_back().expect("every validator signed");
        for length in [0, log.len() / 3, log.len() / 2] {
            // `note` panics if this life contradicts what was sent in the last one.
            let mut life = Life::start(key, &log[..length], Some(mark), sent.clone());
            for _ in 0..40 {
                life.next_timer();
            }
            let round = life.engine.status().round;
            assert!(
                round > mark.round,
                "it stays in round {round}, its mark is {mark:?}"
            );
            assert!(life.own.keys().any(|place| *place > mark), "it never signs again");
        }
    }
}
