//! What the builder takes, leaves and throws away.

use aureon_types::{
    Action, Address, Amount, BlockId, Transaction,
    limits::{MAX_CODE_BYTES, MAX_EVENTS, MAX_RECEIPTS_BYTES},
    transaction::TRANSFER_GAS,
};

use super::*;
use crate::{
    execution::contracts::{
        CodeFault, CodeReport, ContractHost, Entry, Run, RunEnd, RunOutcome,
        script::{Op, ScriptMachine, code, encode},
    },
    import::HeightEngine,
    production::{self, BuildLimits},
    testing::{MemoryState, NoCode, key, rules_after, sign, transfer},
};

fn state() -> MemoryState {
    MemoryState::with((1..=3).map(|seed| (key(seed).address(), 100_000_000)))
}

fn rules() -> HeightRules {
    rules_after(50)
}

fn params() -> BuildParams {
    BuildParams {
        parent: ParentInfo {
            height: 0,
            id: BlockId([0; 32]),
            timestamp_ms: 50,
            state_root: state().root(),
        },
        previous_commit: Bytes::new(),
        rules: rules(),
        timestamp_ms: 60,
        proposer: Address([7; 20]),
        max_gas: u64::MAX,
        max_bytes: usize::MAX,
    }
}

fn chain(count: u64) -> impl Iterator<Item = VerifiedTransaction> {
    (0..count).map(|nonce| sign(1, &transfer(1, nonce)))
}

fn included(built: &Built<MemoryState>) -> Vec<TransactionId> {
    built
        .executed
        .block()
        .transactions()
        .iter()
        .map(SignedTransaction::id)
        .collect()
}

#[test]
fn an_empty_block_is_a_block() {
    let built = build(&state(), &NoCode, &params(), [], &mut || true).unwrap();
    assert_eq!(built.stopped, StopReason::Exhausted);
    assert_eq!(built.executed.header().state_root, state().root());
    assert!(built.executed.changes().accounts.is_empty());
}

#[test]
fn time_goes_on_even_if_our_clock_stands() {
    for (clock, time) in [(60, 60), (50, 51), (0, 51)] {
        let params = BuildParams {
            timestamp_ms: clock,
            ..params()
        };
        let built = build(&state(), &NoCode, &params, [], &mut || false).unwrap();
        assert_eq!(built.executed.header().timestamp_ms, time);
    }
}

#[test]
fn gas_bytes_and_time_end_a_block() {
    let gas = BuildParams {
        max_gas: 10 * TRANSFER_GAS,
        ..params()
    };
    let built = build(&state(), &NoCode, &gas, chain(12), &mut || false).unwrap();
    assert_eq!(built.executed.receipts().len(), 10);
    assert_eq!(
        built.executed.header().gas_limit,
        rules().gas_limit,
        "the header keeps the rule"
    );
    assert!(built.stale.is_empty(), "what did not fit stays in the pool");

    let room = 5 * sign(1, &transfer(1, 0)).size() + HEADER_ROOM;
    let bytes = BuildParams {
        max_bytes: room,
        ..params()
    };
    let built = build(&state(), &NoCode, &bytes, chain(8), &mut || false).unwrap();
    assert_eq!(built.executed.receipts().len(), 5);
    assert!(built.executed.block().encode().len() <= room);

    let mut asked = 0;
    let mut out_of_time = || {
        asked += 1;
        true
    };
    let roomy = BuildParams {
        rules: HeightRules {
            gas_limit: u64::MAX,
            ..rules()
        },
        ..params()
    };
    let built = build(&state(), &NoCode, &roomy, chain(70), &mut out_of_time).unwrap();
    assert_eq!(
        (built.executed.receipts().len(), built.stopped),
        (64, StopReason::OutOfTime)
    );
    assert_eq!(asked, 1);
}

/// A contract's call may take as long as many transfers: the clock is asked after it.
#[test]
fn the_time_budget_is_asked_after_so_much_gas_too() {
    let call = |nonce| {
        let transaction = Transaction {
            gas_limit: GAS_PER_TIME_CHECK / 2,
            action: Action::Deploy {
                code: Bytes::from(vec![0; 2_000]),
                input: Bytes::from(vec![0; 20_000]),
                upgradable: false,
                value: Amount::ZERO,
            },
            ..transfer(1, nonce)
        };
        sign(1, &transaction)
    };
    let used = call(0).transaction().action.gas();
    assert!(used > GAS_PER_TIME_CHECK / 2);
    let roomy = BuildParams {
        rules: HeightRules {
            gas_limit: u64::MAX,
            ..rules()
        },
        ..params()
    };
    let mut asked = 0;
    let mut out_of_time = || {
        asked += 1;
        asked == 2
    };
    let built = build(&state(), &NoCode, &roomy, (0..9).map(call), &mut out_of_time).unwrap();
    assert_eq!(
        (built.executed.receipts().len(), built.stopped),
        (4, StopReason::OutOfTime)
    );
}

