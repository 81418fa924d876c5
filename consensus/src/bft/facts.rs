//! What the core does at its edges, pinned so that an upgrade which changes it is seen. The engine's
//! rules (see the module above) rest on these. Signatures are dummies here: the handler believes all.

use std::convert::Infallible;

use arc_malachitebft_core_consensus::{
    Effect, Error, Params, ProposedValue, Resumable, Resume, SignedConsensusMsg, State, ThresholdParams,
    process,
};
use arc_malachitebft_core_types::{
    PolkaCertificate, Round, RoundCertificate, RoundCertificateType, SignedMessage, Timeout, Validity,
    ValueOrigin, ValuePayload, VoteExtensionPolicy,
};
use aureon_types::{Address, BlockId, SecretKey, Signature, Validator, ValidatorSet, VoteKind};

use crate::Epoch;

use super::{
    context::{Chain, Height, Members, Proposal, Value, Vote, Who},
    convert::{CoreInput, CoreVote},
};

const BLOCK: BlockId = BlockId([9; 32]);
const NO_SIGNATURE: Signature = Signature([0; 64]);

#[derive(Debug, PartialEq)]
enum Seen {
    Sent(VoteKind, Option<BlockId>),
    Decided,
    Checked,
}

fn address(validator: u8) -> Address {
    SecretKey::from_seed([validator + 1; 32]).address()
}

fn members() -> Members {
    let validator = |seed| Validator::new(SecretKey::from_seed([seed; 32]).public_key(), 1);
    Members::new(Epoch::genesis(
        ValidatorSet::new((1..=4).map(validator).collect()).unwrap(),
        50,
    ))
}

/// We are validator 0.
fn core(future_inputs: usize) -> State<Chain> {
    let params = Params {
        address: Who(address(0)),
        threshold_params: ThresholdParams::default(),
        value_payload: ValuePayload::ProposalAndParts,
        enabled: true,
    };
    State::new(Chain, Height(1), members(), params, 4, future_inputs)
}

fn drive(core: &mut State<Chain>, input: CoreInput) -> (Vec<Seen>, Result<(), Error<Chain>>) {
    let mut seen = Vec::new();
    let result = process!(input: input, state: core, metrics: &(), with: effect => Ok::<_, Infallible>(match effect {
        Effect::SignVote(vote, r) => r.resume_with(SignedMessage::new(vote, NO_SIGNATURE)),
        Effect::SignProposal(proposal, r) => r.resume_with(SignedMessage::new(proposal, NO_SIGNATURE)),
        Effect::VerifySignature(_, _, r) => {
            seen.push(Seen::Checked);
            r.resume_with(true)
        }
        Effect::VerifyCommitCertificate(_, _, _, r) => r.resume_with(Ok(())),
        Effect::VerifyPolkaCertificate(_, _, _, r) => r.resume_with(Ok(())),
        Effect::VerifyRoundCertificate(_, _, _, r) => r.resume_with(Ok(())),
        Effect::PublishConsensusMsg(SignedConsensusMsg::Vote(vote), _) => {
            seen.push(Seen::Sent(vote.message.vote.kind, vote.message.vote.block_id));
            Resume::Continue
        }
        Effect::Finalize(..) => {
            seen.push(Seen::Decided);
            Resume::Continue
        }
        _ => Resume::Continue,
    }));
    (seen, result)
}

fn ok(core: &mut State<Chain>, input: CoreInput) -> Vec<Seen> {
    let (seen, result) = drive(core, input);
    result.unwrap();
    seen.into_iter().filter(|seen| *seen != Seen::Checked).collect()
}

fn start(core: &mut State<Chain>, height: u64) -> Vec<Seen> {
    let input = CoreInput::StartHeight(
        Height(height),
        members(),
        false,
        None,
        VoteExtensionPolicy::Disabled,
    );
    let (seen, result) = drive(core, input);
    result.unwrap();
    seen
}

fn vote(kind: VoteKind, signer: u8, height: u64, round: u32, block_id: Option<BlockId>) -> CoreVote {
    let vote = aureon_types::Vote {
        kind,
        height,
        round,
        block_id,
    };
    SignedMessage::new(Vote::new(vote, address(signer)), NO_SIGNATURE)
}

fn timeout() -> CoreInput {
    CoreInput::TimeoutElapsed(Timeout::propose(Round::ZERO))
}

const NIL_PREVOTE: Seen = Seen::Sent(VoteKind::Prevote, None);

fn polka(height: u64) -> CoreInput {
    let votes = (1..4)
        .map(|i| vote(VoteKind::Prevote, i, height, 0, Some(BLOCK)))
        .collect();
    CoreInput::PolkaCertificate(PolkaCertificate::new(
        Height(height),
        Round::ZERO,
        Value(BLOCK),
        votes,
    ))
}

/// Hence timers of our own with an identity.
#[test]
fn a_timeout_names_no_height_so_a_stale_one_acts_in_the_next() {
    let mut core = core(9);
    start(&mut core, 1);
    start(&mut core, 2);
    assert_eq!(ok(&mut core, timeout()), [NIL_PREVOTE]);
}

/// Hence nothing enters between `State::new` and `StartHeight`.
#[test]
fn a_certificate_before_the_first_height_is_an_error() {
    let mut core = core(9);
    let (_, result) = drive(&mut core, polka(1));
    assert!(matches!(result, Err(Error::DriverProcess(_))), "{result:?}");
}

