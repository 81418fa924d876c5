//! The machine's own limit: how many Ed25519 signatures its cores verify in batches, with nothing else
//! to do. No node on this machine can include more transactions per second.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use aureon_types::{
    PublicKey, SecretKey, Signature,
    hash::blake3,
    signature::{BATCH, Item, verify_batch},
};

/// As long as a transfer with what is signed around it.
const MESSAGE_BYTES: usize = 140;

/// Signatures per second of `threads` threads that verify full batches for `time`. Hashing the messages
/// is part of it, as it is in a node.
pub fn batch_limit(threads: usize, time: Duration) -> f64 {
    let signed: Vec<_> = (0..BATCH).map(sample).collect();
    let verified = AtomicU64::new(0);
    let start = Instant::now();
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                // At least one batch each, however late the thread begins.
                loop {
                    verified.fetch_add(verify(&signed), Ordering::Relaxed);
                    if start.elapsed() >= time {
                        break;
                    }
                }
            });
        }
    });
    // Until the last thread has ended its batch: what was counted took so long.
    verified.into_inner() as f64 / start.elapsed().as_secs_f64()
}

/// A signature as it arrives.
type Signed = (PublicKey, Signature, Vec<u8>);

/// Verifies all together; returns how many hold.
fn verify(signed: &[Signed]) -> u64 {
    let items: Vec<Item> = signed
        .iter()
        .map(|(key, signature, message)| Item::new(key, signature, message))
        .collect();
    verify_batch(&items).into_iter().filter(|good| *good).count() as u64
}

fn sample(number: usize) -> Signed {
    let seed = blake3(&[b"aureon bench signature", &number.to_le_bytes()]);
    let (key, message) = (
        SecretKey::from_seed(seed),
        seed.repeat(MESSAGE_BYTES.div_ceil(seed.len())),
    );
    let message = message[..MESSAGE_BYTES].to_vec();
    (key.public_key(), key.sign(&message), message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sample_verifies_so_none_is_left_out_of_the_count() {
        let signed: Vec<_> = (0..BATCH).map(sample).collect();
        assert_eq!(verify(&signed), BATCH as u64);
        assert!(batch_limit(2, Duration::ZERO) > 0.0);
    }
}
