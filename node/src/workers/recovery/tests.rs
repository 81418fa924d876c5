//! Blocks that do not come out as they did.

use std::collections::BTreeMap;

use aureon_chain::{
    execution::contracts::{CodeFault, CodeReport, ContractHost, ContractMachine, Run, RunOutcome},
    production::{self, BuildParams},
    system::genesis_state,
};
use aureon_storage::{Backend, BlockStore, Decided, FlushPolicy, StateStore};
use aureon_types::{
    Action, Amount, EmptyBlocks, EngineKind, Genesis, SecretKey, Transaction, VerifiedTransaction,
    genesis::{BftTimeouts, PoaParameters, VM_COST_TABLE},
};

use super::*;
use crate::core::Chain;

/// Takes no code for this reason, or all code. The words alone would make no other block: they are not hashed.
struct Fussy(Option<&'static str>);

impl ContractMachine for Fussy {
    fn check(&self, _: &[u8]) -> Result<CodeReport, CodeFault> {
        match self.0 {
            Some(reason) => Err(CodeFault {
                reason: reason.to_owned(),
            }),
            None => Ok(CodeReport { entries: Vec::new() }),
        }
    }

    fn run(&self, run: Run<'_>, _: &mut dyn ContractHost) -> RunOutcome {
        unreachable!("nothing can be entered: {run:?}")
    }
}

fn key() -> SecretKey {
    SecretKey::from_seed([1; 32])
}

fn chain() -> Chain {
    let genesis = Genesis {
        chain: "recovery".to_owned(),
        timestamp_ms: 1,
        engine: EngineKind::Poa(PoaParameters::new(vec![key().public_key()])),
        block_time_ms: 1_000,
        empty_blocks: EmptyBlocks::Always,
        gas_limit: 10_000_000,
        min_gas_price: 1,
        vm_cost_table: VM_COST_TABLE,
        timeouts: BftTimeouts::default(),
        balances: BTreeMap::from([(key().address(), Amount(10_000_000))]),
    };
    Chain::new(Arc::new(genesis.checked().unwrap()))
}

fn services(directory: &tempfile::TempDir, machine: Fussy) -> Services {
    let chain = chain();
    let file = |name| Backend::file(directory.path().join(name));
    let (genesis, state) = (chain.genesis_id, genesis_state(&chain.genesis));
    let states = StateStore::open(
        file("state.redb"),
        1 << 20,
        FlushPolicy::default(),
        genesis,
        &state,
    );
    let machine = Arc::new(machine);
    Services {
        visitors: Arc::<Fussy>::clone(&machine),
        blocks: Arc::new(BlockStore::open(file("blocks.redb"), 1 << 20, genesis).unwrap()),
        states: Arc::new(states.unwrap()),
        machine,
        chain,
    }
}

fn deployment(chain: &Chain) -> VerifiedTransaction {
    let action = Action::Deploy {
        code: Bytes::from_static(b"code"),
        input: Bytes::new(),
        upgradable: false,
        value: Amount::ZERO,
    };
    let transaction = Transaction {
        network: chain.genesis_id.network_hint(),
        public_key: key().public_key(),
        nonce: 0,
        gas_limit: 1_000_000,
        gas_price: 1,
        last_valid_height: None,
        action,
    };
    let signed = transaction.sign(&key(), &chain.genesis_id);
    VerifiedTransaction::verify(signed, &chain.genesis_id).unwrap()
}

/// Stores block 1, with a deployment that the machine refuses, and not the state after it.
fn store_a_block(services: &Services) {
    let ledger = Ledger::recover(services.clone()).unwrap();
    let parent = ledger.tip();
    let params = BuildParams {
        parent: parent.info,
        previous_commit: Bytes::new(),
        rules: services.chain.rules(parent).unwrap(),
        timestamp_ms: 2,
        proposer: key().address(),
        max_gas: u64::MAX,
        max_bytes: usize::MAX,
    };
    let candidates = vec![deployment(&services.chain)];
    let built = production::build(&parent.view, &*services.machine, &params, candidates, &mut || {
        false
    });
    let executed = built.unwrap().executed;
    assert_eq!(executed.receipts().len(), 1);
    let decided = Decided {
        block: executed.block(),
        certificate: b"not looked at",
        receipts: executed.encoded_receipts(),
        work: None,
        validators: None,
    };
    services.blocks.import(&[decided]).unwrap();
}

#[test]
fn a_block_that_comes_out_differently_names_the_transaction() {
    let directory = tempfile::tempdir().unwrap();
    store_a_block(&services(&directory, Fussy(Some("it is too old"))));
    let same = Ledger::recover(services(&directory, Fussy(Some("it is older than that")))).unwrap();
    assert_eq!(same.tip().info.height, 1);
    drop(same);
    let error = Ledger::recover(services(&directory, Fussy(None))).err().unwrap();
    let id = deployment(&chain()).id();
    let RecoveryError::Block { height: 1, reason } = &error else {
        panic!("{error}")
    };
    assert!(reason.contains("the header says receipts root"), "{reason}");
    assert!(
        reason.contains(&format!("transaction 0, {id}: the first time it failed")),
        "{reason}"
    );
    assert!(
        reason.contains("it is too old") && reason.contains("the second time it succeeded"),
        "{reason}"
    );
}
