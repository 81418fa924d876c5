//! Sizes that every part of a node agrees on. Each is checked where bytes enter.

/// Largest encoded block, in bytes. Gossip, sync and the API all use this one constant.
pub const MAX_BLOCK_BYTES: usize = 32 << 20;
/// Largest frame of a request-response exchange: a block and what surrounds it.
pub const MAX_FRAME_BYTES: usize = MAX_BLOCK_BYTES + (1 << 20);
/// Largest encoded transaction (payload and signature), in bytes.
pub const MAX_TRANSACTION_BYTES: usize = 640 << 10;
/// Largest batch of transactions in one gossip message, in bytes.
pub const MAX_TRANSACTION_BATCH_BYTES: usize = 1 << 20;
/// Most bytes of the receipts of a block, as [`crate::Receipt::size`] counts them: a transaction with which
/// there would be more has no room in the block.
pub const MAX_RECEIPTS_BYTES: usize = 32 << 20;
/// Most validators in a set: a certificate of all of them must stay small beside a block.
pub const MAX_VALIDATORS: usize = 1_000;
/// Largest `genesis.json`, in bytes.
pub const MAX_GENESIS_BYTES: usize = 16 << 20;
/// Largest code of a contract, in bytes.
pub const MAX_CODE_BYTES: usize = 512 << 10;
/// Longest input of a call to a contract, in bytes.
pub const MAX_CALL_INPUT_BYTES: usize = 64 << 10;
/// Longest output of a contract, in bytes.
pub const MAX_RETURN_BYTES: usize = 16 << 10;
/// Most events of a transaction.
pub const MAX_EVENTS: usize = 64;
/// Longest topic of an event, in bytes.
pub const MAX_EVENT_TOPIC_BYTES: usize = 64;
/// Longest data of an event, in bytes.
pub const MAX_EVENT_DATA_BYTES: usize = 4 << 10;
/// Longest key in a contract's storage, in bytes; the shortest has 1.
pub const MAX_CONTRACT_KEY_BYTES: usize = 256;
/// Longest value in a contract's storage, in bytes.
pub const MAX_CONTRACT_VALUE_BYTES: usize = 16 << 10;
/// Most contracts that call each other at a time, the first included.
pub const MAX_CALL_FRAMES: usize = 16;
/// Longest text of a contract in a receipt (an abort's message, what is wrong with code), in bytes.
pub const MAX_FAULT_TEXT_BYTES: usize = 1 << 10;
/// Most functions that a receipt names for a trap.
pub const MAX_FAULT_FUNCTIONS: usize = 8;
/// Longest name of a function in a receipt, in bytes.
pub const MAX_FAULT_FUNCTION_BYTES: usize = 128;
/// Most base units in existence, and most total voting power: `i64::MAX / 8`. The consensus core
/// multiplies voting power by three; the margin keeps every such sum inside 63 bits.
pub const MAX_SUPPLY: u64 = (i64::MAX / 8) as u64;
