//! What the API answers about contracts, and what it is asked.

use aureon_interface::Interface;
use aureon_types::{Address, Amount, Event, Failure, Hash, TransactionId, contract::ContractFault};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use super::{action::JsonAction, hex_bytes::HexBytes, model::SubmitOutcome};

/// `GET /contract/{address}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ContractView {
    /// With its checksum.
    pub address: Address,
    /// SHA-256 of the code.
    pub code_hash: Hash,
    /// Length of the code, in bytes.
    pub code_bytes: u32,
    /// The WebAssembly module; absent with `?meta`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytecode: Option<HexBytes>,
    /// Who deployed it.
    pub deployer: Address,
    /// Who may upgrade it and name another admin; `null`: nobody, for ever.
    pub admin: Option<Address>,
    /// Whether the admin can replace the code.
    pub upgradable: bool,
    /// Base units that it holds.
    pub balance: Amount,
    /// The block after which this is true.
    pub height: u64,
}

/// `GET /contract/{address}/storage/{key}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SlotView {
    /// The contract.
    pub contract: Address,
    /// The contract's own key.
    pub key: HexBytes,
    /// Where its value stands in the storage of the account.
    pub slot: Hash,
    /// The value; `null`: there is none.
    pub value: Option<HexBytes>,
    /// The block after which this is true.
    pub height: u64,
    /// With `?proof`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<SlotProofView>,
}

/// What proves a slot's value against a state root. As Ethereum's `eth_getProof`: the account's nodes lead
/// from the state root to the account at keccak256(address), the storage's from the account's storage root to
/// keccak256(slot).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotProofView {
    /// Root of the state after the block at `height`; the block's header holds it.
    pub state_root: Hash,
    /// Root of the contract's storage, as its account says.
    pub storage_root: Hash,
    /// RLP-encoded trie nodes, from the state root on.
    pub account: Vec<HexBytes>,
    /// RLP-encoded trie nodes, from the storage root on; empty if no slot is set.
    pub storage: Vec<HexBytes>,
}

/// The body of `POST /query-contract`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QueryRequest {
    /// Which contract.
    pub contract: Address,
    /// What it is asked, as bytes; absent: nothing.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub input: HexBytes,
    /// In the place of `input`: a function of the contract's interface.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub function: Option<String>,
    /// Its arguments by name; absent: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arguments: Option<Map<String, Value>>,
    /// Whom the contract sees as its caller; nobody proves to be it. Absent: the address of zeros.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caller: Option<Address>,
    /// Most gas; absent: [`super::MAX_RUN_GAS`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gas_limit: Option<u64>,
}

/// The answer to `POST /query-contract`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueryAnswer {
    /// What the contract gave back.
    pub output: HexBytes,
    /// The same by the contract's interface, where the input names a function of it.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub result: Option<Value>,
    /// Gas that it used; nobody pays it.
    pub gas_used: u64,
    /// The block after which this is true.
    pub height: u64,
}

/// The body of `POST /estimate-gas`: a transaction without nonce, gas, key and signature.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EstimateRequest {
    /// The sender.
    pub from: Address,
    /// A transfer's recipient.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Address>,
    /// Base units of a transfer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Amount>,
    /// What the transaction does, if it is no transfer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<JsonAction>,
}

/// The answer to `POST /estimate-gas`: what the transaction would do now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EstimateAnswer {
    /// What would be paid for.
    pub gas_used: u64,
    /// The least gas limit that would suffice: deposits are held until they come back. By the time the
    /// transaction is in a block the state may be another one: leave some room.
    pub gas_limit: u64,
    /// Base units that `gas_used` costs at the least gas price of the network.
    pub fee: Amount,
    /// What the contract would give back.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub return_data: HexBytes,
    /// The same by the contract's interface, where the input names a function of it.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub result: Option<Value>,
    /// What contracts would tell.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<EventView>,
    /// The block after which this is true.
    pub height: u64,
}

