//! How hard the next block is.
//!
//! ASERT: Lundeberg, "Static difficulty adjustments, with absolutely scheduled exponentially rising
//! targets" (2020). A block that took longer than the block time makes the next one easier, by a factor
//! of two per half-life of delay; one that was quicker makes it harder.
//!
//! *The relative form* is used: the target follows from the parent's target and the time that the parent
//! took, not from an anchor at the start of the chain. Both forms give the same targets up to rounding,
//! because the sum of the block times telescopes, with one difference that decided it: here the time of a
//! single block is clamped to four half-lives. A network that was switched off over night goes on at a
//! sixteenth of its difficulty; by the absolute schedule it would make all the blocks that it missed, as
//! fast as they can be hashed.
//!
//! *Integers only.* 2^x is the cubic approximation of the Bitcoin Cash specification "aserti3-2d"
//! (2020-11-15), with 16 fractional bits; its error is below 0.013 %. Errors do not add up: a target that
//! is off makes blocks too slow or too quick, which the next steps correct.

use ruint::aliases::{U256, U320};

use super::Target;

/// Fractional bits of an exponent.
const RADIX_BITS: u32 = 16;
/// The time of one block counts as at most this many half-lives away from the block time, either way.
pub const MAX_HALF_LIVES: u64 = 4;

/// The target of the block after one that had `target` and took `elapsed_ms` since its parent (negative:
/// its time is before its parent's, which the median rule allows). Both times in milliseconds;
/// `half_life_ms` of zero counts as one.
pub fn next_target(target: Target, elapsed_ms: i128, block_time_ms: u64, half_life_ms: u64) -> Target {
    let half_life = i128::from(half_life_ms.max(1));
    let bound = half_life.saturating_mul(i128::from(MAX_HALF_LIVES));
    let delay = elapsed_ms
        .saturating_sub(i128::from(block_time_ms))
        .clamp(bound.saturating_neg(), bound);
    scale(target, exponent(delay, half_life))
}

/// `delay / half_life` with 16 fractional bits, rounded towards zero as the specification does.
fn exponent(delay: i128, half_life: i128) -> i64 {
    let scaled = delay.saturating_mul(1 << RADIX_BITS);
    let exponent = scaled.checked_div(half_life).unwrap_or(0);
    i64::try_from(exponent).unwrap_or(if exponent < 0 { i64::MIN } else { i64::MAX })
}

/// `target * 2^(exponent / 65536)`, from 1 to 2^256 - 1.
fn scale(target: Target, exponent: i64) -> Target {
    let shifts = exponent >> RADIX_BITS;
    let fraction = u64::try_from(exponent & 0xffff).unwrap_or(0);
    // 256 and 17 bits: always fits into 320.
    let product = U320::from(target.number()).saturating_mul(U320::from(factor(fraction)));
    let distance = usize::try_from(shifts.unsigned_abs()).unwrap_or(usize::MAX);
    let shifted = if shifts < 0 {
        shift_right(product, distance)
    } else {
        product.saturating_shl(distance)
    };
    let number = shift_right(shifted, 16);
    Target::from_number(U256::saturating_from(number))
}

fn shift_right(number: U320, bits: usize) -> U320 {
    if bits < 320 {
        number.wrapping_shr(bits)
    } else {
        U320::ZERO
    }
}

/// 65536 * 2^(fraction / 65536) for a fraction below 65536: 65536 to 131071.
fn factor(fraction: u64) -> u64 {
    // The largest sum is 18,446,563,080,438,344,768, just below 2^64; wider here, so that this needs no
    // faith.
    let x = u128::from(fraction);
    let square = x.saturating_mul(x);
    let sum = 195_766_423_245_049_u128
        .saturating_mul(x)
        .saturating_add(square.saturating_mul(971_821_376))
        .saturating_add(square.saturating_mul(x).saturating_mul(5_127))
        .saturating_add(1 << 47);
    u64::try_from(sum >> 48).unwrap_or(0).saturating_add(65_536)
}

#[cfg(test)]
mod tests {
    use super::*;

    const T: u64 = 5_000;
    const HALF_LIFE: u64 = 50_000;

    /// Bitcoin's short form of a target.
    fn from_compact(bits: u32) -> U256 {
        let (size, word) = (bits >> 24, U256::from(bits & 0x7f_ffff));
        if size <= 3 {
            word.wrapping_shr(8 * (3 - size) as usize)
        } else {
            word.wrapping_shl(8 * (size - 3) as usize)
        }
    }

    fn to_compact(number: U256) -> u32 {
        let mut size = number.byte_len() as u32;
        let word: U256 = if size <= 3 {
            number.wrapping_shl(8 * (3 - size) as usize)
        } else {
            number.wrapping_shr(8 * (size - 3) as usize)
        };
        let mut word: u32 = word.to();
        if word & 0x80_0000 != 0 {
            word >>= 8;
            size += 1;
        }
        word | size << 24
    }

