//! One engine, driven input by input: what it asks for, and in which order.

use std::time::Duration;

use aureon_consensus::{
    Admit, Config, DropReason, Effect, Engine, Head, Input, Lineage, LogRecord, Message, OutgoingMessage,
    PolkaCertificate, SignMark, SignStep, Signing, Step, TimerId, verify,
};
use aureon_types::{
    BlockId, CommitSignature, EmptyBlocks, Proposal, SecretKey, Signature, SignedProposal, SignedVote, Vote,
    VoteKind,
};

use crate::support::{GENESIS, WALL_MS, at, config, genesis_head, keys};

const BLOCK: BlockId = BlockId([9; 32]);
const MILLI: u64 = 1_000;

/// An engine with its clock, its timers and its outputs.
struct Hand {
    engine: Engine,
    lineage: Lineage,
    now: u64,
    timers: Vec<(u64, TimerId)>,
    effects: Vec<Effect>,
}

impl Hand {
    fn start(config: Config, mark: Option<SignMark>) -> Self {
        let mut effects = Vec::new();
        let lineage = Lineage::Voting(config.schedule.clone());
        let engine = Engine::start(at(0), config, genesis_head(), Vec::new(), mark, &mut effects);
        let mut hand = Self {
            engine,
            lineage,
            now: 0,
            timers: Vec::new(),
            effects: Vec::new(),
        };
        hand.collect(effects);
        hand
    }

    /// The validator `index` of `count`, with a key that has signed nothing.
    fn validator(index: usize, count: usize) -> Self {
        let keys = keys(count);
        Self::start(config(&keys, Some(&keys[index])), Some(SignMark::INITIAL))
    }

    fn collect(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            if let Effect::StartTimer { id, after } = effect {
                self.timers.push((self.now + after.as_micros() as u64, id));
            } else {
                self.effects.push(effect);
            }
        }
    }

    fn input(&mut self, input: Input) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.engine.handle(at(self.now), input, &mut effects);
        self.collect(effects);
        std::mem::take(&mut self.effects)
    }

    fn committed(&mut self, height: u64, timestamp_ms: u64) -> Vec<Effect> {
        let head = Head {
            height,
            block_id: BLOCK,
            timestamp_ms,
        };
        self.input(Input::Committed(head, self.lineage.clone()))
    }

    /// Lets time pass, timer by timer, and gives everything that came meanwhile.
    fn wait(&mut self, millis: u64) -> Vec<Effect> {
        let until = self.now + millis * MILLI;
        let mut all = Vec::new();
        while let Some(next) = self.timers.iter().filter(|(due, _)| *due <= until).min().copied() {
            self.timers.retain(|timer| *timer != next);
            self.now = next.0;
            all.extend(self.input(Input::TimerFired(next.1)));
        }
        self.now = until;
        all
    }

    fn message(&mut self, message: Message) -> Vec<Effect> {
        let verified = verify(message, &self.lineage, &GENESIS).expect("the test signs well");
        self.input(Input::Message(verified))
    }
}

fn vote(key: &SecretKey, kind: VoteKind, height: u64, round: u32, block_id: Option<BlockId>) -> Message {
    Message::Vote(SignedVote::sign(
        Vote {
            kind,
            height,
            round,
            block_id,
        },
        key,
        &GENESIS,
    ))
}

fn proposal(hand: &Hand, height: u64, round: u32, block_id: BlockId) -> Message {
    let proposer = hand.engine.proposer(height, round).unwrap();
    let key = keys(4).into_iter().find(|key| key.address() == proposer).unwrap();
    let proposal = Proposal {
        height,
        round,
        block_id,
        valid_round: None,
    };
    Message::Proposal(SignedProposal::sign(proposal, &key, &GENESIS))
}

fn sent(effects: &[Effect]) -> Vec<OutgoingMessage> {
    let sent = effects.iter().filter_map(|effect| match effect {
        Effect::SyncThenPublish { messages, .. } => Some(messages.clone()),
        _ => None,
    });
    sent.flatten().collect()
}

