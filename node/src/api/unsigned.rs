//! A transaction that nobody has signed yet: what is missing is filled in, and the answer is what to sign.
//!
//! Keys stay with the client. A client that does not trust the node reads the payload before it signs: it is an
//! `aureon.v1.Transaction`.

use aureon_types::{
    Action, Address, Amount, GenesisId, PublicKey, Signature, SignedTransaction, Transaction, contract,
    signature::{self, TRANSACTION_DOMAIN},
};
use axum::http::StatusCode;
use serde_json::{Map, Value};

use super::{
    action::JsonAction,
    ask_route, by_name,
    contract::{EstimateAnswer, PreparedView},
    fields::Fields,
    hex_bytes::HexBytes,
    interfaces::Interfaces,
    problem::Problem,
    transaction::JsonTransactionError,
    views,
};
use crate::handle::NodeHandle;

/// A transaction without a signature. What may be absent is filled in.
struct Unsigned {
    public_key: PublicKey,
    from: Option<Address>,
    transfer: (Option<Address>, Option<Amount>),
    action: Option<JsonAction>,
    nonce: Option<u64>,
    gas_limit: Option<u64>,
    gas_price: Option<u64>,
    last_valid_height: Option<u64>,
}

/// A contract's limit with room above what an estimate needs: by the time that the transaction is in a block the
/// state may be another one. At most what a block holds.
pub fn roomy(needed: u64, block_gas_limit: u64) -> u64 {
    let roomy = needed.saturating_add(needed / 4);
    roomy.min(block_gas_limit).max(needed)
}

/// Makes the transaction of a request's fields. `expected` refuses actions that are for another route. Reads the
/// disk, and runs the contract where the gas limit is not given.
pub fn prepare(
    node: &NodeHandle,
    interfaces: &Interfaces,
    mut fields: Map<String, Value>,
    expected: impl FnOnce(&Action) -> Result<(), Problem>,
) -> Result<PreparedView, Problem> {
    if let Some(action) = fields.get_mut("action") {
        by_name::resolve(node, interfaces, action)?;
    }
    let request = Unsigned::read(fields)?;
    let from = request.sender()?;
    let action = request.action()?;
    expected(&action)?;
    check_code(node, &action)?;
    let estimate = match request.gas_limit {
        Some(_) => None,
        None => Some(ask_route::estimated(node, interfaces, from, &action)?),
    };
    let transaction = Transaction {
        network: node.genesis_id().network_hint(),
        public_key: request.public_key,
        nonce: match request.nonce {
            Some(nonce) => nonce,
            None => next_nonce(node, &from)?,
        },
        gas_limit: match (request.gas_limit, &estimate) {
            (Some(limit), _) => limit,
            (None, Some(estimate)) if action.is_contract() => {
                roomy(estimate.gas_limit, node.genesis().gas_limit)
            }
            (None, _) => action.gas(),
        },
        gas_price: request.gas_price.unwrap_or(node.genesis().min_gas_price),
        last_valid_height: request.last_valid_height,
        action,
    };
    view(&transaction, from, &node.genesis_id(), estimate)
}

fn malformed(detail: String) -> Problem {
    Problem::bad_request_as(views::MALFORMED, detail)
}

impl Unsigned {
    fn read(fields: Map<String, Value>) -> Result<Self, Problem> {
        let mut fields = Fields::from(fields);
        let request = Self {
            public_key: fields.required("public_key")?,
            from: fields.optional("from")?,
            transfer: (fields.optional("to")?, fields.optional("amount")?),
            action: fields.optional("action")?,
            nonce: fields.number("nonce")?,
            gas_limit: fields.number("gas_limit")?,
            gas_price: fields.number("gas_price")?,
            last_valid_height: fields.number("last_valid_height")?,
        };
        fields.end()?;
        Ok(request)
    }

    fn sender(&self) -> Result<Address, Problem> {
        let (public_key, expected) = (self.public_key, self.public_key.address());
        match self.from {
            Some(from) if from != expected => Err(malformed(
                JsonTransactionError::NotTheSender {
                    from,
                    public_key,
                    expected,
                }
                .to_string(),
            )),
            _ => Ok(expected),
        }
    }

