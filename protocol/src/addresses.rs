//! Which addresses are worth telling, keeping and dialling.
//!
//! Private addresses are the normal case here (a LAN, containers) and count as routable. What never
//! counts: `0.0.0.0`, port 0, and IPv6 link-local addresses, which mean nothing without an interface.
//! Loopback counts only among processes of one machine. So do memory addresses (`/memory/N`), which only
//! nodes of one process have; a network with sockets that hears of one cannot dial it, and that is all.

use libp2p::{Multiaddr, PeerId, multiaddr::Protocol};

/// Cuts `/p2p/<peer id>` off the end.
pub(crate) fn split_peer(address: &Multiaddr) -> (Multiaddr, Option<PeerId>) {
    let mut bare = address.clone();
    match bare.pop() {
        Some(Protocol::P2p(peer)) => (bare, Some(peer)),
        _ => (address.clone(), None),
    }
}

/// Whether the address is one of this process, not of a socket.
pub(crate) fn is_memory(address: &Multiaddr) -> bool {
    matches!(address.iter().next(), Some(Protocol::Memory(_)))
}

/// Whether the address can be dialled at all: TCP or QUIC with a host and a port, or memory with a number.
pub(crate) fn is_dialable(address: &Multiaddr) -> bool {
    let mut parts = address.iter();
    let host = match parts.next() {
        Some(Protocol::Memory(number)) => {
            return number != 0 && parts.all(|part| matches!(part, Protocol::P2p(_)));
        }
        Some(Protocol::Ip4(ip)) => !ip.is_unspecified() && !ip.is_multicast() && !ip.is_broadcast(),
        Some(Protocol::Ip6(ip)) => !ip.is_unspecified() && !ip.is_multicast() && !ip.is_unicast_link_local(),
        Some(Protocol::Dns(_) | Protocol::Dns4(_) | Protocol::Dns6(_)) => true,
        _ => false,
    };
    let transport = match parts.next() {
        Some(Protocol::Tcp(port)) => port != 0,
        Some(Protocol::Udp(port)) => port != 0 && parts.next() == Some(Protocol::QuicV1),
        _ => false,
    };
    host && transport && parts.all(|part| matches!(part, Protocol::P2p(_)))
}

pub(crate) fn is_loopback(address: &Multiaddr) -> bool {
    match address.iter().next() {
        Some(Protocol::Memory(_)) => true,
        Some(Protocol::Ip4(ip)) => ip.is_loopback(),
        Some(Protocol::Ip6(ip)) => ip.is_loopback(),
        _ => false,
    }
}

/// The addresses that a peer may call its own: dialable ones, and loopback only if it is on this machine.
pub(crate) fn believable(claimed: Vec<Multiaddr>, same_machine: bool) -> Vec<Multiaddr> {
    claimed
        .iter()
        .map(|address| split_peer(address).0)
        .filter(|address| is_dialable(address) && (same_machine || !is_loopback(address)))
        .collect()
}

/// What we tell others of our listen addresses: those of real interfaces, or loopback where there is
/// nothing else.
pub(crate) fn advertised<'a>(listen: impl Iterator<Item = &'a Multiaddr> + Clone) -> Vec<Multiaddr> {
    let useful = listen.filter(|address| is_dialable(address));
    let real: Vec<_> = useful
        .clone()
        .filter(|address| !is_loopback(address))
        .cloned()
        .collect();
    if real.is_empty() {
        useful.cloned().collect()
    } else {
        real
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(texts: &[&str]) -> Vec<Multiaddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn dialable_is_tcp_or_quic_with_a_host_and_a_port_or_memory_with_a_number() {
        for good in [
            "/ip4/192.168.1.7/tcp/6000",
            "/ip4/127.0.0.1/udp/6000/quic-v1",
            "/dns4/node-1/tcp/6000",
            "/ip6/fd00::1/tcp/6000",
            "/memory/7",
        ] {
            assert!(is_dialable(&good.parse().unwrap()), "{good}");
        }
        for bad in [
            "/ip4/0.0.0.0/tcp/6000",
            "/ip4/10.0.0.1/tcp/0",
            "/ip4/10.0.0.1/udp/6000",
            "/ip4/10.0.0.1/tcp/80/ws",
            "/ip6/fe80::1/tcp/6000",
            "/ip4/224.0.0.1/tcp/6000",
            "/memory/0",
            "/memory/7/tcp/1",
        ] {
            assert!(!is_dialable(&bad.parse().unwrap()), "{bad}");
        }
    }

    #[test]
    fn the_peer_id_is_cut_off() {
        let peer = PeerId::random();
        let bare: Multiaddr = "/ip4/10.0.0.1/tcp/6000".parse().unwrap();
        assert_eq!(
            split_peer(&bare.clone().with_p2p(peer).unwrap()),
            (bare.clone(), Some(peer))
        );
        assert_eq!(split_peer(&bare), (bare, None));
    }

    #[test]
    fn loopback_is_told_only_where_there_is_nothing_else() {
        let all = addresses(&[
            "/ip4/127.0.0.1/tcp/1",
            "/ip4/10.0.0.1/tcp/1",
            "/ip6/fe80::1/tcp/1",
        ]);
        assert_eq!(advertised(all.iter()), addresses(&["/ip4/10.0.0.1/tcp/1"]));
        assert_eq!(advertised(all[..1].iter()), addresses(&["/ip4/127.0.0.1/tcp/1"]));
    }

    #[test]
    fn loopback_of_another_machine_is_not_believed() {
        let claimed = addresses(&[
            "/ip4/127.0.0.1/tcp/1",
            "/ip4/0.0.0.0/tcp/1",
            "/memory/7",
            "/ip4/172.17.0.2/tcp/1",
        ]);
        assert_eq!(
            believable(claimed.clone(), false),
            addresses(&["/ip4/172.17.0.2/tcp/1"])
        );
        assert_eq!(
            believable(claimed, true),
            addresses(&["/ip4/127.0.0.1/tcp/1", "/memory/7", "/ip4/172.17.0.2/tcp/1"])
        );
    }
}
