//! A chain with holders of tokens, and blocks of transactions for it.

use std::path::Path;

use aureon_chain::{
    execution::{BlockContext, BlockExecutor, StateCommitment},
    system::{Rules, genesis_state},
};
use aureon_interface::{
    Arguments, Interface,
    build::{Project, build},
};
use aureon_node::adapters::{Contracts, View};
use aureon_storage::{Backend, FlushPolicy, StateStore};
use aureon_types::{
    Action, Address, Amount, Genesis, GenesisId, Receipt, SecretKey, SignedTransaction, Transaction,
    VerifiedTransaction,
};
use bytes::Bytes;
use serde_json::{Value, json};

/// Who has tokens.
const HOLDERS: usize = 10_000;
/// Transactions that are timed in a block.
pub const TIMED: usize = 4_000;
/// Base units that each holder has.
const FUNDS: u64 = 1_000_000_000_000;
/// Tokens that each holder has.
const TOKENS: u64 = 1_000_000;
/// More than any of the transactions needs.
const GAS_LIMIT: u64 = 300_000;
const GAS_PRICE: u64 = 1;
/// Nonce of the first holder after the deployments and the handing out.
const FIRST_NONCE: u64 = 1 + HOLDERS as u64;

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from(mixed ^ (mixed >> 31)).unwrap() % bound
    }
}

fn key(number: usize) -> SecretKey {
    let mut seed = [7; 32];
    seed[..8].copy_from_slice(&number.to_be_bytes());
    SecretKey::from_seed(seed)
}

/// What the transactions of a block do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Transfers of base units.
    Native,
    /// Calls to a contract whose entry point does nothing.
    Empty,
    /// Transfers of tokens.
    Token,
}

impl Kind {
    pub const ALL: [Self; 3] = [Self::Native, Self::Empty, Self::Token];

    pub fn name(self) -> &'static str {
        match self {
            Self::Native => "transfer of base units",
            Self::Empty => "empty call",
            Self::Token => "token transfer",
        }
    }
}

/// A contract that does nothing, with the imports and the memory of a token.
const EMPTY: &str = r#"(module
    (import "env" "input" (func (param i32 i32) (result i32)))
    (import "env" "caller" (func (param i32)))
    (import "env" "value" (func (result i64)))
    (import "env" "load" (func (param i32 i32 i32 i32) (result i32)))
    (import "env" "store" (func (param i32 i32 i32 i32)))
    (import "env" "remove" (func (param i32 i32) (result i32)))
    (import "env" "emit_log" (func (param i32 i32 i32 i32)))
    (import "env" "output" (func (param i32 i32)))
    (import "env" "abort" (func (param i32 i32)))
    (memory (export "memory") 1)
    (func (export "call")))"#;

fn token_code() -> Bytes {
    let templates = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sdk/templates");
    let project = Project {
        folder: templates.join("token"),
        target_folder: Some(Path::new(env!("CARGO_TARGET_TMPDIR")).join("contracts")),
        locked: true,
    };
    let built = build(&project, &mut |line| println!("{line}")).unwrap();
    let token = built.into_iter().find(|contract| contract.name == "token");
    token.unwrap().code.into()
}

/// A chain with 10,000 holders of tokens.
pub struct World {
    genesis_id: GenesisId,
    cost_table: u32,
    machine: Contracts,
    keys: Vec<SecretKey>,
    addresses: Vec<Address>,
    interface: Interface,
    token: Address,
    empty: Address,
    view: View,
    /// Closes its database, from which views read, when it is dropped.
    _store: StateStore,
}

