//! Contracts: their addresses, what the state knows of them, what they tell, and how they fail.

use aureon_proto::v1 as proto;
use bytes::Bytes;
use prost::Message as _;

use crate::{
    Address, DecodeError, Hash,
    hash::{blake3, sha256},
    limits::{MAX_EVENT_DATA_BYTES, MAX_EVENT_TOPIC_BYTES},
    strict,
};

mod fault;

pub use fault::{ContractFault, TrapCode};

const META: &str = "contract record";
const EVENT: &str = "event";

/// SHA-256 of a contract's code.
pub fn code_hash(code: &[u8]) -> Hash {
    Hash(sha256(&[code]))
}

/// Address of the contract that `deployer`'s transaction number `nonce` makes of the code with this hash.
pub fn address(deployer: &Address, nonce: u64, code_hash: &Hash) -> Address {
    let [_, _, _, _, _, _, _, _, _, _, _, _, address @ ..] =
        sha256(&[&deployer.0, &nonce.to_be_bytes(), &code_hash.0]);
    Address(address)
}

/// Where the value of a contract's `key` stands in the storage of its account.
pub fn slot(key: &[u8]) -> Hash {
    Hash(blake3(&[b"aureon/contract/1", key]))
}

/// Where a contract's [`ContractMeta`] stands in the storage of its account.
pub fn meta_slot() -> Hash {
    Hash(blake3(&[b"aureon/contract-meta/1"]))
}

/// What the state knows of a contract beside balance and code hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContractMeta {
    /// Who deployed it.
    pub deployer: Address,
    /// Who may upgrade it and name another admin; `None`: nobody, for ever.
    pub admin: Option<Address>,
    /// Whether the code can be replaced.
    pub upgradable: bool,
    /// Length of the code, in bytes.
    pub code_bytes: u32,
}

impl ContractMeta {
    /// The one encoding.
    pub fn encode(&self) -> Bytes {
        proto::ContractMeta {
            deployer: Some(bytes(&self.deployer)),
            admin: self.admin.as_ref().map(bytes),
            upgradable: Some(self.upgradable),
            code_bytes: Some(self.code_bytes),
        }
        .encode_to_vec()
        .into()
    }

    /// Strict.
    pub fn decode(encoded: &[u8]) -> Result<Self, DecodeError> {
        let message: proto::ContractMeta = strict::decode(META, encoded)?;
        let admin = message
            .admin
            .map(|admin| strict::required_bytes(META, "admin", Some(admin)).map(Address));
        Ok(Self {
            deployer: Address(strict::required_bytes(META, "deployer", message.deployer)?),
            admin: admin.transpose()?,
            upgradable: strict::required(META, "upgradable", message.upgradable)?,
            code_bytes: strict::required(META, "code_bytes", message.code_bytes)?,
        })
    }
}

/// What a contract tells the world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Who emitted it.
    pub contract: Address,
    /// What it is about; at most [`MAX_EVENT_TOPIC_BYTES`].
    pub topic: Bytes,
    /// What there is to say; at most [`MAX_EVENT_DATA_BYTES`].
    pub data: Bytes,
}

impl Event {
    pub(crate) fn to_proto(&self) -> proto::Event {
        proto::Event {
            contract: Some(bytes(&self.contract)),
            topic: Some(self.topic.clone()),
            data: Some(self.data.clone()),
        }
    }

    pub(crate) fn from_proto(message: proto::Event) -> Result<Self, DecodeError> {
        let topic = strict::required(EVENT, "topic", message.topic)?;
        let data = strict::required(EVENT, "data", message.data)?;
        strict::at_most("topic of an event", topic.len(), MAX_EVENT_TOPIC_BYTES)?;
        strict::at_most("data of an event", data.len(), MAX_EVENT_DATA_BYTES)?;
        Ok(Self {
            contract: Address(strict::required_bytes(EVENT, "contract", message.contract)?),
            topic,
            data,
        })
    }
}

pub(crate) fn bytes(address: &Address) -> Bytes {
    Bytes::copy_from_slice(&address.0)
}

#[cfg(test)]
mod tests;
