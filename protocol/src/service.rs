//! The network task: owns the swarm, turns its events into the node's and the node's commands into calls.
//!
//! One loop, one turn at a time. What has state and rules lives in pure machines ([`crate::peers`],
//! [`crate::book`], [`crate::score`]); here is only the joinery, by subject in the submodules.
//!
//! Each turn handles one thing that is ready, the most urgent first, and then moves one message of every
//! lower queue, so that neither a flood from the network nor one from the node starves the other.

mod commands;
mod connections;
mod discovery;
mod effects;
mod gossiping;
mod listening;
mod syncing;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use futures::StreamExt as _;
use libp2p::{PeerId, Swarm, core::transport::ListenerId, request_response, swarm::SwarmEvent};
use tokio::{sync::mpsc, time::MissedTickBehavior};

use crate::{
    addresses,
    behaviour::{self, Node, NodeEvent},
    book::AddressBook,
    client::{Client, Mailbox},
    config::{Config, GenesisInfo, Limits, Status},
    error::StartError,
    event::{self, Event, EventReceiver, EventSender},
    hello,
    names::{Names, Topic},
    peers::{Input, Peers},
    score::Scores,
    snapshot::{Counters, NetworkSnapshot},
};
use syncing::Outbound;

/// How often deadlines, redials and the snapshot are looked at.
const TICK: Duration = Duration::from_millis(250);
/// Events that may wait for room in the vital queue. Above it neither the swarm nor the node's commands
/// are looked at until the node reads: its peers then feel it as a slow connection.
const BACKLOG: usize = 256;
/// How long a stopping network waits for its connections to close.
const SHUTDOWN_PATIENCE: Duration = Duration::from_secs(2);

/// Starts the network as one task on the current tokio runtime, once every listener is up.
///
/// # Errors
/// See [`StartError`]; nothing keeps running then.
pub async fn start(config: Config) -> Result<(Client, EventReceiver), StartError> {
    let key = behaviour::keypair(config.secret_key)?;
    let names = Names::new(&config.genesis.id)
        .ok_or_else(|| StartError::Internal("the network hint makes no protocol name".to_owned()))?;
    let agent = hello::clean(&config.agent);
    let node = behaviour::node(&key, &config, &names, &agent)?;
    let mut swarm = if config.is_in_memory() {
        behaviour::memory_swarm(&key, node)?
    } else {
        behaviour::swarm(&key, node)?
    };
    let own = *swarm.local_peer_id();

    let mut book = AddressBook::new(own);
    for address in &config.bootstrap {
        let (bare, peer) = addresses::split_peer(address);
        let peer = peer.ok_or_else(|| StartError::BootstrapWithoutPeer {
            address: address.clone(),
        })?;
        book.add_bootstrap(Instant::now(), peer, bare);
    }
    let listeners = listening::listen(&mut swarm, &config.listen).await?;

    let counters = Arc::new(Counters::default());
    let (sender, receiver) = event::channels();
    let peers = Peers::new(config.genesis.id, config.limits.hello_timeout);
    let first = first_snapshot(&swarm);
    let (client, mailbox) = Client::new(config.status, Arc::clone(&counters), Arc::new(first));
    let service = Service {
        swarm,
        listeners,
        names,
        genesis: config.genesis,
        limits: config.limits,
        agent,
        peers,
        book,
        scores: Scores::default(),
        external: discovery::External::default(),
        outbound: BTreeMap::new(),
        inbound: BTreeMap::new(),
        telling: syncing::Telling::default(),
        events: sender,
        backlog: VecDeque::new(),
        counters,
        mailbox,
    };
    tokio::spawn(service.run());
    Ok((client, receiver))
}

/// The task's state.
struct Service {
    swarm: Swarm<Node>,
    listeners: Vec<ListenerId>,
    names: Names,
    genesis: GenesisInfo,
    limits: Limits,
    agent: String,
    peers: Peers,
    book: AddressBook,
    scores: Scores,
    external: discovery::External,
    /// Our sync requests under way; bounded by [`syncing::MAX_OUTBOUND`].
    outbound: BTreeMap<request_response::OutboundRequestId, Outbound>,
    /// Peers' sync requests under way; bounded by [`syncing::MAX_INBOUND`].
    inbound: BTreeMap<request_response::InboundRequestId, PeerId>,
    telling: syncing::Telling,
    events: EventSender,
    /// Vital events that found the queue full.
    backlog: VecDeque<Event>,
    counters: Arc<Counters>,
    mailbox: Mailbox,
}

/// Why the loop ends.
enum Turn {
    Continue,
    Stop,
}

