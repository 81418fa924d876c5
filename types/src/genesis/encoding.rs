//! The canonical encoding of a genesis: what its id is over, and what nodes exchange.

use aureon_proto::v1 as proto;
use bytes::Bytes;
use prost::Message as _;

use super::{
    BftTimeouts, EmptyBlocks, EngineKind, Genesis, GenesisError, GenesisStake, PoaParameters, PosParameters,
    PowParameters, RewardSchedule,
};
use crate::{Address, Amount, DecodeError, PublicKey, limits::MAX_GENESIS_BYTES, strict};

const WHAT: &str = "genesis";
/// Raised with the rules of a chain too, so that software of other rules makes another network of the same document
/// instead of a split one.
const VERSION: u32 = 4;

impl Genesis {
    /// The one encoding.
    pub fn encode(&self) -> Bytes {
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
            block_time_ms: Some(self.block_time_ms),
            empty_blocks: Some(empty_blocks(self.empty_blocks).into()),
            gas_limit: Some(self.gas_limit),
            min_gas_price: Some(self.min_gas_price),
            balances: balances.collect(),
            timeouts: self.timeouts_to_proto(),
            engine: Some(engine_to_proto(&self.engine)),
            vm_cost_table: Some(self.vm_cost_table),
        }
        .encode_to_vec()
        .into()
    }

    fn timeouts_to_proto(&self) -> Option<proto::BftTimeouts> {
        if matches!(self.engine, EngineKind::Pow(_)) {
            return None;
        }
        Some(proto::BftTimeouts {
            propose_ms: Some(self.timeouts.propose_ms),
            vote_ms: Some(self.timeouts.vote_ms),
            increment_ms: Some(self.timeouts.increment_ms),
            ceiling_ms: Some(self.timeouts.ceiling_ms),
        })
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
        let engine = engine(strict::required(WHAT, "engine", message.engine)?)?;
        let genesis = Self {
            chain: strict::required(WHAT, "chain", message.chain)?,
            timestamp_ms: strict::required(WHAT, "timestamp_ms", message.timestamp_ms)?,
            timeouts: timeouts(&engine, message.timeouts)?,
            engine,
            block_time_ms: strict::required(WHAT, "block_time_ms", message.block_time_ms)?,
            empty_blocks: read_empty_blocks(message.empty_blocks)?,
            gas_limit: strict::required(WHAT, "gas_limit", message.gas_limit)?,
            min_gas_price: strict::required(WHAT, "min_gas_price", message.min_gas_price)?,
            vm_cost_table: strict::required(WHAT, "vm_cost_table", message.vm_cost_table)?,
            balances: balances(&message.balances)?,
        }
        .checked()?;
        // Catches what the types above cannot say: order, zero balances.
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

fn key_bytes(key: &PublicKey) -> Bytes {
    Bytes::copy_from_slice(&key.0)
}

fn engine_to_proto(engine: &EngineKind) -> proto::genesis::Engine {
    match engine {
        EngineKind::Pow(parameters) => proto::genesis::Engine::Pow(proto::PowParameters {
            difficulty: Some(parameters.difficulty.into()),
            half_life_ms: Some(parameters.half_life_ms),
            finality_depth: Some(parameters.finality_depth),
            reward: Some(reward_to_proto(&parameters.reward)),
        }),
        EngineKind::Pos(parameters) => proto::genesis::Engine::Pos(proto::PosParameters {
            min_stake: Some(parameters.min_stake),
            epoch_blocks: Some(parameters.epoch_blocks),
            unbonding_epochs: Some(parameters.unbonding_epochs),
            max_validators: Some(parameters.max_validators),
            slash_basis_points: Some(parameters.slash_basis_points),
            max_missed_basis_points: Some(parameters.max_missed_basis_points),
            jail_epochs: Some(parameters.jail_epochs),
            reward: Some(reward_to_proto(&parameters.reward)),
            validators: parameters.validators.iter().map(stake_to_proto).collect(),
        }),
        EngineKind::Poa(parameters) => proto::genesis::Engine::Poa(proto::PoaParameters {
            authorities: parameters.authorities.iter().map(key_bytes).collect(),
            epoch_blocks: Some(parameters.epoch_blocks),
            vote_expiry_blocks: Some(parameters.vote_expiry_blocks),
        }),
    }
}

fn reward_to_proto(reward: &RewardSchedule) -> proto::RewardSchedule {
    proto::RewardSchedule {
        per_block: Some(reward.per_block),
        halving_blocks: Some(reward.halving_blocks),
    }
}

fn stake_to_proto(validator: &GenesisStake) -> proto::GenesisStake {
    proto::GenesisStake {
        public_key: Some(key_bytes(&validator.public_key)),
        stake: Some(validator.stake.0),
        commission_basis_points: Some(validator.commission_basis_points),
    }
}

fn engine(message: proto::genesis::Engine) -> Result<EngineKind, DecodeError> {
    match message {
        proto::genesis::Engine::Pow(message) => pow(&message).map(EngineKind::Pow),
        proto::genesis::Engine::Pos(message) => pos(&message).map(EngineKind::Pos),
        proto::genesis::Engine::Poa(message) => poa(&message).map(EngineKind::Poa),
    }
}

fn pow(message: &proto::PowParameters) -> Result<PowParameters, DecodeError> {
    let difficulty = strict::required(WHAT, "pow.difficulty", message.difficulty)?;
    Ok(PowParameters {
        difficulty: u8::try_from(difficulty)
            .map_err(|_| invalid("pow.difficulty", format!("{difficulty} is not within 0 to 31")))?,
        half_life_ms: strict::required(WHAT, "pow.half_life_ms", message.half_life_ms)?,
        finality_depth: strict::required(WHAT, "pow.finality_depth", message.finality_depth)?,
        reward: reward(message.reward)?,
    })
}

fn pos(message: &proto::PosParameters) -> Result<PosParameters, DecodeError> {
    Ok(PosParameters {
        min_stake: strict::required(WHAT, "pos.min_stake", message.min_stake)?,
        epoch_blocks: strict::required(WHAT, "pos.epoch_blocks", message.epoch_blocks)?,
        unbonding_epochs: strict::required(WHAT, "pos.unbonding_epochs", message.unbonding_epochs)?,
        max_validators: strict::required(WHAT, "pos.max_validators", message.max_validators)?,
        slash_basis_points: strict::required(WHAT, "pos.slash_basis_points", message.slash_basis_points)?,
        max_missed_basis_points: strict::required(
            WHAT,
            "pos.max_missed_basis_points",
            message.max_missed_basis_points,
        )?,
        jail_epochs: strict::required(WHAT, "pos.jail_epochs", message.jail_epochs)?,
        reward: reward(message.reward)?,
        validators: message.validators.iter().map(stake).collect::<Result<_, _>>()?,
    })
}

fn poa(message: &proto::PoaParameters) -> Result<PoaParameters, DecodeError> {
    let key = |bytes| strict::required_bytes(WHAT, "poa.authorities", Some(bytes)).map(PublicKey);
    Ok(PoaParameters {
        authorities: message.authorities.iter().map(key).collect::<Result<_, _>>()?,
        epoch_blocks: strict::required(WHAT, "poa.epoch_blocks", message.epoch_blocks)?,
        vote_expiry_blocks: strict::required(WHAT, "poa.vote_expiry_blocks", message.vote_expiry_blocks)?,
    })
}

fn reward(message: Option<proto::RewardSchedule>) -> Result<RewardSchedule, DecodeError> {
    let message = strict::required(WHAT, "reward", message)?;
    Ok(RewardSchedule {
        per_block: strict::required(WHAT, "reward.per_block", message.per_block)?,
        halving_blocks: strict::required(WHAT, "reward.halving_blocks", message.halving_blocks)?,
    })
}

fn stake(message: &proto::GenesisStake) -> Result<GenesisStake, DecodeError> {
    Ok(GenesisStake {
        public_key: PublicKey(strict::required_bytes(
            WHAT,
            "validators.public_key",
            message.public_key.as_ref(),
        )?),
        stake: Amount(strict::required(WHAT, "validators.stake", message.stake)?),
        commission_basis_points: strict::required(
            WHAT,
            "validators.commission_basis_points",
            message.commission_basis_points,
        )?,
    })
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

fn timeouts(engine: &EngineKind, message: Option<proto::BftTimeouts>) -> Result<BftTimeouts, DecodeError> {
    if matches!(engine, EngineKind::Pow(_)) && message.is_none() {
        return Ok(BftTimeouts::default());
    }
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