/// The keys of four validators: who proposes in round 0 of height 1, and the others.
fn cast() -> (SecretKey, Vec<SecretKey>) {
    let all = keys(4);
    let proposer = config(&all, None).schedule.proposer(1, 0).unwrap().address;
    let (proposers, others): (Vec<_>, Vec<_>) = all.into_iter().partition(|key| key.address() == proposer);
    (proposers[0].clone(), others)
}

/// A validator that does not propose in round 0 of height 1, at that height.
fn voter() -> Hand {
    let (_, others) = cast();
    let mut hand = Hand::start(config(&keys(4), Some(&others[0])), Some(SignMark::INITIAL));
    hand.wait(200);
    hand
}

#[test]
fn a_lone_validator_builds_signs_syncs_and_only_then_commits() {
    let mut hand = Hand::validator(0, 1);
    let begun = hand.wait(200);
    let [
        Effect::StartLog { height: 1 },
        Effect::RoundStarted { .. },
        Effect::Build {
            height: 1,
            round: 0,
            within,
        },
    ] = &begun[..]
    else {
        panic!("{begun:?}")
    };
    assert_eq!(*within, Duration::from_millis(400));
    let decided = hand.input(Input::Built {
        height: 1,
        round: 0,
        block_id: BLOCK,
    });
    let [
        Effect::SyncThenPublish {
            records,
            sign_mark,
            messages,
        },
        Effect::Commit { certificate, .. },
    ] = &decided[..]
    else {
        panic!("{decided:?}")
    };
    assert_eq!(records.len(), 4, "the value, the proposal, two votes");
    assert_eq!(
        *sign_mark,
        Some(SignMark {
            height: 1,
            round: 0,
            step: SignStep::Precommit
        })
    );
    assert!(matches!(messages[0].message, Message::Proposal(_)) && messages.len() == 3);
    let set = hand.engine.epoch(1).unwrap().set().clone();
    assert_eq!(certificate.verify(&set, &GENESIS), Ok(()));
    assert_eq!(hand.engine.status().step, Step::Commit);
    hand.committed(1, WALL_MS);
    assert!(hand.wait(500).contains(&Effect::StartLog { height: 2 }));
}

#[test]
fn the_block_time_counts_from_the_start_of_the_height_before() {
    let mut hand = Hand::validator(0, 1);
    hand.wait(0);
    let began = hand.now;
    hand.now += 30 * MILLI;
    hand.input(Input::Built {
        height: 1,
        round: 0,
        block_id: BLOCK,
    });
    hand.now += 30 * MILLI;
    hand.committed(1, WALL_MS);
    assert_eq!(hand.wait(39), [], "60 ms of 100 were gone");
    assert!(hand.wait(1).contains(&Effect::StartLog { height: 2 }));
    assert_eq!(hand.now - began, 100 * MILLI);
}

#[test]
fn a_parent_from_the_future_is_waited_for_within_reason() {
    for (ahead, waits) in [(700, 701), (3_600_000, 3_000)] {
        let mut hand = Hand::validator(0, 1);
        hand.wait(0);
        hand.input(Input::Built {
            height: 1,
            round: 0,
            block_id: BLOCK,
        });
        hand.committed(1, WALL_MS + ahead);
        assert_eq!(hand.wait(waits - 1), [], "{ahead} ms ahead");
        assert!(hand.wait(1).contains(&Effect::StartLog { height: 2 }));
    }
}

#[test]
fn who_is_behind_does_not_pace() {
    let mut hand = Hand::validator(0, 4);
    hand.wait(200);
    hand.input(Input::Behind(true));
    hand.committed(7, WALL_MS);
    let begun = hand.wait(0);
    assert!(matches!(
        begun[..],
        [
            Effect::HeightClosed { height: 1, .. },
            Effect::StartLog { height: 8 },
            ..
        ]
    ));
    assert_eq!(hand.engine.status().height, 8);
}

