//! What a transfer costs to store.
//!
//! Blocks of 20,000 transfers among 100,000 and 1,000,000 accounts go through both stores as in a
//! node: the body is stored, sender and recipient are read, the new state is computed (addresses and
//! trie hashed), the decision is stored with receipts and index, the index is merged, and every fifth
//! block the state is flushed. Making and signing transactions and building blocks is not counted.
//!
//! ```text
//! cargo bench -p aureon-storage
//! ```
//!
//! takes about three minutes. Criterion's "time" is the CPU time, of all threads together, of five
//! blocks with one flush (100,000 transfers), so 1 s means 10 microseconds of CPU per transfer. The
//! table after each group says where it went. On other systems than Linux the figures are wall time.

#![expect(clippy::unwrap_used, reason = "a benchmark that fails should say where")]

use std::{
    fs,
    time::{Duration, Instant},
};

use aureon_storage::{Backend, BlockStore, Decided, FlushPolicy, StateStore};
use aureon_types::{
    Account, Action, Address, Amount, Block, BlockId, GenesisId, Hash, Header, PublicKey, Receipt,
    SealedHeader, Signature, SignedTransaction, StateChanges, Transaction, merkle,
};
use bytes::Bytes;
use criterion::{
    Criterion, SamplingMode, Throughput,
    measurement::{Measurement, ValueFormatter, WallTime},
};

const GENESIS: GenesisId = GenesisId([3; 32]);
const TRANSFERS: usize = 20_000;
const BLOCKS_PER_FLUSH: usize = 5;
const CACHE_BYTES: usize = 256 << 20;

/// CPU time of all threads of this process.
fn cpu_time() -> Option<Duration> {
    let mut nanoseconds = 0;
    for task in fs::read_dir("/proc/self/task").ok()? {
        let text = fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
        nanoseconds += text.split(' ').next()?.parse::<u64>().ok()?;
    }
    Some(Duration::from_nanos(nanoseconds))
}

/// A reading of the CPU clock, or of the wall clock where there is none.
#[derive(Clone, Copy)]
struct Reading(Option<Duration>, Instant);

impl Reading {
    fn now() -> Self {
        Self(cpu_time(), Instant::now())
    }

    fn elapsed(self) -> Duration {
        match (self.0, cpu_time()) {
            (Some(before), Some(after)) => after.saturating_sub(before),
            _ => self.1.elapsed(),
        }
    }
}

struct CpuTime;

impl Measurement for CpuTime {
    type Intermediate = Reading;
    type Value = Duration;

    fn start(&self) -> Reading {
        Reading::now()
    }

    fn end(&self, start: Reading) -> Duration {
        start.elapsed()
    }

    fn add(&self, left: &Duration, right: &Duration) -> Duration {
        *left + *right
    }

    fn zero(&self) -> Duration {
        Duration::ZERO
    }

    fn to_f64(&self, value: &Duration) -> f64 {
        WallTime.to_f64(value)
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        WallTime.formatter()
    }
}

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

fn key(number: usize) -> PublicKey {
    let mut key = [7; 32];
    key[..8].copy_from_slice(&number.to_be_bytes());
    PublicKey(key)
}

/// Where the CPU time went.
#[derive(Default)]
struct Parts {
    transfers: usize,
    body: Duration,
    read: Duration,
    apply: Duration,
    decide: Duration,
    index: Duration,
    flush: Duration,
}

struct Node {
    blocks: BlockStore,
    state: StateStore,
    accounts: Vec<Address>,
    nonces: Vec<u64>,
    parent: Option<Block>,
    random: Random,
    parts: Parts,
    _folder: tempfile::TempDir,
}

impl Node {
    fn new(accounts: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = |name| Backend::file(folder.path().join(name));
        let addresses: Vec<Address> = (0..accounts).map(|number| Address::of(&key(number))).collect();
        let balances = addresses.iter().map(|address| (*address, Amount(1_000_000_000)));
        let genesis = StateChanges::of_balances(balances);
        let policy = FlushPolicy::default();
        Self {
            blocks: BlockStore::open(file("blocks.redb"), CACHE_BYTES, GENESIS).unwrap(),
            state: StateStore::open(file("state.redb"), CACHE_BYTES, policy, GENESIS, &genesis).unwrap(),
            nonces: vec![0; accounts],
            accounts: addresses,
            parent: None,
            random: Random(1),
            parts: Parts::default(),
            _folder: folder,
        }
    }

    fn transfer(&mut self) -> (usize, usize, SignedTransaction) {
        let (from, to) = (
            self.random.below(self.accounts.len()),
            self.random.below(self.accounts.len()),
        );
        let payload = Transaction {
            network: GENESIS.network_hint(),
            public_key: key(from),
            nonce: self.nonces[from],
            gas_limit: 21_000,
            gas_price: 1,
            last_valid_height: None,
            action: Action::Transfer {
                recipient: self.accounts[to],
                amount: Amount(1),
            },
        }
        .encode();
        self.nonces[from] += 1;
        (
            from,
            to,
            SignedTransaction::from_parts(&payload, Signature([5; 64])).unwrap(),
        )
    }