#[test]
fn the_search_for_a_smaller_one_ends() {
    let full = BuildParams {
        max_gas: 0,
        ..params()
    };
    let mut offered = 0;
    let endless = (0..)
        .map(|nonce| sign(1, &transfer(1, nonce)))
        .inspect(|_| offered += 1);
    let built = build(&state(), &NoCode, &full, endless, &mut || false).unwrap();
    // The first one fits into any block.
    assert_eq!((built.stopped, offered), (StopReason::Full, 1 + MAX_MISFITS));
}

#[test]
fn what_does_not_apply_is_skipped_and_only_what_never_will_is_stale() {
    let mut view = state();
    view.accounts.get_mut(&key(1).address()).unwrap().nonce = 1;
    let mut params = params();
    params.parent.state_root = view.root();
    let used = sign(1, &transfer(1, 0));
    let expired = sign(
        2,
        &Transaction {
            last_valid_height: Some(0),
            ..transfer(2, 0)
        },
    );
    let gap = sign(2, &transfer(2, 5));
    let one = sign(3, &transfer(3, 0));
    let same_nonce = sign(
        3,
        &Transaction {
            gas_price: 2,
            ..transfer(3, 0)
        },
    );
    let poor = sign(9, &transfer(9, 0));
    let large = sign(
        3,
        &Transaction {
            gas_limit: u64::MAX / 2,
            ..transfer(3, 1)
        },
    );
    let next = sign(3, &transfer(3, 1));
    let candidates =
        [&used, &expired, &gap, &one, &same_nonce, &poor, &large, &next].map(VerifiedTransaction::clone);
    let built = build(&view, &NoCode, &params, candidates, &mut || false).unwrap();
    assert_eq!(included(&built), [one.id(), next.id()]);
    let stale: Vec<TransactionId> = built.stale.iter().map(|(id, _)| *id).collect();
    assert_eq!(stale, [used.id(), expired.id(), large.id()]);
}

#[test]
fn a_view_that_is_not_the_parents_is_refused() {
    let params = BuildParams {
        parent: ParentInfo {
            state_root: Hash::ZERO,
            ..params().parent
        },
        ..params()
    };
    let error = build(&state(), &NoCode, &params, [], &mut || false).unwrap_err();
    assert!(matches!(error, StateError::WrongView { .. }), "{error}");
}

#[test]
fn a_nonce_that_does_the_work_makes_the_template_a_block() {
    let mined = |target: [u8; 32]| BuildParams {
        rules: HeightRules {
            engine: HeightEngine::Work { target },
            ..rules()
        },
        ..params()
    };
    let easy = build(&state(), &NoCode, &mined([0xff; 32]), chain(2), &mut || false).unwrap();
    let sealed = production::seal(&easy.executed, 7_u64.to_le_bytes()).unwrap();
    assert_eq!(sealed.block().sealed_header().seal(), &7_u64.to_le_bytes()[..]);
    assert_eq!(sealed.header(), easy.executed.header());
    assert_eq!(sealed.receipts(), easy.executed.receipts());
    assert_ne!(sealed.id(), easy.executed.id());
    // What was sealed can be read again.
    assert_eq!(
        aureon_types::Block::decode(&sealed.block().encode()).as_ref(),
        Ok(&**sealed.block())
    );
    let hard = build(&state(), &NoCode, &mined([0x01; 32]), chain(2), &mut || false).unwrap();
    assert!(production::seal(&hard.executed, 7_u64.to_le_bytes()).is_err());
    let voted = build(&state(), &NoCode, &params(), chain(2), &mut || false).unwrap();
    assert!(
        production::seal(&voted.executed, [0; 8]).is_err(),
        "nothing to seal"
    );
}

