//! Rewards as cumulative figures per share: a block touches one record, however many delegators share
//! in it.
//!
//! A validator's [`Earnings`] hold what one share has earned since the validator began (the *index*). A
//! [`Delegation`] remembers the index up to which it has been counted; the difference times its shares
//! is what it earned since. This is the "F1" scheme of Ojha and Goes, "F1 Fee Distribution" (2019),
//! without its history: here a slash takes base units from a pool and leaves the shares alone, so that
//! no past period has to be looked up.
//!
//! *Exact.* The index counts in 2^-64 base units. What a division leaves over is carried to the next
//! reward, and what a payout leaves over stays with the delegation, or goes back to all when the
//! delegation ends. So at any time, to the last bit:
//!
//! `unpaid * 2^64 == remainder + sum over the delegations of (accrued + shares * (index - their index))`
//!
//! *Bounds.* Every reward of a network together is below 2^60 base units, so every sum here is below
//! 2^124 and fits 128 bits.

use aureon_types::Amount;

use super::codec::{Cursor, Record, Writer};

/// Fraction bits of the fixed-point figures.
const FRACTION_BITS: u32 = 64;
const FRACTION_MASK: u128 = (1 << FRACTION_BITS) - 1;

/// What a validator earned for those who hold shares in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Earnings {
    /// Base units that wait in the system account.
    pub unpaid: u64,
    /// What one share has earned so far, in 2^-64 base units.
    pub index: u128,
    /// What did not divide by the shares, in 2^-64 base units.
    pub remainder: u128,
}

impl Earnings {
    /// Shares out `reward` to `shares`, which must not be zero. `None`: beyond every bound.
    pub fn earn(&mut self, reward: u64, shares: u64) -> Option<()> {
        let scaled = u128::from(reward).checked_shl(FRACTION_BITS)?;
        let total = self.remainder.checked_add(scaled)?;
        let shares = u128::from(shares);
        *self = Self {
            unpaid: self.unpaid.checked_add(reward)?,
            index: self.index.checked_add(total.checked_div(shares)?)?,
            remainder: total.checked_rem(shares)?,
        };
        Some(())
    }

    /// Takes out what was paid.
    pub fn pay(&mut self, amount: u64) -> Option<()> {
        self.unpaid = self.unpaid.checked_sub(amount)?;
        Some(())
    }

    pub(super) fn write(&self, out: &mut Writer) {
        out.u64(self.unpaid);
        out.u128(self.index);
        out.u128(self.remainder);
    }

    pub(super) fn read(input: &mut Cursor<'_>) -> Option<Self> {
        Some(Self {
            unpaid: input.u64()?,
            index: input.u128()?,
            remainder: input.u128()?,
        })
    }
}

/// Somebody's shares in a validator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delegation {
    /// Shares of the validator's stake.
    pub shares: u64,
    /// The validator's index up to which rewards are in `accrued`.
    pub index: u128,
    /// Earned up to `index` and not paid, in 2^-64 base units.
    pub accrued: u128,
}

impl Delegation {
    /// Earned up to `index`, in 2^-64 base units.
    fn earned(&self, index: u128) -> Option<u128> {
        let since = index.checked_sub(self.index)?;
        self.accrued
            .checked_add(u128::from(self.shares).checked_mul(since)?)
    }

    /// Whole base units that a claim would pay now.
    pub fn pending(&self, earnings: &Earnings) -> Amount {
        let whole = self
            .earned(earnings.index)
            .map_or(0, |earned| earned >> FRACTION_BITS);
        Amount(u64::try_from(whole).unwrap_or(u64::MAX))
    }

    /// Counts what was earned so far; must come before every change of `shares`. `None`: beyond every
    /// bound.
    pub fn settle(&mut self, earnings: &Earnings) -> Option<()> {
        self.accrued = self.earned(earnings.index)?;
        self.index = earnings.index;
        Some(())
    }

    /// Takes the whole base units out of a settled delegation; the fraction stays.
    pub fn take(&mut self) -> Option<u64> {
        let whole = u64::try_from(self.accrued >> FRACTION_BITS).ok()?;
        self.accrued &= FRACTION_MASK;
        Some(whole)
    }
}

impl Record for Delegation {
    const WHAT: &'static str = "delegation";

    fn write(&self, out: &mut Writer) {
        out.u64(self.shares);
        out.u128(self.index);
        out.u128(self.accrued);
    }

    fn read(input: &mut Cursor<'_>) -> Option<Self> {
        Some(Self {
            shares: input.u64()?,
            index: input.u128()?,
            accrued: input.u128()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_does_not_divide_is_carried() {
        let mut earnings = Earnings::default();
        let mut thirds = [Delegation {
            shares: 1,
            ..Delegation::default()
        }; 3];
        for _ in 0..3 {
            earnings.earn(1, 3).unwrap();
        }
        for delegation in &mut thirds {
            assert_eq!(delegation.pending(&earnings), Amount(1));
            delegation.settle(&earnings).unwrap();
            assert_eq!(delegation.take(), Some(1));
            assert_eq!(delegation.take(), Some(0));
            earnings.pay(1).unwrap();
        }
        assert_eq!((earnings.unpaid, earnings.remainder), (0, 0));
    }

    #[test]
    fn the_largest_figures_fit() {
        let mut earnings = Earnings::default();
        let all = aureon_types::limits::MAX_SUPPLY;
        earnings.earn(all, 1).unwrap();
        let mut one = Delegation {
            shares: 1,
            ..Delegation::default()
        };
        one.settle(&earnings).unwrap();
        assert_eq!(one.take(), Some(all));
        assert_eq!(earnings.pay(all + 1), None);
    }

    proptest! {
        /// The identity of the module's head, and each delegation against exact fractions: with shares
        /// that do not change, the true reward is `sum of reward * shares / all shares`.
        #[test]
        fn every_bit_is_somebodys(
            shares in prop::collection::vec(1..1_u64 << 50, 1..6),
            rewards in prop::collection::vec((0..1_u64 << 40, any::<bool>()), 1..40),
        ) {
            let all: u64 = shares.iter().sum();
            let mut earnings = Earnings::default();
            let mut delegations: Vec<Delegation> = shares
                .iter()
                .map(|shares| Delegation { shares: *shares, ..Delegation::default() })
                .collect();
            let mut paid = vec![0_u64; shares.len()];
            let mut total = 0_u128;
            for (reward, claims) in rewards {
                earnings.earn(reward, all).unwrap();
                total += u128::from(reward);
                if claims {
                    delegations[0].settle(&earnings).unwrap();
                    let payout = delegations[0].take().unwrap();
                    earnings.pay(payout).unwrap();
                    paid[0] += payout;
                }
                let owed: u128 = delegations.iter().map(|delegation| delegation.earned(earnings.index).unwrap()).sum();
                prop_assert_eq!(u128::from(earnings.unpaid) << 64, owed + earnings.remainder);
            }
            for (delegation, paid) in delegations.iter().zip(&paid) {
                let true_floor = total * u128::from(delegation.shares) / u128::from(all);
                let got = u128::from(paid + delegation.pending(&earnings).0);
                prop_assert!(got <= true_floor && got + 1 >= true_floor, "{got} of {true_floor}");
            }
        }
    }
}
