//! Offering the load: each connection sends its batches one after another and waits for each answer.
//!
//! What the node cannot take now (busy, pool full) is offered again after a short while, before anything
//! that comes later. A node whose pool is full verifies what it then refuses, which is work for nothing:
//! the offerers look at how much waits there and hold back when it is enough for the next blocks.

use std::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use aureon_types::TransactionId;

use super::{BenchError, workload::Batch};
use crate::{
    api::model::{SubmitOutcome, SubmitStatus},
    client::{Client, ClientError},
};

/// Between two tries, and between two looks at the gate.
const BACK_OFF: Duration = Duration::from_millis(20);

/// What the offerers share with who watches the chain.
#[derive(Debug, Default)]
pub struct Gate {
    /// Transactions that wait in the node's pool, as last told, and those admitted since.
    waiting: AtomicUsize,
    /// Above so many, offerers hold back.
    limit: AtomicUsize,
    stop: AtomicBool,
}

impl Gate {
    /// Open up to `limit` waiting transactions.
    pub fn new(limit: usize) -> Self {
        Self {
            limit: AtomicUsize::new(limit),
            ..Self::default()
        }
    }

    /// The node told how many wait.
    pub fn set_waiting(&self, waiting: usize) {
        self.waiting.store(waiting, Ordering::Relaxed);
    }

    /// Sets the limit.
    pub fn set_limit(&self, limit: usize) {
        self.limit.store(limit, Ordering::Relaxed);
    }

    /// Ends the load.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::SeqCst);
    }

    /// Whether the load has ended.
    pub fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }

    fn is_open(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) < self.limit.load(Ordering::Relaxed)
    }
}

/// Transactions that the node admitted in one answer.
#[derive(Clone, Debug)]
pub struct Sent {
    /// Their ids.
    pub ids: Vec<TransactionId>,
    /// When their request was sent.
    pub at: Instant,
}

/// Offers batches until they are all taken or the gate says stop; returns what the node took.
pub fn offer(client: &Client, batches: Vec<Batch>, gate: &Gate) -> Result<Vec<Sent>, BenchError> {
    let mut sent = Vec::with_capacity(batches.len());
    for batch in batches {
        if !offer_one(client, batch, gate, &mut sent)? {
            break;
        }
    }
    Ok(sent)
}

/// Whether the whole batch was taken; `false`: the load has ended.
fn offer_one(
    client: &Client,
    mut batch: Batch,
    gate: &Gate,
    sent: &mut Vec<Sent>,
) -> Result<bool, BenchError> {
    loop {
        while !gate.is_open() && !gate.is_stopped() {
            thread::sleep(BACK_OFF);
        }
        if gate.is_stopped() {
            return Ok(false);
        }
        let at = Instant::now();
        let outcomes = match client.submit_encoded(&batch.body) {
            Ok(outcomes) => outcomes,
            Err(ClientError::Refused(problem)) if problem.status == 503 => Vec::new(),
            Err(error) => return Err(error.into()),
        };
        let Judged { taken, again } = judge(&batch, &outcomes)?;
        if !taken.is_empty() {
            gate.waiting.fetch_add(taken.len(), Ordering::Relaxed);
            sent.push(Sent { ids: taken, at });
        }
        if again.is_empty() {
            return Ok(true);
        }
        batch = batch.only(&again);
        thread::sleep(BACK_OFF);
    }
}

/// What became of a batch.
struct Judged {
    taken: Vec<TransactionId>,
    /// Places of what is to be offered again.
    again: Vec<usize>,
}

/// An empty answer (a busy node's) takes nothing.
fn judge(batch: &Batch, outcomes: &[SubmitOutcome]) -> Result<Judged, BenchError> {
    let (mut taken, mut again) = (Vec::with_capacity(batch.ids.len()), Vec::new());
    for (place, id) in batch.ids.iter().enumerate() {
        let Some(outcome) = outcomes.get(place) else {
            again.push(place);
            continue;
        };
        match (outcome.status, outcome.code.as_deref()) {
            // Known: an earlier try was taken.
            (SubmitStatus::Admitted | SubmitStatus::Known, _) => taken.push(*id),
            (SubmitStatus::Rejected, Some("pool-full" | "sender-full" | "nonce-too-far-ahead")) => {
                again.push(place)
            }
            (SubmitStatus::Rejected, code) => {
                return Err(BenchError::Refused {
                    code: code.unwrap_or("no code").to_owned(),
                    detail: outcome.detail.clone().unwrap_or_default(),
                });
            }
        }
    }
    Ok(Judged { taken, again })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(status: SubmitStatus, code: Option<&str>) -> SubmitOutcome {
        SubmitOutcome {
            id: None,
            status,
            ready: None,
            waits_for_nonce: None,
            replaced: None,
            code: code.map(str::to_owned),
            detail: Some("why".to_owned()),
        }
    }

    #[test]
    fn what_the_node_cannot_take_now_is_offered_again_and_what_it_never_takes_is_an_error() {
        let ids: Vec<_> = (0..4).map(|number| TransactionId([number; 32])).collect();
        let batch = Batch {
            body: Vec::new(),
            ids: ids.clone(),
        };
        let mut outcomes = vec![
            outcome(SubmitStatus::Admitted, None),
            outcome(SubmitStatus::Rejected, Some("pool-full")),
            outcome(SubmitStatus::Known, None),
            outcome(SubmitStatus::Rejected, Some("nonce-too-far-ahead")),
        ];
        let judged = judge(&batch, &outcomes).unwrap();
        assert_eq!((judged.taken, judged.again), (vec![ids[0], ids[2]], vec![1, 3]));
        assert_eq!(judge(&batch, &[]).unwrap().again, [0, 1, 2, 3]);
        outcomes[2] = outcome(SubmitStatus::Rejected, Some("bad-signature"));
        let error = judge(&batch, &outcomes).err().unwrap().to_string();
        assert!(
            error.contains("bad-signature") && error.contains("why"),
            "{error}"
        );
    }

    #[test]
    fn the_gate_closes_at_its_limit() {
        let gate = Gate::new(10);
        assert!(gate.is_open());
        gate.set_waiting(10);
        assert!(!gate.is_open());
        gate.set_limit(11);
        assert!(gate.is_open());
        gate.stop();
        assert!(gate.is_stopped());
    }
}
