//! The hash that is the work.
//!
//! SHA-256d(BLAKE3(header bytes) || nonce): the header is compressed to 32 bytes once per template, so
//! that a try costs two compressions of SHA-256, which processors have instructions for. The nonce has 8
//! bytes, little-endian, and is the block's seal; 2^64 tries are more than a template ever gets.

use aureon_types::{
    SealedHeader,
    hash::{blake3, sha256},
};

use super::{HeaderFault, Target};

/// What is hashed together with the nonces: BLAKE3 of the header's bytes.
pub fn header_hash(header_bytes: &[u8]) -> [u8; 32] {
    blake3(&[header_bytes])
}

/// The hash of one try.
pub fn work_hash(header_hash: &[u8; 32], nonce: u64) -> [u8; 32] {
    sha256(&[&sha256(&[header_hash, &nonce.to_le_bytes()])])
}

/// Whether a sealed header has done the work that it claims itself: its hash meets the target that it
/// names. Whether that is the right target says [`super::WorkChain::check`].
pub fn check_work(header: &SealedHeader) -> Result<(), HeaderFault> {
    let target = header.header().target.as_ref().and_then(Target::from_bytes);
    let nonce = header.seal().as_ref().try_into().map(u64::from_le_bytes);
    let (Some(target), Ok(nonce)) = (target, nonce) else {
        return Err(HeaderFault::NoWork);
    };
    let hash = work_hash(&header_hash(header.bytes()), nonce);
    if target.is_met_by(&hash) {
        Ok(())
    } else {
        Err(HeaderFault::WorkNotDone { target })
    }
}