#[test]
fn the_edge_drops_what_is_not_worth_a_signature_check() {
    let (mut hand, (_, others)) = (voter(), cast());
    let other = &others[1];
    let prevote = |height, round| vote(other, VoteKind::Prevote, height, round, None);
    let blocks = [1, 2, 3].map(|byte| proposal(&hand, 1, 0, BlockId([byte; 32])));
    hand.message(prevote(1, 0));
    hand.message(prevote(2, 3));
    blocks[..2]
        .iter()
        .for_each(|proposal| drop(hand.message(proposal.clone())));
    let Message::Vote(counted) = prevote(1, 0) else {
        panic!()
    };
    let forged = Message::Vote(SignedVote {
        signature: Signature([7; 64]),
        ..counted
    });
    let dropped = Admit::Drop;
    for (what, message, expected) in [
        ("decided long ago", prevote(0, 0), dropped(DropReason::Old)),
        ("new", prevote(1, 1), Admit::Verify),
        ("counted", prevote(1, 0), dropped(DropReason::Repeated)),
        (
            "counted, but not these bytes",
            forged,
            dropped(DropReason::Duplicate),
        ),
        (
            "held for the next height",
            prevote(2, 3),
            dropped(DropReason::Repeated),
        ),
        ("ten rounds ahead", prevote(1, 10), Admit::Verify),
        (
            "eleven rounds ahead",
            prevote(1, 11),
            dropped(DropReason::RoundTooFarAhead),
        ),
        (
            "next height, newer than the one held",
            prevote(2, 4),
            Admit::Verify,
        ),
        (
            "next height, older than the one held",
            prevote(2, 2),
            dropped(DropReason::Duplicate),
        ),
        ("four heights ahead", prevote(4, 0), Admit::Verify),
        (
            "five heights ahead",
            prevote(5, 0),
            dropped(DropReason::TooFarAhead),
        ),
        (
            "a known proposal",
            blocks[0].clone(),
            dropped(DropReason::Duplicate),
        ),
        (
            "a third proposal",
            blocks[2].clone(),
            dropped(DropReason::TooManyProposals),
        ),
    ] {
        assert_eq!(hand.engine.admit(&message), expected, "{what}");
    }
    let drops = hand.engine.status().drops;
    assert_eq!(
        (
            drops.old,
            drops.duplicate,
            drops.too_far_ahead,
            drops.too_many_proposals
        ),
        (1, 3, 1, 1)
    );
}

#[test]
fn a_proposal_is_executed_once_and_voted_for_only_when_its_body_is_durable() {
    let mut hand = voter();
    let proposal = proposal(&hand, 1, 0, BLOCK);
    let asked = hand.message(proposal.clone());
    let [
        Effect::Execute {
            height: 1,
            round: 0,
            proposer,
            block_id,
            valid_round: None,
        },
    ] = asked[..]
    else {
        panic!("{asked:?}")
    };
    assert_eq!(hand.message(proposal), []);
    let voted = hand.input(Input::Executed {
        height: 1,
        round: 0,
        proposer,
        block_id,
        valid: true,
    });
    let [
        OutgoingMessage {
            message: Message::Vote(vote),
            attempt: 0,
        },
    ] = &sent(&voted)[..]
    else {
        panic!("{voted:?}")
    };
    assert_eq!(
        (vote.vote.kind, vote.vote.block_id),
        (VoteKind::Prevote, Some(BLOCK))
    );
}

