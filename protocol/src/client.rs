//! The node's handle on the network. Cheap to clone; no method blocks.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use aureon_proto::v1 as proto;
use bytes::Bytes;
use libp2p::{Multiaddr, PeerId};
use tokio::sync::{mpsc, watch};

use crate::{
    config::Status,
    error::{Overloaded, PublishError},
    event::{GossipMessageRef, RequestId, ResponseToken, Verdict},
    names::Topic,
    score::Offence,
    snapshot::{Counters, NetworkSnapshot},
};

/// Commands that may wait. When full, verdicts and answers are dropped and counted, requests refused.
const COMMAND_QUEUE: usize = 4_096;
/// Consensus messages that may wait to be published. Served before everything else.
const CONSENSUS_QUEUE: usize = 1_024;
/// Blocks that may wait to be published.
const BLOCK_QUEUE: usize = 8;
/// Batches of transactions that may wait to be published, up to 1 MiB each.
const TRANSACTION_QUEUE: usize = 64;

/// What the node wants done.
#[derive(Debug)]
pub(crate) enum Command {
    Verdict {
        message: GossipMessageRef,
        verdict: Verdict,
    },
    Request {
        id: RequestId,
        peer: PeerId,
        request: proto::SyncRequest,
    },
    Respond {
        token: ResponseToken,
        response: proto::SyncResponse,
    },
    Penalize {
        peer: PeerId,
        offence: Offence,
    },
    Disconnect {
        peer: PeerId,
    },
    Dial {
        address: Multiaddr,
    },
}

/// The task's ends of the client's queues.
#[derive(Debug)]
pub(crate) struct Mailbox {
    pub(crate) commands: mpsc::Receiver<Command>,
    pub(crate) consensus: mpsc::Receiver<Bytes>,
    pub(crate) blocks: mpsc::Receiver<Bytes>,
    pub(crate) transactions: mpsc::Receiver<Bytes>,
    pub(crate) status: watch::Receiver<Status>,
    pub(crate) stop: watch::Receiver<bool>,
    pub(crate) snapshot: watch::Sender<Arc<NetworkSnapshot>>,
}

/// The node's handle on the network.
///
/// The network stops when the last clone is dropped, after [`Client::shutdown`], or when the
/// [`crate::EventReceiver`] is dropped.
#[derive(Clone, Debug)]
pub struct Client {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    commands: mpsc::Sender<Command>,
    consensus: mpsc::Sender<Bytes>,
    blocks: mpsc::Sender<Bytes>,
    transactions: mpsc::Sender<Bytes>,
    status: watch::Sender<Status>,
    stop: watch::Sender<bool>,
    snapshot: watch::Receiver<Arc<NetworkSnapshot>>,
    counters: Arc<Counters>,
    next_request: AtomicU64,
}

impl Client {
    pub(crate) fn new(
        status: Status,
        counters: Arc<Counters>,
        first: Arc<NetworkSnapshot>,
    ) -> (Self, Mailbox) {
        let (commands, commands_receiver) = mpsc::channel(COMMAND_QUEUE);
        let (consensus, consensus_receiver) = mpsc::channel(CONSENSUS_QUEUE);
        let (blocks, blocks_receiver) = mpsc::channel(BLOCK_QUEUE);
        let (transactions, transactions_receiver) = mpsc::channel(TRANSACTION_QUEUE);
        let (status, status_receiver) = watch::channel(status);
        let (stop, stop_receiver) = watch::channel(false);
        let (snapshot_sender, snapshot) = watch::channel(first);
        let next_request = AtomicU64::new(1);
        let shared = Shared {
            commands,
            consensus,
            blocks,
            transactions,
            status,
            stop,
            snapshot,
            counters,
            next_request,
        };
        let mailbox = Mailbox {
            commands: commands_receiver,
            consensus: consensus_receiver,
            blocks: blocks_receiver,
            transactions: transactions_receiver,
            status: status_receiver,
            stop: stop_receiver,
            snapshot: snapshot_sender,
        };
        (
            Self {
                shared: Arc::new(shared),
            },
            mailbox,
        )
    }

    /// Publishes to every peer. Having no peer is no error; publishing the same bytes twice within a
    /// minute sends them once.
    ///
    /// # Errors
    /// [`PublishError::TooLarge`] above [`Topic::max_bytes`]; [`PublishError::Overloaded`] if the topic's
    /// queue is full: the message is dropped and counted.
    pub fn publish(&self, topic: Topic, data: Bytes) -> Result<(), PublishError> {
        let (length, limit) = (data.len(), topic.max_bytes());
        if length > limit {
            return Err(PublishError::TooLarge { topic, length, limit });
        }
        let queue = match topic {
            Topic::Transactions => &self.shared.transactions,
            Topic::Blocks => &self.shared.blocks,
            Topic::Consensus => &self.shared.consensus,
        };
        queue.try_send(data).map_err(|_| {
            self.shared.counters.topic(topic).publish_dropped.add(1);
            PublishError::Overloaded { topic }
        })
    }

    /// Judges a gossiped message, within 3 s of its arrival. A rejection penalises the sender.
    pub fn verdict(&self, message: GossipMessageRef, verdict: Verdict) {
        self.command_or_count(Command::Verdict { message, verdict });
    }

    /// Asks a ready peer. The outcome comes as exactly one [`crate::Event::Response`].
    ///
    /// # Errors
    /// [`Overloaded`] if the command queue is full; then no event comes.
    pub fn request(&self, peer: PeerId, request: proto::SyncRequest) -> Result<RequestId, Overloaded> {
        let id = RequestId(self.shared.next_request.fetch_add(1, Ordering::Relaxed));
        let command = Command::Request { id, peer, request };
        self.shared.commands.try_send(command).map_err(|_| Overloaded)?;
        Ok(id)
    }

    /// Answers a request of a peer. To refuse, answer with `Busy`.
    pub fn respond(&self, channel: ResponseToken, response: proto::SyncResponse) {
        self.command_or_count(Command::Respond {
            token: channel,
            response,
        });
    }

    /// Sets this node's head: hello answers tell it, ready peers are told at most once a second.
    pub fn set_status(&self, status: Status) {
        self.shared
            .status
            .send_if_modified(|current| std::mem::replace(current, status) != status);
    }

    /// Lowers the peer's score. At 0 it is banned for some minutes; see [`Offence::demerits`].
    pub fn penalize(&self, peer: PeerId, offence: Offence) {
        self.command_or_count(Command::Penalize { peer, offence });
    }

    /// Closes all connections of a peer. It may be dialled again.
    pub fn disconnect(&self, peer: PeerId) {
        self.command_or_count(Command::Disconnect { peer });
    }

    /// Dials an address. With `/p2p/<peer id>` at its end it is kept and dialled again like a bootstrap
    /// address.
    pub fn dial(&self, address: Multiaddr) {
        self.command_or_count(Command::Dial { address });
    }

    /// The network as it was at most 250 ms ago.
    pub fn snapshot(&self) -> Arc<NetworkSnapshot> {
        self.shared.snapshot.borrow().clone()
    }

    /// This node.
    pub fn local_peer(&self) -> PeerId {
        self.shared.snapshot.borrow().local_peer
    }

    /// Closes all connections and waits until the network has stopped (at most two seconds, then it is
    /// dropped).
    pub async fn shutdown(&self) {
        // The task may be gone already.
        self.shared.stop.send_replace(true);
        self.shared.commands.closed().await;
    }

    fn command_or_count(&self, command: Command) {
        if self.shared.commands.try_send(command).is_err() {
            self.shared.counters.commands_dropped.add(1);
        }
    }
}
