//! The libp2p behaviours that make up a node, and the swarm around them.

use std::{num::NonZeroU8, time::Duration};

use aureon_proto::v1 as proto;
use aureon_types::limits::MAX_FRAME_BYTES;
use libp2p::{
    PeerId, Swarm, SwarmBuilder, Transport as _, allow_block_list, connection_limits,
    core::{transport::MemoryTransport, upgrade},
    dns, identify, identity, kad, mdns, memory_connection_limits, noise, ping,
    request_response::{self, ProtocolSupport},
    swarm::{NetworkBehaviour, behaviour::toggle::Toggle},
    tcp, yamux,
};

use crate::{
    codec::ProtobufCodec,
    config::{Config, Limits},
    error::StartError,
    gossip::{self, Gossip},
    hello,
    names::{HELLO, Names},
};

/// How often the network is asked by multicast for others. Where a query was heard from another, our
/// own waits for the next turn.
const MDNS_INTERVAL: Duration = Duration::from_secs(5);
/// How long others may believe our mDNS answer.
const MDNS_TTL: Duration = Duration::from_secs(120);
/// How often connections are pinged, and how long an answer may take. The first failure is free; the
/// second closes the connection, so a dead one lasts some 20 s.
const PING_INTERVAL: Duration = Duration::from_secs(5);
const PING_TIMEOUT: Duration = Duration::from_secs(8);
/// How often the routing table looks up its own neighbourhood.
const KAD_INTERVAL: Duration = Duration::from_secs(60);
/// How often peers are asked anew who they are and where.
const IDENTIFY_INTERVAL: Duration = Duration::from_secs(5 * 60);
/// Hello exchanges at once on one connection. Normally one each way.
const HELLO_STREAMS: usize = 4;
/// Sync exchanges at once on one connection, both ways together.
const SYNC_STREAMS: usize = 32;
/// Streams in protocol negotiation on one connection.
const NEGOTIATING_STREAMS: usize = 64;
/// Addresses of one peer that are tried at the same time.
const DIALS_AT_ONCE: NonZeroU8 = NonZeroU8::MIN.saturating_add(3);

pub(crate) type HelloCodec = ProtobufCodec<proto::HelloRequest, proto::HelloResponse>;
pub(crate) type SyncCodec = ProtobufCodec<proto::SyncRequest, proto::SyncResponse>;

/// All that a node does on a connection. Limits come first: each behaviour may refuse a connection.
#[derive(NetworkBehaviour)]
pub(crate) struct Node {
    pub(crate) limits: connection_limits::Behaviour,
    pub(crate) memory: memory_connection_limits::Behaviour,
    pub(crate) blocked: allow_block_list::Behaviour<allow_block_list::BlockedPeers>,
    pub(crate) ping: ping::Behaviour,
    pub(crate) identify: identify::Behaviour,
    pub(crate) hello: request_response::Behaviour<HelloCodec>,
    pub(crate) sync: request_response::Behaviour<SyncCodec>,
    pub(crate) gossip: Gossip,
    pub(crate) kad: kad::Behaviour<kad::store::MemoryStore>,
    pub(crate) mdns: Toggle<mdns::tokio::Behaviour>,
}

/// The libp2p key of an Ed25519 seed.
pub(crate) fn keypair(mut seed: [u8; 32]) -> Result<identity::Keypair, StartError> {
    identity::Keypair::ed25519_from_bytes(&mut seed).map_err(|_| StartError::BadKey)
}

/// The hello behaviour; a joiner asks and does not answer.
pub(crate) fn hello(support: ProtocolSupport, timeout: Duration) -> request_response::Behaviour<HelloCodec> {
    let codec = ProtobufCodec::new(hello::MAX_REQUEST_BYTES, MAX_FRAME_BYTES);
    let config = request_response::Config::default()
        .with_request_timeout(timeout)
        .with_max_concurrent_streams(HELLO_STREAMS);
    request_response::Behaviour::with_codec(codec, [(HELLO, support)], config)
}

/// All behaviours of a node.
pub(crate) fn node(
    key: &identity::Keypair,
    config: &Config,
    names: &Names,
    agent: &str,
) -> Result<Node, StartError> {
    let own = key.public().to_peer_id();
    let limits = &config.limits;
    Ok(Node {
        limits: connection_limits::Behaviour::new(connection_limits(limits)),
        memory: memory_connection_limits::Behaviour::with_max_percentage(
            f64::from(limits.memory_percent.min(100)) / 100.0,
        ),
        blocked: allow_block_list::Behaviour::default(),
        ping: ping::Behaviour::new(
            ping::Config::new()
                .with_interval(PING_INTERVAL)
                .with_timeout(PING_TIMEOUT),
        ),
        identify: identify(key, agent),
        hello: hello(ProtocolSupport::Full, limits.hello_timeout),
        sync: sync(names, limits),
        gossip: gossip::behaviour(names)?,
        kad: kademlia(own, names),
        mdns: mdns(own, config.mdns),
    })
}