impl World {
    pub fn new(folder: &Path) -> Self {
        let keys: Vec<SecretKey> = (0..HOLDERS).map(key).collect();
        let addresses: Vec<Address> = keys.iter().map(|key| key.public_key().address()).collect();
        let mut genesis = Genesis::from_json(include_str!("../../../genesis.json")).unwrap();
        genesis.balances = addresses
            .iter()
            .map(|address| (*address, Amount(FUNDS)))
            .collect();
        let genesis = genesis.checked().unwrap();
        let store = StateStore::open(
            Backend::file(folder.join("state.redb")),
            64 << 20,
            FlushPolicy::default(),
            genesis.id(),
            &genesis_state(&genesis),
        );
        let store = store.unwrap();
        let code = token_code();
        let mut world = Self {
            genesis_id: genesis.id(),
            cost_table: genesis.vm_cost_table,
            machine: Contracts::new(&genesis, None).unwrap(),
            keys,
            addresses,
            interface: Interface::from_wasm(&code).unwrap().unwrap(),
            token: Address::default(),
            empty: Address::default(),
            view: View(store.head()),
            _store: store,
        };
        world.deploy(code);
        world.hand_out();
        world
    }

    /// Both contracts, by the first holder, who has all the tokens then.
    fn deploy(&mut self, token: Bytes) {
        let supply = TOKENS * HOLDERS as u64;
        let arguments = json!({"name": "Benchmark", "symbol": "BNC", "decimals": 2, "supply": supply});
        let input = self.interface.encode_deploy(&given(&arguments)).unwrap().into();
        let deployment = |code, input| Action::Deploy {
            code,
            input,
            upgradable: false,
            value: Amount::ZERO,
        };
        let empty = wat::parse_str(EMPTY).unwrap().into();
        let actions = [deployment(token, input), deployment(empty, Bytes::new())];
        let transactions = (0..)
            .zip(actions)
            .map(|(nonce, action)| (0, nonce, 50_000_000, action));
        let receipts = self.commit(&self.signed(transactions));
        self.token = receipts[0].contract.unwrap();
        self.empty = receipts[1].contract.unwrap();
    }

    /// Gives each holder the same, in a block that is committed: the state is in memory, above a database.
    fn hand_out(&mut self) {
        let transfers = (1..HOLDERS).zip(2..).map(|(to, nonce)| {
            let action = self.token_transfer(to, TOKENS);
            (0, nonce, GAS_LIMIT, action)
        });
        let transactions = self.signed(transfers);
        self.commit(&transactions);
    }

    fn token_transfer(&self, to: usize, amount: u64) -> Action {
        let arguments = json!({"to": self.addresses[to].to_string(), "amount": amount});
        Action::Call {
            contract: self.token,
            input: self
                .interface
                .encode_call("transfer", &given(&arguments))
                .unwrap()
                .into(),
            value: Amount::ZERO,
        }
    }

    fn action(&self, kind: Kind, to: usize) -> Action {
        match kind {
            Kind::Native => Action::Transfer {
                recipient: self.addresses[to],
                amount: Amount(1),
            },
            Kind::Empty => Action::Call {
                contract: self.empty,
                input: Bytes::new(),
                value: Amount::ZERO,
            },
            Kind::Token => self.token_transfer(to, 1),
        }
    }

    fn signed(
        &self,
        transactions: impl IntoIterator<Item = (usize, u64, u64, Action)>,
    ) -> Vec<VerifiedTransaction> {
        let sign = |(from, nonce, gas_limit, action): (usize, u64, u64, Action)| {
            let key: &SecretKey = &self.keys[from];
            Transaction {
                network: self.genesis_id.network_hint(),
                public_key: key.public_key(),
                nonce,
                gas_limit,
                gas_price: GAS_PRICE,
                last_valid_height: None,
                action,
            }
            .sign(key, &self.genesis_id)
        };
        let signed: Vec<SignedTransaction> = transactions.into_iter().map(sign).collect();
        let verified = VerifiedTransaction::verify_all(signed, &self.genesis_id);
        verified.into_iter().map(Result::unwrap).collect()
    }