/// However often our rounds failed.
#[test]
fn the_largest_deployment_is_included_after_failed_rounds() {
    let state = MemoryState::with((1..=2).map(|seed| (key(seed).address(), 1_000_000_000_000)));
    let rules = HeightRules {
        gas_limit: 100_000 * TRANSFER_GAS,
        ..rules()
    };
    let word = "x".repeat(MAX_CODE_BYTES - "script deploy ".len());
    let deployment = |gas_limit| {
        let transaction = Transaction {
            gas_limit,
            action: Action::Deploy {
                code: code(&[Entry::Deploy], &word),
                input: Bytes::new(),
                upgradable: false,
                value: Amount::ZERO,
            },
            ..transfer(1, 0)
        };
        sign(1, &transaction)
    };
    let mut limits = BuildLimits::new(rules.gas_limit);
    (0..100).for_each(|_| limits.on_failed_round());
    let built = |limits: BuildLimits, candidates: Vec<VerifiedTransaction>| {
        let mut params = BuildParams {
            rules: rules.clone(),
            max_gas: limits.gas(),
            max_bytes: limits.bytes(),
            ..params()
        };
        params.parent.state_root = state.root();
        let built = build(&state, &ScriptMachine, &params, candidates, &mut || false).unwrap();
        assert!(built.stale.is_empty(), "what did not fit stays in the pool");
        assert!(
            built
                .executed
                .receipts()
                .iter()
                .all(|receipt| receipt.failure.is_none())
        );
        included(&built)
    };
    let (large, small) = (deployment(FIRST_TRANSACTION_GAS), sign(2, &transfer(2, 0)));
    // First it has room and leaves none; later it has none.
    assert_eq!(built(limits, vec![large.clone(), small.clone()]), [large.id()]);
    assert_eq!(built(limits, vec![small.clone(), large.clone()]), [small.id()]);
    // What wants more waits until enough blocks were good.
    let larger = deployment(rules.gas_limit);
    assert_eq!(built(limits, vec![larger.clone()]), []);
    (0..32).for_each(|_| limits.on_good_block());
    assert_eq!(built(limits, vec![larger.clone()]), [larger.id()]);
}

/// A machine that fails on everything that it runs.
struct Broken;

impl ContractMachine for Broken {
    fn check(&self, code: &[u8]) -> Result<CodeReport, CodeFault> {
        ScriptMachine.check(code)
    }

    fn run(&self, _: Run<'_>, _: &mut dyn ContractHost) -> RunOutcome {
        RunOutcome {
            gas_used: 0,
            refund: 0,
            end: RunEnd::Broken("no memory".to_owned()),
        }
    }
}

#[test]
fn a_transaction_on_which_the_machine_fails_is_left_out_and_changes_nothing() {
    let deployment = Transaction {
        gas_limit: 1_000_000,
        action: Action::Deploy {
            code: code(&[Entry::Deploy], "x"),
            input: Bytes::new(),
            upgradable: false,
            value: Amount(7),
        },
        ..transfer(1, 0)
    };
    let (bad, good) = (sign(1, &deployment), sign(1, &transfer(1, 0)));
    let candidates = [bad.clone(), good.clone()];
    let built = build(&state(), &Broken, &params(), candidates, &mut || false).unwrap();
    assert_eq!(included(&built), [good.id()]);
    assert_eq!(built.stale, [(bad.id(), Inapplicable::MachineFailed)]);
    let alone = build(&state(), &NoCode, &params(), [good], &mut || false).unwrap();
    assert_eq!(built.executed.changes(), alone.executed.changes());
}

/// Fewer than would fit by gas and bytes.
#[test]
fn the_receipts_of_a_block_are_bounded() {
    let state = MemoryState::with((1..=2).map(|seed| (key(seed).address(), 1_000_000_000_000_000)));
    let told = Transaction {
        gas_limit: 10_000_000,
        action: Action::Deploy {
            code: code(&[Entry::Deploy], "x"),
            input: encode(&vec![Op::Emit(1, 4_096); MAX_EVENTS]),
            upgradable: false,
            value: Amount::ZERO,
        },
        ..transfer(1, 0)
    };
    let of = |nonce| {
        sign(
            1,
            &Transaction {
                nonce,
                ..told.clone()
            },
        )
    };
    let mut params = BuildParams {
        rules: HeightRules {
            gas_limit: u64::MAX,
            ..rules()
        },
        ..params()
    };
    params.parent.state_root = state.root();
    let candidates = (0..200).map(of).chain([sign(2, &transfer(2, 0))]);
    let built = build(&state, &ScriptMachine, &params, candidates, &mut || false).unwrap();
    let receipts = built.executed.receipts();
    let size = receipts[0].size();
    assert!(size > MAX_EVENTS * 4_096);
    assert_eq!(receipts.len(), MAX_RECEIPTS_BYTES / size + 1, "and one small one");
    let encoded: usize = built.executed.encoded_receipts().iter().map(Bytes::len).sum();
    assert!(encoded <= MAX_RECEIPTS_BYTES);
    assert!(built.stale.is_empty());
}