#[test]
fn who_is_overtaken_by_the_decision_precommits_afterwards_and_is_in_the_next_certificate() {
    let mut hand = voter();
    let ours = hand.engine.status();
    assert_eq!(ours.signing, Signing::Yes);
    let (first, others) = cast();
    hand.message(proposal(&hand, 1, 0, BLOCK));
    // The body takes its time; the others decide meanwhile.
    let mut all = Vec::new();
    for key in [&first, &others[1], &others[2]] {
        all.extend(hand.message(vote(key, VoteKind::Prevote, 1, 0, Some(BLOCK))));
        all.extend(hand.message(vote(key, VoteKind::Precommit, 1, 0, Some(BLOCK))));
    }
    assert!(
        sent(&all).is_empty(),
        "nothing is said of a block that is not here"
    );
    let decided = hand.input(Input::Executed {
        height: 1,
        round: 0,
        proposer: first.address(),
        block_id: BLOCK,
        valid: true,
    });
    let late = vote(&others[0], VoteKind::Precommit, 1, 0, Some(BLOCK));
    let published = sent(&decided);
    assert!(published.iter().any(|sent| sent.message == late), "{decided:?}");
    let [
        Effect::SyncThenPublish {
            sign_mark, records, ..
        },
        Effect::Commit { .. },
    ] = &decided[..]
    else {
        panic!("durable before visible: {decided:?}");
    };
    assert_eq!(sign_mark.map(|mark| mark.step), Some(SignStep::Precommit));
    let Message::Vote(signed) = &late else { panic!() };
    assert!(records.contains(&LogRecord::Vote(signed.clone())), "{records:?}");
    // It comes back from others, and is no stranger's.
    hand.message(late.clone());
    hand.committed(1, WALL_MS);
    let next = hand.wait(200);
    let closed = next.iter().find_map(|effect| match effect {
        Effect::HeightClosed { precommits, .. } => Some(precommits.clone()),
        _ => None,
    });
    assert_eq!(closed.map(|precommits| precommits.len()), Some(4));
    assert_eq!(hand.engine.status().signing, Signing::Yes);
}

#[test]
fn an_invalid_block_gets_a_nil_vote() {
    let mut hand = voter();
    let proposal = proposal(&hand, 1, 0, BLOCK);
    let Effect::Execute { proposer, .. } = hand.message(proposal)[0] else {
        panic!()
    };
    let voted = hand.input(Input::Executed {
        height: 1,
        round: 0,
        proposer,
        block_id: BLOCK,
        valid: false,
    });
    let [
        OutgoingMessage {
            message: Message::Vote(vote),
            ..
        },
    ] = &sent(&voted)[..]
    else {
        panic!("{voted:?}")
    };
    assert_eq!(vote.vote.block_id, None);
}

#[test]
fn a_block_that_is_voted_for_and_not_here_is_asked_for_until_it_comes() {
    let (mut hand, (proposer, others)) = (voter(), cast());
    let prevote = |key: &SecretKey| vote(key, VoteKind::Prevote, 1, 0, Some(BLOCK));
    assert_eq!(hand.message(prevote(&proposer)), [], "one of four may be lying");
    let fetch = Effect::Fetch {
        height: 1,
        round: 0,
        block_id: BLOCK,
    };
    assert_eq!(hand.message(prevote(&others[1])), std::slice::from_ref(&fetch));
    assert_eq!(hand.message(prevote(&others[2])), [], "it is asked for already");
    assert!(hand.wait(1_000).contains(&fetch), "asked again");
    let proposal = proposal(&hand, 1, 0, BLOCK);
    hand.message(proposal);
    assert!(!hand.wait(1_000).contains(&fetch), "it is here");
}

#[test]
fn a_polka_names_a_block_to_ask_for() {
    let (mut hand, (proposer, others)) = (voter(), cast());
    let signers = [&proposer, &others[1], &others[2]];
    let vote = Vote {
        kind: VoteKind::Prevote,
        height: 1,
        round: 0,
        block_id: Some(BLOCK),
    };
    let signatures = signers.map(|key| CommitSignature {
        validator: key.address(),
        signature: SignedVote::sign(vote, key, &GENESIS).signature,
    });
    let polka = Message::Polka(PolkaCertificate::new(1, 0, BLOCK, signatures.to_vec()));
    assert_eq!(
        hand.message(polka.clone()),
        [Effect::Fetch {
            height: 1,
            round: 0,
            block_id: BLOCK
        }]
    );
    assert_eq!(hand.engine.admit(&polka), Admit::Drop(DropReason::Duplicate));
}

