//! Targets, and the work that a hash below one stands for. Both are 256-bit numbers.

use std::fmt;

use ruint::aliases::U256;

/// A block's hash, read as a big-endian number, must not be above this. Never zero.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target(U256);

/// Expected number of hashes. Of a block: 2^256 / (target + 1), rounded down; of a chain: the sum.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Work(U256);

impl Target {
    /// Every hash is below it.
    pub const EASIEST: Self = Self(U256::MAX);

    /// The easiest target that every hash with `zero_bytes` leading zero bytes meets, and no other:
    /// `difficulty` of a genesis. More than 31 count as 31.
    pub fn from_zero_bytes(zero_bytes: u8) -> Self {
        let bits = usize::from(zero_bytes.min(31)).saturating_mul(8);
        Self(U256::MAX.wrapping_shr(bits))
    }

    /// Of a header's 32 bytes, big-endian. `None` for zero, which no hash could be asked to meet.
    pub fn from_bytes(bytes: &[u8; 32]) -> Option<Self> {
        Some(U256::from_be_bytes(*bytes))
            .filter(|number| !number.is_zero())
            .map(Self)
    }

    /// As a header carries it.
    pub fn to_bytes(self) -> [u8; 32] {
        self.0.to_be_bytes()
    }

    /// Whether a block with this hash has done its work.
    pub fn is_met_by(&self, hash: &[u8; 32]) -> bool {
        U256::from_be_bytes(*hash) <= self.0
    }

    /// How many hashes it takes on average: shown to people as the difficulty.
    pub fn work(&self) -> Work {
        // 2^256 itself does not fit: (2^256 - (target + 1)) / (target + 1) + 1.
        let quotient = self
            .0
            .checked_add(U256::ONE)
            .and_then(|divisor| self.0.not().checked_div(divisor));
        Work(quotient.unwrap_or(U256::ZERO).saturating_add(U256::ONE))
    }

    pub(super) fn number(self) -> U256 {
        self.0
    }

    /// `number` as a target; zero becomes the hardest, 1.
    pub(super) fn from_number(number: U256) -> Self {
        Self(number.max(U256::ONE))
    }
}

impl Work {
    /// Of the genesis.
    pub const ZERO: Self = Self(U256::ZERO);

    /// From 32 bytes, big-endian.
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        Self(U256::from_be_bytes(*bytes))
    }

    /// 32 bytes, big-endian.
    pub fn to_bytes(self) -> [u8; 32] {
        self.0.to_be_bytes()
    }

    /// The sum. Stops at 2^256 - 1, which no computer will ever reach.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// The difference; zero if `other` is more.
    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// For people: the number, at most 2^128 - 1.
    pub fn to_u128(self) -> u128 {
        self.0.saturating_to()
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#066x}", self.0)
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difficulty_is_a_number_of_zero_bytes() {
        for zero_bytes in 0..=31_u8 {
            let target = Target::from_zero_bytes(zero_bytes);
            let zeros = usize::from(zero_bytes);
            let mut hash = [0xff; 32];
            hash[..zeros].fill(0);
            assert!(target.is_met_by(&hash), "{zero_bytes}: the highest such hash");
            assert_eq!(target.to_bytes(), hash);
            if let Some(last) = zeros.checked_sub(1) {
                let mut missed = [0; 32];
                missed[last] = 1;
                assert!(
                    !target.is_met_by(&missed),
                    "{zero_bytes}: the lowest hash without"
                );
            }
        }
        assert_eq!(Target::from_zero_bytes(32), Target::from_zero_bytes(31));
    }

    #[test]
    fn work_is_the_expected_number_of_hashes() {
        let work = |number: U256| Target::from_number(number).work().0;
        assert_eq!(work(U256::MAX), U256::ONE);
        assert_eq!(work(U256::MAX.wrapping_shr(1)), U256::from(2));
        assert_eq!(work(U256::MAX.wrapping_shr(8)), U256::from(256));
        // Bitcoin's first target and its well-known work per block.
        let bitcoin = U256::from(0xffff_u64).wrapping_shl(208);
        assert_eq!(work(bitcoin), U256::from(0x1_0001_0001_u64));
        assert_eq!(work(U256::ONE), U256::ONE.wrapping_shl(255));
        assert_eq!(work(U256::ZERO), work(U256::ONE), "zero is no target");
    }

    #[test]
    fn bytes_come_back_and_zero_is_refused() {
        let target = Target::from_zero_bytes(3);
        assert_eq!(Target::from_bytes(&target.to_bytes()), Some(target));
        assert_eq!(Target::from_bytes(&[0; 32]), None);
        let work = target.work().plus(Work(U256::from(7)));
        assert_eq!(Work::from_bytes(&work.to_bytes()), work);
        assert_eq!(
            (work.to_string(), work.to_u128()),
            ("16777223".to_owned(), 16_777_223)
        );
        assert_eq!(Work(U256::MAX).plus(work), Work(U256::MAX));
        assert_eq!(Work(U256::MAX).to_u128(), u128::MAX);
        assert_eq!(work.minus(Work(U256::MAX)), Work::ZERO);
    }
}
