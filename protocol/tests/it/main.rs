//! Real swarms on loopback TCP and QUIC. Every wait has a deadline and ends as soon as what it waits for
//! happens.

#[cfg(test)]
mod discovery;
#[cfg(test)]
mod gossip;
#[cfg(test)]
mod hello;
#[cfg(test)]
mod support;
#[cfg(test)]
mod sync;
