//! The miner's inner loop.

use std::ops::Range;

use sha2::block_api::compress256;

use super::Target;

/// A good number of nonces for one call: some milliseconds, after which a caller can look whether it
/// should stop.
pub const CHUNK: u64 = 1 << 16;

/// SHA-256's start (FIPS 180-4, 5.3.3).
const START: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

/// The first nonce of `nonces` whose hash meets `target`. Two compressions per nonce and nothing else
/// that could be kept from one nonce to the next; gives what [`super::work_hash`] gives.
pub fn search(header_hash: &[u8; 32], target: &Target, nonces: Range<u64>) -> Option<u64> {
    let target = words(&target.to_bytes());
    // One padded block each: 40 bytes of message, then 32.
    let mut first = padded::<40>();
    let mut second = padded::<32>();
    first[..32].copy_from_slice(header_hash);
    for nonce in nonces {
        first[32..40].copy_from_slice(&nonce.to_le_bytes());
        let mut state = START;
        compress256(&mut state, &[first]);
        write_words(&mut second, &state);
        let mut hash = START;
        compress256(&mut hash, &[second]);
        // Nearly every hash fails at its first word.
        if hash[0] <= target[0] && hash <= target {
            return Some(nonce);
        }
    }
    None
}

/// A block for a message of `LENGTH` bytes, below 56: a one, zeros, the length in bits.
fn padded<const LENGTH: usize>() -> [u8; 64] {
    let mut block = [0; 64];
    if let Some(end) = block.get_mut(LENGTH) {
        *end = 0x80;
    }
    let bits = (LENGTH as u64).wrapping_mul(8);
    block[56..].copy_from_slice(&bits.to_be_bytes());
    block
}

fn write_words(block: &mut [u8; 64], words: &[u32; 8]) {
    for (bytes, word) in block.chunks_exact_mut(4).zip(words) {
        bytes.copy_from_slice(&word.to_be_bytes());
    }
}

fn words(bytes: &[u8; 32]) -> [u32; 8] {
    let (chunks, _) = bytes.as_chunks::<4>();
    let mut words = [0; 8];
    for (word, chunk) in words.iter_mut().zip(chunks) {
        *word = u32::from_be_bytes(*chunk);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pow::work_hash;

    #[test]
    fn it_finds_the_first_nonce_that_the_plain_hash_accepts() {
        for seed in 0..8_u8 {
            let header = [seed; 32];
            for target in [
                Target::EASIEST,
                Target::from_zero_bytes(1),
                Target::from_zero_bytes(2),
            ] {
                let start = u64::from(seed) << 60;
                let range = start..start + 200_000;
                let plain = range
                    .clone()
                    .find(|nonce| target.is_met_by(&work_hash(&header, *nonce)));
                assert_eq!(search(&header, &target, range), plain, "{seed} {target}");
            }
        }
    }

    #[test]
    fn a_target_is_compared_in_all_its_bytes() {
        let header = [7; 32];
        let hash = work_hash(&header, 5);
        let exact = Target::from_bytes(&hash).unwrap();
        assert_eq!(search(&header, &exact, 5..6), Some(5), "equal is enough");
        let mut below = hash;
        below[31] = below[31].wrapping_sub(1);
        assert_ne!(hash[31], 0, "or the next line compares something else");
        assert_eq!(search(&header, &Target::from_bytes(&below).unwrap(), 5..6), None);
    }

    #[test]
    fn an_empty_range_and_the_last_nonce() {
        assert_eq!(search(&[1; 32], &Target::EASIEST, 5..5), None);
        assert_eq!(
            search(&[1; 32], &Target::EASIEST, u64::MAX - 1..u64::MAX),
            Some(u64::MAX - 1)
        );
    }
}
