//! The binary as its users meet it: processes, files, sockets.

mod cli;
mod rest;
mod support;
mod testnet;
