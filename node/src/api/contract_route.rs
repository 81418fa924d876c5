//! The handlers of everything about contracts.
//!
//! Queries, estimates and checks of code run contracts that anybody may have written. They have
//! [`MAX_RUNS`] places, each holds at most [`MAX_RUN_GAS`] of work, and a place is given back when the work
//! is done, not when the client hangs up.

use std::sync::Arc;

use aureon_chain::execution::contracts::{Estimate, Question};
use aureon_storage::StorageProof;
use aureon_types::{
    Action, Address, Amount, Failure, RefusalCode, SignedTransaction,
    contract::{self, ContractFault},
    limits::MAX_CONTRACT_KEY_BYTES,
};
use axum::{
    extract::{RawQuery, Request, State},
    http::StatusCode,
};
use bytes::Bytes;
use serde::de::DeserializeOwned;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{
    Answer, Api, PATIENCE,
    contract::{
        ContractOutcome, ContractView, EstimateAnswer, EstimateRequest, EventView, FaultView, QueryAnswer,
        QueryRequest, SlotProofView, SlotView,
    },
    hex_bytes::HexBytes,
    off_the_runtime,
    problem::Problem,
    reads::{Text, parsed, text},
    submit::{self, Form, Submission},
    submit_route, turn, views,
};
use crate::handle::{At, ContractAt, NodeHandle};

/// Most queries, estimates and checks of code at once; more wait shortly and get 503.
pub const MAX_RUNS: usize = 4;
/// Most gas of a query or an estimate: some tenths of a second.
pub const MAX_RUN_GAS: u64 = 200_000_000;
/// Largest body of these routes: the largest transaction in hexadecimal digits, and room.
pub const MAX_BODY_BYTES: usize = 2 << 20;

/// Code of a contract that failed in a query or an estimate.
const CONTRACT_FAILED: &str = "contract-failed";
/// Code of a transaction that would fail for another reason.
const WOULD_FAIL: &str = "would-fail";
/// Code of a transaction that is for another route.
const WRONG_ACTION: &str = "wrong-action";

impl Api {
    /// Runs contracts on a thread for blocking work.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&NodeHandle) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let place = place(&self.runs).await?;
        let node = self.node.clone();
        off_the_runtime(move || {
            let result = work(&node);
            drop(place);
            result
        })
        .await?
    }
}

