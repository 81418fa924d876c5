//! Listeners, and which of our addresses are told to others.

use std::{collections::BTreeSet, time::Duration};

use futures::StreamExt as _;
use libp2p::{
    Multiaddr, Swarm,
    core::transport::ListenerId,
    multiaddr::Protocol,
    swarm::{NetworkBehaviour, SwarmEvent},
};

use super::Service;
use crate::{addresses, behaviour::Node, error::StartError, error::is_address_in_use, event::Event};

/// How long a listener may take to come up.
const PATIENCE: Duration = Duration::from_secs(10);

/// Listens on every address and waits until each listener has told where it listens.
pub(super) async fn listen(
    swarm: &mut Swarm<Node>,
    wanted: &[Multiaddr],
) -> Result<Vec<ListenerId>, StartError> {
    let mut waiting: Vec<(ListenerId, Multiaddr)> = Vec::new();
    for address in wanted {
        probe(address)?;
        let listener = swarm
            .listen_on(address.clone())
            .map_err(|error| failed(address, &error))?;
        waiting.push((listener, address.clone()));
    }
    let listeners = waiting.iter().map(|(listener, _)| *listener).collect();
    while let Some((_, first)) = waiting.first() {
        let reason = || "no listener came up in time".to_owned();
        let timeout = StartError::Listen {
            address: first.clone(),
            reason: reason(),
        };
        let event = tokio::time::timeout(PATIENCE, swarm.select_next_some())
            .await
            .map_err(|_| timeout)?;
        on_start_event(event, &mut waiting)?;
    }
    let known: BTreeSet<Multiaddr> = swarm.listeners().cloned().collect();
    for address in addresses::advertised(known.iter()) {
        swarm.add_external_address(address);
    }
    Ok(listeners)
}

fn on_start_event<T>(
    event: SwarmEvent<T>,
    waiting: &mut Vec<(ListenerId, Multiaddr)>,
) -> Result<(), StartError> {
    match event {
        SwarmEvent::NewListenAddr { listener_id, .. } => waiting.retain(|(id, _)| *id != listener_id),
        SwarmEvent::ListenerClosed {
            listener_id,
            reason: Err(error),
            ..
        } => {
            if let Some((_, address)) = waiting.iter().find(|(id, _)| *id == listener_id) {
                return Err(failed(address, &error));
            }
        }
        _ => {}
    }
    Ok(())
}

/// libp2p listens with `SO_REUSEPORT`, so that a second node on the same TCP port would start without an
/// error and the two would share its connections. A socket without that option tells.
fn probe(address: &Multiaddr) -> Result<(), StartError> {
    let mut parts = address.iter();
    let ip: std::net::IpAddr = match parts.next() {
        Some(Protocol::Ip4(ip)) => ip.into(),
        Some(Protocol::Ip6(ip)) => ip.into(),
        _ => return Ok(()),
    };
    match parts.next() {
        Some(Protocol::Tcp(port)) if port != 0 => std::net::TcpListener::bind((ip, port))
            .map(drop)
            .map_err(|error| failed(address, &error)),
        _ => Ok(()),
    }
}

fn failed(address: &Multiaddr, error: &(dyn std::error::Error + 'static)) -> StartError {
    if is_address_in_use(error) {
        return StartError::AddressInUse {
            address: address.clone(),
        };
    }
    StartError::Listen {
        address: address.clone(),
        reason: error.to_string(),
    }
}

/// Where the node listens, with its peer id.
pub(super) fn full_addresses<B: NetworkBehaviour>(swarm: &Swarm<B>) -> Vec<Multiaddr> {
    let own = *swarm.local_peer_id();
    let mut listen: Vec<_> = swarm
        .listeners()
        .map(|address| address.clone().with(Protocol::P2p(own)))
        .collect();
    listen.sort();
    listen
}

impl Service {
    /// A listener has a further address: an interface came up.
    pub(super) fn on_listening(&mut self, address: Multiaddr) {
        tracing::info!(%address, "listening");
        self.advertise();
        let own = *self.swarm.local_peer_id();
        self.emit(Event::Listening {
            address: address.with(Protocol::P2p(own)),
        });
    }

    /// Tells others the useful ones of our listen addresses, and those that others saw.
    pub(super) fn advertise(&mut self) {
        let listen: BTreeSet<Multiaddr> = self.swarm.listeners().cloned().collect();
        let mut useful: BTreeSet<Multiaddr> = addresses::advertised(listen.iter()).into_iter().collect();
        useful.extend(self.external.confirmed().cloned());
        let told: BTreeSet<Multiaddr> = self.swarm.external_addresses().cloned().collect();
        for address in told.difference(&useful) {
            self.swarm.remove_external_address(address);
        }
        for address in useful.difference(&told) {
            self.swarm.add_external_address(address.clone());
        }
    }
}
