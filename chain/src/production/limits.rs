//! How large a block to try.

use aureon_types::{
    limits::{MAX_BLOCK_BYTES, MAX_CALL_INPUT_BYTES, MAX_CODE_BYTES},
    transaction::{CODE_BYTE_GAS, DEPLOY_GAS, INPUT_BYTE_GAS, TRANSFER_GAS},
};

/// Blocks never shrink below this: a hundred transfers.
pub const MIN_BUILD_GAS: u64 = 100 * TRANSFER_GAS;
/// The first transaction of a block may have so much all the same: the largest code with the longest input,
/// and ten million for its constructor. What needs more waits until the limits have recovered: if any
/// transaction up to the rule's limit were let in, one that takes too long would be tried for ever.
pub const FIRST_TRANSACTION_GAS: u64 = DEPLOY_GAS
    + CODE_BYTE_GAS * MAX_CODE_BYTES as u64
    + INPUT_BYTE_GAS * MAX_CALL_INPUT_BYTES as u64
    + 10_000_000;
/// Nor below this: any one transaction fits.
pub const MIN_BUILD_BYTES: usize = 768 << 10;
/// Share of the full limits that a good block gives back.
const RECOVERY_STEPS: u64 = 32;

/// Adaptive limits of the blocks that we build. Half after a round of ours failed, back to full in 32
/// good blocks from the lowest: quick to give way, slow to try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BuildLimits {
    full_gas: u64,
    gas: u64,
    bytes: usize,
}

impl BuildLimits {
    /// Full limits. `gas_limit` is the network's rule for a block.
    pub fn new(gas_limit: u64) -> Self {
        Self {
            full_gas: gas_limit,
            gas: gas_limit,
            bytes: MAX_BLOCK_BYTES,
        }
    }

    /// Most gas of the next block we build.
    pub fn gas(&self) -> u64 {
        self.gas
    }

    /// Most bytes of the next block we build.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// A round in which we proposed a block ended without a decision.
    pub fn on_failed_round(&mut self) {
        self.gas = (self.gas / 2).max(MIN_BUILD_GAS.min(self.full_gas));
        self.bytes = (self.bytes / 2).max(MIN_BUILD_BYTES);
    }

    /// A block was decided in the round in which it was first proposed.
    pub fn on_good_block(&mut self) {
        self.gas = self
            .gas
            .saturating_add(self.full_gas.div_ceil(RECOVERY_STEPS))
            .min(self.full_gas);
        self.bytes = self
            .bytes
            .saturating_add(MAX_BLOCK_BYTES / 32)
            .min(MAX_BLOCK_BYTES);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: u64 = 100_000 * TRANSFER_GAS;

    #[test]
    fn limits_halve_at_once_and_come_back_slowly() {
        let mut limits = BuildLimits::new(FULL);
        limits.on_failed_round();
        assert_eq!((limits.gas(), limits.bytes()), (FULL / 2, MAX_BLOCK_BYTES / 2));
        let blocks = (1..).find(|_| {
            limits.on_good_block();
            limits == BuildLimits::new(FULL)
        });
        assert_eq!(blocks, Some(16));
    }

    #[test]
    fn a_small_block_is_always_tried() {
        for (full, least) in [(FULL, MIN_BUILD_GAS), (TRANSFER_GAS, TRANSFER_GAS)] {
            let mut limits = BuildLimits::new(full);
            (0..100).for_each(|_| limits.on_failed_round());
            assert_eq!((limits.gas(), limits.bytes()), (least, MIN_BUILD_BYTES));
        }
    }
}