#[test]
fn votes_are_repeated_with_rising_attempt_numbers() {
    let mut hand = voter();
    let voted: Vec<_> = sent(&hand.wait(400));
    assert_eq!(voted.len(), 1, "a nil prevote after the propose timeout");
    let repeated: Vec<_> = sent(&hand.wait(2_000));
    assert!(repeated.len() >= 2 && repeated.iter().all(|message| message.message == voted[0].message));
    let attempts: Vec<u16> = repeated.iter().map(|message| message.attempt).collect();
    assert!(
        attempts[0] > 0 && attempts.is_sorted_by(|a, b| a < b),
        "{attempts:?}"
    );
}

#[test]
fn on_demand_a_transaction_or_a_vote_of_another_starts_a_height() {
    let keys = keys(4);
    let on_demand = || {
        let config = Config {
            empty_blocks: EmptyBlocks::OnDemand,
            ..config(&keys, Some(&keys[0]))
        };
        let mut hand = Hand::start(config, Some(SignMark::INITIAL));
        assert_eq!(hand.wait(60_000), []);
        assert!(hand.engine.status().waiting_for.contains("transaction"));
        hand
    };
    let starts = |effects: &[Effect]| effects.first() == Some(&Effect::StartLog { height: 1 });
    assert!(starts(&on_demand().input(Input::PendingTransactions(true))));
    assert!(starts(&on_demand().message(vote(
        &keys[1],
        VoteKind::Prevote,
        1,
        0,
        None
    ))));
    let mut hand = on_demand();
    let proposal = proposal(&hand, 1, 0, BLOCK);
    if hand.engine.proposer(1, 0) != Some(keys[0].address()) {
        assert!(starts(&hand.message(proposal)));
    }
    assert_eq!(
        on_demand().message(vote(&keys[1], VoteKind::Prevote, 2, 0, None)),
        [],
        "of another height"
    );
}

#[test]
fn a_lone_validator_without_its_mark_listens_and_then_makes_blocks_in_a_later_round() {
    let keys = keys(1);
    let mut hand = Hand::start(config(&keys, Some(&keys[0])), None);
    let quiet = hand.wait(1_500);
    assert_eq!(hand.engine.status().signing, Signing::Listening);
    assert!(!quiet.iter().any(|effect| matches!(effect, Effect::Build { .. })));
    let effects = hand.wait(400);
    let round = effects.iter().find_map(|effect| match effect {
        Effect::Build { round, .. } => Some(*round),
        _ => None,
    });
    assert_eq!(round, Some(1), "it never signs in the round in which it listened");
    let decided = hand.input(Input::Built {
        height: 1,
        round: 1,
        block_id: BLOCK,
    });
    assert!(matches!(
        decided[..],
        [Effect::SyncThenPublish { .. }, Effect::Commit { .. }]
    ));
    assert_eq!(hand.engine.status().signing, Signing::Yes);
}

/// A flooder of far heights and rounds must not bar a validator that comes back from the height that
/// needs it.
#[test]
fn who_listens_is_barred_only_from_rounds_of_the_running_height_that_others_are_near() {
    let (_, others) = cast();
    let signing = |heard: Message| {
        let mut hand = Hand::start(config(&keys(4), Some(&others[0])), None);
        hand.wait(200);
        assert_eq!(hand.engine.status().signing, Signing::Listening);
        if hand.engine.admit(&heard) == Admit::Verify {
            hand.message(heard);
        }
        hand.wait(1_900);
        hand.engine.status().signing
    };
    let prevote = |height, round| vote(&others[1], VoteKind::Prevote, height, round, None);
    assert_eq!(
        signing(prevote(4, 9)),
        Signing::Yes,
        "it has left the round that it listened in"
    );
    assert_eq!(signing(prevote(1, 500)), Signing::Yes);
    assert_eq!(signing(prevote(1, 3)), Signing::Barred { height: 1, round: 3 });
}

