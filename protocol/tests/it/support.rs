//! A node under test, and raw peers that misbehave.

use std::time::Duration;

use aureon_proto::{Message as _, v1 as proto};
use aureon_protocol::{
    Bytes, Client, Config, Event, EventReceiver, GenesisInfo, Limits, Multiaddr, PeerId, Status, start,
};
use aureon_types::{BlockId, GenesisId};
use tokio::time::{Instant, timeout_at};

/// Far above what anything here takes, also on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(30);

pub struct TestNode {
    pub client: Client,
    pub events: EventReceiver,
    pub seed: [u8; 32],
}

pub fn genesis(name: &str) -> GenesisInfo {
    let encoded = Bytes::from(format!("genesis of {name}"));
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"aureon/genesis/1").update(&encoded);
    GenesisInfo {
        id: GenesisId(*hasher.finalize().as_bytes()),
        chain: name.to_owned(),
        encoded,
    }
}

pub fn status(height: u64) -> Status {
    Status {
        height,
        head_id: BlockId([7; 32]),
        work: None,
    }
}

pub fn config(seed: u8, chain: &str, bootstrap: &[&TestNode]) -> Config {
    Config {
        secret_key: [seed; 32],
        listen: vec!["/ip4/127.0.0.1/tcp/0".parse().unwrap()],
        bootstrap: bootstrap.iter().map(|node| node.address()).collect(),
        mdns: false,
        genesis: genesis(chain),
        status: status(u64::from(seed)),
        agent: format!("test/{seed}"),
        limits: Limits::default(),
    }
}

impl TestNode {
    pub async fn new(config: Config) -> Self {
        let seed = config.secret_key;
        let (client, events) = start(config).await.unwrap();
        Self { client, events, seed }
    }

    /// A node of the chain "test" that dials the others.
    pub async fn joined(seed: u8, others: &[&TestNode]) -> Self {
        Self::new(config(seed, "test", others)).await
    }

    /// A node that would wait for hellos and subscriptions longer than any test: what it cuts off, it cuts
    /// off for another reason.
    pub async fn patient(seed: u8) -> Self {
        let mut config = config(seed, "test", &[]);
        config.limits.hello_timeout = 10 * PATIENCE;
        Self::new(config).await
    }

    pub fn peer(&self) -> PeerId {
        aureon_protocol::peer_id(self.seed).unwrap()
    }

    pub fn address(&self) -> Multiaddr {
        self.client.snapshot().listen[0].clone()
    }