    fn block(&mut self) -> (Block, Vec<Bytes>, Vec<Address>) {
        let made: Vec<_> = (0..TRANSFERS).map(|_| self.transfer()).collect();
        let touched = made
            .iter()
            .flat_map(|(from, to, _)| [self.accounts[*from], self.accounts[*to]])
            .collect();
        let transactions: Vec<_> = made.into_iter().map(|(.., transaction)| transaction).collect();
        let receipt =
            |transaction: &SignedTransaction| Receipt::plain(transaction.id(), 21_000, Amount(21_000), None);
        let receipts: Vec<Bytes> = transactions.iter().map(|t| receipt(t).encode()).collect();
        let header = Header {
            genesis_id: GENESIS,
            height: self
                .parent
                .as_ref()
                .map_or(1, |parent| parent.header().height + 1),
            parent_id: self.parent.as_ref().map_or(BlockId(GENESIS.0), Block::id),
            timestamp_ms: 0,
            proposer: Address::default(),
            transactions_root: merkle::root(transactions.iter().map(SignedTransaction::leaf)),
            receipts_root: Hash::ZERO,
            state_root: Hash::ZERO,
            gas_used: 0,
            gas_limit: 0,
            previous_commit_hash: Hash::ZERO,
            next_validators_hash: Hash::ZERO,
            target: None,
        };
        let block = Block::new(
            SealedHeader::new(header, Bytes::new()),
            Bytes::new(),
            transactions,
        )
        .unwrap();
        (block, receipts, touched)
    }

    /// Stores one block; returns the CPU time it took.
    fn store(&mut self) -> Duration {
        let (block, receipts, mut touched) = self.block();
        let height = block.header().height;
        let parts = &mut self.parts;
        parts.transfers += TRANSFERS;
        let mut total = Duration::ZERO;
        let mut count = |part: &mut Duration, since: Reading| {
            let elapsed = since.elapsed();
            *part += elapsed;
            total += elapsed;
        };

        let since = Reading::now();
        self.blocks.put_body(&block).unwrap();
        count(&mut parts.body, since);

        let since = Reading::now();
        let head = self.state.head();
        touched.sort_unstable();
        touched.dedup();
        let after = |address: &Address| {
            let account = head.account(address).unwrap().unwrap();
            (
                *address,
                Some(Account {
                    nonce: account.nonce + 1,
                    ..account
                }),
            )
        };
        let changes = StateChanges {
            accounts: touched.iter().map(after).collect(),
            ..StateChanges::default()
        };
        count(&mut parts.read, since);

        let since = Reading::now();
        let view = head.apply(height, &changes).unwrap();
        count(&mut parts.apply, since);

        let since = Reading::now();
        let certificate = &[1; 400];
        self.blocks
            .decide(Decided {
                block: &block,
                certificate,
                receipts: &receipts,
                work: None,
                validators: None,
            })
            .unwrap();
        count(&mut parts.decide, since);

        let since = Reading::now();
        self.blocks.merge_once().unwrap();
        count(&mut parts.index, since);

        self.state.commit(view).unwrap();
        drop(head);
        if height.is_multiple_of(BLOCKS_PER_FLUSH as u64) {
            let since = Reading::now();
            self.state.flush().unwrap();
            count(&mut parts.flush, since);
        }
        self.parent = Some(block);
        total
    }

    fn report(&self) {
        let parts = &self.parts;
        let each = |part: Duration| part.as_secs_f64() * 1e6 / parts.transfers as f64;
        let all = [
            parts.body,
            parts.read,
            parts.apply,
            parts.decide,
            parts.index,
            parts.flush,
        ];
        println!(
            "microseconds of CPU per transfer, {} accounts:",
            self.accounts.len()
        );
        println!(
            "  body {:.2}, read accounts {:.2}, apply {:.2}",
            each(all[0]),
            each(all[1]),
            each(all[2])
        );
        println!(
            "  decide {:.2}, merge {:.2}, flush {:.2}",
            each(all[3]),
            each(all[4]),
            each(all[5])
        );
        println!("  together {:.2}", all.into_iter().map(each).sum::<f64>());
        let bytes = self.blocks.disk_bytes() / parts.transfers as u64;
        println!(
            "  blocks.redb {bytes} bytes per transfer, state.redb {} MiB",
            self.state.disk_bytes() >> 20
        );
    }
}

fn main() {
    let mut criterion = Criterion::default()
        .with_measurement(CpuTime)
        .configure_from_args();
    for accounts in [100_000, 1_000_000] {
        let mut node = None;
        let mut group = criterion.benchmark_group("blocks of 20,000 transfers");
        group.sample_size(10).sampling_mode(SamplingMode::Flat);
        group
            .measurement_time(Duration::from_secs(10))
            .warm_up_time(Duration::from_millis(1));
        group.throughput(Throughput::Elements((TRANSFERS * BLOCKS_PER_FLUSH) as u64));
        group.bench_function(format!("{accounts} accounts"), |bencher| {
            let node = node.get_or_insert_with(|| Node::new(accounts));
            bencher.iter_custom(|rounds| {
                let blocks = (0..rounds).flat_map(|_| 0..BLOCKS_PER_FLUSH);
                blocks.map(|_| node.store()).sum()
            });
        });
        group.finish();
        if let Some(node) = node {
            node.report();
        }
    }
    criterion.final_summary();
}
