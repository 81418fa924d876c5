//! What the network is started with.

use std::{fmt, time::Duration};

use aureon_proto::v1 as proto;
use aureon_types::{BlockId, GenesisId};
use bytes::Bytes;
use libp2p::Multiaddr;

use crate::addresses;

/// How the network is started.
#[derive(Clone)]
pub struct Config {
    /// The node key: an Ed25519 seed. It makes the peer id and is separate from a validator's key.
    pub secret_key: [u8; 32],
    /// Where to listen: `/ip4/0.0.0.0/tcp/6000`, `/ip4/0.0.0.0/udp/6000/quic-v1`. Port 0: the system
    /// chooses; [`crate::NetworkSnapshot::listen`] tells.
    ///
    /// Only `/memory/N` addresses: the network has no sockets at all and reaches nodes of the same process
    /// (0: any free number). For tests with many nodes; mDNS finds nobody there.
    pub listen: Vec<Multiaddr>,
    /// Peers that are dialled as long as the node lives. Each ends in `/p2p/<peer id>`; host names
    /// (`/dns4/node-1/tcp/6000/p2p/...`) are resolved at each dial.
    pub bootstrap: Vec<Multiaddr>,
    /// Whether to look for peers on the local network by multicast DNS. Where that cannot work, a
    /// warning is logged and the network starts without.
    pub mdns: bool,
    /// The network that this node belongs to.
    pub genesis: GenesisInfo,
    /// This node's head at the start; later ones come by [`crate::Client::set_status`].
    pub status: Status,
    /// Name and version of the software, told to peers. At most 64 characters are used.
    pub agent: String,
    /// Limits on connections and peers.
    pub limits: Limits,
}

impl Config {
    /// Whether the network lives within this process: it listens, and nowhere but in memory.
    pub(crate) fn is_in_memory(&self) -> bool {
        !self.listen.is_empty() && self.listen.iter().all(addresses::is_memory)
    }
}

// The key stays out of logs.
impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("listen", &self.listen)
            .field("bootstrap", &self.bootstrap)
            .field("mdns", &self.mdns)
            .field("genesis", &self.genesis)
            .field("status", &self.status)
            .field("agent", &self.agent)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// The genesis as far as peers ask for it.
#[derive(Clone, Debug)]
pub struct GenesisInfo {
    /// The genesis id. Its first 8 bytes are in the names of protocols and topics.
    pub id: GenesisId,
    /// The chain's name, for people.
    pub chain: String,
    /// The encoding of `aureon.v1.Genesis`, given to peers that ask or differ.
    pub encoded: Bytes,
}

/// How far a node has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// The height of the head; 0 before the first block.
    pub height: u64,
    /// The id of the head. At height 0 it is the genesis id.
    pub head_id: BlockId,
    /// Proof of work: the work of all blocks up to the head, big-endian. `None` where validators vote.
    pub work: Option<[u8; 32]>,
}

impl Status {
    /// Reads a status from the wire. `None` if a field that every engine has is missing, or id or work
    /// are not of 32 bytes.
    pub fn from_proto(status: &proto::Status) -> Option<Self> {
        let head_id = BlockId::from_slice(status.head_id.as_deref()?)?;
        let work = match status.work.as_deref() {
            Some(work) => Some(work.try_into().ok()?),
            None => None,
        };
        Some(Self {
            height: status.height?,
            head_id,
            work,
        })
    }

    /// As it travels.
    pub fn to_proto(&self) -> proto::Status {
        proto::Status {
            height: Some(self.height),
            head_id: Some(Bytes::copy_from_slice(self.head_id.as_bytes())),
            work: self.work.map(|work| Bytes::copy_from_slice(&work)),
        }
    }
}

/// Limits on connections and peers. A pair of nodes normally holds one connection, two when their
/// dials crossed.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Most established connections that others opened. More are refused. Default 96.
    pub inbound: u32,
    /// Most established connections that we opened. Default 64.
    pub outbound: u32,
    /// Most connections of one peer. Default 4: two dials that crossed, and as many again from a peer
    /// that restarted before we saw its old ones die.
    pub per_peer: u32,
    /// Most connections in negotiation, each way. Default 64.
    pub pending: u32,
    /// Peers that were merely heard of (mDNS, Kademlia, identify) are dialled only below this number of
    /// peers. Bootstrap peers and those that were ready before are always dialled. Default 40.
    pub target_peers: usize,
    /// No new connection while the process uses more than this share of the machine's memory, in
    /// percent. Default 90.
    pub memory_percent: u8,
    /// How long a peer may take to say hello, and then to tell its gossip subscriptions. Default 10 s.
    pub hello_timeout: Duration,
    /// How long a sync request may take until its answer is complete: 33 MiB at 5 Mbit/s. Default 60 s.
    pub request_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            inbound: 96,
            outbound: 64,
            per_peer: 4,
            pending: 64,
            target_peers: 40,
            memory_percent: 90,
            hello_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(60),
        }
    }
}
