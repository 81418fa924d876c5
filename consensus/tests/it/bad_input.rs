//! What strangers and liars send: dropped, counted by reason, and never more than that.

use aureon_consensus::{
    Admit, Config, Effect, Engine, Epoch, Head, Input, Lineage, LogRecord, Message, PolkaCertificate,
    RoundCertificate, RoundCertificateKind, RoundSignature, Schedule, SignMark, Signing, Step, TimerId,
    light::LightChain, verify,
};
use aureon_types::{
    Address, BlockId, CommitSignature, Evidence, GenesisId, Proposal, SecretKey, Signature, SignedProposal,
    SignedVote, Vote, VoteKind,
};

use crate::support::{GENESIS, Random, at, config, genesis_head, keys, set};

/// Four decide; the fifth key is a stranger's.
fn cast() -> Vec<SecretKey> {
    keys(5)
}

fn pick<T: Copy>(random: &mut Random, of: &[T]) -> T {
    of[usize::try_from(random.below(of.len() as u64)).unwrap()]
}

fn height(random: &mut Random, now: u64) -> u64 {
    let near = now + random.below(8);
    pick(
        random,
        &[
            0,
            now,
            now,
            now,
            now + 1,
            near,
            now.saturating_sub(1),
            u64::MAX - 1,
            u64::MAX,
        ],
    )
}

fn round(random: &mut Random) -> u32 {
    pick(random, &[0, 0, 0, 1, 2, 9, 10, 11, 300, u32::MAX - 1, u32::MAX])
}

fn block(random: &mut Random) -> Option<BlockId> {
    pick(
        random,
        &[
            None,
            Some(BlockId([1; 32])),
            Some(BlockId([2; 32])),
            Some(BlockId([3; 32])),
        ],
    )
}

fn kind(random: &mut Random) -> VoteKind {
    pick(random, &[VoteKind::Prevote, VoteKind::Precommit])
}

/// One in eight is signed for another network, one in eight is broken.
fn sign(random: &mut Random, vote: Vote, key: &SecretKey) -> SignedVote {
    let genesis = if random.below(8) == 0 {
        GenesisId([1; 32])
    } else {
        GENESIS
    };
    let mut signed = SignedVote::sign(vote, key, &genesis);
    if random.below(8) == 0 {
        signed.signature.0[usize::try_from(random.below(64)).unwrap()] ^= 1 << random.below(8);
    }
    signed
}

/// Any message: of any height and round, of members and strangers, well and badly signed, certificates
/// with any signers in any order.
fn message(random: &mut Random, now: u64) -> Message {
    let all = cast();
    let key = |random: &mut Random| all[usize::try_from(random.below(5)).unwrap()].clone();
    let (height, round, signer) = (height(random, now), round(random), key(random));
    match random.below(4) {
        0 => {
            let (kind, block_id) = (kind(random), block(random));
            Message::Vote(sign(
                random,
                Vote {
                    kind,
                    height,
                    round,
                    block_id,
                },
                &signer,
            ))
        }
        1 => {
            let proposal = Proposal {
                height,
                round,
                block_id: block(random).unwrap_or(BlockId([4; 32])),
                valid_round: pick(random, &[None, None, Some(0), Some(1), Some(u32::MAX)]),
            };
            let mut signed = SignedProposal::sign(proposal, &signer, &GENESIS);
            if random.below(8) == 0 {
                signed.proposer = key(random).address();
            }
            Message::Proposal(signed)
        }
        2 => {
            let block_id = block(random).unwrap_or(BlockId([4; 32]));
            let vote = Vote {
                kind: VoteKind::Prevote,
                height,
                round,
                block_id: Some(block_id),
            };
            let signatures = (0..random.below(6)).map(|_| {
                let signer = key(random);
                let signed = sign(random, vote, &signer);
                CommitSignature {
                    validator: signed.validator,
                    signature: signed.signature,
                }
            });
            Message::Polka(PolkaCertificate::new(
                height,
                round,
                block_id,
                signatures.collect(),
            ))
        }
        _ => {
            let of = pick(
                random,
                &[RoundCertificateKind::Skip, RoundCertificateKind::Precommit],
            );
            let signatures = (0..random.below(6)).map(|_| {
                let (kind, block_id, signer) = (kind(random), block(random), key(random));
                let signed = sign(
                    random,
                    Vote {
                        kind,
                        height,
                        round,
                        block_id,
                    },
                    &signer,
                );
                RoundSignature {
                    kind,
                    block_id,
                    validator: signed.validator,
                    signature: signed.signature,
                }
            });
            Message::Round(RoundCertificate::new(height, round, of, signatures.collect()))
        }
    }
}