/// Hence certificates for later heights wait in `Future`.
#[test]
fn a_certificate_of_the_next_height_is_dropped_not_buffered() {
    let mut core = core(9);
    start(&mut core, 1);
    ok(&mut core, polka(2));
    start(&mut core, 2);
    assert!(core.polka_certificate(Round::ZERO, &Value(BLOCK)).is_none());
}

/// Hence votes for later heights wait in `Future` too.
#[test]
fn future_votes_are_buffered_unchecked_with_repeats_and_the_oldest_win() {
    let mut core = core(2);
    start(&mut core, 1);
    for signer in [1, 1, 2] {
        assert_eq!(
            ok(
                &mut core,
                CoreInput::Vote(vote(VoteKind::Prevote, signer, 2, 0, None))
            ),
            []
        );
    }
    // The repeat of 1 filled the queue; 2 is lost.
    assert_eq!(start(&mut core, 2), [Seen::Checked]);
}

/// Hence `Effect::Fetch`, answered with the signed proposal beside the body.
#[test]
fn precommits_and_a_body_do_not_decide_without_the_signed_proposal() {
    let mut core = core(9);
    start(&mut core, 1);
    for signer in 1..4 {
        ok(
            &mut core,
            CoreInput::Vote(vote(VoteKind::Precommit, signer, 1, 0, Some(BLOCK))),
        );
    }
    let proposer = *core.get_proposer(Height(1), Round::ZERO);
    let value = ProposedValue {
        height: Height(1),
        round: Round::ZERO,
        valid_round: Round::Nil,
        proposer,
        value: Value(BLOCK),
        validity: Validity::Valid,
    };
    let body = CoreInput::ProposedValue(value, ValueOrigin::Consensus);
    assert!(!ok(&mut core, body).contains(&Seen::Decided));
    let proposal = Proposal {
        height: Height(1),
        round: Round::ZERO,
        value: Value(BLOCK),
        valid_round: Round::Nil,
        proposer,
    };
    let proposal = CoreInput::Proposal(SignedMessage::new(proposal, NO_SIGNATURE));
    assert!(ok(&mut core, proposal).contains(&Seen::Decided));
}

/// Hence the guard judges votes under our own key before they enter.
#[test]
fn a_foreign_vote_under_our_key_does_not_stop_the_core_from_contradicting_it() {
    let mut core = core(9);
    start(&mut core, 1);
    ok(
        &mut core,
        CoreInput::Vote(vote(VoteKind::Prevote, 0, 1, 0, Some(BLOCK))),
    );
    assert_eq!(ok(&mut core, timeout()), [NIL_PREVOTE]);
}

/// Hence the log holds everything that moved the core, not our own votes alone.
#[test]
fn replaying_our_votes_without_what_caused_them_does_not_protect() {
    let log = [CoreInput::Vote(vote(VoteKind::Prevote, 0, 1, 0, Some(BLOCK)))];
    let mut core = core(9);
    start(&mut core, 1);
    core.index_wal_entries(&log);
    log.into_iter().for_each(|record| drop(ok(&mut core, record)));
    core.reset_entries_index();
    assert_eq!(ok(&mut core, timeout()), [NIL_PREVOTE]);
}

/// Hence a round that was not signed in is stepped over, not waited out.
#[test]
fn votes_held_back_while_disabled_are_not_sent_later() {
    let mut core = core(9);
    start(&mut core, 1);
    core.params.enabled = false;
    assert_eq!(ok(&mut core, timeout()), []);
    core.params.enabled = true;
    let rebroadcast = CoreInput::TimeoutElapsed(Timeout::rebroadcast(Round::ZERO));
    assert_eq!(ok(&mut core, rebroadcast), []);
}

/// What stepping over a round relies on: the timeout works in any step and needs no votes.
#[test]
fn a_precommit_timeout_ends_a_round_in_any_step() {
    let mut core = core(9);
    start(&mut core, 1);
    let over = |round| CoreInput::TimeoutElapsed(Timeout::precommit(Round::new(round)));
    ok(&mut core, over(0));
    assert_eq!(core.round(), Round::new(1), "from propose");
    ok(
        &mut core,
        CoreInput::TimeoutElapsed(Timeout::propose(Round::new(1))),
    );
    ok(&mut core, over(1));
    assert_eq!(core.round(), Round::new(2), "from prevote");
}

#[test]
fn votes_eleven_rounds_ahead_vanish_but_a_round_certificate_moves_us() {
    let mut core = core(9);
    start(&mut core, 1);
    let votes: Vec<_> = (1..4)
        .map(|i| vote(VoteKind::Precommit, i, 1, 11, None))
        .collect();
    votes
        .iter()
        .for_each(|vote| assert_eq!(ok(&mut core, CoreInput::Vote(vote.clone())), []));
    assert_eq!(core.round(), Round::ZERO);
    let certificate =
        RoundCertificate::new_from_votes(Height(1), Round::new(11), RoundCertificateType::Precommit, votes);
    ok(&mut core, CoreInput::RoundCertificate(certificate));
    assert_eq!(core.round(), Round::new(11));
}

/// What a signature that must not be given relies on: the call fails, and nothing is counted or sent.
#[test]
fn a_refused_signature_fails_the_call_without_a_vote() {
    let mut core = core(9);
    start(&mut core, 1);
    let result: Result<(), Error<Chain>> = process!(
        input: timeout(),
        state: &mut core,
        metrics: &(),
        with: effect => Ok::<_, Infallible>(match effect {
            Effect::PublishConsensusMsg(..) => unreachable!("nothing may be sent"),
            _ => Resume::Continue,
        })
    );
    assert!(matches!(result, Err(Error::UnexpectedResume(..))));
    assert!(core.driver.votes().per_round(Round::ZERO).is_none());
}
