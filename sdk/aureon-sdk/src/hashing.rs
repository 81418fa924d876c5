//! Hashes and signatures, computed by the host: cheaper than in the contract.

use crate::{Hash, PublicKey, Signature, host};

/// SHA-256.
#[must_use]
pub fn sha256(bytes: &[u8]) -> Hash {
    host::sha256(bytes)
}

/// BLAKE3 with 32 bytes.
#[must_use]
pub fn blake3(bytes: &[u8]) -> Hash {
    host::blake3(bytes)
}

/// Keccak-256, as in Ethereum.
#[must_use]
pub fn keccak256(bytes: &[u8]) -> Hash {
    host::keccak256(bytes)
}

/// Whether an Ed25519 signature over a message is good, by the rules of ZIP-215.
#[must_use]
pub fn ed25519_verify(key: &PublicKey, signature: &Signature, message: &[u8]) -> bool {
    host::ed25519_verify(key, signature, message)
}
