//! The life of contracts step by step, run by the script machine; random programs against a model are in
//! [`random`].

mod calls;
mod lifecycle;
mod random;
mod reading;

use aureon_types::{
    Action, Address, Amount, ContractFault, Failure, Receipt, RefusalCode, Transaction, TrapCode, contract,
    limits::{MAX_CALL_FRAMES, MAX_EVENTS, MAX_RETURN_BYTES},
    transaction::{CALL_GAS, INPUT_BYTE_GAS, TRANSFER_GAS},
};

use super::{
    script::{DEPOSIT, Op, STEP, ScriptMachine, abort, code, encode, everything, trap},
    *,
};
use crate::{
    execution::{BlockExecutor, ExecutionError, StateCommitment},
    testing::{MemoryState, context, key, sign, transfer},
};

const RICH: u64 = 1_000_000_000;
const GAS: u64 = 10_000_000;
/// Sends everything; price 2.
const ALICE: u8 = 1;
const BOB: u8 = 2;

fn account(seed: u8) -> Address {
    key(seed).address()
}

/// A chain of blocks with one transaction each.
struct Chain {
    state: MemoryState,
    proposer: Address,
}

impl Chain {
    fn new() -> Self {
        Self {
            state: MemoryState::with([(account(ALICE), RICH), (account(BOB), RICH)]),
            proposer: context().proposer,
        }
    }

    fn nonce(&self, seed: u8) -> u64 {
        self.state.get(&account(seed)).nonce
    }

    fn context(&self) -> BlockContext {
        BlockContext {
            gas_limit: 10 * GAS,
            ..context()
        }
    }

    fn send_with(&mut self, seed: u8, action: Action, gas_limit: u64) -> Receipt {
        let transaction = Transaction {
            gas_limit,
            gas_price: 2,
            action,
            ..transfer(seed, self.nonce(seed))
        };
        let before = self.state.supply();
        let mut executor = BlockExecutor::new(&self.state, &ScriptMachine, self.context());
        let receipt = executor.execute(&sign(seed, &transaction)).unwrap().clone();
        let outcome = executor.finish().unwrap();
        assert_eq!(outcome.gas_used, receipt.gas_used);
        let paid = self.state.get(&self.proposer).balance.0;
        self.state = self.state.apply(7, &outcome.changes).unwrap();
        assert_eq!(self.state.supply(), before);
        let paid = self.state.get(&self.proposer).balance.0 - paid;
        assert_eq!((paid, receipt.fee), (2 * receipt.gas_used, Amount(paid)));
        assert_eq!(Receipt::decode(&receipt.encode()).as_ref(), Ok(&receipt));
        receipt
    }

    fn send(&mut self, seed: u8, action: Action) -> Receipt {
        self.send_with(seed, action, GAS)
    }

    fn deploy(&mut self, code: Bytes, program: &[Op], value: u64) -> Receipt {
        self.send(ALICE, deployment(code, program, value))
    }

    /// A contract with every entry point and a balance.
    fn contract(&mut self, word: &str, value: u64) -> Address {
        let every = [Entry::Deploy, Entry::Call, Entry::Query, Entry::Migrate];
        let receipt = self.deploy(code(&every, word), &[], value);
        assert_eq!(receipt.failure, None);
        receipt.contract.unwrap()
    }

    fn call(&mut self, contract: Address, program: &[Op], value: u64) -> Receipt {
        self.send(ALICE, calling(contract, program, value))
    }

    fn stored(&self, contract: &Address, key: u8) -> Option<Bytes> {
        let slot = contract::slot(&[key]);
        self.state.storage.get(&(*contract, slot)).cloned()
    }

    fn balance(&self, address: &Address) -> u64 {
        self.state.get(address).balance.0
    }

    /// Everything but the accounts that pay and are paid.
    fn rest(&self) -> MemoryState {
        let mut rest = self.state.clone();
        for address in [account(ALICE), account(BOB), self.proposer] {
            rest.accounts.remove(&address);
        }
        rest
    }
}

fn deployment(code: Bytes, program: &[Op], value: u64) -> Action {
    Action::Deploy {
        code,
        input: encode(program),
        upgradable: true,
        value: Amount(value),
    }
}

fn calling(contract: Address, program: &[Op], value: u64) -> Action {
    Action::Call {
        contract,
        input: encode(program),
        value: Amount(value),
    }
}

fn nested(contract: Address, value: u64, program: Vec<Op>) -> Op {
    Op::Call {
        contract,
        value,
        gas: u64::MAX,
        program,
        must: false,
    }
}

fn needed(contract: Address, value: u64, program: Vec<Op>) -> Op {
    Op::Call {
        contract,
        value,
        gas: u64::MAX,
        program,
        must: true,
    }
}

fn failed(contract: Address, fault: ContractFault) -> Option<Failure> {
    Some(Failure::Contract { contract, fault })
}

fn refused(code: RefusalCode) -> Option<Failure> {
    Some(Failure::refused(code))
}