    fn action(&self) -> Result<Action, Problem> {
        match (self.transfer, &self.action) {
            ((Some(recipient), Some(amount)), None) => Ok(Action::Transfer { recipient, amount }),
            ((None, None), Some(action)) => action.action().map_err(|error| malformed(error.to_string())),
            _ => Err(malformed(JsonTransactionError::NoAction.to_string())),
        }
    }
}

fn next_nonce(node: &NodeHandle, from: &Address) -> Result<u64, Problem> {
    let on_chain = node.account(from)?.account.nonce;
    Ok(views::pending(node.mempool().nonces(from), on_chain).next_nonce)
}

/// Code that no block takes is refused before it costs a fee.
pub fn check_code(node: &NodeHandle, action: &Action) -> Result<(), Problem> {
    let (Action::Deploy { code, .. } | Action::Upgrade { code, .. }) = action else {
        return Ok(());
    };
    node.check_code(code).map(drop).map_err(|fault| {
        let fault = contract::ContractFault::InvalidCode { reason: fault.reason };
        Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "invalid-code",
            format!("{fault}; nothing was submitted"),
        )
    })
}

fn view(
    transaction: &Transaction,
    from: Address,
    genesis_id: &GenesisId,
    estimate: Option<EstimateAnswer>,
) -> Result<PreparedView, Problem> {
    let payload = transaction.encode();
    // What could not be submitted is not worth a signature.
    let unsigned = SignedTransaction::from_parts(&payload, Signature([0; 64]));
    let id = unsigned.map_err(|error| malformed(error.to_string()))?.id();
    let (gas_limit, gas_price) = (transaction.gas_limit, transaction.gas_price);
    let max_fee = transaction.max_fee().ok_or_else(|| {
        malformed(format!(
            "{gas_limit} gas at {gas_price} base units cost more than {} base units",
            u64::MAX
        ))
    })?;
    Ok(PreparedView {
        status: "unsigned".to_owned(),
        id,
        contract: about(&transaction.action, &from, transaction.nonce),
        from,
        nonce: transaction.nonce,
        gas_limit,
        gas_price,
        max_fee,
        estimate,
        message: HexBytes(signature::message(TRANSACTION_DOMAIN, genesis_id, &payload).into()),
        payload: HexBytes(payload),
    })
}

/// The contract that an action is about.
pub fn about(action: &Action, from: &Address, nonce: u64) -> Option<Address> {
    match action {
        Action::Deploy { code, .. } => Some(contract::address(from, nonce, &contract::code_hash(code))),
        Action::Call { contract, .. }
        | Action::Upgrade { contract, .. }
        | Action::SetAdmin { contract, .. } => Some(*contract),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use aureon_types::{SecretKey, VerifiedTransaction};
    use bytes::Bytes;

    use super::*;

    const GENESIS: GenesisId = GenesisId([9; 32]);

    #[test]
    fn limits_have_room_within_the_block() {
        for (needed, block, limit) in [
            (100, 1_000, 125),
            (900, 1_000, 1_000),
            (1_200, 1_000, 1_200),
            (u64::MAX, u64::MAX, u64::MAX),
        ] {
            assert_eq!(roomy(needed, block), limit);
        }
    }

    #[test]
    fn what_is_signed_is_what_is_sent() {
        let key = SecretKey::from_seed([1; 32]);
        let mut transaction = Transaction {
            network: GENESIS.network_hint(),
            public_key: key.public_key(),
            nonce: 7,
            gas_limit: 50_000,
            gas_price: 2,
            last_valid_height: None,
            action: Action::Call {
                contract: Address([2; 20]),
                input: Bytes::from_static(b"x"),
                value: Amount(5),
            },
        };
        let prepared = view(&transaction, key.address(), &GENESIS, None).unwrap();
        let signature = key.sign(&prepared.message.0);
        let signed = SignedTransaction::from_parts(&prepared.payload.0, signature).unwrap();
        assert_eq!((signed.id(), signed.transaction()), (prepared.id, &transaction));
        assert!(VerifiedTransaction::verify(signed, &GENESIS).is_ok());
        assert_eq!(
            (prepared.max_fee, prepared.contract),
            (Amount(100_000), Some(Address([2; 20])))
        );

        transaction.gas_price = u64::MAX;
        let refused = view(&transaction, key.address(), &GENESIS, None).unwrap_err();
        assert!(refused.detail.contains("50000 gas"), "{}", refused.detail);
    }
}
