//! The payments of a module: where its functions pay for their operators, and how much.

use std::ops::Range;

/// A payment in a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Charge {
    /// Number of operators of the function before it.
    pub(crate) at: u32,
    /// Gas.
    pub(crate) price: u64,
    /// The run ends here if the gas is not enough. Elsewhere it only becomes less than nothing, which the next payment
    /// that looks finds out: see [`super::runs`].
    pub(crate) checked: bool,
}

/// The payments of all functions of a module.
#[derive(Debug, Default)]
pub(crate) struct Charges {
    all: Vec<Charge>,
    /// Where the payments of each function end.
    ends: Vec<usize>,
}

impl Charges {
    /// Which payments are those of a function; imported ones do not count.
    pub(crate) fn of(&self, function: u32) -> Range<usize> {
        let function = function as usize;
        let end = |function: usize| self.ends.get(function).copied().unwrap_or(0);
        function.checked_sub(1).map_or(0, end)..end(function)
    }

    /// The payment before operator number `position`, if there is one: the first of `next`, which it leaves.
    pub(crate) fn due(&self, next: &mut Range<usize>, position: u32) -> Option<Charge> {
        let charge = *self.all.get(next.clone())?.first()?;
        (charge.at == position).then(|| {
            next.start += 1;
            charge
        })
    }

    /// Adds the next function.
    pub(super) fn push(&mut self, function: impl IntoIterator<Item = Charge>) {
        self.all.extend(function);
        self.ends.push(self.all.len());
    }
}
