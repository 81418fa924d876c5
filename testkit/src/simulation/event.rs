//! What can happen, and to whom.

use aureon_node::core::{Job, MiningWork, RequestToken, Timer};
use aureon_protocol::{RequestError, Status, Topic};
use bytes::Bytes;

use crate::{load::Step, scenario::Micros};

/// Something that is to happen at a node.
pub(super) enum Event {
    /// The machine starts.
    Boot,
    /// The machine loses power for so long, now or while it is at work next.
    Crash {
        down: Micros,
    },
    /// It does so now.
    Strike {
        down: Micros,
    },
    PartitionBegins,
    PartitionEnds,
    /// From now on nothing goes wrong.
    Heal,
    /// A client submits something.
    Submit,
    /// A reserve node becomes a validator, or ceases to be one.
    Change {
        reserve: usize,
        step: Step,
    },
    /// Clients submit again what was lost with a node.
    SubmitAgain,
    Deadline,
    /// The write-behind thread looks whether it has something to do.
    WriteBehind,
    /// A miner looks at what it has tried.
    Tried {
        template: u64,
        work: MiningWork,
        found: Option<u64>,
    },
    /// An attacker's turn.
    Attack,
    /// The network tells peers our head, if it is time.
    TellStatus,
    Timer(Timer),
    /// The ledger thread does the job at the front of its queue.
    LedgerWorks,
    /// The core hears of it.
    LedgerDone,
    /// A thread of the pool, or the reader, does a job.
    Work(Box<Job>),
    /// The log thread does the job at the front of its queue.
    LogWorks,
    Gossip {
        from: usize,
        topic: Topic,
        data: Bytes,
    },
    Ask {
        from: usize,
        life: u32,
        token: RequestToken,
        data: Vec<u8>,
    },
    Answer {
        from: usize,
        token: RequestToken,
        data: Vec<u8>,
    },
    NoAnswer {
        token: RequestToken,
        error: RequestError,
    },
    PeerStatus {
        from: usize,
        status: Status,
    },
    Connect {
        peer: usize,
    },
    /// The connection to that life of a peer is found to be dead.
    Lost {
        peer: usize,
        life: u32,
    },
}

pub(super) struct Scheduled {
    pub node: usize,
    /// The life of the node that this belongs to; `None`: whichever.
    pub life: Option<u32>,
    pub event: Event,
}
