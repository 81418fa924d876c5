//! A network in memory whose blocks are executed on the state that a node keeps, and what they cost.

use std::{
    collections::BTreeMap,
    fs,
    sync::Arc,
    time::{Duration, Instant},
};

use aureon_chain::{
    execution::{
        BlockContext, BlockExecutor, Outcome, StateCommitment, StateError, StateReader,
        contracts::{CodeFault, CodeReport, ContractHost, ContractMachine, Run, RunOutcome},
    },
    system::{AuthorityRules, Rules, StakeRules, Voting, genesis_state, schedule_after, schedule_at},
};
use aureon_consensus::Schedule;
use aureon_storage::{FlushPolicy, StateStore, StateView, StorageError, memory::CrashDisk};
use aureon_types::{
    Account, Action, Address, Amount, EngineKind, Genesis, GenesisId, Hash, PublicKey, SecretKey,
    SignedTransaction, StateChanges, Transaction, VerifiedTransaction,
    genesis::{BftTimeouts, EmptyBlocks, VM_COST_TABLE},
};
use bytes::Bytes;

/// What every account begins with.
const RICH: u64 = 1 << 40;
/// So long a block is executed again and again.
const ENOUGH: Duration = Duration::from_millis(400);
/// Room for everything that is measured.
const GAS_LIMIT: u64 = 1 << 40;

/// CPU time of all threads of this process: hashing the state uses several. Wall time where it is not
/// told.
fn now() -> Duration {
    cpu_time().unwrap_or_else(|| START.with(Instant::elapsed))
}

thread_local! {
    static START: Instant = Instant::now();
}

fn cpu_time() -> Option<Duration> {
    let mut nanoseconds = 0;
    for task in fs::read_dir("/proc/self/task").ok()? {
        let text = fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
        nanoseconds += text.split(' ').next()?.parse::<u64>().ok()?;
    }
    Some(Duration::from_nanos(nanoseconds))
}

pub fn key(number: usize) -> SecretKey {
    let mut seed = [7; 32];
    seed[..8].copy_from_slice(&number.to_be_bytes());
    SecretKey::from_seed(seed)
}

pub fn public_key(number: usize) -> PublicKey {
    key(number).public_key()
}

pub fn address(number: usize) -> Address {
    key(number).address()
}

/// The state as a node reads it.
#[derive(Clone)]
struct View(StateView);

fn unreadable(error: StorageError) -> StateError {
    StateError::Unreadable(Box::new(error))
}

impl StateReader for View {
    fn account(&self, address: &Address) -> Result<Option<Account>, StateError> {
        self.0.account(address).map_err(unreadable)
    }

    fn storage(&self, address: &Address, slot: &Hash) -> Result<Option<Bytes>, StateError> {
        self.0.storage(address, slot).map_err(unreadable)
    }

    fn code(&self, hash: &Hash) -> Result<Option<Bytes>, StateError> {
        self.0.code(hash).map_err(unreadable)
    }
}

impl StateCommitment for View {
    fn apply(&self, height: u64, changes: &StateChanges) -> Result<Self, StateError> {
        self.0.apply(height, changes).map(Self).map_err(unreadable)
    }

    fn root(&self) -> Hash {
        self.0.root()
    }
}

/// There are no contracts here.
struct NoContracts;

impl ContractMachine for NoContracts {
    fn check(&self, _: &[u8]) -> Result<CodeReport, CodeFault> {
        Err(CodeFault {
            reason: "this machine runs nothing".to_owned(),
        })
    }

    fn run(&self, run: Run<'_>, _: &mut dyn ContractHost) -> RunOutcome {
        unreachable!("nothing was deployed: {run:?}")
    }
}

/// A network after some block. A clone goes on by itself.
#[derive(Clone)]
pub struct Network {
    genesis: Genesis,
    pub id: GenesisId,
    /// Closes its database when it goes.
    _store: Arc<StateStore>,
    view: View,
    schedule: Schedule,
    pub height: u64,
    nonces: BTreeMap<usize, u64>,
}

impl Network {
    /// With so many rich accounts, of the keys from 0.
    pub fn new(engine: EngineKind, accounts: usize) -> Self {
        let genesis = Genesis {
            chain: "bench".to_owned(),
            timestamp_ms: 1_000,
            engine,
            block_time_ms: 1_000,
            empty_blocks: EmptyBlocks::Always,
            gas_limit: GAS_LIMIT,
            min_gas_price: 0,
            vm_cost_table: VM_COST_TABLE,
            timeouts: BftTimeouts::default(),
            balances: (0..accounts)
                .map(|number| (address(number), Amount(RICH)))
                .collect(),
        };
        let genesis = genesis.checked().unwrap();
        let id = genesis.id();
        let state = genesis_state(&genesis);
        let backend = CrashDisk::new().backend("bench");
        let store = StateStore::open(backend, 256 << 20, FlushPolicy::default(), id, &state).unwrap();
        let view = View(store.head());
        let schedule = schedule_at(&genesis, 0, &view).unwrap();
        Self {
            genesis,
            id,
            _store: Arc::new(store),
            view,
            schedule,
            height: 0,
            nonces: BTreeMap::new(),
        }
    }

