//! Stake held in shares: one pool of base units that many own, in parts that a slash need not touch.
//!
//! Who brings an amount gets shares at the pool's price, who leaves takes the worth of his shares, and
//! a slash takes base units from the pool, which lowers the worth of every share at once, however many
//! owners there are.
//!
//! *Bounds.* A share is worth at most one base unit: a new pool starts at one, slashes lower it, and
//! rounding (always in favour of who stays) never raises it above. So there are never fewer shares than
//! base units, an amount above zero always gets a share, and a product of shares and base units fits
//! 128 bits.

use super::codec::{Cursor, Writer};

/// Base units and the shares in them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pool {
    /// Base units.
    pub tokens: u64,
    /// Shares, at least as many as base units. Above zero where `tokens` are.
    pub shares: u64,
}

/// `a * b / c`, rounded down; `None` where `c` is zero or the quotient does not fit.
fn mul_div(a: u64, b: u64, c: u64) -> Option<u64> {
    let product = u128::from(a).saturating_mul(u128::from(b)); // below 2^128: exact
    product
        .checked_div(u128::from(c))
        .and_then(|quotient| u64::try_from(quotient).ok())
}

impl Pool {
    /// A new pool: one share for each base unit.
    pub fn new(tokens: u64) -> Self {
        Self {
            tokens,
            shares: tokens,
        }
    }

    /// All of it was slashed: its shares are worth nothing, and nothing can be added.
    pub fn is_dead(&self) -> bool {
        self.tokens == 0 && self.shares > 0
    }

    /// What `shares` are worth, rounded down.
    pub fn worth(&self, shares: u64) -> u64 {
        mul_div(shares, self.tokens, self.shares).unwrap_or(0)
    }

    /// Adds `amount` and gives the new shares. `None`, and no change, where the pool is dead or so much
    /// of it was slashed that the shares would not fit 64 bits.
    pub fn add(&mut self, amount: u64) -> Option<u64> {
        let new = if self.shares == 0 {
            amount
        } else {
            mul_div(amount, self.shares, self.tokens)?
        };
        let (tokens, shares) = (self.tokens.checked_add(amount)?, self.shares.checked_add(new)?);
        *self = Self { tokens, shares };
        Some(new)
    }

    /// Takes `amount` out for somebody who holds `owned` shares, and gives how many of these go: all of
    /// them if `amount` is their whole worth, else the fewest that are worth as much. `None`, and no
    /// change, if they are not worth `amount`.
    pub fn remove(&mut self, amount: u64, owned: u64) -> Option<u64> {
        let worth = self.worth(owned);
        if amount > worth {
            return None;
        }
        let gone = if amount == worth {
            owned
        } else {
            let product = u128::from(amount).saturating_mul(u128::from(self.shares));
            u64::try_from(product.div_ceil(u128::from(self.tokens))).ok()?
        };
        let (tokens, shares) = (self.tokens.checked_sub(amount)?, self.shares.checked_sub(gone)?);
        *self = Self { tokens, shares };
        Some(gone)
    }

    /// Takes `shares` out and gives their worth; the last shares get all that is left.
    pub fn redeem(&mut self, shares: u64) -> Option<u64> {
        let worth = self.worth(shares);
        self.remove(worth, shares).map(|_| worth)
    }

    /// Takes `basis_points` hundredths of a percent of the base units and gives how many, rounded down.
    pub fn slash(&mut self, basis_points: u32) -> u64 {
        let lost = mul_div(self.tokens, u64::from(basis_points), 10_000)
            .unwrap_or(0)
            .min(self.tokens);
        self.tokens = self.tokens.saturating_sub(lost);
        lost
    }

    pub(super) fn write(&self, out: &mut Writer) {
        out.u64(self.tokens);
        out.u64(self.shares);
    }

    pub(super) fn read(input: &mut Cursor<'_>) -> Option<Self> {
        let pool = Self {
            tokens: input.u64()?,
            shares: input.u64()?,
        };
        (pool.shares >= pool.tokens).then_some(pool)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_share_is_a_base_unit_until_a_slash() {
        let mut pool = Pool::new(1_000);
        assert_eq!(pool.add(500), Some(500));
        assert_eq!(pool.slash(1_000), 150);
        assert_eq!(
            pool,
            Pool {
                tokens: 1_350,
                shares: 1_500
            }
        );
        assert_eq!(pool.worth(1_000), 900);
        assert_eq!(pool.add(90), Some(100));
        assert_eq!(pool.remove(901, 1_000), None);
        assert_eq!(pool.remove(450, 1_000), Some(500));
        assert_eq!(
            pool.remove(450, 500),
            Some(500),
            "the whole worth takes every share"
        );
        assert_eq!(
            pool,
            Pool {
                tokens: 540,
                shares: 600
            }
        );
    }

    #[test]
    fn a_pool_that_lost_all_is_dead() {
        let mut pool = Pool::new(10);
        assert_eq!(pool.slash(10_000), 10);
        assert!(pool.is_dead());
        assert_eq!((pool.worth(10), pool.add(5), pool.remove(1, 10)), (0, None, None));
        assert_eq!(pool.redeem(10), Some(0));
        assert_eq!(pool, Pool::default());
        assert!(!pool.is_dead());
    }

    #[test]
    fn shares_that_do_not_fit_are_refused_without_a_change() {
        let before = Pool {
            tokens: 1,
            shares: 1 << 40,
        };
        let mut pool = before;
        assert_eq!(pool.add(1 << 30), None);
        assert_eq!(pool, before);
    }

    proptest! {
        /// Whatever happens: nobody gets more than he brought while nothing is slashed away from others,
        /// there are never fewer shares than base units, and the last to leave empties the pool.
        #[test]
        fn rounding_favours_who_stays(steps in prop::collection::vec((0..4_usize, 1..1_u64 << 40, 0..4_u32), 1..60)) {
            let mut pool = Pool::default();
            let mut owned = [0_u64; 4];
            for (who, amount, kind) in steps {
                let before: Vec<u64> = owned.iter().map(|shares| pool.worth(*shares)).collect();
                match kind {
                    0 | 1 => {
                        if let Some(new) = pool.add(amount) {
                            owned[who] += new;
                            prop_assert!(new >= amount);
                            prop_assert!(pool.worth(owned[who]) <= before[who] + amount);
                        }
                    }
                    2 if pool.worth(owned[who]) == 0 => {}
                    2 => {
                        let amount = amount % pool.worth(owned[who]) + 1;
                        owned[who] -= pool.remove(amount, owned[who]).unwrap();
                    }
                    _ => { pool.slash(500); }
                }
                for (other, was) in before.iter().enumerate() {
                    if other != who && kind != 3 {
                        prop_assert!(pool.worth(owned[other]) >= *was, "who stays loses nothing");
                    }
                }
                prop_assert_eq!(pool.shares, owned.iter().sum::<u64>());
                prop_assert!(pool.shares >= pool.tokens);
                prop_assert!((pool.tokens == 0) == (pool.shares == 0));
            }
            for shares in owned {
                pool.redeem(shares).unwrap();
            }
            prop_assert_eq!(pool, Pool::default());
        }
    }
}