/// The answer to `POST /deploy-contract` and `POST /call-contract`: that of `/submit-tx`, and which contract
/// it is about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ContractOutcome {
    /// As for every other transaction.
    #[serde(flatten)]
    pub outcome: SubmitOutcome,
    /// The contract that is called, or will be there when the deployment is in a block.
    pub contract: Address,
}

/// The answer to a transaction without a signature: what is to be signed. Nothing was submitted.
///
/// Sign `message` and send `{"payload": .., "signature": ..}` to the same route, or to `/submit-tx`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PreparedView {
    /// "unsigned".
    pub status: String,
    /// The id that the transaction will have.
    pub id: TransactionId,
    /// The contract that is called, or would be deployed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contract: Option<Address>,
    /// The sender: the address of the public key.
    pub from: Address,
    /// As given, or the sender's next.
    pub nonce: u64,
    /// As given, or what the estimate asks for and a quarter more.
    pub gas_limit: u64,
    /// As given, or the least that the network takes.
    pub gas_price: u64,
    /// The most base units that the fee can be.
    pub max_fee: Amount,
    /// What it would do now; absent if the gas limit was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimate: Option<EstimateAnswer>,
    /// The transaction's encoding, `aureon.v1.Transaction`.
    pub payload: HexBytes,
    /// What Ed25519 signs: `aureon/tx/1`, the genesis id, the payload.
    pub message: HexBytes,
}

/// `GET /contract/{address}/interface`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InterfaceView {
    /// The contract.
    pub contract: Address,
    /// SHA-256 of the code that says it.
    pub code_hash: Hash,
    /// What the code says about itself.
    pub interface: Interface,
    /// The block after which this is true.
    pub height: u64,
}

/// What a transaction asks of a contract, by the interface of its code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CalledView {
    /// The function; of a deployment or an upgrade, the name that the constructor or `migrate` has in the source.
    pub function: String,
    /// Its arguments by name.
    pub arguments: Value,
}

/// What a contract told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventView {
    /// Which contract.
    pub contract: Address,
    /// What it is about.
    pub topic: HexBytes,
    /// The topic as text, where it is readable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What there is to say.
    pub data: HexBytes,
    /// The same by name, where the interface that the contract has now tells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fields: Option<Value>,
}

impl EventView {
    /// The view of an event.
    pub fn of(event: &Event) -> Self {
        Self {
            contract: event.contract,
            topic: HexBytes(event.topic.clone()),
            name: readable(&event.topic),
            data: HexBytes(event.data.clone()),
            fields: None,
        }
    }
}

/// In which contract a transaction or query failed, and how, for programs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultView {
    /// In which contract.
    pub contract: Address,
    /// "out-of-gas", "trap", "abort", "invalid-code" or "no-entry-point".
    pub kind: String,
    /// The contract's own words, if it aborted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Where it trapped, innermost first, as far as its code names its functions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub functions: Vec<String>,
}

impl FaultView {
    /// `None`: not a contract's fault.
    pub fn of(failure: &Failure) -> Option<Self> {
        let Failure::Contract { contract, fault } = failure else {
            return None;
        };
        let (kind, message, functions) = match fault {
            ContractFault::OutOfGas => ("out-of-gas", None, Vec::new()),
            ContractFault::Trap { functions, .. } => ("trap", None, functions.clone()),
            ContractFault::Abort { message } => ("abort", Some(message.clone()), Vec::new()),
            ContractFault::InvalidCode { .. } => ("invalid-code", None, Vec::new()),
            ContractFault::NoEntryPoint { .. } => ("no-entry-point", None, Vec::new()),
        };
        Some(Self {
            contract: *contract,
            kind: kind.to_owned(),
            message,
            functions,
        })
    }
}

/// A value that may be `null`: absent is another thing.
pub(super) fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// Whether there are no bytes.
pub(super) fn is_empty(bytes: &HexBytes) -> bool {
    bytes.0.is_empty()
}

/// Bytes that are text for people.
pub fn readable(bytes: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(bytes).ok().filter(|text| !text.is_empty())?;
    (!text.chars().any(char::is_control)).then(|| text.to_owned())
}
