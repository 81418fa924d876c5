//! The schedule by which base units come into existence.

use crate::Amount;

/// New base units per block: `per_block` at first, halved after every `halving_blocks` heights (whole
/// base units, rounded down) until nothing is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RewardSchedule {
    /// Base units of each of the first `halving_blocks` heights; 0: no reward.
    pub per_block: u64,
    /// Heights between halvings, above zero in a checked genesis. With zero nothing is paid.
    pub halving_blocks: u64,
}

impl RewardSchedule {
    /// No reward: every base unit is in the genesis.
    pub const NONE: Self = Self {
        per_block: 0,
        halving_blocks: 1,
    };

    /// The reward of the block at `height`: `per_block >> ((height - 1) / halving_blocks)`. The genesis,
    /// height 0, has none.
    pub fn at(&self, height: u64) -> Amount {
        let halvings = height
            .checked_sub(1)
            .and_then(|before| before.checked_div(self.halving_blocks));
        Amount(halvings.map_or(0, |halvings| self.after(halvings)))
    }

    /// The sum of the rewards of the heights 1 to `height`, both included. Exact in a checked genesis,
    /// whose total is at most [`crate::limits::MAX_SUPPLY`]; beyond 64 bits it stays at their end.
    pub fn issued(&self, height: u64) -> Amount {
        let (Some(full), Some(rest)) = (
            height.checked_div(self.halving_blocks),
            height.checked_rem(self.halving_blocks),
        ) else {
            return Amount::ZERO;
        };
        // After 64 halvings nothing is left to add.
        let whole = (0..full.min(64)).map(|halvings| product(self.after(halvings), self.halving_blocks));
        let sum = whole.fold(product(self.after(full), rest), u128::saturating_add);
        Amount(u64::try_from(sum).unwrap_or(u64::MAX))
    }

    /// The sum of the rewards of all heights; as [`RewardSchedule::issued`].
    pub fn total(&self) -> Amount {
        self.issued(self.halving_blocks.saturating_mul(64))
    }

    /// The reward after so many halvings.
    fn after(&self, halvings: u64) -> u64 {
        u32::try_from(halvings)
            .ok()
            .and_then(|halvings| self.per_block.checked_shr(halvings))
            .unwrap_or(0)
    }
}

fn product(a: u64, b: u64) -> u128 {
    u128::from(a).saturating_mul(u128::from(b))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_reward_halves_after_its_heights() {
        let schedule = RewardSchedule {
            per_block: 50,
            halving_blocks: 10,
        };
        let at: Vec<u64> = [0, 1, 10, 11, 20, 21, 61, u64::MAX]
            .into_iter()
            .map(|height| schedule.at(height).0)
            .collect();
        assert_eq!(at, [0, 50, 50, 25, 25, 12, 0, 0]);
        assert_eq!(schedule.issued(10), Amount(500));
        assert_eq!(schedule.issued(11), Amount(525));
        assert_eq!(schedule.total(), Amount(970)); // (50 + 25 + 12 + 6 + 3 + 1) * 10
        assert_eq!(schedule.issued(u64::MAX), schedule.total());
    }

    #[test]
    fn without_reward_nothing_is_issued() {
        assert_eq!(RewardSchedule::NONE.at(1), Amount::ZERO);
        assert_eq!(RewardSchedule::NONE.total(), Amount::ZERO);
        let never = RewardSchedule {
            per_block: 5,
            halving_blocks: 0,
        };
        assert_eq!(
            (never.at(3), never.issued(3), never.total()),
            (Amount::ZERO, Amount::ZERO, Amount::ZERO)
        );
    }

    #[test]
    fn a_sum_beyond_64_bits_stays_at_their_end() {
        let endless = RewardSchedule {
            per_block: u64::MAX,
            halving_blocks: u64::MAX,
        };
        assert_eq!(endless.issued(2), Amount(u64::MAX));
        assert_eq!(endless.total(), Amount(u64::MAX));
    }

    proptest! {
        #[test]
        fn what_is_issued_is_the_sum_of_the_rewards(
            per_block in prop_oneof![0_u64..1_000, 0..u64::MAX / 4_000],
            halving_blocks in 1_u64..60,
            height in 0_u64..2_000,
        ) {
            let schedule = RewardSchedule { per_block, halving_blocks };
            let sum: u64 = (0..=height).map(|height| schedule.at(height).0).sum();
            prop_assert_eq!(schedule.issued(height), Amount(sum));
            prop_assert!(schedule.issued(height) <= schedule.total());
        }

        #[test]
        fn the_next_height_adds_its_reward(
            per_block in 0..1_u64 << 60,
            halving_blocks in 1..u64::MAX,
            height in 0..u64::MAX - 1,
        ) {
            let schedule = RewardSchedule { per_block, halving_blocks };
            let next = schedule.issued(height).0.saturating_add(schedule.at(height + 1).0);
            prop_assert_eq!(schedule.issued(height + 1), Amount(next));
        }
    }
}
