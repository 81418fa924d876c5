//! Validators with less than a third of the power attack, or miners with less than half of the hashes: the
//! others agree, go on, and blame nobody but them.

use aureon_testkit::{Attack, Engine, Kind};

use crate::seeds::{hold, sum};

fn equivocating_proposer(engine: Engine) {
    let reports = hold(engine, Kind::Attacked(Attack::EquivocatingProposer), 0..6);
    assert!(sum(&reports, |report| report.offences) >= 6, "it was noticed");
}

fn double_voter(engine: Engine) {
    let reports = hold(engine, Kind::Attacked(Attack::DoubleVoter), 0..6);
    assert!(sum(&reports, |report| report.offences) >= 6, "it was noticed");
}

fn vote_withholder(engine: Engine) {
    hold(engine, Kind::Attacked(Attack::VoteWithholder), 0..5);
}

fn invalid_proposer(engine: Engine) {
    let reports = hold(engine, Kind::Attacked(Attack::InvalidProposer), 0..6);
    let refused = sum(&reports, |report| report.refused_blocks);
    let few = if engine == Engine::Pow { 0 } else { 4 };
    assert!(refused > few, "honest nodes refused its blocks: {refused}");
}

fn time_liar(engine: Engine) {
    hold(engine, Kind::Attacked(Attack::TimeLiar), 0..5);
}

/// Seed 4 was a bug: an honest validator that had been away heard the flooder's votes for far heights while
/// it listened, and waited for those heights before it would sign again.
fn flooder(engine: Engine) {
    hold(engine, Kind::Attacked(Attack::Flooder), 0..5);
}

fn signature_corrupter(engine: Engine) {
    hold(engine, Kind::Attacked(Attack::SignatureCorrupter), 0..5);
}

fn long_range_forker(engine: Engine) {
    hold(engine, Kind::Attacked(Attack::LongRangeForker), 0..4);
}

fn body_withholder(engine: Engine) {
    let reports = hold(engine, Kind::Attacked(Attack::BodyWithholder), 0..6);
    let (spoilt, blamed) = (
        sum(&reports, |report| report.spoilt_answers),
        sum(&reports, |report| report.penalties),
    );
    // Where blocks are mined, "not here" is a fair answer.
    let few = if engine == Engine::Pow { 0 } else { 2 };
    assert!(
        spoilt >= 6 && blamed >= few,
        "{spoilt} answers were spoilt, {blamed} times somebody minded"
    );
}

fn former_validators(engine: Engine) {
    let reports = hold(engine, Kind::Attacked(Attack::FormerValidators), 0..5);
    assert!(
        reports.iter().all(|report| report.sets >= 2),
        "they have come and gone"
    );
    let blamed = sum(&reports, |report| report.penalties);
    assert!(blamed >= 6, "who believed the claim found out: {blamed}");
}

fn rotten_branch(engine: Engine) {
    let reports = hold(engine, Kind::Attacked(Attack::RottenBranch), 0..6);
    assert!(
        sum(&reports, |report| report.refused_blocks) >= 6,
        "bodies were looked at"
    );
    assert!(
        sum(&reports, |report| report.penalties) >= 6,
        "it was held against who served them"
    );
}

fn selfish_miner(engine: Engine) {
    let reports = hold(engine, Kind::Attacked(Attack::SelfishMiner), 0..8);
    assert!(
        sum(&reports, |report| report.reorgs) > 40,
        "it made others work in vain"
    );
}

crate::seeds::for_every_engine!(
    invalid_proposer,
    time_liar,
    flooder,
    signature_corrupter,
    long_range_forker,
    body_withholder;
    equivocating_proposer,
    double_voter,
    vote_withholder,
    former_validators;
    selfish_miner,
    rotten_branch
);