    /// Who proposes the block above the head.
    pub fn proposer(&self) -> Address {
        self.schedule.proposer(self.height + 1, 0).unwrap().address
    }

    fn context(&self, absent: Vec<u16>) -> BlockContext {
        let height = self.height + 1;
        let voting = Voting {
            epoch: self.schedule.epoch(height).unwrap().clone(),
            absent,
        };
        let rules = match &self.genesis.engine {
            EngineKind::Pos(parameters) => Rules::Stake(StakeRules::new(parameters), voting),
            EngineKind::Poa(parameters) => Rules::Authority(AuthorityRules::new(parameters), voting),
            EngineKind::Pow(_) => Rules::Work,
        };
        BlockContext {
            genesis_id: self.id,
            height,
            timestamp_ms: 1_000 + height,
            cost_table: VM_COST_TABLE,
            proposer: self.proposer(),
            gas_limit: GAS_LIMIT,
            min_gas_price: 0,
            reward: self.genesis.engine.reward().at(height),
            rules,
        }
    }

    fn sign(&self, actions: &[(usize, Action)]) -> Vec<VerifiedTransaction> {
        let mut nonces = self.nonces.clone();
        let signed = actions.iter().map(|(sender, action)| {
            let nonce = nonces.entry(*sender).or_default();
            let transaction = Transaction {
                network: self.id.network_hint(),
                public_key: public_key(*sender),
                nonce: *nonce,
                gas_limit: action.gas(),
                gas_price: 0,
                last_valid_height: None,
                action: action.clone(),
            };
            *nonce += 1;
            transaction.sign(&key(*sender), &self.id)
        });
        let signed: Vec<SignedTransaction> = signed.collect();
        let verified = VerifiedTransaction::verify_all(signed, &self.id);
        verified.into_iter().map(Result::unwrap).collect()
    }

    /// Executes on the head and hashes the new state.
    fn run(&self, transactions: &[VerifiedTransaction], absent: &[u16]) -> (Duration, Outcome, View) {
        let context = self.context(absent.to_vec());
        let start = now();
        let mut executor = BlockExecutor::new(&self.view, &NoContracts, context);
        for transaction in transactions {
            executor.execute(transaction).unwrap();
        }
        let outcome = executor.finish().unwrap();
        let view = self.view.apply(self.height + 1, &outcome.changes).unwrap();
        (now().saturating_sub(start), outcome, view)
    }

    /// Adds a block with these actions of these accounts, and gives how many were refused.
    pub fn block(&mut self, actions: &[(usize, Action)], absent: &[u16]) -> usize {
        let (_, outcome, view) = self.run(&self.sign(actions), absent);
        self.height += 1;
        self.schedule = schedule_after(&self.schedule, self.height, &view).unwrap();
        self.view = view;
        for (sender, _) in actions {
            *self.nonces.entry(*sender).or_default() += 1;
        }
        let refused = outcome
            .receipts
            .iter()
            .filter(|receipt| receipt.failure.is_some());
        refused.count()
    }

    /// As [`Self::block`], where nothing may be refused.
    pub fn done(&mut self, actions: &[(usize, Action)]) {
        assert_eq!(self.block(actions, &[]), 0);
    }

    /// Empty blocks up to and including `height`.
    pub fn run_to(&mut self, height: u64) {
        while self.height < height {
            self.block(&[], &[]);
        }
    }

    /// CPU time of a block with these actions on the head: the median of three means, each over enough
    /// repetitions that the coarse clock of threads does not matter.
    pub fn time(&self, actions: &[(usize, Action)], absent: &[u16], refused: usize) -> Duration {
        let transactions = self.sign(actions);
        let (_, outcome, _) = self.run(&transactions, absent);
        let failed = outcome
            .receipts
            .iter()
            .filter(|receipt| receipt.failure.is_some());
        assert_eq!(failed.count(), refused, "{:?}", outcome.receipts.first());
        let mut times: Vec<Duration> = (0..3).map(|_| self.mean(&transactions, absent)).collect();
        times.sort_unstable();
        times[1]
    }

    fn mean(&self, transactions: &[VerifiedTransaction], absent: &[u16]) -> Duration {
        let (mut total, mut rounds) = (Duration::ZERO, 0);
        let begin = Instant::now();
        while rounds < 3 || (begin.elapsed() < ENOUGH && rounds < 3_000) {
            total += self.run(transactions, absent).0;
            rounds += 1;
        }
        total / rounds
    }

    /// CPU time of each of these actions in a block on the head, beyond an empty one.
    pub fn each(&self, actions: &[(usize, Action)], refused: usize) -> Duration {
        let (empty, full) = (self.time(&[], &[], 0), self.time(actions, &[], refused));
        full.saturating_sub(empty) / u32::try_from(actions.len()).unwrap()
    }
}
