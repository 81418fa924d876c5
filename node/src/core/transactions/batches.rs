//! Batches of transactions as they travel.

use aureon_proto::v1 as proto;
use aureon_protocol::Topic;
use aureon_types::{SignedTransaction, VerifiedTransaction, limits::MAX_TRANSACTION_BATCH_BYTES};
use prost::Message as _;

use crate::core::Effect;

/// Bytes of framing around a batch.
const BATCH_ROOM: usize = 1_024;

/// Reads a submitted or gossiped batch, strictly.
pub fn decode_batch(data: &[u8]) -> Result<Vec<SignedTransaction>, aureon_types::DecodeError> {
    const WHAT: &str = "transaction batch";
    aureon_types::strict::at_most(WHAT, data.len(), MAX_TRANSACTION_BATCH_BYTES)?;
    let batch: proto::TransactionBatch = aureon_types::strict::decode(WHAT, data)?;
    batch
        .transactions
        .iter()
        .map(SignedTransaction::from_proto)
        .collect()
}

/// Publishes `transactions` in as few batches as fit.
pub fn publish<'a>(
    transactions: impl Iterator<Item = &'a VerifiedTransaction>,
    attempt: u32,
    effects: &mut Vec<Effect>,
) {
    let (mut batch, mut bytes) = (Vec::new(), 0_usize);
    let mut flush = |batch: &mut Vec<proto::SignedTransaction>| {
        if !batch.is_empty() {
            let message = proto::TransactionBatch {
                transactions: std::mem::take(batch),
                attempt: (attempt > 0).then_some(attempt),
            };
            effects.push(Effect::Publish {
                topic: Topic::Transactions,
                data: message.encode_to_vec().into(),
            });
        }
    };
    for transaction in transactions {
        let size = transaction.size();
        if bytes.saturating_add(size) > MAX_TRANSACTION_BATCH_BYTES.saturating_sub(BATCH_ROOM) {
            flush(&mut batch);
            bytes = 0;
        }
        bytes = bytes.saturating_add(size);
        batch.push(transaction.to_proto());
    }
    flush(&mut batch);
}