    fn executor(&self) -> BlockExecutor<'_, View> {
        let height = self.view.0.height() + 1;
        let context = BlockContext {
            genesis_id: self.genesis_id,
            height,
            timestamp_ms: 1_800_000_000_000 + height,
            cost_table: self.cost_table,
            proposer: Address([0xaa; 20]),
            gas_limit: u64::MAX,
            min_gas_price: GAS_PRICE,
            reward: Amount::ZERO,
            rules: Rules::Work,
        };
        BlockExecutor::new(&self.view, &self.machine, context)
    }

    /// Executes a block and puts its state in the place of the present one.
    fn commit(&mut self, transactions: &[VerifiedTransaction]) -> Vec<Receipt> {
        let mut executor = self.executor();
        execute(&mut executor, transactions);
        let outcome = executor.finish().unwrap();
        for receipt in &outcome.receipts {
            assert_eq!(receipt.failure, None);
        }
        let height = self.view.0.height() + 1;
        self.view = self.view.apply(height, &outcome.changes).unwrap();
        outcome.receipts
    }

    /// The block of a kind: one transaction of each holder, then those to time.
    pub fn block(&self, kind: Kind) -> Block {
        let mut random = Random(1);
        let pairs: Vec<(usize, usize)> = (0..TIMED)
            .map(|_| (random.below(HOLDERS), random.below(HOLDERS)))
            .collect();
        let each = (0..HOLDERS).map(|from| (from, (from + 1) % HOLDERS));
        let mut nonces = Nonces::new();
        let warming = self.between(kind, each, &mut nonces);
        Block {
            kind,
            warming,
            warm: self.between(kind, pairs.iter().copied(), &mut nonces),
            cold: self.between(kind, pairs.iter().copied(), &mut Nonces::new()),
        }
    }

    fn between(
        &self,
        kind: Kind,
        pairs: impl Iterator<Item = (usize, usize)>,
        nonces: &mut Nonces,
    ) -> Vec<VerifiedTransaction> {
        let transactions =
            pairs.map(|(from, to)| (from, nonces.next(from), GAS_LIMIT, self.action(kind, to)));
        self.signed(transactions)
    }

    /// A block whose overlay knows all holders.
    pub fn warm<'a>(&'a self, block: &'a Block) -> Begun<'a> {
        let mut executor = self.executor();
        execute(&mut executor, &block.warming);
        Begun {
            executor,
            rest: &block.warm,
        }
    }

    /// A block whose overlay knows nothing.
    pub fn cold<'a>(&'a self, block: &'a Block) -> Begun<'a> {
        Begun {
            executor: self.executor(),
            rest: &block.cold,
        }
    }

    /// What one of the transactions uses, having seen that all do what they say.
    pub fn gas(&self, block: &Block) -> u64 {
        let mut executor = self.executor();
        execute(&mut executor, &block.cold);
        let receipts = executor.finish().unwrap().receipts;
        assert!(receipts.iter().all(|receipt| receipt.failure.is_none()));
        receipts[0].gas_used
    }
}

/// What the next transaction of a holder has as its number.
struct Nonces(Vec<u64>);

impl Nonces {
    fn new() -> Self {
        let mut nonces = vec![0; HOLDERS];
        nonces[0] = FIRST_NONCE;
        Self(nonces)
    }

    fn next(&mut self, holder: usize) -> u64 {
        let nonce = self.0[holder];
        self.0[holder] += 1;
        nonce
    }
}

/// The transactions of a block.
pub struct Block {
    pub kind: Kind,
    /// One of each holder.
    warming: Vec<VerifiedTransaction>,
    /// Follow those.
    warm: Vec<VerifiedTransaction>,
    /// The same at the beginning of a block.
    cold: Vec<VerifiedTransaction>,
}

/// A block, begun, and the transactions to time.
pub struct Begun<'a> {
    pub executor: BlockExecutor<'a, View>,
    pub rest: &'a [VerifiedTransaction],
}

/// An object as the arguments of a function.
fn given(arguments: &Value) -> Arguments<'_> {
    Arguments::Json(arguments.as_object().unwrap())
}

pub fn execute(executor: &mut BlockExecutor<'_, View>, transactions: &[VerifiedTransaction]) {
    for transaction in transactions {
        executor.execute(transaction).unwrap();
    }
}
