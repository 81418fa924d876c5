//! The way of a transaction: submitted or gossiped, pre-checked, verified on workers, admitted, answered,
//! announced.
//!
//! *Bound.* At most [`MAX_UNVERIFIED`] transactions wait for their signature check. Above it the API
//! answers busy, and gossip is ignored (its sender announces again).

mod batches;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use aureon_chain::{
    import::ExecutedBlock,
    mempool::{AccountState, Admitted, Origin},
};
use aureon_consensus::Now;
use aureon_protocol::{PeerId, Verdict};
use aureon_types::{Block, SignedTransaction, TransactionId, VerifiedTransaction, signature::BATCH};

use super::{
    Core, DecodedTransactions, Effect, GossipFault, GossipToken, Job, Rejection, ReplyToken, SubmitError,
    Timer, done::TransactionVerdict,
};
pub use batches::decode_batch;
use batches::publish;

use crate::adapters::View;

/// Transactions that may wait for their signature check: about a second of both cores.
pub const MAX_UNVERIFIED: usize = 65_536;
/// Admitted transactions wait this long to be announced in one batch.
const ANNOUNCE_AFTER: std::time::Duration = std::time::Duration::from_millis(20);
/// Repeated announcements of one housekeeping.
const ANNOUNCEMENTS: usize = 1_024;
type Outcome = Result<Admitted, Rejection>;

/// Who waits for a group of transactions.
enum Source {
    Client(ReplyToken),
    Gossip(GossipToken, PeerId),
    /// They were in blocks that are no longer part of the chain.
    Returned,
}

/// Transactions that came together.
struct Group {
    source: Source,
    outcomes: Vec<Option<Outcome>>,
    /// Batches of it that are being verified.
    waiting: usize,
    /// Whether a signature did not hold.
    forged: bool,
}

/// A part of a group that a worker verifies.
struct Batch {
    group: u64,
    /// Places in the group.
    places: Vec<usize>,
}

/// Transactions on their way into the mempool.
#[derive(Default)]
pub(super) struct Transactions {
    groups: BTreeMap<u64, Group>,
    batches: BTreeMap<u64, Batch>,
    unverified: usize,
    /// Admitted from clients, to be announced.
    outgoing: Vec<VerifiedTransaction>,
    announcing: bool,
}

impl Core {
    pub(super) fn on_submit(
        &mut self,
        now: Now,
        transactions: Vec<SignedTransaction>,
        reply: ReplyToken,
        effects: &mut Vec<Effect>,
    ) {
        let waiting = self.transactions.unverified.saturating_add(transactions.len());
        if waiting > MAX_UNVERIFIED && self.transactions.unverified > 0 {
            let outcome = Err(SubmitError::Busy {
                waiting: self.transactions.unverified,
                limit: MAX_UNVERIFIED,
            });
            effects.push(Effect::Reply { reply, outcome });
            return;
        }
        for transaction in &transactions {
            self.mempool.announce_again(now.monotonic, &transaction.id());
        }
        self.start_group(Source::Client(reply), transactions, effects);
    }

    pub(super) fn on_transaction_gossip(
        &mut self,
        message: GossipToken,
        from: PeerId,
        data: bytes::Bytes,
        effects: &mut Vec<Effect>,
    ) {
        if self.transactions.unverified > MAX_UNVERIFIED {
            effects.push(Effect::Verdict {
                message,
                verdict: Verdict::Ignore,
            });
            return;
        }
        effects.push(Effect::Job(Job::DecodeTransactions { message, from, data }));
    }

    pub(super) fn on_decoded(
        &mut self,
        message: GossipToken,
        from: PeerId,
        decoded: Result<DecodedTransactions, GossipFault>,
        effects: &mut Vec<Effect>,
    ) {
        match decoded {
            Ok(DecodedTransactions { transactions }) => {
                let source = Source::Gossip(message, from);
                self.start_group(source, transactions, effects);
            }
            Err(fault) => {
                tracing::debug!(peer = %from, %fault, "malformed transaction gossip");
                effects.push(Effect::Verdict {
                    message,
                    verdict: Verdict::Reject,
                });
            }
        }
    }

