//! The binary as its users meet it: processes, files, sockets.

mod authorities;
mod cli;
mod rest;
mod support;
mod testnet;