/// Changed, cut, extended, or nothing but noise.
fn mutate(random: &mut Random, bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let place =
        |random: &mut Random, length: usize| usize::try_from(random.below(length as u64 + 1)).unwrap();
    for _ in 0..=random.below(3) {
        let at = place(random, bytes.len());
        match random.below(4) {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, random.next() as u8),
            2 if at < bytes.len() => bytes[at] = random.next() as u8,
            3 => bytes.extend((0..random.below(40)).map(|_| random.next() as u8)),
            _ => {}
        }
    }
    bytes
}

/// Whatever decodes has one encoding, and nothing panics.
#[test]
fn no_bytes_make_a_decoder_panic_and_what_it_takes_is_what_it_writes() {
    let mut random = Random(1);
    let (mut refused, mut taken) = (0_u32, 0_u32);
    for _ in 0..30_000 {
        let whole = match message(&mut random, 5) {
            Message::Proposal(proposal) => LogRecord::Proposal(proposal).encode(),
            other => other.encode(7).unwrap(),
        };
        let bytes = mutate(&mut random, &whole);
        match Message::decode(&bytes) {
            Ok((message, attempt)) => {
                // An absent attempt number, which nobody signs, means 0.
                let written = message.encode(attempt).unwrap();
                assert!(written[..] == bytes[..] || written[..] == [&bytes[..], &[0x78, 0]].concat());
                taken += 1;
            }
            Err(_) => refused += 1,
        }
        if let Ok(record) = LogRecord::decode(&bytes) {
            assert_eq!(record.encode()[..], bytes[..]);
        }
        drop(Evidence::decode(&bytes));
    }
    assert!(
        refused > 10_000 && taken > 1_000,
        "{refused} refused, {taken} taken"
    );
}

#[test]
fn no_bytes_make_an_epoch_or_a_light_chain_panic() {
    let mut random = Random(2);
    let epoch = Epoch::genesis(set(&keys(4)), 4).next(set(&keys(5))).encode();
    let mut taken = 0;
    for _ in 0..20_000 {
        let bytes = mutate(&mut random, &epoch);
        if let Ok(epoch) = Epoch::decode(&bytes) {
            assert_eq!(epoch.encode()[..], bytes[..]);
            epoch.proposer(epoch.last(), 3);
            taken += 1;
        }
        drop(LightChain::decode(&bytes));
    }
    assert!(taken > 0, "some changes only change a power or a number");
}

/// A victim and the clock, timers and head that its node would have.
struct Victim {
    engine: Engine,
    lineage: Lineage,
    now: u64,
    timers: Vec<(u64, TimerId)>,
    head: u64,
    stopped: bool,
}

impl Victim {
    fn start(key: Option<&SecretKey>) -> Self {
        let schedule = Schedule::fixed(set(&cast()[..4]));
        let config = Config {
            schedule: schedule.clone(),
            ..config(&cast()[..4], key)
        };
        let mut effects = Vec::new();
        let engine = Engine::start(
            at(0),
            config,
            genesis_head(),
            Vec::new(),
            Some(SignMark::INITIAL),
            &mut effects,
        );
        let mut victim = Self {
            engine,
            lineage: Lineage::Voting(schedule),
            now: 0,
            timers: Vec::new(),
            head: 0,
            stopped: false,
        };
        victim.perform(effects);
        victim
    }

