//! Counting, after the load: what is in the blocks, how long each transaction took, and whether all
//! that was admitted was included.

use std::{
    collections::HashMap,
    thread,
    time::{Duration, Instant},
};

use aureon_types::TransactionId;
use serde::Serialize;

use super::{
    BenchError,
    offer::Sent,
    watch::{Seen, Sight},
};
use crate::{
    api::model::{BlockView, ReceiptView},
    client::Client,
    testnet::StopFlag,
};

/// How long admitted transactions may take to be included once the load has ended.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks at the head.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Milliseconds from sending a transaction to first seeing the block that includes it as committed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Latency {
    /// Half took at most this.
    pub p50: f64,
    /// 95 of 100 took at most this.
    pub p95: f64,
    /// 99 of 100 took at most this.
    pub p99: f64,
}

impl Latency {
    /// By the nearest rank.
    pub fn of(mut latencies: Vec<Duration>) -> Self {
        latencies.sort_unstable();
        let rank = |percent: usize| {
            let place = (latencies.len() * percent).div_ceil(100).saturating_sub(1);
            latencies
                .get(place)
                .map_or(0.0, |latency| (latency.as_secs_f64() * 10_000.0).round() / 10.0)
        };
        Self {
            p50: rank(50),
            p95: rank(95),
            p99: rank(99),
        }
    }
}

/// From the first block of the measurement, which is not counted, to the last, which is.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// When it was seen, the measurement began.
    pub first: Seen,
    /// When it was seen, the measurement ended.
    pub last: Seen,
}

impl Window {
    /// How long it took.
    pub fn duration(&self) -> Duration {
        self.last.at.duration_since(self.first.at)
    }

    fn holds(&self, height: u64) -> bool {
        height > self.first.height && height <= self.last.height
    }
}

/// What was counted.
#[derive(Debug, Default)]
pub struct Tally {
    /// Transactions in the blocks of the window, of whomever.
    pub transactions: u64,
    /// Those among them that are not of this load.
    pub foreign: u64,
    /// Blocks of the window.
    pub blocks: u64,
    /// Latencies of the load's transactions in the window.
    pub latencies: Vec<Duration>,
    /// All transactions included since the load began, within the window or not.
    pub since_start: u64,
}

/// Reads all blocks above `start` until everything that was sent is included.
pub fn count(
    client: &Client,
    start: u64,
    sent: &[Sent],
    sight: &Sight,
    window: &Window,
    stop: &StopFlag,
) -> Result<Tally, BenchError> {
    let mut missing: HashMap<TransactionId, Instant> = sent
        .iter()
        .flat_map(|sent| sent.ids.iter().map(|id| (*id, sent.at)))
        .collect();
    let (admitted, deadline) = (missing.len(), Instant::now() + PATIENCE);
    let (mut tally, mut height) = (Tally::default(), start);
    loop {
        let head = client.head()?.height;
        while height < head.max(window.last.height) {
            height += 1;
            let block = client.block_at(height)?;
            tally.add(&block, &mut missing, sight, window);
            if window.holds(height) {
                check_receipt(client, &block)?;
            }
            if stop.is_set() {
                return Err(BenchError::Interrupted);
            }
        }
        if missing.is_empty() {
            return Ok(tally);
        }
        if Instant::now() > deadline {
            return Err(BenchError::Lost {
                missing: missing.len(),
                admitted,
                patience: PATIENCE,
            });
        }
        thread::sleep(LOOK_AGAIN);
    }
}

impl Tally {
    fn add(
        &mut self,
        block: &BlockView,
        missing: &mut HashMap<TransactionId, Instant>,
        sight: &Sight,
        window: &Window,
    ) {
        let count = block.transactions.len() as u64;
        let ours: Vec<Instant> = block
            .transactions
            .iter()
            .filter_map(|id| missing.remove(id))
            .collect();
        self.since_start += count;
        if !window.holds(block.height) {
            return;
        }
        self.blocks += 1;
        self.transactions += count;
        self.foreign += count - ours.len() as u64;
        if let Some(seen) = sight.blocks.iter().find(|seen| seen.height == block.height) {
            self.latencies
                .extend(ours.into_iter().map(|at| seen.at.duration_since(at)));
        }
    }
}

/// One of each block is looked at more closely: a load of failing transfers would measure something else.
fn check_receipt(client: &Client, block: &BlockView) -> Result<(), BenchError> {
    let Some(id) = block.transactions.last() else {
        return Ok(());
    };
    match client.transaction(id)?.and_then(|view| view.receipt) {
        Some(ReceiptView { success: true, .. }) => Ok(()),
        Some(ReceiptView { failure, .. }) => Err(BenchError::FailedTransfer {
            id: *id,
            reason: failure.unwrap_or_default(),
        }),
        None => Err(BenchError::FailedTransfer {
            id: *id,
            reason: "the node has no receipt of it".to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use aureon_types::{Address, BlockId, Hash};

    use super::*;

    fn block(height: u64, transactions: &[u8]) -> BlockView {
        BlockView {
            id: BlockId::ZERO,
            height,
            decided: true,
            is_final: true,
            target: None,
            seal: None,
            parent_id: BlockId::ZERO,
            timestamp_ms: 0,
            proposer: Address([0; 20]),
            transactions_root: Hash::ZERO,
            receipts_root: Hash::ZERO,
            state_root: Hash::ZERO,
            gas_used: 0,
            gas_limit: 0,
            previous_commit_hash: Hash::ZERO,
            next_validators_hash: Hash::ZERO,
            size_bytes: 0,
            transactions: transactions
                .iter()
                .map(|number| TransactionId([*number; 32]))
                .collect(),
            certificate: None,
        }
    }

    #[test]
    fn percentiles_are_by_the_nearest_rank() {
        let latencies = (1..=200).rev().map(Duration::from_millis).collect();
        assert_eq!(
            Latency::of(latencies),
            Latency {
                p50: 100.0,
                p95: 190.0,
                p99: 198.0
            }
        );
        assert_eq!(Latency::of(vec![Duration::from_micros(1_550)]).p50, 1.6);
        assert_eq!(Latency::of(Vec::new()), Latency::default());
    }

    #[test]
    fn only_whole_blocks_of_the_window_count() {
        let start = Instant::now();
        let seen = |height: u64| Seen {
            height,
            at: start + Duration::from_secs(height),
        };
        let sight = Sight {
            blocks: (1..=4).map(seen).collect(),
            usage: Vec::new(),
        };
        let window = Window {
            first: seen(2),
            last: seen(4),
        };
        assert_eq!(window.duration(), Duration::from_secs(2));
        let mut missing: HashMap<_, _> = (1..=5)
            .map(|number| (TransactionId([number; 32]), start))
            .collect();
        let mut tally = Tally::default();
        for block in [
            block(2, &[1]),
            block(3, &[2, 9]),
            block(4, &[3, 4]),
            block(5, &[5]),
        ] {
            tally.add(&block, &mut missing, &sight, &window);
        }
        assert_eq!(
            (tally.transactions, tally.foreign, tally.blocks, tally.since_start),
            (4, 1, 2, 6)
        );
        let seconds: Vec<u64> = tally.latencies.iter().map(Duration::as_secs).collect();
        assert_eq!(seconds, [3, 4, 4]);
        assert!(missing.is_empty());
    }
}