    /// Pre-checks all and sends those that pass to workers, in batches.
    fn start_group(
        &mut self,
        source: Source,
        transactions: Vec<SignedTransaction>,
        effects: &mut Vec<Effect>,
    ) {
        let mut group = Group {
            source,
            outcomes: (0..transactions.len()).map(|_| None).collect(),
            waiting: 0,
            forged: false,
        };
        let number = self.token();
        let (mut places, mut passed) = (Vec::new(), Vec::new());
        for (place, transaction) in transactions.into_iter().enumerate() {
            match self.mempool.precheck(&transaction) {
                Ok(()) => {
                    places.push(place);
                    passed.push(transaction);
                }
                Err(rejection) => {
                    if let Some(outcome) = group.outcomes.get_mut(place) {
                        *outcome = Some(Err(Rejection::Pool(rejection)));
                    }
                }
            }
        }
        self.transactions.unverified = self.transactions.unverified.saturating_add(passed.len());
        let mut passed = passed.into_iter();
        for places in places.chunks(BATCH) {
            let batch = self.token();
            let transactions = passed.by_ref().take(places.len()).collect();
            self.transactions.batches.insert(
                batch,
                Batch {
                    group: number,
                    places: places.to_vec(),
                },
            );
            let view = self.parent.view.clone();
            effects.push(Effect::Job(Job::VerifyTransactions {
                batch,
                transactions,
                view,
            }));
            group.waiting = group.waiting.saturating_add(1);
        }
        self.transactions.groups.insert(number, group);
        self.finish_group(number, effects);
    }

    pub(super) fn on_verified(
        &mut self,
        now: Now,
        batch: u64,
        verdicts: Vec<TransactionVerdict>,
        height: u64,
        effects: &mut Vec<Effect>,
    ) {
        let Some(Batch {
            group: number,
            places,
        }) = self.transactions.batches.remove(&batch)
        else {
            return;
        };
        self.transactions.unverified = self.transactions.unverified.saturating_sub(places.len());
        let Some(mut group) = self.transactions.groups.remove(&number) else {
            return;
        };
        group.waiting = group.waiting.saturating_sub(1);
        let local = matches!(group.source, Source::Client(_));
        for (place, verdict) in places.into_iter().zip(verdicts) {
            let outcome = match verdict {
                Ok((transaction, account)) if matches!(group.source, Source::Returned) => {
                    self.take_back(now, transaction, account);
                    continue;
                }
                Ok((transaction, account)) => self.admit(now, transaction, account, height, local),
                Err(error) => {
                    group.forged = true;
                    Err(Rejection::Unverified(error))
                }
            };
            if let Some(slot) = group.outcomes.get_mut(place) {
                *slot = Some(outcome);
            }
        }
        self.transactions.groups.insert(number, group);
        self.finish_group(number, effects);
        self.tell_pending();
    }

    /// A transaction of an undone block waits again, before what its sender sent later. It is announced
    /// like what was submitted here: who is on the other branch may never have seen it.
    fn take_back(&mut self, now: Now, transaction: VerifiedTransaction, stale: AccountState) {
        let account = self.account(&transaction, stale);
        let sender = [(transaction.sender(), account)];
        let height = self.parent.info.height;
        let switched = self
            .mempool
            .on_switch(now.monotonic, height, [transaction.clone()], &sender);
        for (id, reason) in &switched.refused {
            tracing::debug!(transaction = %id, %reason, "a transaction of an undone block does not wait again");
        }
        if !switched.returned.is_empty() {
            tracing::debug!(transaction = %transaction.id(), "a transaction of an undone block waits again");
            self.transactions.outgoing.push(transaction);
        }
    }

    fn admit(
        &mut self,
        now: Now,
        transaction: VerifiedTransaction,
        account: AccountState,
        height: u64,
        local: bool,
    ) -> Outcome {
        // The account was read on a worker; if a block came meanwhile, it is read again, warm.
        let account = if height == self.parent.info.height {
            account
        } else {
            self.account(&transaction, account)
        };
        let origin = if local { Origin::Local } else { Origin::Remote };
        let admitted = self
            .mempool
            .insert(now.monotonic, transaction.clone(), origin, &account);
        let admitted = admitted.map_err(Rejection::Pool)?;
        if local {
            self.transactions.outgoing.push(transaction);
        }
        Ok(admitted)
    }

