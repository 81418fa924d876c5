//! How one comes from one payment to the next: a graph of the places in a function, without the ways back to loops.

use super::charges::Charge;
use crate::cost;

/// The places of a function, each behind those that lead to it.
#[derive(Default)]
pub(super) struct Ways {
    places: Vec<Place>,
    /// Places from which one comes to each, one place after the other.
    from: Vec<u32>,
}

struct Place {
    /// Where its part of `from` ends.
    end: usize,
    /// The run that begins here.
    run: Option<usize>,
}

impl Ways {
    /// The place where these come together. A new one, unless it is one and the same.
    pub(super) fn join(&mut self, from: &[u32], run: Option<usize>) -> u32 {
        if let (&[only], None) = (from, run) {
            return only;
        }
        self.from.extend_from_slice(from);
        self.places.push(Place {
            end: self.from.len(),
            run,
        });
        // No more than there are operators.
        u32::try_from(self.places.len() - 1).unwrap_or(u32::MAX)
    }

    /// Steps that [`Self::look`] will take.
    #[cfg(test)]
    pub(super) fn steps(&self) -> usize {
        self.places.len() + self.from.len()
    }

    /// Decides which payments look at the counter, now that their prices are known.
    pub(super) fn look(&self, runs: &mut [Charge]) {
        // Gas that was paid since the last look, on the dearest way to each place.
        let mut unseen: Vec<u64> = Vec::with_capacity(self.places.len());
        let mut start = 0;
        for place in &self.places {
            let from = self.from.get(start..place.end).unwrap_or_default();
            start = place.end;
            let ways = from.iter().filter_map(|from| unseen.get(*from as usize));
            let mut most = ways.max().copied().unwrap_or(0);
            if let Some(run) = place.run.and_then(|run| runs.get_mut(run)) {
                most += run.price;
                run.checked |= most > cost::MAX_UNSEEN;
                if run.checked {
                    most = 0;
                }
            }
            unseen.push(most);
        }
    }
}
