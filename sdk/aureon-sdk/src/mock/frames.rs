//! Entering and leaving a contract's code.

use std::boxed::Box;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::error::{self, code};
use crate::{Address, CallError, String, Vec};

use super::state::{Frame, State};
use super::{Abort, MAX_DEPTH, STATE};

/// The called contract failed, and why.
pub fn failed(message: &str) -> CallError {
    CallError {
        code: code::CALL_FAILED,
        message: message.into(),
    }
}

/// The call did not come to the contract.
pub fn refused(code: i32) -> CallError {
    CallError {
        code,
        message: error::meaning(code).into(),
    }
}

/// Runs an entry point for the current account, after `prepare`.
pub fn transaction(
    contract: Address,
    entry: fn(),
    input: Vec<u8>,
    value: u64,
    prepare: impl FnOnce(&mut State),
) -> Result<Vec<u8>, CallError> {
    let before = STATE.with_borrow(State::clone);
    let caller = before.sender;
    STATE.with_borrow_mut(prepare);
    let frame = Frame {
        contract,
        caller,
        value,
        input,
        output: Vec::new(),
        read_only: false,
    };
    run(entry, frame).inspect_err(|_| undo(before))
}

/// Runs `entry` in a frame: pays the value, and undoes everything if it fails.
pub fn run(entry: fn(), frame: Frame) -> Result<Vec<u8>, CallError> {
    let before = STATE.with_borrow(State::clone);
    STATE.with_borrow_mut(|state| {
        if state.frames.is_empty() {
            state.logs_before = state.logs.len();
        }
        if state.frames.len() >= MAX_DEPTH {
            return Err(refused(code::DEPTH_EXCEEDED));
        }
        state
            .pay(frame.caller, frame.contract, frame.value)
            .map_err(refused)?;
        state.frames.push(frame);
        Ok(())
    })?;
    match catch_unwind(AssertUnwindSafe(entry)) {
        Ok(()) => {
            let frame = STATE.with_borrow_mut(|state| state.frames.pop());
            Ok(frame.map(|frame| frame.output).unwrap_or_default())
        }
        Err(cause) => {
            undo(before);
            Err(failed(&reason(cause)))
        }
    }
}

fn undo(before: State) {
    STATE.with_borrow_mut(|state| *state = before);
}

/// What was thrown: by `abort`, or by a panic in the contract or in the test's own assertions inside it.
fn reason(cause: Box<dyn std::any::Any + Send>) -> String {
    match cause.downcast::<Abort>() {
        Ok(abort) => abort.0,
        Err(cause) => match cause.downcast::<String>() {
            Ok(message) => *message,
            Err(cause) => cause
                .downcast_ref::<&str>()
                .map_or_else(|| "panic".into(), |text| (*text).into()),
        },
    }
}
