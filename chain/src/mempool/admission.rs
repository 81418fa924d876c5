//! Whether a transaction comes in. The checks run from cheap to dear, and nothing changes before the
//! last one has passed.

use std::time::Duration;

use aureon_types::{Amount, SignedTransaction, TransactionId, VerifiedTransaction};

use super::{
    AccountState, DropReason, Dropped, Mempool, Rejection, announce,
    index::Place,
    queue::{Entry, Queue},
    room::Newcomer,
};

/// Where a transaction came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Submitted to this node: announced again until it is included.
    Local,
    /// From a peer, who announces it.
    Remote,
}

/// Where a transaction went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// A block could hold it now.
    Ready,
    /// It waits for this nonce of the same sender.
    Parked {
        /// The first nonce that is missing.
        waits_for: u64,
    },
}

/// A transaction came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admitted {
    /// Ready or parked.
    pub placement: Placement,
    /// The transaction whose nonce it took over.
    pub replaced: Option<TransactionId>,
    /// Transactions that made room for it.
    pub evicted: Vec<Dropped>,
}

/// What was found out about a transaction before anything was changed.
struct Assessment {
    cost: u64,
    waits_for: Option<u64>,
    /// The sender's own last transaction, which goes because the queue is full.
    own_tail: Option<Place>,
    /// Count and bytes that the replaced one and `own_tail` give back.
    frees: (usize, usize),
}

impl Mempool {
    /// The checks that need neither a signature nor state: run them before verifying, so that
    /// nonsense and repeats cost little. A transaction that passes may still be rejected later.
    pub fn precheck(&self, signed: &SignedTransaction) -> Result<(), Rejection> {
        let (transaction, config) = (signed.transaction(), &self.config);
        if self.by_id.contains_key(&signed.id()) {
            return Err(Rejection::AlreadyKnown(signed.id()));
        }
        if transaction.network != config.network {
            return Err(Rejection::WrongNetwork {
                given: transaction.network,
                expected: config.network,
            });
        }
        let required = transaction.action.gas();
        if transaction.gas_limit < required {
            return Err(Rejection::GasLimitTooLow {
                given: transaction.gas_limit,
                required,
            });
        }
        if transaction.gas_limit > config.max_gas {
            return Err(Rejection::GasLimitTooHigh {
                given: transaction.gas_limit,
                maximum: config.max_gas,
            });
        }
        if transaction.gas_price < config.min_gas_price {
            let (given, minimum) = (transaction.gas_price, config.min_gas_price);
            return Err(Rejection::Underpriced { given, minimum });
        }
        let next_height = self.height.saturating_add(1);
        match transaction.last_valid_height {
            Some(last_valid_height) if last_valid_height < next_height => Err(Rejection::Expired {
                last_valid_height,
                next_height,
            }),
            _ => highest_cost(signed).map(drop),
        }
    }

    /// Admits a transaction. `account` is the sender's, as read from the head's state or a little
    /// later; what [`Mempool::on_block`] has told goes before it.
    pub fn insert(
        &mut self,
        now: Duration,
        transaction: VerifiedTransaction,
        origin: Origin,
        account: &AccountState,
    ) -> Result<Admitted, Rejection> {
        self.precheck(&transaction)?;
        let fresh = Queue::new(*account, self.next_arrival);
        let assessment = match self.senders.get(&transaction.sender()) {
            Some(queue) => self.assess(&transaction, queue, account)?,
            None => self.assess(&transaction, &fresh, account)?,
        };
        let victims = self.room_for(&Newcomer {
            place: Place {
                sender: transaction.sender(),
                nonce: transaction.transaction().nonce,
            },
            price: transaction.transaction().gas_price,
            size: transaction.size(),
            waits_for: assessment.waits_for,
            frees: assessment.frees,
        })?;
        let evicted = assessment
            .own_tail
            .into_iter()
            .chain(victims)
            .filter_map(|place| self.remove(now, place))
            .map(|entry| Dropped::new(&entry, DropReason::Evicted))
            .collect();
        let waits_for = assessment.waits_for;
        let placement = waits_for.map_or(Placement::Ready, |waits_for| Placement::Parked { waits_for });
        let entry = self.new_entry(now, transaction, origin, &assessment);
        let replaced = self.enter(entry, account);
        Ok(Admitted {
            placement,
            replaced,
            evicted,
        })
    }

