//! Arithmetic that ends the call instead of wrapping round.
//!
//! The templates' profile also sets `overflow-checks`, so that a plain `+` panics; these say in the receipt what
//! did not fit.

use crate::abort;

/// Checked arithmetic on unsigned integers.
pub trait Checked: Sized {
    /// The sum; aborts if it does not fit.
    #[must_use]
    fn plus(self, other: Self) -> Self;

    /// The difference; aborts if it is below zero.
    #[must_use]
    fn minus(self, other: Self) -> Self;

    /// The product; aborts if it does not fit.
    #[must_use]
    fn times(self, other: Self) -> Self;

    /// The quotient, rounded down; aborts on division by zero.
    #[must_use]
    fn over(self, other: Self) -> Self;
}

macro_rules! checked {
    ($($name:ident),*) => {$(
        impl Checked for $name {
            fn plus(self, other: Self) -> Self {
                self.checked_add(other).unwrap_or_else(|| abort("a sum is too large"))
            }

            fn minus(self, other: Self) -> Self {
                self.checked_sub(other).unwrap_or_else(|| abort("a difference is below zero"))
            }

            fn times(self, other: Self) -> Self {
                self.checked_mul(other).unwrap_or_else(|| abort("a product is too large"))
            }

            fn over(self, other: Self) -> Self {
                self.checked_div(other).unwrap_or_else(|| abort("a division by zero"))
            }
        }
    )*};
}

checked!(u8, u16, u32, u64, u128);

/// `amount * numerator / denominator`, rounded down, without overflow in between; aborts if the result does not
/// fit or the denominator is zero.
#[must_use]
pub fn share(amount: u64, numerator: u64, denominator: u64) -> u64 {
    // The product of two 64-bit numbers fits into 128 bits.
    let exact = u128::from(amount)
        .times(u128::from(numerator))
        .over(u128::from(denominator));
    u64::try_from(exact).unwrap_or_else(|_| abort("a share is too large"))
}
