//! What a switch to another branch does to the pool.

use std::time::Duration;

use aureon_types::{Address, TransactionId, VerifiedTransaction};

use super::{AccountState, DropReason, Dropped, Mempool, Origin, Rejection, index::Place};

/// What came of a switch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Switched {
    /// Undone transactions that wait again.
    pub returned: Vec<TransactionId>,
    /// Undone transactions that do not: most because the new branch holds them too.
    pub refused: Vec<(TransactionId, Rejection)>,
    /// What left the pool.
    pub dropped: Vec<Dropped>,
}

impl Mempool {
    /// Another branch is the chain: its head is at `height`, and `undone` are the transactions of the
    /// blocks that are no longer in it, lowest block first and in their order. `senders`: the senders of
    /// all blocks that were undone or applied, sorted, with their accounts after the switch.
    ///
    /// A transaction of the undone blocks comes before what its sender sent later: where the balance no
    /// longer covers both, the later one goes. It has no other privilege: a full pool refuses it, or
    /// drops cheaper ones for it, as if it had just come from a peer.
    ///
    /// May be called in pieces, so that many blocks do not hold up the caller: first with all senders
    /// and nothing undone, then with the undone in order and their senders.
    pub fn on_switch(
        &mut self,
        now: Duration,
        height: u64,
        undone: impl IntoIterator<Item = VerifiedTransaction>,
        senders: &[(Address, AccountState)],
    ) -> Switched {
        let mut switched = Switched {
            dropped: self.on_block(now, height, senders),
            ..Switched::default()
        };
        for transaction in undone {
            let place = senders.binary_search_by_key(&transaction.sender(), |(sender, _)| *sender);
            let account = place.ok().and_then(|place| senders.get(place));
            let account = account.map_or_else(AccountState::default, |(_, account)| *account);
            self.give_back(now, transaction, &account, &mut switched);
        }
        switched
    }

    /// Inserts an undone transaction, at the cost of its sender's later ones.
    fn give_back(
        &mut self,
        now: Duration,
        transaction: VerifiedTransaction,
        account: &AccountState,
        switched: &mut Switched,
    ) {
        let id = transaction.id();
        loop {
            match self.insert(now, transaction.clone(), Origin::Remote, account) {
                Ok(admitted) => {
                    switched.returned.push(id);
                    switched.dropped.extend(admitted.evicted);
                    return;
                }
                Err(Rejection::InsufficientBalance { .. }) if self.later(&transaction).is_some() => {
                    let last = self.later(&transaction).and_then(|place| self.remove(now, place));
                    switched
                        .dropped
                        .extend(last.map(|entry| Dropped::new(&entry, DropReason::Unaffordable)));
                }
                Err(rejection) => {
                    switched.refused.push((id, rejection));
                    return;
                }
            }
        }
    }

    /// The last transaction of the same sender, if it comes after `transaction`.
    fn later(&self, transaction: &VerifiedTransaction) -> Option<Place> {
        let last = self.senders.get(&transaction.sender())?.last()?;
        (last.nonce > transaction.transaction().nonce).then(|| last.place())
    }
}
