//! The loop: takes one event, hands it to the core, performs what the core wants.
//!
//! It owns the core outright, without a lock, on a thread of its own. It does nothing heavy: signatures,
//! execution, commits and answers for peers are done by workers and come back as events.
//!
//! *Order of service*: what workers finished, timers, the network (its own queues put consensus first),
//! clients.

mod perform;
mod timers;

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use aureon_consensus::Now;
use aureon_protocol::{Client, Event as NetworkEvent, EventReceiver, GossipMessageRef, ResponseToken};
use aureon_types::{Genesis, GenesisId};
use tokio::sync::{mpsc, oneshot};

use crate::{
    core::{
        ChannelToken, Core, Done, Effect, GossipToken, HeadChange, Input, Mined, PUBLISH_INTERVAL,
        ReplyToken, RequestToken, SealOutcome, SubmitOutcome, TemplateOutcome,
    },
    handle::{Command, Head, PublishedHead, Publisher},
    miner::HashRate,
};

pub use perform::Workers;
use timers::Timers;

/// Questions of peers that are not answered yet. When full, the oldest is dropped.
const REQUESTS_IN_FLIGHT: usize = 1_024;

/// Reads both clocks.
#[derive(Clone, Copy)]
pub struct Clock {
    start: Instant,
}

impl Clock {
    /// The monotonic reading counts from now.
    pub fn new() -> Self {
        Self {
            start: Instant::now(),
        }
    }

    /// Now.
    pub fn now(&self) -> Now {
        // A wall clock before 1970 is as wrong as one at 1970.
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Now {
            monotonic: self.start.elapsed(),
            wall_ms: u64::try_from(wall.as_millis()).unwrap_or(u64::MAX),
        }
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::new()
    }
}

/// Who waits for an answer.
pub(crate) enum Reply {
    Submit(oneshot::Sender<SubmitOutcome>),
    Template(oneshot::Sender<TemplateOutcome>),
    Seal(oneshot::Sender<SealOutcome>),
}

/// What arrives.
enum Event {
    Done(Done),
    Mined(Mined),
    Timer,
    Network(NetworkEvent),
    Command(Command),
    Publish,
    /// The network or all handles are gone.
    Closed,
}

/// The loop and everything it owns.
pub struct MainLoop {
    pub(crate) core: Core,
    pub(crate) clock: Clock,
    pub(crate) workers: Workers,
    pub(crate) network: Client,
    pub(crate) publisher: Publisher,
    pub(crate) timers: Timers,
    pub(crate) genesis: Arc<Genesis>,
    tokens: u64,
    gossip: BTreeMap<GossipToken, GossipMessageRef>,
    channels: BTreeMap<ChannelToken, ResponseToken>,
    requests: BTreeMap<aureon_protocol::RequestId, RequestToken>,
    replies: BTreeMap<ReplyToken, Reply>,
    hash_rate: HashRate,
    /// Failures to be told the core after the current event.
    refused: Vec<Input>,
    stop: Option<String>,
}

impl MainLoop {
    /// Joins the parts; nothing happens before [`MainLoop::run`].
    pub(crate) fn new(
        core: Core,
        clock: Clock,
        workers: Workers,
        network: Client,
        publisher: Publisher,
        genesis: Arc<Genesis>,
    ) -> Self {
        Self {
            core,
            clock,
            workers,
            network,
            publisher,
            genesis,
            timers: Timers::default(),
            tokens: 0,
            gossip: BTreeMap::new(),
            channels: BTreeMap::new(),
            requests: BTreeMap::new(),
            replies: BTreeMap::new(),
            hash_rate: HashRate::default(),
            refused: Vec::new(),
            stop: None,
        }
    }

    /// Runs until a stop command (`None`) or until the node cannot go on (why), and lets the workers
    /// finish what they have.
    pub(crate) async fn run_and_finish(
        mut self,
        first: Vec<Effect>,
        done: mpsc::UnboundedReceiver<Done>,
        network: EventReceiver,
        commands: mpsc::Receiver<Command>,
    ) -> Option<String> {
        let reason = self.run(first, done, network, commands).await;
        self.workers.finish();
        reason
    }

