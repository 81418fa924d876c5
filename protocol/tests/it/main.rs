//! Real swarms on loopback TCP and QUIC. Every wait has a deadline and ends as soon as what it waits for
//! happens.

mod discovery;
mod gossip;
mod hello;
mod support;
mod sync;