    /// The first event for which `pick` gives a value; others are passed over.
    pub async fn wait<T>(&mut self, what: &str, mut pick: impl FnMut(Event) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let event = timeout_at(deadline, self.events.recv())
                .await
                .unwrap_or_else(|_| panic!("{what} did not happen"))
                .unwrap_or_else(|| panic!("the network stopped before {what}"));
            if let Some(value) = pick(event) {
                return value;
            }
        }
    }

    pub async fn wait_ready(&mut self, other: PeerId) -> Status {
        self.wait("PeerReady", |event| match event {
            Event::PeerReady { peer, status, .. } if peer == other => Some(status),
            _ => None,
        })
        .await
    }

    pub async fn wait_gone(&mut self, other: PeerId) {
        self.wait("PeerGone", |event| {
            matches!(event, Event::PeerGone { peer } if peer == other).then_some(())
        })
        .await;
    }

    /// Waits until the snapshot satisfies a condition.
    pub async fn until(&self, what: &str, condition: impl Fn(&aureon_protocol::NetworkSnapshot) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !condition(&self.client.snapshot()) {
            assert!(Instant::now() < deadline, "{what}: {:?}", self.client.snapshot());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Two nodes that are ready for each other.
pub async fn pair() -> (TestNode, TestNode) {
    let mut one = TestNode::joined(1, &[]).await;
    let mut two = TestNode::joined(2, &[&one]).await;
    one.wait_ready(two.peer()).await;
    two.wait_ready(one.peer()).await;
    (one, two)
}

/// What a raw peer of the chain "test" answers.
pub fn hello_response() -> proto::HelloResponse {
    proto::HelloResponse {
        genesis_id: Some(genesis("test").id.0.to_vec().into()),
        status: Some(status(5).to_proto()),
        agent: Some("raw\nnode".to_owned()),
        ..Default::default()
    }
}

/// A frame with these message bytes.
pub fn frame(message: Vec<u8>) -> Vec<u8> {
    let mut buffer = unsigned_varint::encode::usize_buffer();
    [
        unsigned_varint::encode::usize(message.len(), &mut buffer),
        &message,
    ]
    .concat()
}

/// A good hello of the chain "test" and a good answer to one, as frames.
pub fn hello_frames() -> (Vec<u8>, Vec<u8>) {
    let response = hello_response();
    let request = proto::HelloRequest {
        genesis_id: response.genesis_id.clone(),
        status: response.status.clone(),
        ..Default::default()
    };
    (frame(request.encode_to_vec()), frame(response.encode_to_vec()))
}

/// A libp2p node that says what it is told, byte by byte.
pub mod raw {
    use std::{io, time::Duration};

    use aureon_protocol::{Multiaddr, PeerId};
    use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, StreamExt};
    use libp2p::{
        StreamProtocol, Swarm, SwarmBuilder, identity, noise,
        request_response::{self, Event, Message, ProtocolSupport},
        swarm::{SwarmEvent, dial_opts::DialOpts},
        tcp, yamux,
    };

    /// Sends bytes as they are, and reads to the end.
    #[derive(Clone, Default)]
    pub struct Bare;

    async fn read<T: AsyncRead + Unpin + Send>(io: &mut T) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; 64 << 10];
        let length = io.read(&mut bytes).await?;
        bytes.truncate(length);
        Ok(bytes)
    }

    async fn write<T: AsyncWrite + Unpin + Send>(io: &mut T, bytes: &[u8]) -> io::Result<()> {
        io.write_all(bytes).await?;
        io.flush().await
    }

    impl request_response::Codec for Bare {
        type Protocol = StreamProtocol;
        type Request = Vec<u8>;
        type Response = Vec<u8>;
        async fn read_request<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Vec<u8>>
        where
            T: AsyncRead + Unpin + Send,
        {
            read(io).await
        }
        async fn read_response<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Vec<u8>>
        where
            T: AsyncRead + Unpin + Send,
        {
            read(io).await
        }
        async fn write_request<T>(&mut self, _: &StreamProtocol, io: &mut T, r: Vec<u8>) -> io::Result<()>
        where
            T: AsyncWrite + Unpin + Send,
        {
            write(io, &r).await
        }
        async fn write_response<T>(&mut self, _: &StreamProtocol, io: &mut T, r: Vec<u8>) -> io::Result<()>
        where
            T: AsyncWrite + Unpin + Send,
        {
            write(io, &r).await
        }
    }

    pub struct RawPeer {
        pub swarm: Swarm<request_response::Behaviour<Bare>>,
        /// When this says so, an address is dialled although there is a connection.
        pub again: Option<tokio::sync::oneshot::Receiver<DialOpts>>,
    }

    impl RawPeer {
        pub fn new(protocol: &str) -> Self {
            let protocol = StreamProtocol::try_from_owned(protocol.to_owned()).unwrap();
            let behaviour = request_response::Behaviour::with_codec(
                Bare,
                [(protocol, ProtocolSupport::Full)],
                request_response::Config::default(),
            );
            let swarm = SwarmBuilder::with_existing_identity(identity::Keypair::generate_ed25519())
                .with_tokio()
                .with_tcp(tcp::Config::default(), noise::Config::new, yamux::Config::default)
                .unwrap()
                .with_behaviour(|_| behaviour)
                .unwrap()
                .with_swarm_config(|config| config.with_idle_connection_timeout(Duration::from_secs(3_600)))
                .build();
            Self { swarm, again: None }
        }

        pub fn peer(&self) -> PeerId {
            *self.swarm.local_peer_id()
        }

        pub async fn listen(&mut self) -> Multiaddr {
            self.swarm
                .listen_on("/ip4/127.0.0.1/tcp/0".parse().unwrap())
                .unwrap();
            loop {
                if let SwarmEvent::NewListenAddr { address, .. } = self.swarm.select_next_some().await {
                    return address.with_p2p(self.peer()).unwrap();
                }
            }
        }

        /// Answers every request with these bytes and, on connecting, sends `request` if there is one.
        /// Returns when the other side has disconnected, with the answers that came.
        pub async fn run(mut self, request: Option<Vec<u8>>, response: Vec<u8>) -> Vec<Vec<u8>> {
            let mut answers = Vec::new();
            loop {
                let again = async {
                    match &mut self.again {
                        Some(again) => again.await.unwrap(),
                        None => std::future::pending().await,
                    }
                };
                let event = tokio::select! {
                    options = again => {
                        self.again = None;
                        self.swarm.dial(options).unwrap();
                        continue;
                    }
                    event = self.swarm.select_next_some() => event,
                };
                match event {
                    SwarmEvent::ConnectionEstablished { peer_id, .. } => {
                        if let Some(request) = &request {
                            self.swarm.behaviour_mut().send_request(&peer_id, request.clone());
                        }
                    }
                    SwarmEvent::ConnectionClosed {
                        num_established: 0, ..
                    } => return answers,
                    SwarmEvent::Behaviour(Event::Message { message, .. }) => match message {
                        Message::Request { channel, .. } => {
                            let _ = self
                                .swarm
                                .behaviour_mut()
                                .send_response(channel, response.clone());
                        }
                        Message::Response { response, .. } => answers.push(response),
                    },
                    _ => {}
                }
            }
        }
    }
}