    async fn run(
        &mut self,
        first: Vec<Effect>,
        mut done: mpsc::UnboundedReceiver<Done>,
        mut network: EventReceiver,
        mut commands: mpsc::Receiver<Command>,
    ) -> Option<String> {
        self.perform_all(first);
        self.publish();
        let mut publish = tokio::time::interval(PUBLISH_INTERVAL);
        publish.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let event = tokio::select! {
                biased;
                Some(done) = done.recv() => Event::Done(done),
                Some(mined) = self.workers.mined.recv() => Event::Mined(mined),
                () = self.timers.next() => Event::Timer,
                _ = publish.tick() => Event::Publish,
                event = network.recv() => event.map_or(Event::Closed, Event::Network),
                command = commands.recv() => command.map_or(Event::Closed, Event::Command),
            };
            match event {
                Event::Done(done) => self.handle(Input::Done(Box::new(done))),
                Event::Mined(mined) => self.handle(Input::Mined(mined)),
                Event::Timer => {
                    if let Some(timer) = self.timers.pop(Instant::now()) {
                        self.handle(Input::TimerFired(timer));
                    }
                }
                Event::Network(event) => self.on_network(event),
                Event::Command(Command::Submit { transactions, reply }) => {
                    let token = ReplyToken(self.token());
                    self.replies.insert(token, Reply::Submit(reply));
                    self.handle(Input::Submit {
                        transactions,
                        reply: token,
                    });
                }
                Event::Command(Command::Find { id, reply }) => {
                    // Who asked may have gone.
                    let _ = reply.send(self.core.mempool().by_id(&id));
                }
                Event::Command(Command::Template { reward, reply }) => {
                    let token = ReplyToken(self.token());
                    self.replies.insert(token, Reply::Template(reply));
                    self.handle(Input::TemplateWanted { reward, reply: token });
                }
                Event::Command(Command::Seal { mined, reply }) => {
                    let token = ReplyToken(self.token());
                    self.replies.insert(token, Reply::Seal(reply));
                    self.handle(Input::SealSubmitted { mined, reply: token });
                }
                Event::Command(Command::Stop) => return None,
                Event::Publish => self.publish(),
                Event::Closed => return Some("the network has stopped".to_owned()),
            }
            if self.stop.is_some() {
                return self.stop.take();
            }
        }
    }

    fn handle(&mut self, input: Input) {
        let mut effects = Vec::new();
        self.core.handle(self.clock.now(), input, &mut effects);
        self.perform_all(effects);
    }

    fn perform_all(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            self.perform(effect);
        }
        while let Some(input) = self.refused.pop() {
            let mut effects = Vec::new();
            self.core.handle(self.clock.now(), input, &mut effects);
            for effect in effects {
                self.perform(effect);
            }
        }
    }

    fn token(&mut self) -> u64 {
        self.tokens = self.tokens.wrapping_add(1);
        self.tokens
    }

    fn on_network(&mut self, event: NetworkEvent) {
        match event {
            NetworkEvent::PeerReady { peer, status, agent } => {
                tracing::info!(%peer, height = status.height, agent, "peer connected");
                self.handle(Input::PeerReady { peer, status });
            }
            NetworkEvent::PeerGone { peer } => {
                tracing::info!(%peer, "peer disconnected");
                self.handle(Input::PeerGone { peer });
            }
            NetworkEvent::PeerStatus { peer, status } => self.handle(Input::PeerStatus { peer, status }),
            NetworkEvent::Gossip {
                topic,
                from,
                message,
                data,
            } => {
                let token = GossipToken(self.token());
                self.gossip.insert(token, message);
                self.handle(Input::Gossip {
                    topic,
                    from,
                    message: token,
                    data,
                });
            }
            NetworkEvent::Request {
                peer,
                request,
                channel,
            } => {
                let token = ChannelToken(self.token());
                self.channels.insert(token, channel);
                // The oldest go unanswered: their peers have given up.
                while self.channels.len() > REQUESTS_IN_FLIGHT {
                    self.channels.pop_first();
                }
                self.handle(Input::Request {
                    peer,
                    channel: token,
                    request,
                });
            }
            NetworkEvent::Response {
                request,
                peer,
                result,
            } => {
                if let Some(request) = self.requests.remove(&request) {
                    self.handle(Input::Response {
                        request,
                        peer,
                        result,
                    });
                }
            }
            NetworkEvent::GenesisMismatch {
                peer,
                address,
                genesis,
                genesis_id,
            } => {
                warn_of_other_genesis(&self.genesis, &peer, &address, genesis.as_deref(), genesis_id);
            }
            NetworkEvent::Listening { address } => tracing::info!(%address, "listening"),
        }
    }

    /// Shows the mempool and the status as they are now.
    fn publish(&mut self) {
        self.publisher
            .mempool
            .send_replace(Arc::new(self.core.mempool().view()));
        if let Some(miner) = &self.workers.miner {
            self.hash_rate.read(Instant::now(), miner.tried());
        }
        self.publish_status();
    }

    fn publish_status(&self) {
        let mut status = self.core.status(self.clock.now());
        if let Some(mining) = &mut status.mining {
            mining.hash_rate = self.hash_rate.per_second();
        }
        self.publisher.status.send_replace(Arc::new(status));
    }

    /// Shows the new head, which is durable.
    fn publish_head(&self, change: HeadChange) {
        let (height, id) = self.core.head();
        let head = Head {
            height,
            id,
            timestamp_ms: self.core.head_timestamp_ms(),
        };
        let (view, lineage) = (self.core.view().clone(), self.core.lineage().clone());
        self.publisher
            .head
            .send_replace(Arc::new(PublishedHead { head, view, lineage }));
        self.publish_status();
        // Nobody may have subscribed. Last: who hears of a block finds it as the head.
        let _ = self.publisher.changes.send(Arc::new(change));
    }
}

/// Says by field name in what the genesis of a peer differs from ours.
fn warn_of_other_genesis(
    ours: &Genesis,
    peer: &aureon_protocol::PeerId,
    address: &aureon_protocol::Multiaddr,
    theirs: Option<&[u8]>,
    genesis_id: GenesisId,
) {
    let differences = match theirs.map(Genesis::decode) {
        Some(Ok(theirs)) => {
            let fields: Vec<String> = ours
                .differences(&theirs)
                .iter()
                .map(ToString::to_string)
                .collect();
            fields.join("; ")
        }
        Some(Err(error)) => format!("its genesis cannot be read: {error}"),
        None => "it did not say what its genesis is".to_owned(),
    };
    tracing::warn!(
        %peer, %address, ours = %ours.id(), theirs = %genesis_id, differences,
        "a node of another network: its genesis differs from ours"
    );
}
