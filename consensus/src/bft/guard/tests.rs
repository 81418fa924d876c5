//! What a key may sign, place by place.

use super::*;

const HEAD: u64 = 9;

fn mark(height: u64, round: u32, step: SignStep) -> SignMark {
    SignMark { height, round, step }
}

fn guard(mark: Option<SignMark>) -> Guard {
    Guard::new(Some(SecretKey::from_seed([1; 32])), GenesisId([7; 32]), mark)
}

fn sign(guard: &mut Guard, at: SignMark, content: &'static [u8]) -> bool {
    guard.sign(at, "test", Bytes::from_static(content)).is_some()
}

const PREVOTE: SignMark = SignMark {
    height: 10,
    round: 1,
    step: SignStep::Prevote,
};

#[test]
fn nothing_new_is_signed_at_or_below_the_mark() {
    let mut guard = guard(Some(mark(HEAD, 0, SignStep::Precommit)));
    assert!(!guard.begin_height(HEAD, true, Vec::new()));
    assert!(sign(&mut guard, PREVOTE, b"a"));
    assert_eq!(guard.take_mark(), Some(PREVOTE));
    assert_eq!(guard.take_mark(), None, "it has not risen since");
    for (at, content, expected) in [
        (PREVOTE, &b"a"[..], true), // the same again, byte for byte
        (PREVOTE, b"b", false),     // a contradiction
        (mark(10, 1, SignStep::Proposal), b"c", false),
        (mark(10, 0, SignStep::Precommit), b"c", false),
        (mark(10, 1, SignStep::Precommit), b"c", true),
        (mark(10, 2, SignStep::Proposal), b"c", true),
    ] {
        assert_eq!(
            guard.may_sign(at, &Bytes::from_static(content)),
            expected,
            "{at:?} {content:?}"
        );
    }
}

/// What the mark and the log say at a start, and where one may then sign.
#[test]
fn a_start_is_judged_by_mark_and_log() {
    let logged = vec![(PREVOTE, Bytes::from_static(b"a"))];
    for (what, mark, log, listens, allowed, barred) in [
        (
            "fresh height",
            Some(mark(9, 3, SignStep::Precommit)),
            vec![],
            false,
            true,
            false,
        ),
        (
            "the log reaches the mark",
            Some(PREVOTE),
            logged.clone(),
            false,
            true,
            false,
        ),
        (
            "the log is ahead",
            Some(mark(9, 0, SignStep::Prevote)),
            logged.clone(),
            false,
            true,
            false,
        ),
        (
            "the log lost what the mark knows",
            Some(PREVOTE),
            vec![],
            false,
            false,
            true,
        ),
        (
            "the mark is ahead of the chain",
            Some(mark(12, 0, SignStep::Prevote)),
            vec![],
            false,
            false,
            false,
        ),
        (
            "the mark is older than the chain",
            Some(mark(8, 0, SignStep::Prevote)),
            vec![],
            true,
            false,
            false,
        ),
        ("no mark", None, vec![], true, false, false),
        ("no mark but a log", None, logged.clone(), true, false, false),
    ] {
        let mut guard = guard(mark);
        assert_eq!(guard.begin_height(HEAD, true, log), listens, "{what}: listens");
        assert_eq!(guard.allows((10, 1)), allowed, "{what}: may sign in round 1");
        assert_eq!(guard.barred((10, 1)), barred, "{what}: steps over round 1");
    }
}

#[test]
fn a_new_key_signs_the_first_block_at_once_but_not_the_hundredth() {
    let mut new = guard(Some(SignMark::INITIAL));
    assert!(!new.begin_height(0, true, Vec::new()));
    assert!(new.allows((1, 0)));
    let mut joiner = guard(Some(SignMark::INITIAL));
    assert!(joiner.begin_height(100, true, Vec::new()));
    assert!(!joiner.allows((101, 0)));
}

#[test]
fn after_listening_only_later_rounds_than_those_heard_are_signed() {
    let mut guard = guard(None);
    assert!(guard.begin_height(HEAD, true, Vec::new()));
    guard.hear((10, 2));
    assert_eq!(
        guard.judge_own(mark(10, 4, SignStep::Prevote), b"old"),
        Own::Forgotten
    );
    guard.hear((10, 3));
    guard.listened((10, 1));
    let allowed: Vec<u32> = (0..8).filter(|round| guard.allows((10, *round))).collect();
    assert_eq!(allowed, [5, 6, 7]);
    assert!(guard.barred((10, 4)) && !guard.barred((10, 5)));
    assert!(guard.allows((11, 0)));
}

#[test]
fn a_range_import_that_outruns_the_mark_makes_us_listen() {
    let mut guard = guard(Some(mark(HEAD, 0, SignStep::Precommit)));
    assert!(!guard.begin_height(HEAD, true, Vec::new()));
    assert!(
        guard.begin_height(50, true, Vec::new()),
        "nothing was signed in this life"
    );
    let mut signed = self::guard(Some(mark(HEAD, 0, SignStep::Precommit)));
    signed.begin_height(HEAD, true, Vec::new());
    assert!(sign(&mut signed, PREVOTE, b"a"));
    assert!(
        !signed.begin_height(50, true, Vec::new()),
        "this life knows what it signed"
    );
}

#[test]
fn messages_under_our_key_are_told_apart() {
    let mut guard = guard(Some(mark(HEAD, 0, SignStep::Precommit)));
    guard.begin_height(HEAD, true, Vec::new());
    assert!(sign(&mut guard, PREVOTE, b"a"));
    for (at, content, expected) in [
        (PREVOTE, &b"a"[..], Own::Echo),
        (PREVOTE, b"b", Own::Foreign),
        (mark(10, 1, SignStep::Precommit), b"a", Own::Foreign),
        (mark(11, 0, SignStep::Prevote), b"a", Own::Foreign),
        (mark(10, 0, SignStep::Prevote), b"a", Own::Forgotten),
    ] {
        assert_eq!(guard.judge_own(at, content), expected, "{at:?} {content:?}");
    }
}

#[test]
fn a_refusal_bars_the_round() {
    let mut guard = guard(Some(PREVOTE));
    guard.begin_height(HEAD, true, vec![(PREVOTE, Bytes::from_static(b"a"))]);
    assert!(!sign(&mut guard, mark(10, 0, SignStep::Prevote), b"x"));
    assert!(guard.take_refusal((10, 1)));
    assert!(guard.barred((10, 1)) && guard.allows((10, 2)));
    assert!(!guard.take_refusal((10, 1)));
}

#[test]
fn who_stopped_never_signs_again() {
    let mut guard = guard(Some(mark(HEAD, 0, SignStep::Precommit)));
    guard.stop("why".to_owned());
    guard.begin_height(HEAD, true, Vec::new());
    guard.listened((10, 0));
    assert!(!guard.allows((99, 0)) && !sign(&mut guard, PREVOTE, b"a"));
    assert_eq!(
        guard.signing(true, (10, 0)),
        Signing::Stopped {
            reason: "why".to_owned()
        }
    );
}