    /// The absolute form, as Bitcoin Cash runs it: 600 s, half-life two days, in seconds.
    fn bitcoin_cash(anchor: (u64, u64, u32), height: u64, time: u64) -> u32 {
        let (anchor_height, anchor_parent_time, bits) = anchor;
        let blocks = i128::from(height - anchor_height + 1);
        let delay = i128::from(time) - i128::from(anchor_parent_time) - 600 * blocks;
        let limit = from_compact(0x1d00_ffff);
        let target = scale(Target::from_number(from_compact(bits)), exponent(delay, 172_800));
        to_compact(target.number().min(limit))
    }

    /// Test vectors of the aserti3-2d specification (Bitcoin Cash Node, qa-assets,
    /// test_vectors/aserti3-2d): lines of run02, run05, run07 and run09. The fixed-point exponent, the
    /// cubic polynomial and the shifts are those used here.
    #[test]
    fn the_published_vectors_of_the_polynomial_hold() {
        for (run, anchor, lines) in [
            (
                "run02",
                (1, 0, 0x1a2b_3c4d),
                &[(2, 1_200, 0x1a2b_3c4d), (11, 6_600, 0x1a2b_3c4d)][..],
            ),
            (
                "run05",
                (1, 0, 0x1d00_ffff),
                &[
                    (2, 0, 0x1d00_fec5),
                    (290, 0, 0x1c7f_62c0),
                    (578, 0, 0x1c3f_b160),
                    (2_306, 0, 0x1c00_fec5),
                    (60_194, 0, 0x027f_6200),
                    (63_938, 0, 0x0103_0000),
                    (64_226, 0, 0x0101_0000),
                    (64_514, 0, 0x0101_0000),
                ],
            ),
            (
                "run07",
                (1, 0, 0x1802_aee8),
                &[
                    (2, 1_200, 0x1802_aee8),
                    (3, 1_310, 0x1802_ad91),
                    (4, 1_327, 0x1802_abf8),
                    (9, 7_099, 0x1802_b39c),
                    (10, 7_099, 0x1802_b1f2),
                    (22, 12_701, 0x1802_ad89),
                    (67, 18_236, 0x1802_750c),
                    (290, 26_618, 0x1801_7c5c),
                    (460, 29_068, 0x1800_ff18),
                    (633, 30_995, 0x1800_a98a),
                ],
            ),
            (
                "run09",
                (2_147_483_642, 1_234_567_290, 0x1802_aee8),
                &[
                    (2_147_483_643, 1_234_568_190, 0x1802_ae16),
                    (2_147_483_647, 1_234_569_390, 0x1802_aacd),
                    (2_147_483_652, 1_234_570_890, 0x1802_a6b7),
                ],
            ),
        ] {
            for (height, time, bits) in lines {
                let given = bitcoin_cash(anchor, *height, *time);
                assert_eq!(given, *bits, "{run} at {height}: {given:#010x}, not {bits:#010x}");
            }
        }
    }

    #[test]
    fn the_factor_stays_within_its_error() {
        let mut last = 0;
        for fraction in 0..65_536 {
            let (given, exact) = (factor(fraction), 65_536.0 * f64::exp2(fraction as f64 / 65_536.0));
            assert!(
                (given as f64 / exact - 1.0).abs() < 0.000_13,
                "{fraction}: {given}, {exact}"
            );
            assert!(given >= last, "{fraction}: it falls");
            last = given;
        }
        assert_eq!((factor(0), factor(65_535)), (65_536, 131_071));
    }

    #[test]
    fn slow_blocks_make_it_easier_and_quick_ones_harder() {
        let target = Target::from_number(U256::ONE.wrapping_shl(200));
        let (t, h) = (i128::from(T), i128::from(HALF_LIFE));
        for (what, elapsed, shift) in [
            ("on time", t, 0),
            ("one half-life late", t + h, 1),
            ("one half-life early: before its parent", t - h, -1),
            ("at the upper clamp", t + 4 * h, 4),
            ("a night", 1_000 * h, 4),
            ("at the lower clamp", t - 4 * h, -4),
            ("a time in another century", -1_000_000 * h, -4),
            ("the largest number", i128::MAX, 4),
            ("the smallest number", i128::MIN, -4),
        ] {
            let expected = if shift < 0 {
                target.number().wrapping_shr(-shift as usize)
            } else {
                target.number().wrapping_shl(shift as usize)
            };
            let given = next_target(target, elapsed, T, HALF_LIFE);
            assert_eq!(given.number(), expected, "{what}");
        }
    }

    #[test]
    fn targets_stay_in_range() {
        let hardest = Target::from_number(U256::ONE);
        assert_eq!(next_target(hardest, i128::MIN, T, HALF_LIFE), hardest);
        assert_eq!(
            next_target(Target::EASIEST, i128::MAX, T, HALF_LIFE),
            Target::EASIEST
        );
        assert_eq!(
            next_target(Target::EASIEST, i128::from(T), T, HALF_LIFE),
            Target::EASIEST
        );
        assert_eq!(scale(Target::EASIEST, i64::MAX), Target::EASIEST);
        assert_eq!(scale(Target::EASIEST, i64::MIN), hardest);
        let _ = next_target(Target::EASIEST, 0, u64::MAX, 0);
    }
}
