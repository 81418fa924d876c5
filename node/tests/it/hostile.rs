//! Every attack of the machine's corpus, deployed and called by transactions in a block, on independent ledgers.
//!
//! One builds the block, with modules that it compiles; others import it: one that compiles for itself, one that
//! finds the first one's compiled modules on disk. Import compares gas, receipts and state with the header, so that
//! one bit of difference would be an error.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use aureon_chain::{
    import::{self, ExecutedBlock, HeaderVerdict, HeightRules, ParentInfo},
    production::{self, BuildParams},
    system::genesis_state,
};
use aureon_consensus::Lineage;
use aureon_node::adapters::{Contracts, View};
use aureon_storage::{Backend, FlushPolicy, StateStore};
use aureon_types::{
    Action, Address, Amount, Block, EmptyBlocks, EngineKind, Failure, Genesis, GenesisId, Receipt, SecretKey,
    Signature, SignedTransaction, Transaction, VerifiedTransaction,
    contract::{self, ContractFault},
    genesis::{BftTimeouts, PoaParameters, VM_COST_TABLE},
    limits::MAX_BLOCK_BYTES,
};
use bytes::Bytes;

use crate::corpus::expand;

/// Gas of a call: what the corpus is written for, and room for what enters a contract.
const CALL_GAS: u64 = 10_000_000;
/// Gas of a deployment of the largest code.
const DEPLOY_GAS: u64 = 200_000_000;
/// The whole corpus must fit into one block, which needs no certificate below it.
const BLOCK_GAS: u64 = 1_000_000_000_000;

fn attacker() -> SecretKey {
    SecretKey::from_seed([66; 32])
}

fn validator() -> SecretKey {
    SecretKey::from_seed([1; 32])
}

struct Attack {
    name: String,
    code: Bytes,
    /// Whether its file says that it is refused at the upload.
    refused: bool,
}

fn corpus() -> Vec<Attack> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../vm/tests/hostile");
    let mut files: Vec<PathBuf> = fs::read_dir(directory)
        .unwrap()
        .map(|file| file.unwrap().path())
        .collect();
    files.sort();
    files.iter().map(|path| attack(path)).collect()
}

fn attack(path: &Path) -> Attack {
    let text = fs::read_to_string(path).unwrap();
    Attack {
        name: path.file_stem().unwrap().to_string_lossy().into_owned(),
        code: wat::parse_str(expand(&text)).unwrap().into(),
        refused: text.contains("\n;; expect refused: ") || text.starts_with(";; expect refused: "),
    }
}

fn genesis() -> Genesis {
    let genesis = Genesis {
        chain: "hostile".to_owned(),
        timestamp_ms: 1_700_000_000_000,
        engine: EngineKind::Poa(PoaParameters::new(vec![validator().public_key()])),
        block_time_ms: 1_000,
        empty_blocks: EmptyBlocks::Always,
        gas_limit: BLOCK_GAS,
        min_gas_price: 1,
        vm_cost_table: VM_COST_TABLE,
        timeouts: BftTimeouts::default(),
        balances: [(attacker().address(), Amount(1_000_000_000_000_000))].into(),
    };
    genesis.checked().unwrap()
}

/// A ledger of its own: store, machine, and what it stands on.
struct Ledger {
    genesis: Genesis,
    id: GenesisId,
    machine: Contracts,
    view: View,
    parent: ParentInfo,
    lineage: Lineage,
    _states: StateStore,
    _directory: tempfile::TempDir,
}

impl Ledger {
    /// With compiled modules kept in `modules`.
    fn new(modules: &Path) -> Self {
        let (genesis, directory) = (genesis(), tempfile::tempdir().unwrap());
        let id = genesis.id();
        let file = Backend::file(directory.path().join("state.redb"));
        let policy = FlushPolicy::default();
        let states = StateStore::open(file, 1 << 20, policy, id, &genesis_state(&genesis)).unwrap();
        let view = View(states.head());
        Self {
            machine: Contracts::new(&genesis, Some(modules.to_owned())).unwrap(),
            parent: ParentInfo::genesis(&genesis, view.0.root()),
            lineage: Lineage::genesis(&genesis).unwrap(),
            view,
            id,
            genesis,
            _states: states,
            _directory: directory,
        }
    }

    fn rules(&self) -> HeightRules {
        HeightRules::next(&self.genesis, self.id, &self.parent, &self.lineage).unwrap()
    }

    fn build(&self, transactions: Vec<VerifiedTransaction>) -> ExecutedBlock<View> {
        let params = BuildParams {
            parent: self.parent,
            previous_commit: Bytes::new(),
            rules: self.rules(),
            timestamp_ms: self.genesis.timestamp_ms + 1,
            proposer: validator().address(),
            max_gas: BLOCK_GAS,
            max_bytes: MAX_BLOCK_BYTES,
        };
        let built = production::build(&self.view, &self.machine, &params, transactions, &mut || false);
        let built = built.unwrap();
        assert!(built.stale.is_empty(), "{:?}", built.stale);
        built.executed
    }