    fn perform(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::StartTimer { id, after } => {
                    self.timers.push((self.now + after.as_micros() as u64, id));
                }
                Effect::Halted { reason } => panic!("{reason}"),
                Effect::SigningStopped { .. } => self.stopped = true,
                Effect::Commit { certificate, .. } => {
                    certificate
                        .verify(&set(&cast()[..4]), &GENESIS)
                        .expect("a decision is proven");
                }
                _ => {}
            }
        }
    }

    fn input(&mut self, input: Input) {
        let mut effects = Vec::new();
        self.engine.handle(at(self.now), input, &mut effects);
        self.perform(effects);
    }

    /// As a node does it: each message ends in the engine or in one count.
    fn hear(&mut self, message: Message) {
        let before = self.engine.status().drops.total();
        match self.engine.admit(&message) {
            Admit::Drop(_) => {
                assert_eq!(self.engine.status().drops.total(), before + 1, "{message:?}");
            }
            Admit::Verify => match verify(message, &self.lineage, &GENESIS) {
                Ok(verified) => self.input(Input::Message(verified)),
                Err(fault) => {
                    assert!(fault.is_senders() && fault.reason().is_fault());
                    self.engine.count_drop(fault.reason());
                    assert_eq!(self.engine.status().drops.total(), before + 1);
                }
            },
        }
    }

    /// Answers that were never asked for, or late; time; a commit.
    fn disturb(&mut self, random: &mut Random) {
        let (height, round, block_id) = (
            height(random, self.head + 1),
            round(random),
            block(random).unwrap_or(BlockId([9; 32])),
        );
        match random.below(8) {
            0 => self.input(Input::TimerFired(TimerId(random.below(300)))),
            1 => self.input(Input::Built {
                height,
                round,
                block_id,
            }),
            2 => self.input(Input::Executed {
                height,
                round,
                proposer: pick(random, &[Address([1; 20]), cast()[0].address()]),
                block_id,
                valid: random.below(2) == 0,
            }),
            3 => self.input(Input::PendingTransactions(random.below(2) == 0)),
            4 => self.input(Input::Behind(random.below(2) == 0)),
            5 if random.below(20) == 0 => {
                self.head += 1 + random.below(3);
                let head = Head {
                    height: self.head,
                    block_id,
                    timestamp_ms: random.next() >> 20,
                };
                let lineage = self.lineage.clone();
                self.input(Input::Committed(head, lineage));
            }
            _ => {
                self.now += random.below(200_000);
                let due: Vec<_> = self
                    .timers
                    .iter()
                    .copied()
                    .filter(|(when, _)| *when <= self.now)
                    .collect();
                self.timers.retain(|(when, _)| *when > self.now);
                due.into_iter()
                    .for_each(|(_, id)| self.input(Input::TimerFired(id)));
            }
        }
    }
}

/// Four members (some of whose keys the liar has), a stranger, noise: for validators and observers.
#[test]
fn no_message_makes_an_engine_panic_or_halt_and_each_drop_is_counted() {
    let mut seen = std::collections::BTreeMap::new();
    for seed in 0..12 {
        let mut random = Random(seed);
        let key = (seed % 3 > 0).then(|| cast()[0].clone());
        let mut victim = Victim::start(key.as_ref());
        for _ in 0..1_500 {
            if random.below(4) == 0 {
                victim.disturb(&mut random);
            }
            let message = message(&mut random, victim.head + 1);
            // The liar does not have the victim's key: else it would stop, as it should.
            if message.author() != Some(cast()[0].address()) || seed % 4 == 0 {
                victim.hear(message);
            }
            if random.below(10) == 0 {
                victim.engine.proposer(height(&mut random, 1), round(&mut random));
            }
        }
        let status = victim.engine.status();
        assert!(!matches!(status.step, Step::Commit) || status.height > 0);
        if victim.stopped {
            assert!(matches!(status.signing, Signing::Stopped { .. }), "seed {seed}");
        }
        for (reason, count) in status.drops.named() {
            *seen.entry(reason).or_insert(0_u64) += count;
        }
    }
    for reason in [
        "old",
        "too_far_ahead",
        "round_too_far_ahead",
        "duplicate",
        "unknown_signer",
        "bad_signature",
        "bad_proposal",
        "bad_certificate",
    ] {
        assert!(seen[reason] > 0, "{reason} never happened: {seen:?}");
    }
    assert_eq!(seen["halted"], 0);
}

/// A late vote, a far one, one twice, a forged one: each has its own count, and none moves the engine.
#[test]
fn each_kind_of_bad_vote_has_its_count() {
    let all = cast();
    let mut victim = Victim::start(Some(&all[0]));
    victim.now = 200_000;
    victim.timers.clear();
    victim.input(Input::TimerFired(TimerId(1)));
    let vote = |height, round| Vote {
        kind: VoteKind::Prevote,
        height,
        round,
        block_id: None,
    };
    let signed = |vote| SignedVote::sign(vote, &all[1], &GENESIS);
    let mut forged = signed(vote(1, 0));
    forged.signature = Signature([7; 64]);
    let before = victim.engine.status();
    for bad in [
        signed(vote(0, 0)),
        signed(vote(900, 0)),
        signed(vote(1, 900)),
        forged,
        SignedVote::sign(vote(1, 0), &all[4], &GENESIS),
    ] {
        victim.hear(Message::Vote(bad));
    }
    let after = victim.engine.status();
    assert_eq!(
        (after.height, after.round, after.step),
        (before.height, before.round, before.step)
    );
    assert_eq!(after.validators, before.validators, "no vote was counted");
    victim.hear(Message::Vote(signed(vote(1, 0))));
    victim.hear(Message::Vote(signed(vote(1, 0))));
    let drops = victim.engine.status().drops;
    assert_eq!(
        (drops.old, drops.too_far_ahead, drops.round_too_far_ahead),
        (1, 1, 1)
    );
    assert_eq!(
        (drops.bad_signature, drops.unknown_signer, drops.repeated),
        (1, 1, 1)
    );
    assert_eq!(drops.total(), 6);
}
