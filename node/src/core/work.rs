//! The way of a block under proof of work: mined here, gossiped or asked for, assembled, executed on its
//! branch, and made part of the chain when its branch is the heaviest.
//!
//! *Two clocks.* Headers come first and are judged by the engine (`consensus::pow`); what is here follows
//! its wishes: [`aureon_consensus::Effect::Execute`] names blocks of the heaviest branches, parents first;
//! [`aureon_consensus::Effect::Switch`] says which executed blocks become the chain. A gossiped block gets
//! its verdict when its header is judged, before its body is complete and long before it is executed.
//!
//! *Branches.* The state after every executed block above the last final one is kept as a view, whatever
//! branch it is on. A block is executed on its parent's view, and a reorganisation only changes which view
//! is the head's: nothing is undone in a database but the index of the chain.
//!
//! *Memory.* A view holds what its block changed. Executed are only blocks of branches whose headers carry
//! more work than our head, so each of them has cost somebody as much as a block of ours; the tree of
//! headers bounds their number ([`aureon_consensus::pow::MAX_HEADERS`]), and what does not stand on the
//! last final block goes. Bodies and receipts are dropped when the block is committed, except of the
//! newest [`KEPT_BYTES`]: the disk has them. Bodies that nobody has asked for yet: [`MAX_KEPT`].
//!
//! *Whose fault.* Who answers a request for a body or its transactions vouches for the block: an honest
//! node serves only what it has executed and committed. If such a block turns out invalid, who served it
//! is banned ([`aureon_protocol::Offence::Malicious`]). Who gossips a block vouches only for its
//! header: honest nodes pass it on before they execute it, so nobody is penalised for a gossiped block
//! whose body is wrong; it has cost its maker the work. Descendants of an invalid block are forgotten
//! without blame: their senders may not have known.

mod bodies;
mod gossip;
mod headers;
mod job;
mod mining;
mod outcome;
mod pace;
mod switching;

use std::collections::{BTreeMap, BTreeSet};

use aureon_chain::{assembly::AssembledBlock, import::ExecutedBlock};
use aureon_protocol::PeerId;
use aureon_types::{BlockId, SealedHeader};

use super::Parent;
use crate::adapters::View;

pub use gossip::CheckedWork;
pub use job::{Applying, Mined, MiningWork, Switched, Switching, Template, Templating, WorkStart};
pub use mining::{MAX_TEMPLATES, MiningOptions, MiningStatus};
pub use outcome::{SealOutcome, SealRefusal, TemplateOutcome, TemplateRefusal, TemplateView};

pub(super) use headers::HeaderFlow;
pub(super) use mining::Mining;

/// Bodies that are complete and that the engine has not asked for. When full, the lowest id goes; it is
/// asked from peers if it is wanted after all.
const MAX_KEPT: usize = 32;
/// Bytes of bodies of the newest committed blocks that stay in memory, so that a short reorganisation
/// and its return read no disk.
const KEPT_BYTES: usize = 64 << 20;
/// Gossiped blocks whose sender is remembered, to ask it first for the body.
const MAX_SENDERS: usize = 256;

/// A block that was executed here, on any branch.
#[derive(Clone, Debug)]
struct Branch {
    /// The block as others are built on it.
    parent: Parent,
    /// Its parent; itself for the last final block.
    below: BlockId,
    /// With body and receipts; `None`: they are in the block store.
    executed: Option<ExecutedBlock<View>>,
}

/// A body that waits to be executed.
#[derive(Debug)]
enum Waiting {
    /// All parts are here; who sent what we had to ask for.
    Parts(Box<AssembledBlock>, Option<PeerId>),
    /// In the block store, from before a restart or from when it was executed; the block's height. If it is not there,
    /// it is asked for.
    Stored(u64),
}

/// Blocks above the last final one.
#[derive(Debug)]
pub(super) struct Branches {
    /// The last final block.
    root: BlockId,
    /// The executed ones, the root included.
    executed: BTreeMap<BlockId, Branch>,
    /// The engine waits for a verdict on these: block and parent.
    asked: BTreeMap<BlockId, Asked>,
    waiting: BTreeMap<BlockId, Waiting>,
    /// A worker has these; who served the body, if it was asked for.
    executing: BTreeMap<BlockId, Option<PeerId>>,
    /// Who gossiped a block first.
    senders: BTreeMap<BlockId, PeerId>,
    /// Mined here and not yet durable.
    own: BTreeSet<BlockId>,
}

/// What the engine asked for.
#[derive(Clone, Copy, Debug)]
struct Asked {
    height: u64,
    parent: BlockId,
    proposer: aureon_types::Address,
}