    fn import(&self, block: &Arc<Block>) -> ExecutedBlock<View> {
        let checked = import::check_header(block.sealed_header(), &self.parent, &self.rules(), None);
        let Ok(HeaderVerdict::Checked(checked)) = checked else {
            unreachable!("our own header: {checked:?}")
        };
        let verified = import::verify_body(*checked, Arc::clone(block), |_| None).unwrap();
        import::execute(&self.view, &self.machine, verified).unwrap()
    }
}

/// The attacker's transactions, one after another.
#[derive(Default)]
struct Sent {
    transactions: Vec<VerifiedTransaction>,
}

impl Sent {
    fn add(&mut self, id: &GenesisId, gas_limit: u64, action: Action) {
        let key = attacker();
        let transaction = Transaction {
            network: id.network_hint(),
            public_key: key.public_key(),
            nonce: u64::try_from(self.transactions.len()).unwrap(),
            gas_limit,
            gas_price: 1,
            last_valid_height: None,
            action,
        };
        let signed = transaction.sign(&key, id);
        self.transactions
            .push(VerifiedTransaction::verify(signed, id).unwrap());
    }

    /// Deploys and calls; the contract's address.
    fn deploy_and_call(&mut self, id: &GenesisId, code: &Bytes) -> Address {
        let nonce = u64::try_from(self.transactions.len()).unwrap();
        let contract = contract::address(&attacker().address(), nonce, &contract::code_hash(code));
        let deploy = Action::Deploy {
            code: code.clone(),
            input: Bytes::new(),
            upgradable: false,
            value: Amount(0),
        };
        self.add(id, DEPLOY_GAS, deploy);
        let call = Action::Call {
            contract,
            input: Bytes::new(),
            value: Amount(7),
        };
        self.add(id, CALL_GAS, call);
        contract
    }
}

/// Whether a deployment of the code fits into a transaction at all.
fn fits(id: &GenesisId, code: &Bytes) -> bool {
    let transaction = Transaction {
        network: id.network_hint(),
        public_key: attacker().public_key(),
        nonce: 0,
        gas_limit: DEPLOY_GAS,
        gas_price: 1,
        last_valid_height: None,
        action: Action::Deploy {
            code: code.clone(),
            input: Bytes::new(),
            upgradable: false,
            value: Amount(0),
        },
    };
    SignedTransaction::from_parts(&transaction.encode(), Signature([0; 64])).is_ok()
}

/// A deployment's receipt and its call's are what the attack's file promises.
fn check(attack: &Attack, deployed: &Receipt, called: &Receipt) {
    let name = &attack.name;
    if attack.refused {
        let refused = matches!(
            deployed.failure,
            Some(Failure::Contract {
                fault: ContractFault::InvalidCode { .. },
                ..
            })
        );
        assert!(refused, "{name}: {:?}", deployed.failure);
        assert!(called.failure.is_some(), "{name}: there is nothing to call");
    } else {
        assert_eq!(deployed.failure, None, "{name}");
    }
    assert!(called.gas_used <= CALL_GAS, "{name}: {}", called.gas_used);
    assert!(called.failure.is_none() || called.events.is_empty(), "{name}");
}

#[test]
fn every_attack_leaves_independent_ledgers_the_same() {
    let (compiled, fresh) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let id = genesis().id();
    let (sent, attacks, honest) = transactions(&id);
    let first = Ledger::new(compiled.path()).build(sent.transactions.clone());
    assert_eq!(first.receipts().len(), sent.transactions.len());

    // One that compiles everything for itself, and one that trusts the first one's files.
    for modules in [fresh.path(), compiled.path()] {
        let again = Ledger::new(modules).import(first.block());
        assert_eq!(again.receipts(), first.receipts());
        assert_eq!(again.view_after().0.root(), first.view_after().0.root());
    }
    let receipts = first.receipts();
    for (attack, pair) in attacks.iter().zip(receipts.chunks_exact(2)) {
        check(attack, &pair[0], &pair[1]);
    }
    // After all of them an honest contract does its work.
    let last = &receipts[receipts.len() - 1];
    assert_eq!(
        (last.failure.as_ref(), &last.return_data[..]),
        (None, &b"alive"[..])
    );
    let account = first.view_after().0.account(&honest).unwrap().unwrap();
    assert_eq!(account.balance, Amount(7));
}

/// Every attack that fits into a transaction, then an honest contract.
fn transactions(id: &GenesisId) -> (Sent, Vec<Attack>, Address) {
    let attacks = corpus();
    assert!(attacks.len() >= 50, "the corpus is there");
    let (fitting, large): (Vec<Attack>, Vec<Attack>) =
        attacks.into_iter().partition(|attack| fits(id, &attack.code));
    assert!(fitting.len() >= 45, "most of it can be sent");
    for attack in &large {
        assert!(
            attack.refused,
            "{} is refused wherever it comes from",
            attack.name
        );
    }
    let mut sent = Sent::default();
    for attack in &fitting {
        sent.deploy_and_call(id, &attack.code);
    }
    let alive = r#"(module (import "env" "output" (func $output (param i32 i32))) (memory (export "memory") 1)
        (data (i32.const 0) "alive") (func (export "call") (call $output (i32.const 0) (i32.const 5))))"#;
    let honest = sent.deploy_and_call(id, &wat::parse_str(alive).unwrap().into());
    (sent, fitting, honest)
}