async fn place(runs: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Problem> {
    match tokio::time::timeout(PATIENCE, Arc::clone(runs).acquire_owned()).await {
        Ok(Ok(permit)) => Ok(permit),
        _ => Err(Problem::busy(format!(
            "{MAX_RUNS} queries and estimates run already, which is the most; try again in a moment"
        ))),
    }
}

pub async fn contract(State(api): State<Api>, path: Text, RawQuery(query): RawQuery) -> Answer {
    let address: Address = parsed(&text(path)?)?;
    let without_code = flag(query.as_deref(), "meta")?;
    api.read(move |node| {
        let (at, found) = known(node, &address)?;
        let code_hash = found.account.code_hash;
        let bytecode = match without_code {
            true => None,
            false => Some(HexBytes(node.code(&code_hash)?.ok_or_else(|| {
                Problem::internal(&format!(
                    "the code {code_hash} of contract {address} is not there"
                ))
            })?)),
        };
        views::answer(&ContractView {
            address,
            code_hash,
            code_bytes: found.meta.code_bytes,
            bytecode,
            deployer: found.meta.deployer,
            admin: found.meta.admin,
            upgradable: found.meta.upgradable,
            balance: found.account.balance,
            height: at,
        })
    })
    .await
}

fn known(node: &NodeHandle, address: &Address) -> Result<(u64, ContractAt), Problem> {
    let At { height, found } = node.contract(address)?;
    match found {
        Some(contract) => Ok((height, contract)),
        None => Err(no_contract(address, height)),
    }
}

fn no_contract(address: &Address, height: u64) -> Problem {
    Problem::not_found(format!(
        "there is no contract at {address} after block {height}; one that was deployed a moment ago is there \
         when its transaction is in a block"
    ))
    .with("height", height)
}

/// Whether the query says `name`, and nothing else.
fn flag(query: Option<&str>, name: &str) -> Result<bool, Problem> {
    match query.unwrap_or_default() {
        "" => Ok(false),
        given if given == name || given.strip_prefix(name) == Some("=true") => Ok(true),
        given if given.strip_prefix(name) == Some("=false") => Ok(false),
        given => Err(Problem::bad_request(format!(
            "\"?{given}\" is not known here; only \"?{name}\" is"
        ))),
    }
}

pub async fn storage(
    State(api): State<Api>,
    path: Result<axum::extract::Path<(String, String)>, axum::extract::rejection::PathRejection>,
    RawQuery(query): RawQuery,
) -> Answer {
    let axum::extract::Path((address, key)) =
        path.map_err(|rejection| Problem::bad_request(rejection.body_text()))?;
    let (address, key): (Address, Bytes) = (parsed(&address)?, storage_key(&key)?);
    let prove = flag(query.as_deref(), "proof")?;
    api.read(move |node| {
        known(node, &address)?;
        let at = node.contract_slot(&address, &key, prove)?;
        views::answer(&SlotView {
            contract: address,
            key: HexBytes(key),
            slot: at.slot,
            value: at.value.map(HexBytes),
            height: at.height,
            proof: at.proof.as_ref().map(proof_view),
        })
    })
    .await
}

/// `0x` and digits are bytes; everything else is the text itself.
fn storage_key(given: &str) -> Result<Bytes, Problem> {
    let key = match given.starts_with("0x") {
        true => parsed::<HexBytes>(given)?.0,
        false => Bytes::copy_from_slice(given.as_bytes()),
    };
    if !(1..=MAX_CONTRACT_KEY_BYTES).contains(&key.len()) {
        return Err(Problem::bad_request(format!(
            "the key has {} bytes; keys have 1 to {MAX_CONTRACT_KEY_BYTES}",
            key.len()
        )));
    }
    Ok(key)
}

fn proof_view(proof: &StorageProof) -> SlotProofView {
    let nodes = |nodes: &[Vec<u8>]| nodes.iter().map(|node| HexBytes(node.clone().into())).collect();
    SlotProofView {
        state_root: proof.account.root,
        storage_root: proof.account.account.unwrap_or_default().storage_root,
        account: nodes(&proof.account.nodes),
        storage: nodes(&proof.nodes),
    }
}

pub async fn query(State(api): State<Api>, request: Request) -> Answer {
    let asked: QueryRequest = json_body(request).await?;
    let gas = gas_limit(asked.gas_limit)?;
    let answer = api
        .run(move |node| {
            let caller = asked.caller.unwrap_or(Address([0; 20]));
            let at = node.query_contract(Question {
                contract: asked.contract,
                caller,
                input: &asked.input.0,
                gas,
            })?;
            let (height, gas_used) = (at.height, at.found.gas_used);
            match at.found.result {
                Ok(output) => Ok(QueryAnswer {
                    output: HexBytes(output),
                    gas_used,
                    height,
                }),
                Err(failure) if is_no_contract(&failure) => Err(no_contract(&asked.contract, height)),
                Err(failure) => Err(failed(&failure, gas_used, gas, height)),
            }
        })
        .await?;
    views::answer(&answer)
}

fn gas_limit(given: Option<u64>) -> Result<u64, Problem> {
    match given {
        None => Ok(MAX_RUN_GAS),
        Some(gas) if gas <= MAX_RUN_GAS => Ok(gas),
        Some(gas) => Err(Problem::bad_request(format!(
            "\"gas_limit\" is {gas}; a query may use at most {MAX_RUN_GAS}"
        ))),
    }
}

fn is_no_contract(failure: &Failure) -> bool {
    *failure == Failure::refused(RefusalCode::NotAContract)
}

/// Why a query or an estimate failed, for people and programs.
fn failed(failure: &Failure, gas_used: u64, gas: u64, height: u64) -> Problem {
    let fault = FaultView::of(failure);
    let out_of_gas = matches!(
        failure,
        Failure::OutOfGas { .. }
            | Failure::Contract {
                fault: ContractFault::OutOfGas,
                ..
            }
    );
    let hint = match out_of_gas {
        true if gas < MAX_RUN_GAS => {
            format!("; {gas} gas were given, a query or an estimate may have {MAX_RUN_GAS}")
        }
        true => format!(
            "; {gas} gas were given, the most for a query or an estimate (a transaction may have as much as a block)"
        ),
        false => String::new(),
    };
    let code = if fault.is_some() {
        CONTRACT_FAILED
    } else {
        WOULD_FAIL
    };
    let problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, code, format!("{failure}{hint}"))
        .with("gas_used", gas_used)
        .with("height", height);
    match fault.and_then(|fault| serde_json::to_value(fault).ok()) {
        Some(fault) => problem.with("fault", fault),
        None => problem,
    }
}

pub async fn estimate(State(api): State<Api>, request: Request) -> Answer {
    let asked: EstimateRequest = json_body(request).await?;
    let action = action(&asked)?;
    let answer = api
        .run(move |node| {
            let max_gas = MAX_RUN_GAS.min(node.genesis().gas_limit);
            let At { height, found } = node.estimate(asked.from, &action, max_gas)?;
            match &found.failure {
                Some(failure) => Err(failed(failure, found.gas_used, max_gas, height)),
                None => Ok(estimated(found, node.genesis().min_gas_price, height)),
            }
        })
        .await?;
    views::answer(&answer)
}

fn estimated(found: Estimate, price: u64, height: u64) -> EstimateAnswer {
    EstimateAnswer {
        gas_used: found.gas_used,
        gas_limit: found.gas_limit,
        fee: Amount(found.gas_used.saturating_mul(price)),
        return_data: HexBytes(found.return_data),
        events: found.events.iter().map(EventView::of).collect(),
        height,
    }
}