fn connection_limits(limits: &Limits) -> connection_limits::ConnectionLimits {
    connection_limits::ConnectionLimits::default()
        .with_max_established_incoming(Some(limits.inbound))
        .with_max_established_outgoing(Some(limits.outbound))
        .with_max_established_per_peer(Some(limits.per_peer))
        .with_max_pending_incoming(Some(limits.pending))
        .with_max_pending_outgoing(Some(limits.pending))
}

/// Listen addresses are hidden and the useful ones are told as external addresses instead: a container
/// would tell 127.0.0.1 otherwise.
fn identify(key: &identity::Keypair, agent: &str) -> identify::Behaviour {
    let config = identify::Config::new(HELLO.to_string(), key.public())
        .with_agent_version(agent.to_owned())
        .with_interval(IDENTIFY_INTERVAL)
        .with_push_listen_addr_updates(true)
        .with_cache_size(0)
        .with_hide_listen_addrs(true);
    identify::Behaviour::new(config)
}

fn sync(names: &Names, limits: &Limits) -> request_response::Behaviour<SyncCodec> {
    let config = request_response::Config::default()
        .with_request_timeout(limits.request_timeout)
        .with_max_concurrent_streams(SYNC_STREAMS);
    let codec = ProtobufCodec::new(MAX_FRAME_BYTES, MAX_FRAME_BYTES);
    request_response::Behaviour::with_codec(codec, [(names.sync.clone(), ProtocolSupport::Full)], config)
}

/// Routing only: records that others want to store are not stored.
fn kademlia(own: PeerId, names: &Names) -> kad::Behaviour<kad::store::MemoryStore> {
    let mut config = kad::Config::new(names.kad.clone());
    config
        .set_periodic_bootstrap_interval(Some(KAD_INTERVAL))
        .set_record_filtering(kad::StoreInserts::FilterBoth);
    let mut kad = kad::Behaviour::with_config(own, kad::store::MemoryStore::new(own), config);
    // A client by default, until an address is confirmed: then nobody would find anybody on a LAN.
    kad.set_mode(Some(kad::Mode::Server));
    kad
}

fn mdns(own: PeerId, wanted: bool) -> Toggle<mdns::tokio::Behaviour> {
    if !wanted {
        return None.into();
    }
    let config = mdns::Config {
        ttl: MDNS_TTL,
        query_interval: MDNS_INTERVAL,
        enable_ipv6: false,
    };
    match mdns::tokio::Behaviour::new(config, own) {
        Ok(mdns) => Some(mdns).into(),
        Err(error) => {
            tracing::warn!(%error, "multicast DNS does not work here: peers are found by bootstrap addresses only");
            None.into()
        }
    }
}

/// TCP (Noise, Yamux) and QUIC. A macro, because libp2p does not let the builder's type be named.
macro_rules! transports {
    ($key:expr) => {
        SwarmBuilder::with_existing_identity($key)
            .with_tokio()
            .with_tcp(
                tcp::Config::default().nodelay(true),
                noise::Config::new,
                yamux::Config::default,
            )
            .map_err(|error| StartError::Internal(error.to_string()))?
            .with_quic()
    };
}

/// The behaviour on top. Connections are never closed for being idle: who stays is decided by the hello.
macro_rules! finish {
    ($builder:expr, $behaviour:expr) => {
        $builder
            .with_behaviour(|_| $behaviour)
            .map_err(|error| StartError::Internal(error.to_string()))?
            .with_swarm_config(|config| {
                config
                    .with_idle_connection_timeout(Duration::from_secs(u64::MAX))
                    .with_max_negotiating_inbound_streams(NEGOTIATING_STREAMS)
                    .with_dial_concurrency_factor(DIALS_AT_ONCE)
            })
            .build()
    };
}

/// A swarm over TCP and QUIC that resolves host names.
pub(crate) fn swarm<B: NetworkBehaviour>(
    key: &identity::Keypair,
    behaviour: B,
) -> Result<Swarm<B>, StartError> {
    match transports!(key.clone()).with_dns() {
        Ok(builder) => Ok(finish!(builder, behaviour)),
        Err(error) => {
            tracing::warn!(%error, "no DNS configuration: host names in peer addresses may not resolve");
            let (config, options) = (dns::ResolverConfig::default(), dns::ResolverOpts::default());
            Ok(finish!(
                transports!(key.clone()).with_dns_config(config, options),
                behaviour
            ))
        }
    }
}

/// A swarm whose connections stay within this process: `/memory/N` addresses and nothing else. Encryption
/// and multiplexing are those of TCP.
pub(crate) fn memory_swarm<B: NetworkBehaviour>(
    key: &identity::Keypair,
    behaviour: B,
) -> Result<Swarm<B>, StartError> {
    let noise = noise::Config::new(key).map_err(|error| StartError::Internal(error.to_string()))?;
    let transport = MemoryTransport::default()
        .upgrade(upgrade::Version::V1)
        .authenticate(noise)
        .multiplex(yamux::Config::default());
    let builder = SwarmBuilder::with_existing_identity(key.clone())
        .with_tokio()
        .with_other_transport(|_| transport)
        .map_err(|error| match error {})?;
    Ok(finish!(builder, behaviour))
}