    fn account(&self, transaction: &VerifiedTransaction, stale: AccountState) -> AccountState {
        use aureon_chain::execution::StateReader as _;
        self.parent
            .view
            .account(&transaction.sender())
            .map_or(stale, AccountState::from)
    }

    /// Answers a group whose transactions are all judged.
    fn finish_group(&mut self, number: u64, effects: &mut Vec<Effect>) {
        if self
            .transactions
            .groups
            .get(&number)
            .is_none_or(|group| group.waiting > 0)
        {
            return;
        }
        let Some(group) = self.transactions.groups.remove(&number) else {
            return;
        };
        let outcomes: Vec<Outcome> = group.outcomes.into_iter().flatten().collect();
        match group.source {
            Source::Client(reply) => {
                effects.push(Effect::Reply {
                    reply,
                    outcome: Ok(outcomes),
                });
                self.schedule_announcement(effects);
            }
            Source::Returned => self.schedule_announcement(effects),
            Source::Gossip(message, from) => {
                let admitted = outcomes.iter().any(Result::is_ok);
                let verdict = match (group.forged, admitted) {
                    (true, _) => Verdict::Reject,
                    (false, true) => Verdict::Accept,
                    (false, false) => Verdict::Ignore,
                };
                if group.forged {
                    tracing::debug!(peer = %from, "a gossiped transaction has a false signature");
                }
                effects.push(Effect::Verdict { message, verdict });
            }
        }
    }

    /// Takes back the transactions of undone blocks, in their order, unless the new branch has them. At
    /// most as many as may wait for their signature check; the rest is lost from this pool.
    pub(super) fn return_transactions(
        &mut self,
        undone: &[Arc<Block>],
        applied: &[ExecutedBlock<View>],
        effects: &mut Vec<Effect>,
    ) {
        if undone.is_empty() {
            return;
        }
        let included: BTreeSet<TransactionId> = applied
            .iter()
            .flat_map(|executed| executed.block().transactions())
            .map(SignedTransaction::id)
            .collect();
        let room = MAX_UNVERIFIED.saturating_sub(self.transactions.unverified);
        let returned: Vec<SignedTransaction> = undone
            .iter()
            .rev()
            .flat_map(|block| block.transactions())
            .filter(|transaction| !included.contains(&transaction.id()))
            .take(room)
            .cloned()
            .collect();
        if !returned.is_empty() {
            self.start_group(Source::Returned, returned, effects);
        }
    }

    fn schedule_announcement(&mut self, effects: &mut Vec<Effect>) {
        let waiting = !self.transactions.outgoing.is_empty();
        if waiting && !self.transactions.announcing {
            self.transactions.announcing = true;
            effects.push(Effect::StartTimer {
                timer: Timer::Announce,
                after: ANNOUNCE_AFTER,
            });
        }
    }

    /// Publishes what clients submitted, in as few batches as fit.
    pub(super) fn announce(&mut self, effects: &mut Vec<Effect>) {
        self.transactions.announcing = false;
        let outgoing = std::mem::take(&mut self.transactions.outgoing);
        if !self.peers.is_empty() {
            publish(outgoing.iter(), 0, effects);
        }
    }

    pub(super) fn on_housekeeping(&mut self, now: Now, effects: &mut Vec<Effect>) {
        for dropped in self.mempool.expire(now.monotonic, ANNOUNCEMENTS) {
            tracing::debug!(transaction = %dropped.id, reason = dropped.reason.describe(), "dropped from the pool");
        }
        if !self.peers.is_empty() {
            let due = self.mempool.due_announcements(now.monotonic, ANNOUNCEMENTS);
            let attempt = due
                .iter()
                .map(|announcement| announcement.attempt)
                .max()
                .unwrap_or(0);
            publish(
                due.iter().map(|announcement| &announcement.transaction),
                attempt,
                effects,
            );
        }
        self.tell_pending();
    }

    /// Tells the engine when the pool begins or ceases to hold something for a block.
    pub(super) fn tell_pending(&mut self) {
        let pending = self.mempool.has_ready();
        if pending != self.pending_told {
            self.pending_told = pending;
            self.pending_engine
                .push_back(aureon_consensus::Input::PendingTransactions(pending));
        }
    }
}
