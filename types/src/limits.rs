//! Sizes that every part of a node agrees on. Each is checked where bytes enter.

/// Largest encoded block, in bytes. Gossip, sync and the API all use this one constant.
pub const MAX_BLOCK_BYTES: usize = 32 << 20;
/// Largest frame of a request-response exchange: a block and what surrounds it.
pub const MAX_FRAME_BYTES: usize = MAX_BLOCK_BYTES + (1 << 20);
/// Largest encoded transaction (payload and signature), in bytes.
pub const MAX_TRANSACTION_BYTES: usize = 128 << 10;
/// Largest batch of transactions in one gossip message, in bytes.
pub const MAX_TRANSACTION_BATCH_BYTES: usize = 1 << 20;
/// Most validators in a set: a certificate of all of them must stay small beside a block.
pub const MAX_VALIDATORS: usize = 1_000;
/// Largest `genesis.json`, in bytes.
pub const MAX_GENESIS_BYTES: usize = 16 << 20;
/// Most base units in existence, and most total voting power: `i64::MAX / 8`. The consensus core
/// multiplies voting power by three; the margin keeps every such sum inside 63 bits.
pub const MAX_SUPPLY: u64 = (i64::MAX / 8) as u64;