fn action(asked: &EstimateRequest) -> Result<Action, Problem> {
    match (asked.to, asked.amount, &asked.action) {
        (Some(recipient), Some(amount), None) => Ok(Action::Transfer { recipient, amount }),
        (None, None, Some(action)) => action
            .action()
            .map_err(|error| Problem::bad_request(error.to_string())),
        _ => Err(Problem::bad_request(
            "a transfer has \"to\" and \"amount\"; every other transaction has \"action\" in their place",
        )),
    }
}

async fn json_body<T: DeserializeOwned>(request: Request) -> Result<T, Problem> {
    if submit_route::form(&request)? != Form::Json {
        return Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported-content-type",
            "this is asked for with application/json",
        ));
    }
    let body = submit_route::body(request, MAX_BODY_BYTES).await?;
    serde_json::from_slice(&body)
        .map_err(|error| Problem::bad_request(format!("the body cannot be understood: {error}")))
}

pub async fn deploy(State(api): State<Api>, request: Request) -> Answer {
    let transaction = signed(&api, request, "deploy").await?;
    let Action::Deploy { code, .. } = &transaction.transaction().action else {
        return Err(wrong_action(&transaction, "/deploy-contract", "deployments"));
    };
    let hash = contract::code_hash(code);
    let address = contract::address(&transaction.sender(), transaction.transaction().nonce, &hash);
    let code = code.clone();
    // A block would refuse it too, for a fee.
    api.run(move |node| {
        node.check_code(&code).map_err(|fault| {
            let fault = ContractFault::InvalidCode { reason: fault.reason };
            Problem::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "invalid-code",
                format!("{fault}; nothing was submitted"),
            )
        })
    })
    .await?;
    submitted(&api, transaction, address).await
}

pub async fn call(State(api): State<Api>, request: Request) -> Answer {
    let transaction = signed(&api, request, "call").await?;
    let Action::Call { contract, .. } = transaction.transaction().action else {
        return Err(wrong_action(&transaction, "/call-contract", "calls"));
    };
    submitted(&api, transaction, contract).await
}

fn wrong_action(transaction: &SignedTransaction, route: &str, kind: &str) -> Problem {
    Problem::bad_request_as(
        WRONG_ACTION,
        format!(
            "the transaction's action is \"{}\"; {route} takes {kind}, everything else goes to /submit-tx; nothing \
             was submitted",
            transaction.transaction().action.name()
        ),
    )
}

/// The one signed transaction of a body: as for `/submit-tx`, or with the fields of the action `name` beside
/// the others.
async fn signed(api: &Api, request: Request, name: &'static str) -> Result<SignedTransaction, Problem> {
    let form = submit_route::form(&request)?;
    let _turn = turn(&api.submissions, "submissions").await?;
    let body = submit_route::body(request, MAX_BODY_BYTES).await?;
    let genesis_id = api.node.genesis_id();
    let submission = off_the_runtime(move || {
        let body = match form {
            Form::Json => submit::nested(&body, name)?,
            Form::Protobuf | Form::ProtobufBatch => body,
        };
        submit::read(form, &body, &genesis_id)
    })
    .await??;
    match submission {
        Submission::One(entry) => entry.map_err(|reason| Problem::bad_request_as(views::MALFORMED, reason)),
        Submission::Batch(_) => Err(Problem::bad_request(
            "this takes one transaction; batches go to /submit-tx",
        )),
    }
}

async fn submitted(api: &Api, transaction: SignedTransaction, contract: Address) -> Answer {
    let _turn = turn(&api.submissions, "submissions").await?;
    let outcome = submit_route::give_one(api, transaction).await?;
    views::answer(&ContractOutcome { outcome, contract })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_of_the_query() {
        for (query, expected) in [
            (None, Some(false)),
            (Some(""), Some(false)),
            (Some("meta"), Some(true)),
            (Some("meta=true"), Some(true)),
            (Some("meta=false"), Some(false)),
            (Some("meta=1"), None),
            (Some("metal"), None),
            (Some("proof"), None),
        ] {
            assert_eq!(flag(query, "meta").ok(), expected, "{query:?}");
        }
    }

    #[test]
    fn keys_are_bytes_or_text() {
        assert_eq!(storage_key("0x00ff").unwrap(), &[0, 0xff][..]);
        assert_eq!(storage_key("count").unwrap(), &b"count"[..]);
        let long = "k".repeat(MAX_CONTRACT_KEY_BYTES + 1);
        for (wrong, said) in [("0x", "has 0 bytes"), ("0x0", "two"), (&long, "1 to 256")] {
            let problem = storage_key(wrong).unwrap_err();
            assert!(problem.detail.contains(said), "{}", problem.detail);
        }
    }
}