#[test]
fn a_strangers_vote_under_our_key_stops_us_and_says_what_to_do() {
    let (mut hand, (_, others)) = (voter(), cast());
    let stopped = hand.message(vote(&others[0], VoteKind::Prevote, 1, 0, Some(BLOCK)));
    let [Effect::SigningStopped { reason }] = &stopped[..] else {
        panic!("{stopped:?}")
    };
    assert!(
        reason.contains("another process signs with its validator key"),
        "{reason}"
    );
    assert_eq!(sent(&hand.wait(5_000)), []);
    assert!(matches!(hand.engine.status().signing, Signing::Stopped { .. }));
    hand.committed(1, WALL_MS);
    assert_eq!(sent(&hand.wait(5_000)), [], "for good");
}

#[test]
fn our_own_vote_that_comes_back_is_an_echo() {
    let mut hand = voter();
    let voted = sent(&hand.wait(400));
    assert_eq!(hand.message(voted[0].message.clone()), []);
    assert_eq!(hand.engine.status().signing, Signing::Yes);
}

#[test]
fn an_observer_follows_decides_and_writes_no_log() {
    let (_, all) = (cast(), keys(4));
    let mut hand = Hand::start(config(&all, None), None);
    hand.wait(200);
    let proposal = proposal(&hand, 1, 0, BLOCK);
    let Effect::Execute { proposer, .. } = hand.message(proposal)[0] else {
        panic!()
    };
    hand.input(Input::Executed {
        height: 1,
        round: 0,
        proposer,
        block_id: BLOCK,
        valid: true,
    });
    let mut effects = Vec::new();
    for key in &all[..3] {
        effects.extend(hand.message(vote(key, VoteKind::Precommit, 1, 0, Some(BLOCK))));
    }
    let [Effect::Commit { certificate, .. }] = &effects[..] else {
        panic!("{effects:?}")
    };
    assert_eq!(certificate.signatures.len(), 3);
    assert_eq!(hand.engine.status().signing, Signing::Observer);
    // The fourth precommit is too late for the certificate and not for the judgement of absence.
    let late = vote(&all[3], VoteKind::Precommit, 1, 0, Some(BLOCK));
    hand.committed(1, WALL_MS);
    assert_eq!(hand.engine.admit(&late), Admit::Verify);
    hand.message(late);
    let closed = hand.wait(1_000);
    let Some(Effect::HeightClosed {
        height: 1,
        precommits,
        ..
    }) = closed.first()
    else {
        panic!("{closed:?}")
    };
    assert_eq!(precommits.len(), 4);
}

#[test]
fn status_names_who_is_silent() {
    let (mut hand, (proposer, others)) = (voter(), cast());
    let status = hand.engine.status();
    assert_eq!((status.height, status.round, status.step), (1, 0, Step::Propose));
    assert!(
        status.waiting_for.contains(&proposer.address().to_string()),
        "{}",
        status.waiting_for
    );
    hand.wait(400);
    hand.message(vote(&others[1], VoteKind::Prevote, 1, 0, None));
    let status = hand.engine.status();
    assert_eq!(
        (status.step, status.total_power, status.quorum_power),
        (Step::Prevote, 4, 3)
    );
    for (key, silent) in [
        (&proposer, true),
        (&others[0], false),
        (&others[1], false),
        (&others[2], true),
    ] {
        assert_eq!(
            status.waiting_for.contains(&key.address().to_string()),
            silent,
            "{}",
            status.waiting_for
        );
    }
    assert_eq!(
        status
            .validators
            .iter()
            .filter(|votes| votes.prevote == Some(None))
            .count(),
        2
    );
}
