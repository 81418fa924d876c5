//! The canonical encoding of a genesis: what its id is over, and what nodes exchange.

use aureon_proto::v1 as proto;
use bytes::Bytes;
use prost::Message as _;

use super::{BftTimeouts, EmptyBlocks, EngineKind, Genesis, GenesisError};
use crate::{Address, Amount, DecodeError, PublicKey, limits::MAX_GENESIS_BYTES, strict};

const WHAT: &str = "genesis";
const VERSION: u32 = 1;

impl Genesis {
    /// The one encoding.
    pub fn encode(&self) -> Bytes {
        let EngineKind::Poa { authorities } = &self.engine;
        let validators = authorities.iter().map(|key| proto::GenesisValidator {
            public_key: Some(Bytes::copy_from_slice(&key.0)),
            power: Some(1),
        });
        let balances = self
            .balances
            .iter()
            .map(|(address, balance)| proto::GenesisBalance {
                address: Some(Bytes::copy_from_slice(&address.0)),
                balance: Some(balance.0),
            });
        proto::Genesis {
            version: Some(VERSION),
            chain: Some(self.chain.clone()),
            timestamp_ms: Some(self.timestamp_ms),
            engine: Some(proto::Engine::Poa.into()),
            block_time_ms: Some(self.block_time_ms),
            empty_blocks: Some(empty_blocks(self.empty_blocks).into()),
            gas_limit: Some(self.gas_limit),
            min_gas_price: Some(self.min_gas_price),
            balances: balances.collect(),
            validators: validators.collect(),
            timeouts: Some(proto::BftTimeouts {
                propose_ms: Some(self.timeouts.propose_ms),
                vote_ms: Some(self.timeouts.vote_ms),
                increment_ms: Some(self.timeouts.increment_ms),
                ceiling_ms: Some(self.timeouts.ceiling_ms),
            }),
        }
        .encode_to_vec()
        .into()
    }

    /// Strict and checked; at most [`MAX_GENESIS_BYTES`]. The balances and validators must be sorted.
    pub fn decode(bytes: &[u8]) -> Result<Self, GenesisError> {
        strict::at_most(WHAT, bytes.len(), MAX_GENESIS_BYTES)?;
        let message: proto::Genesis = strict::decode(WHAT, bytes)?;
        let version = strict::required(WHAT, "version", message.version)?;
        if version != VERSION {
            return Err(invalid(
                "version",
                format!("it is {version}, this software knows {VERSION}"),
            )
            .into());
        }
        let genesis = Self {
            chain: strict::required(WHAT, "chain", message.chain.clone())?,
            timestamp_ms: strict::required(WHAT, "timestamp_ms", message.timestamp_ms)?,
            engine: engine(&message)?,
            block_time_ms: strict::required(WHAT, "block_time_ms", message.block_time_ms)?,
            empty_blocks: read_empty_blocks(message.empty_blocks)?,
            gas_limit: strict::required(WHAT, "gas_limit", message.gas_limit)?,
            min_gas_price: strict::required(WHAT, "min_gas_price", message.min_gas_price)?,
            timeouts: timeouts(message.timeouts)?,
            balances: balances(&message.balances)?,
        }
        .checked()?;
        // Catches what the types above cannot say: order, zero balances, powers.
        if genesis.encode() != bytes {
            return Err(DecodeError::NotCanonical { what: WHAT }.into());
        }
        Ok(genesis)
    }
}

fn invalid(field: &'static str, reason: String) -> DecodeError {
    DecodeError::Invalid {
        what: WHAT,
        field,
        reason,
    }
}

fn engine(message: &proto::Genesis) -> Result<EngineKind, DecodeError> {
    let number = strict::required(WHAT, "engine", message.engine)?;
    match proto::Engine::try_from(number) {
        Ok(proto::Engine::Poa) => {
            let key = |validator: &proto::GenesisValidator| {
                strict::required_bytes(WHAT, "validators.public_key", validator.public_key.as_ref())
                    .map(PublicKey)
            };
            Ok(EngineKind::Poa {
                authorities: message.validators.iter().map(key).collect::<Result<_, _>>()?,
            })
        }
        _ => Err(invalid(
            "engine",
            format!("{number} is no engine that this software knows"),
        )),
    }
}

fn empty_blocks(value: EmptyBlocks) -> proto::EmptyBlocks {
    match value {
        EmptyBlocks::Always => proto::EmptyBlocks::Always,
        EmptyBlocks::OnDemand => proto::EmptyBlocks::OnDemand,
    }
}

fn read_empty_blocks(number: Option<i32>) -> Result<EmptyBlocks, DecodeError> {
    let number = strict::required(WHAT, "empty_blocks", number)?;
    match proto::EmptyBlocks::try_from(number) {
        Ok(proto::EmptyBlocks::Always) => Ok(EmptyBlocks::Always),
        Ok(proto::EmptyBlocks::OnDemand) => Ok(EmptyBlocks::OnDemand),
        _ => Err(invalid(
            "empty_blocks",
            format!("{number} is no rule that this software knows"),
        )),
    }
}

fn timeouts(message: Option<proto::BftTimeouts>) -> Result<BftTimeouts, DecodeError> {
    let message = strict::required(WHAT, "timeouts", message)?;
    Ok(BftTimeouts {
        propose_ms: strict::required(WHAT, "timeouts.propose_ms", message.propose_ms)?,
        vote_ms: strict::required(WHAT, "timeouts.vote_ms", message.vote_ms)?,
        increment_ms: strict::required(WHAT, "timeouts.increment_ms", message.increment_ms)?,
        ceiling_ms: strict::required(WHAT, "timeouts.ceiling_ms", message.ceiling_ms)?,
    })
}

fn balances(
    entries: &[proto::GenesisBalance],
) -> Result<std::collections::BTreeMap<Address, Amount>, DecodeError> {
    entries
        .iter()
        .map(|entry| {
            let address = strict::required_bytes(WHAT, "balances.address", entry.address.as_ref())?;
            let balance = strict::required(WHAT, "balances.balance", entry.balance)?;
            Ok((Address(address), Amount(balance)))
        })
        .collect()
}
