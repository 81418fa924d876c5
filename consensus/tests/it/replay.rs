//! Restart from every point of a recorded log.

use std::collections::BTreeMap;

use crate::{
    network::{Damage, Report, SECOND, Scenario, run},
    scenarios::assert_holds,
    support::{GENESIS, at, config, genesis_head, keys},
};
use aureon_consensus::{
    Effect, Engine, Input, Lineage, LogRecord, Message, SignMark, VerifiedMessage, verify,
};
use aureon_types::{Address, BlockId, SecretKey};

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
    /// Proposals that a peer would serve with the block.
    served: Proposals,
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
            served: BTreeMap::new(),
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
                asked @ (Effect::Execute { .. } | Effect::Fetch { .. }) => self.asked.push(asked),
                _ => {}
            }
        }
    }

    fn input(&mut self, input: Input) {
        let mut effects = Vec::new();
        self.engine.handle(at(self.now), input, &mut effects);
        self.perform(effects);
    }

    /// Every body that is asked for is here and valid, or comes from a peer with its proposal.
    fn answer(&mut self) {
        while !self.asked.is_empty() {
            for asked in std::mem::take(&mut self.asked) {
                match asked {
                    Effect::Execute {
                        height,
                        round,
                        proposer,
                        block_id,
                        ..
                    } => self.input(Input::Executed {
                        height,
                        round,
                        proposer,
                        block_id,
                        valid: true,
                    }),
                    Effect::Fetch { block_id, .. } => {
                        if let Some(proposal) = self.served.get(&block_id).cloned() {
                            self.input(Input::Message(proposal));
                        }
                    }
                    other => panic!("{other:?} is not asked of peers"),
                }
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

/// For every prefix of the log (a crash loses any tail that was not synced), and for every prefix whose
/// last record is cut or damaged: the restarted engine does not contradict what it may have sent before,
/// is never without a timer, and decides once it has heard again what the others said (unless what they
/// decided was a block of its own, of which nobody can have heard yet).
#[test]
fn every_prefix_of_a_log_recovers() {
    let mut decided = 0;
    for seed in 1..=3 {
        let report = recorded(seed);
        let all: Vec<Message> = report
            .logs
            .iter()
            .flat_map(|logs| &logs[&1])
            .filter_map(message)
            .collect();
        let served = proposals(&all);
        for (key, logs) in keys(4).iter().zip(&report.logs) {
            let others = all
                .iter()
                .filter(|message| message.author() != Some(key.address()));
            let heard: Vec<VerifiedMessage> = others.cloned().map(verified).collect();
            for length in 0..=logs[&1].len() {
                decided += u32::from(recover(key, &logs[&1][..length], &heard, &served));
            }
        }
    }
    assert!(decided > 100, "{decided} restarts decided");
}

/// What a crash leaves of a last record is not taken for another: the reader stops before it, and what is
/// left is a shorter prefix.
#[test]
fn a_last_record_that_is_cut_or_damaged_leaves_a_prefix() {
    let report = recorded(1);
    let log = &report.logs[0][&1];
    for record in log {
        let bytes = record.encode();
        for length in 0..bytes.len() {
            assert!(LogRecord::decode(&bytes[..length]).is_err(), "cut to {length}");
        }
        for position in 0..bytes.len() {
            let mut damaged = bytes.to_vec();
            damaged[position] ^= 1;
            // The file's check notices it before; and were it not so, it is not the record.
            assert_ne!(
                LogRecord::decode(&damaged).as_ref(),
                Ok(record),
                "byte {position}"
            );
        }
    }
}

type Proposals = BTreeMap<BlockId, VerifiedMessage>;

fn recover(key: &SecretKey, kept: &[LogRecord], heard: &[VerifiedMessage], served: &Proposals) -> bool {
    let (signer, length) = (key.address(), kept.len());
    // What was synced before the crash was perhaps sent; what was not synced was not.
    let mut own = Own::new();
    kept.iter()
        .filter_map(message)
        .for_each(|message| note(&mut own, &signer, &message));
    let mark = own.keys().next_back().copied().unwrap_or(SignMark::INITIAL);
    let mut life = Life::start(key, kept, Some(mark), own);
    // A proposal of our own that the log has lost was not sent.
    let lost = |proposal: &VerifiedMessage| {
        proposal.message().author() == Some(signer)
            && !kept
                .iter()
                .any(|record| message(record).as_ref() == Some(proposal.message()))
    };
    life.served = served.clone();
    life.served.retain(|_, proposal| !lost(proposal));
    let can_decide = life.served.len() == served.len();
    life.answer();
    for _ in 0..12 {
        assert!(
            life.decided || !life.timers.is_empty(),
            "stuck after {length} records"
        );
        life.hear_all(heard);
        life.next_timer();
    }
    assert!(
        life.decided || !can_decide,
        "undecided after {length} records: {:?}",
        life.engine.status()
    );
    life.decided
}

fn proposals(messages: &[Message]) -> Proposals {
    let proposals = messages.iter().filter_map(|message| match message {
        Message::Proposal(signed) => Some((signed.proposal.block_id, verified(message.clone()))),
        _ => None,
    });
    proposals.collect()
}

/// In a running network, at every job of the disk: the last record of what was synced, and perhaps sent,
/// is unreadable after the crash, with or without the sign-mark.
#[test]
fn a_damaged_last_record_stops_neither_the_validator_nor_the_chain() {
    for damage in [Damage::LastRecord, Damage::LastRecordAndMark] {
        for job in 1..=40 {
            let report = run(Scenario {
                heights: 8,
                loss_percent: 2,
                crashes: vec![(0, job), (1, job + 11)],
                damage: Some(damage),
                ..Scenario::calm(job, if job % 2 == 0 { 4 } else { 2 })
            });
            assert_holds(&report);
            assert!(
                report.stopped.is_empty(),
                "{damage:?} at {job}: {:?}",
                report.stopped
            );
            assert!(
                report.ended < 180 * SECOND,
                "{damage:?} at {job}: {} us",
                report.ended
            );
        }
    }
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
