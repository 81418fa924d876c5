//! What the node is doing, for people and scripts.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use aureon_chain::sync;
use aureon_consensus::{ConsensusStatus, Now};
use aureon_types::{Address, BlockId, Evidence, GenesisId};

use super::{Core, MiningStatus};

/// How far back throughput is counted.
const WINDOW: Duration = Duration::from_secs(10);

/// The mempool in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MempoolNumbers {
    /// Transactions a block could hold now.
    pub ready: usize,
    /// All transactions.
    pub count: usize,
    /// Their bytes.
    pub bytes: usize,
}

/// The node at one moment; refreshed at most every 100 ms.
#[derive(Clone, Debug)]
pub struct NodeStatus {
    /// Name of the chain.
    pub chain: String,
    /// The network.
    pub genesis_id: GenesisId,
    /// Height of the head.
    pub height: u64,
    /// Id of the head; the genesis id at height 0.
    pub head: BlockId,
    /// Time of the head, in milliseconds since 1970-01-01 UTC.
    pub head_timestamp_ms: u64,
    /// Ready peers.
    pub peers: usize,
    /// Round, votes, what the engine waits for.
    pub consensus: ConsensusStatus,
    /// Whether this node is catching up, and with what.
    pub sync: sync::Status,
    /// Height of the last block that cannot be undone; the head's where votes decide.
    pub final_height: u64,
    /// What mining does here; `None` where blocks are not mined.
    pub mining: Option<MiningStatus>,
    /// Our validator address, if this node has a validator key.
    pub validator: Option<Address>,
    /// Why this node does not sign any more, if it has stopped.
    pub signing_stopped: Option<String>,
    /// The mempool.
    pub mempool: MempoolNumbers,
    /// Contradictions of validators that nobody was punished for yet, the oldest first.
    pub evidence: Arc<[Evidence]>,
    /// Transactions in committed blocks over the last ten seconds, per second.
    pub transactions_per_second: f64,
}

/// Counts committed transactions over a sliding window.
#[derive(Default)]
pub(super) struct Throughput {
    blocks: VecDeque<(Duration, usize)>,
}

impl Throughput {
    pub(super) fn add(&mut self, now: Duration, transactions: usize) {
        self.blocks.push_back((now, transactions));
        while self
            .blocks
            .front()
            .is_some_and(|(at, _)| now.saturating_sub(*at) > WINDOW)
        {
            self.blocks.pop_front();
        }
    }

    fn per_second(&self, now: Duration) -> f64 {
        let recent = self
            .blocks
            .iter()
            .filter(|(at, _)| now.saturating_sub(*at) <= WINDOW);
        let total: usize = recent.map(|(_, transactions)| transactions).sum();
        // Exact far beyond any block's size.
        total as f64 / WINDOW.as_secs_f64()
    }
}

impl Core {
    /// The node at this moment.
    pub fn status(&self, now: Now) -> NodeStatus {
        let (height, head) = self.head();
        NodeStatus {
            chain: self.chain.genesis.chain.clone(),
            genesis_id: self.chain.genesis_id,
            height,
            head,
            head_timestamp_ms: self.parent.info.timestamp_ms,
            peers: self.peers.len(),
            consensus: self.engine.status(),
            sync: match &self.headers {
                Some(headers) => headers.status(now),
                None => self.sync.status(now.monotonic),
            },
            final_height: self.final_height(),
            mining: self.mining_status(),
            validator: self.validator,
            signing_stopped: self.signing_stopped.clone(),
            mempool: MempoolNumbers {
                ready: self.mempool.ready_count(),
                count: self.mempool.count(),
                bytes: self.mempool.bytes(),
            },
            evidence: self.offences.listed(),
            transactions_per_second: self.throughput.per_second(now.monotonic),
        }
    }
}