impl Service {
    async fn run(mut self) {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            if let Turn::Stop = self.turn(&mut tick).await {
                break;
            }
            self.move_queues();
        }
        self.close().await;
    }

    /// Handles one thing that is ready.
    async fn turn(&mut self, tick: &mut tokio::time::Interval) -> Turn {
        let full = self.backlog.len() >= BACKLOG;
        tokio::select! {
            biased;
            // Also when every client is gone.
            _ = self.mailbox.stop.changed() => return Turn::Stop,
            // The node dropped its receiver.
            () = self.events.vital.closed() => return Turn::Stop,
            () = deliver(&self.events.vital, &mut self.backlog), if !self.backlog.is_empty() => {}
            Some(data) = self.mailbox.consensus.recv() => self.publish(Topic::Consensus, data),
            Some(command) = self.mailbox.commands.recv(), if !full => self.on_command(command),
            _ = tick.tick() => self.on_tick(),
            event = self.swarm.select_next_some(), if !full => self.on_swarm(event),
            Some(data) = self.mailbox.blocks.recv() => self.publish(Topic::Blocks, data),
            Some(data) = self.mailbox.transactions.recv() => self.publish(Topic::Transactions, data),
        }
        Turn::Continue
    }

    /// One message of every queue that the turn may have passed over.
    fn move_queues(&mut self) {
        if self.backlog.len() < BACKLOG
            && let Ok(command) = self.mailbox.commands.try_recv()
        {
            self.on_command(command);
        }
        if let Ok(data) = self.mailbox.blocks.try_recv() {
            self.publish(Topic::Blocks, data);
        }
        if let Ok(data) = self.mailbox.transactions.try_recv() {
            self.publish(Topic::Transactions, data);
        }
    }

    fn on_swarm(&mut self, event: SwarmEvent<NodeEvent>) {
        match event {
            SwarmEvent::Behaviour(event) => self.on_behaviour(event),
            SwarmEvent::ConnectionEstablished {
                peer_id,
                connection_id,
                endpoint,
                ..
            } => {
                self.on_established(peer_id, connection_id, &endpoint);
            }
            SwarmEvent::ConnectionClosed {
                peer_id,
                connection_id,
                cause,
                ..
            } => {
                self.on_closed(peer_id, connection_id, cause.as_ref());
            }
            SwarmEvent::OutgoingConnectionError { peer_id, error, .. } => {
                self.on_dial_error(peer_id, &error);
            }
            SwarmEvent::IncomingConnectionError {
                send_back_addr,
                error,
                ..
            } => {
                tracing::debug!(address = %send_back_addr, %error, "an incoming connection failed");
            }
            SwarmEvent::NewListenAddr { address, .. } => self.on_listening(address),
            SwarmEvent::ExpiredListenAddr { .. } => self.advertise(),
            SwarmEvent::ListenerClosed {
                addresses, reason, ..
            } => {
                tracing::warn!(?addresses, ?reason, "a listener closed");
                self.advertise();
            }
            SwarmEvent::ListenerError { error, .. } => tracing::warn!(%error, "a listener failed"),
            SwarmEvent::NewExternalAddrOfPeer { .. }
            | SwarmEvent::IncomingConnection { .. }
            | SwarmEvent::Dialing { .. }
            | SwarmEvent::NewExternalAddrCandidate { .. }
            | SwarmEvent::ExternalAddrConfirmed { .. }
            | SwarmEvent::ExternalAddrExpired { .. } => {}
            // The enum may grow.
            _ => {}
        }
    }

    fn on_behaviour(&mut self, event: NodeEvent) {
        match event {
            NodeEvent::Hello(event) => self.on_hello(event),
            NodeEvent::Sync(event) => self.on_sync(event),
            NodeEvent::Gossip(event) => self.on_gossip(event),
            NodeEvent::Ping(event) => self.on_ping(event),
            NodeEvent::Identify(event) => self.on_identify(event),
            NodeEvent::Mdns(event) => self.on_mdns(event),
            // Routing finds its peers by itself and identify tells where they are.
            NodeEvent::Kad(_) => {}
            NodeEvent::Limits(never) | NodeEvent::Memory(never) | NodeEvent::Blocked(never) => match never {},
        }
    }

    fn on_tick(&mut self) {
        let now = Instant::now();
        self.drive(now, Input::Tick);
        self.end_bans(now);
        self.dial_due(now);
        self.tell_status(now);
        self.publish_snapshot(now);
    }

    /// Hands an event to the node that must not be lost.
    fn emit(&mut self, event: Event) {
        if !self.backlog.is_empty() {
            self.backlog.push_back(event);
        } else if let Err(error) = self.events.vital.try_send(event) {
            self.backlog.push_back(error.into_inner());
        }
    }

    /// This node's head.
    fn status(&self) -> Status {
        *self.mailbox.status.borrow()
    }

    /// Says goodbye: peers see closed connections at once instead of a dead one for twenty seconds.
    async fn close(mut self) {
        // Nobody new; and an address in memory is free again only when its listener was removed.
        for listener in std::mem::take(&mut self.listeners) {
            self.swarm.remove_listener(listener);
        }
        let peers: Vec<PeerId> = self.swarm.connected_peers().copied().collect();
        for peer in peers {
            // An error means that it is gone already.
            let _ = self.swarm.disconnect_peer_id(peer);
        }
        let closing = async {
            while self.swarm.connected_peers().next().is_some() {
                self.swarm.select_next_some().await;
            }
        };
        if tokio::time::timeout(SHUTDOWN_PATIENCE, closing).await.is_err() {
            tracing::debug!("some connections did not close in time");
        }
    }
}

/// Moves the oldest waiting event into the queue once there is room. Dropping the future loses nothing.
async fn deliver(queue: &mpsc::Sender<Event>, backlog: &mut VecDeque<Event>) {
    // An error means that the node dropped its receiver: the turn sees that by itself.
    if let Ok(permit) = queue.reserve().await
        && let Some(event) = backlog.pop_front()
    {
        permit.send(event);
    }
}

fn first_snapshot(swarm: &Swarm<Node>) -> NetworkSnapshot {
    NetworkSnapshot {
        local_peer: *swarm.local_peer_id(),
        listen: listening::full_addresses(swarm),
        external: Vec::new(),
        peers: Vec::new(),
        strangers: 0,
        traffic: Default::default(),
        bans: Vec::new(),
    }
}
