//! Transactions: submitted, waiting, included.

use aureon_types::{Address, Amount, BlockId, Receipt, TransactionId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::api::{
    contract::{self, CalledView, EventView, FaultView},
    hex_bytes::HexBytes,
    transaction::JsonTransaction,
};

/// Where a transaction stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TransactionState {
    /// In this node's mempool.
    Pending,
    /// In a final block.
    Included,
}

/// `GET /tx/{hash}`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TransactionView {
    /// BLAKE3(payload).
    pub id: TransactionId,
    /// Where it stands.
    pub status: TransactionState,
    /// The transaction.
    pub transaction: JsonTransaction,
    /// What it asks of a contract, where the interface of the contract's code tells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub called: Option<CalledView>,
    /// The block that includes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<u64>,
    /// Its place in that block, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<u32>,
    /// The block that includes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block_id: Option<BlockId>,
    /// What it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<ReceiptView>,
}

/// What an included transaction did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReceiptView {
    /// Whether it did what it said; the fee is paid in any case.
    pub success: bool,
    /// Gas used.
    pub gas_used: u64,
    /// Base units paid.
    pub fee: Amount,
    /// Why it failed, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// Which contract failed, and how, for programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<FaultView>,
    /// The contract that it deployed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contract: Option<Address>,
    /// What the contract gave back.
    #[serde(default, skip_serializing_if = "contract::is_empty")]
    pub return_data: HexBytes,
    /// The same by name, where the interface that the contract has now tells it.
    #[serde(
        default,
        deserialize_with = "contract::present",
        skip_serializing_if = "Option::is_none"
    )]
    pub result: Option<Value>,
    /// What contracts told, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<EventView>,
}

impl ReceiptView {
    /// The view of a receipt, without what only an interface tells.
    pub fn of(receipt: &Receipt) -> Self {
        Self {
            success: receipt.failure.is_none(),
            gas_used: receipt.gas_used,
            fee: receipt.fee,
            failure: receipt.failure.as_ref().map(ToString::to_string),
            fault: receipt.failure.as_ref().and_then(FaultView::of),
            contract: receipt.contract,
            return_data: HexBytes(receipt.return_data.clone()),
            result: None,
            events: receipt.events.iter().map(EventView::of).collect(),
        }
    }
}

/// What became of a submitted transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SubmitStatus {
    /// It waits in the mempool.
    Admitted,
    /// It was there already: submitting again is no error.
    Known,
    /// It was refused; `code` and `detail` say why.
    Rejected,
}

/// An entry of the answer to `POST /submit-tx`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SubmitOutcome {
    /// BLAKE3(payload); absent where the transaction could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<TransactionId>,
    /// What became of it.
    pub status: SubmitStatus,
    /// Whether it can be included now; `false`: it waits for an earlier nonce.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready: Option<bool>,
    /// The nonce that it waits for, if it is not ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits_for_nonce: Option<u64>,
    /// The transaction with the same nonce that it replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaced: Option<TransactionId>,
    /// Why it was refused, for programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Why it was refused, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}
