//! What others see of the engine: headers for peers and miners, status for people.

use aureon_types::{BlockId, SealedHeader};

use super::{Pow, Target, Work, WorkChain};
use crate::{ConsensusStatus, Signing, Step};

/// Blocks over which the network's hash rate is estimated. With n blocks the estimate is off by about
/// one part in the root of n: 18 %.
const RATE_BLOCKS: u64 = 30;

/// Proof of work at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkStatus {
    /// Of the chain up to the head.
    pub head_work: Work,
    /// Of the heaviest header known: more than the head's while bodies are on their way.
    pub best_work: Work,
    /// Height of that header.
    pub best_height: u64,
    /// Of the next block.
    pub target: Target,
    /// Hashes that the next block takes on average.
    pub difficulty: Work,
    /// Hashes per second of the whole network, estimated from the last [`RATE_BLOCKS`] blocks; 0 before
    /// the second block.
    pub hash_rate: u128,
    /// The last final block's height.
    pub final_height: u64,
    /// Branches in the tree of headers, the head's included.
    pub branches: usize,
    /// Headers in that tree.
    pub headers: usize,
    /// Headers that wait for our clock.
    pub held: usize,
}

impl Pow {
    /// The last committed block.
    pub fn head(&self) -> BlockId {
        self.head
    }

    /// What the blocks up to `id` fix for the next; `None` if it is not above the last final block.
    pub fn work_chain(&self, id: &BlockId) -> Option<&WorkChain> {
        self.tree.chain(id)
    }

    /// A header of the tree.
    pub fn header(&self, id: &BlockId) -> Option<&SealedHeader> {
        self.tree.header(id)
    }

    /// Whether the block was executed and is invalid, or stands on one that is.
    pub fn is_invalid(&self, id: &BlockId) -> bool {
        self.tree.is_invalid(id)
    }

    /// The heaviest header.
    pub fn best_header(&self) -> BlockId {
        self.tree.best_header()
    }

    /// How far our headers go, newest first, at most about 40 ids: from `after`, if it is here, else from
    /// the heaviest header. The last one is our last final block.
    pub fn locator(&self, after: Option<&BlockId>) -> Vec<BlockId> {
        let from = after.filter(|id| self.tree.chain(id).is_some()).copied();
        self.tree
            .locator(&from.unwrap_or_else(|| self.tree.best_header()))
    }

    /// See [`crate::Engine::status`].
    pub fn status(&self) -> ConsensusStatus {
        ConsensusStatus {
            engine: "pow",
            height: self.tree.height(&self.head).saturating_add(1),
            round: 0,
            step: if self.is_catching_up() {
                Step::CatchUp
            } else {
                Step::Mine
            },
            proposer: None,
            validators: Vec::new(),
            total_power: 0,
            quorum_power: 0,
            signing: Signing::NotNeeded,
            waiting_for: self.waiting_for(),
            drops: self.drops,
            work: self.work_status(),
        }
    }

    /// Whether a branch is known that is heavier than the head.
    pub fn is_catching_up(&self) -> bool {
        self.tree.work(&self.tree.best_header()) > self.tree.work(&self.head)
    }

    fn work_status(&self) -> Option<WorkStatus> {
        let head = self.tree.chain(&self.head)?;
        let best = self.tree.best_header();
        Some(WorkStatus {
            head_work: head.work(),
            best_work: self.tree.work(&best),
            best_height: self.tree.height(&best),
            target: head.next_target(),
            difficulty: head.next_target().work(),
            hash_rate: self.hash_rate(head),
            final_height: self.tree.height(&self.tree.root()),
            branches: self.tree.tips(),
            headers: self.tree.count(),
            held: self.held.count(),
        })
    }

    /// Work of the last blocks by the time between the first and the last of them.
    fn hash_rate(&self, head: &WorkChain) -> u128 {
        let root = self.tree.height(&self.tree.root());
        // The time of the genesis says nothing.
        let first = head.height().saturating_sub(RATE_BLOCKS).max(root).max(1);
        let Some(first) = self
            .tree
            .ancestor(&self.head, first)
            .and_then(|id| self.tree.chain(&id))
        else {
            return 0;
        };
        let hashes = head.work().minus(first.work()).to_u128();
        let ms = u128::from(head.timestamp_ms().saturating_sub(first.timestamp_ms()));
        hashes.saturating_mul(1_000).checked_div(ms).unwrap_or(0)
    }

    fn waiting_for(&self) -> String {
        let head = self.tree.height(&self.head);
        let best = self.tree.height(&self.tree.best_header());
        if let Some(id) = self.switching {
            format!("block {id} and the blocks below it to be durable as the head")
        } else if self.is_catching_up() {
            let asked = self.asked.len();
            format!(
                "the bodies of {asked} blocks, to be executed: a heavier branch of headers goes up to {best}, the head is {head}"
            )
        } else if self.behind {
            "headers of the peers that claim more work".to_owned()
        } else {
            format!("somebody to find block {}", head.saturating_add(1))
        }
    }
}
