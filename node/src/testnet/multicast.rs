//! Whether nodes on this machine can find each other by multicast DNS.
//!
//! Asked of the machine, not guessed: a datagram is sent to the group of mDNS through the interface of
//! the default route and must come back to a socket that joined the group. A sandbox that has only
//! loopback, or one that drops multicast, answers no.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket},
    time::{Duration, Instant},
};

/// The group and port of mDNS (RFC 6762).
const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 251);
const PORT: u16 = 5_353;
/// A datagram that stays on this machine takes far less.
const PATIENCE: Duration = Duration::from_millis(500);

/// Why mDNS cannot work here; `None`: it can.
pub fn obstacle() -> Option<String> {
    match interface() {
        Err(error) => Some(format!("no interface leads to the mDNS group: {error}")),
        Ok(address) if address.is_loopback() || address.is_unspecified() => {
            Some("this machine has no network interface beside loopback".to_owned())
        }
        Ok(address) => match heard(address) {
            Ok(true) => None,
            Ok(false) => Some(format!(
                "multicast sent on the interface of {address} does not come back"
            )),
            Err(error) => Some(format!(
                "multicast is not possible on the interface of {address}: {error}"
            )),
        },
    }
}

/// The address from which the system would send to the group.
fn interface() -> io::Result<Ipv4Addr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    socket.connect((GROUP, PORT))?;
    match socket.local_addr()?.ip() {
        IpAddr::V4(address) => Ok(address),
        IpAddr::V6(_) => Err(io::Error::other("the system answered with an IPv6 address")),
    }
}

/// Whether a datagram to the group comes back. It goes to a port of our own, so that no mDNS responder
/// hears it.
fn heard(interface: Ipv4Addr) -> io::Result<bool> {
    let receiver = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    receiver.join_multicast_v4(&GROUP, &interface)?;
    receiver.set_read_timeout(Some(PATIENCE))?;
    let sender = UdpSocket::bind((interface, 0))?;
    sender.set_multicast_loop_v4(true)?;
    sender.set_multicast_ttl_v4(1)?;
    let SocketAddr::V4(target) = receiver.local_addr()? else {
        return Ok(false);
    };
    let token = std::process::id().to_be_bytes();
    sender.send_to(&token, (GROUP, target.port()))?;
    let deadline = Instant::now() + PATIENCE;
    let mut buffer = [0; 16];
    while Instant::now() < deadline {
        match receiver.recv_from(&mut buffer) {
            Ok((length, _)) if buffer[..length] == token => return Ok(true),
            Ok(_) => {}
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                break;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(false)
}
