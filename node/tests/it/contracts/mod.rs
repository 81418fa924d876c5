//! Contracts on networks of real processes, and at the doors of one node.

mod by_name;
mod doors;
mod endless;
mod inspect;
mod network;
mod support;
mod tour;