    fn assess(
        &self,
        signed: &VerifiedTransaction,
        queue: &Queue,
        account: &AccountState,
    ) -> Result<Assessment, Rejection> {
        let (nonce, given) = (signed.transaction().nonce, signed.transaction().gas_price);
        if account.has_code {
            return Err(Rejection::SenderHasCode(signed.sender()));
        }
        let (next, ahead) = (queue.next(), self.config.max_ahead);
        if nonce < queue.account().nonce {
            return Err(Rejection::NonceTooLow { nonce, next });
        }
        if nonce > next.saturating_add(ahead) {
            return Err(Rejection::NonceTooFarAhead { nonce, next, ahead });
        }
        let replaced = queue.get(nonce);
        if let Some(current) = replaced.map(|entry| entry.price) {
            let needed = self.config.replacement_price(current);
            // Equal only at the highest price there is, where nothing can be dearer.
            if given < needed || given == current {
                return Err(Rejection::ReplacementUnderpriced {
                    nonce,
                    current,
                    needed,
                    given,
                });
            }
        }
        let cost = highest_cost(signed)?;
        let queued = queue
            .cost()
            .saturating_sub(replaced.map_or(0, |entry| entry.cost));
        check_balance(queue, account, queued, cost)?;
        let tail = if replaced.is_none() {
            self.own_tail(queue, nonce)?
        } else {
            None
        };
        let freed = replaced
            .or(tail)
            .map_or((0, 0), |entry| (1, entry.transaction.size()));
        let waits_for = (nonce > next).then_some(next);
        Ok(Assessment {
            cost,
            waits_for,
            own_tail: tail.map(Entry::place),
            frees: freed,
        })
    }

    /// Which transaction of a full queue goes for a newcomer: the last one, if it is not the newcomer.
    fn own_tail<'a>(&self, queue: &'a Queue, nonce: u64) -> Result<Option<&'a Entry>, Rejection> {
        if queue.len() < self.config.max_per_sender {
            return Ok(None);
        }
        match queue.last().filter(|last| last.nonce > nonce) {
            Some(last) => Ok(Some(last)),
            None => Err(Rejection::SenderFull { count: queue.len() }),
        }
    }

    fn new_entry(
        &mut self,
        now: Duration,
        transaction: VerifiedTransaction,
        origin: Origin,
        assessment: &Assessment,
    ) -> Entry {
        let arrival = self.next_arrival;
        self.next_arrival = arrival.saturating_add(1);
        Entry {
            nonce: transaction.transaction().nonce,
            price: transaction.transaction().gas_price,
            transaction,
            arrival,
            added: now,
            parked_since: assessment.waits_for.map(|_| now),
            cost: assessment.cost,
            announcement: (origin == Origin::Local).then(|| (announce::next(now, 0), 0)),
        }
    }

    /// Puts an assessed entry in its place.
    fn enter(&mut self, entry: Entry, account: &AccountState) -> Option<TransactionId> {
        self.link(&entry);
        let queue = self
            .senders
            .get_or_new(entry.transaction.sender(), *account, entry.arrival);
        queue.learn(*account);
        let before = queue.ends();
        let replaced = queue.insert(entry, &mut self.index);
        let after = queue.ends();
        self.index.move_ends(&before, &after);
        let replaced = replaced?;
        self.unlink(&replaced);
        Some(replaced.transaction.id())
    }
}

fn highest_cost(signed: &SignedTransaction) -> Result<u64, Rejection> {
    let transaction = signed.transaction();
    transaction
        .max_cost()
        .map(|cost| cost.0)
        .ok_or(Rejection::CostOverflow {
            gas_limit: transaction.gas_limit,
            gas_price: transaction.gas_price,
            amount: transaction.action.amount(),
        })
}

fn check_balance(queue: &Queue, account: &AccountState, queued: u64, cost: u64) -> Result<(), Rejection> {
    let balance = queue.balance_with(account);
    match queued.checked_add(cost) {
        Some(total) if total <= balance.0 => Ok(()),
        _ => Err(Rejection::InsufficientBalance {
            balance,
            queued: Amount(queued),
            cost: Amount(cost),
        }),
    }
}