impl Branches {
    /// From what recovery found.
    pub(super) fn new(start: WorkStart) -> Self {
        let root = start.root.info.id;
        let mut below = root;
        let mut executed = BTreeMap::new();
        for parent in std::iter::once(start.root).chain(start.canonical) {
            let id = parent.info.id;
            let branch = Branch {
                parent,
                below,
                executed: None,
            };
            executed.insert(id, branch);
            below = id;
        }
        let stored = |header: &SealedHeader| (header.id(), Waiting::Stored(header.header().height));
        Self {
            root,
            executed,
            asked: BTreeMap::new(),
            waiting: start.side.iter().map(stored).collect(),
            executing: BTreeMap::new(),
            senders: BTreeMap::new(),
            own: BTreeSet::new(),
        }
    }

    fn remember_sender(&mut self, id: BlockId, peer: PeerId) {
        self.senders.entry(id).or_insert(peer);
        while self.senders.len() > MAX_SENDERS {
            self.senders.pop_first();
        }
    }

    /// Bodies that nobody asked for go when there are too many. Those on disk cost nothing.
    fn bound(&mut self) {
        let spare = |this: &Self| {
            let unasked = this.waiting.iter().filter(|(id, waiting)| {
                matches!(waiting, Waiting::Parts(..)) && !this.asked.contains_key(id)
            });
            let ids: Vec<BlockId> = unasked.map(|(id, _)| *id).collect();
            (ids.len() > MAX_KEPT).then(|| ids.first().copied()).flatten()
        };
        while let Some(id) = spare(self) {
            self.waiting.remove(&id);
        }
    }

    /// The executed blocks above `below` up to `id`, lowest first; `None` if they do not connect.
    fn path(&self, below: &BlockId, id: &BlockId) -> Option<Vec<BlockId>> {
        let (mut path, mut at) = (Vec::new(), *id);
        while at != *below {
            path.push(at);
            let branch = self.executed.get(&at)?;
            if branch.below == at {
                return None;
            }
            at = branch.below;
        }
        path.reverse();
        Some(path)
    }

    /// `gone` and what stands on them are as if they had never been executed. Bodies that the block store may have are
    /// read there.
    fn forget_executions(&mut self, gone: &[BlockId]) {
        let mut above: Vec<(u64, BlockId, BlockId)> = self
            .executed
            .iter()
            .map(|(id, branch)| (branch.parent.info.height, *id, branch.below))
            .collect();
        above.sort_unstable();
        let mut forgotten: BTreeSet<BlockId> = BTreeSet::new();
        for (height, id, below) in above {
            let is_gone = gone.contains(&id);
            if id != self.root && (is_gone || forgotten.contains(&below)) {
                forgotten.insert(id);
                self.executed.remove(&id);
                if !is_gone {
                    self.waiting.insert(id, Waiting::Stored(height));
                }
            }
        }
    }

    /// `root`, an ancestor of the head, is final: what does not stand on it goes.
    fn finalize(&mut self, root: BlockId) {
        let Some(height) = self.executed.get(&root).map(|branch| branch.parent.info.height) else {
            return;
        };
        let mut kept = BTreeSet::from([root]);
        let mut above: Vec<(u64, BlockId, BlockId)> = self
            .executed
            .iter()
            .map(|(id, branch)| (branch.parent.info.height, *id, branch.below))
            .filter(|(at, ..)| *at > height)
            .collect();
        above.sort_unstable();
        for (_, id, below) in above {
            if kept.contains(&below) {
                kept.insert(id);
            }
        }
        self.executed.retain(|id, _| kept.contains(id));
        self.own.retain(|id| kept.contains(id));
        if let Some(branch) = self.executed.get_mut(&root) {
            branch.below = root;
        }
        self.root = root;
        self.waiting.retain(|_, waiting| match waiting {
            Waiting::Parts(block, _) => block.header().height > height,
            Waiting::Stored(at) => *at > height,
        });
    }

    /// Drops bodies and receipts that the disk has, from the head down, beyond [`KEPT_BYTES`].
    fn lighten(&mut self, head: &BlockId) {
        let (mut at, mut bytes) = (*head, 0_usize);
        while let Some(branch) = self.executed.get_mut(&at) {
            if let Some(executed) = &branch.executed {
                bytes = bytes.saturating_add(executed.block().size());
                if bytes > KEPT_BYTES {
                    branch.executed = None;
                }
            }
            if branch.below == at {
                return;
            }
            at = branch.below;
        }
    }
}

#[cfg(test)]
mod tests;
