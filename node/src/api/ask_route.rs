//! The handlers of what runs contracts without a transaction: queries and estimates. See [`super::runs`] for
//! how many, and how long.

use aureon_chain::execution::contracts::Question;
use aureon_interface::FunctionKind;
use aureon_types::{
    Action, Address, Amount, Failure, RefusalCode,
    contract::ContractFault,
    limits::{MAX_CALL_INPUT_BYTES, MAX_CODE_BYTES},
};
use axum::{
    extract::{Request, State},
    http::StatusCode,
};
use bytes::Bytes;
use serde_json::{Map, Value};

use super::{
    Answer, Api, MAX_RUN_GAS,
    by_name::{self, no_contract},
    contract::{EstimateAnswer, EstimateRequest, EventView, FaultView, QueryAnswer, QueryRequest},
    decoded::Decoder,
    fields::Fields,
    hex_bytes::HexBytes,
    interfaces::Interfaces,
    problem::Problem,
    submit::{self, Form},
    submit_route, views,
};
use crate::handle::{At, NodeHandle};

/// Largest body of what is about one transaction or less: the largest one in hexadecimal digits, and room.
pub const MAX_BODY_BYTES: usize = 2 << 20;

/// Code of a contract that failed in a query or an estimate.
const CONTRACT_FAILED: &str = "contract-failed";
/// Code of a transaction that would fail for another reason.
const WOULD_FAIL: &str = "would-fail";

pub async fn query(State(api): State<Api>, request: Request) -> Answer {
    let _turn = api.runs.turn().await?;
    let body = body(request).await?;
    let (node, interfaces) = (api.node.clone(), api.interfaces.clone());
    let answer = api.runs.run(move || {
        let asked = question(object(&body)?)?;
        let gas = gas_limit(asked.gas_limit)?;
        let input = query_input(&node, &interfaces, &asked)?;
        let at = node.query_contract(Question {
            contract: asked.contract,
            caller: asked.caller.unwrap_or(Address([0; 20])),
            input: &input,
            gas,
        })?;
        let (height, gas_used) = (at.height, at.found.gas_used);
        match at.found.result {
            Ok(output) => {
                let output = HexBytes(output);
                let mut decoder = Decoder::new(&node, &interfaces);
                Ok(QueryAnswer {
                    result: decoder.answer(&asked.contract, &input, &output),
                    output,
                    gas_used,
                    height,
                })
            }
            Err(failure) if is_no_contract(&failure) => Err(no_contract(&asked.contract, height)),
            Err(failure) => {
                let gas = Gas {
                    given: gas,
                    most: MAX_RUN_GAS,
                    used: gas_used,
                };
                Err(failed(&failure, &gas, height))
            }
        }
    });
    views::answer(&answer.await?)
}

fn question(fields: Map<String, Value>) -> Result<QueryRequest, Problem> {
    let mut fields = Fields::from(fields);
    let asked = QueryRequest {
        contract: fields.required("contract")?,
        input: fields.optional("input")?.unwrap_or_default(),
        function: fields.optional("function")?,
        arguments: fields.optional("arguments")?,
        caller: fields.optional("caller")?,
        gas_limit: fields.number("gas_limit")?,
    };
    fields.end()?;
    check_input(&asked.input.0)?;
    Ok(asked)
}

/// What no transaction could carry is not tried either.
fn check_input(input: &[u8]) -> Result<(), Problem> {
    at_most("input", input.len(), MAX_CALL_INPUT_BYTES)
}

fn at_most(what: &str, bytes: usize, limit: usize) -> Result<(), Problem> {
    if bytes <= limit {
        return Ok(());
    }
    Err(Problem::bad_request(format!(
        "\"{what}\" has {bytes} bytes; it may have at most {limit}"
    )))
}

fn query_input(node: &NodeHandle, interfaces: &Interfaces, asked: &QueryRequest) -> Result<Bytes, Problem> {
    let no_arguments = Map::new();
    match (&asked.function, &asked.arguments) {
        (None, None) => Ok(asked.input.0.clone()),
        _ if !asked.input.0.is_empty() => Err(by_name::both()),
        (None, Some(_)) => Err(by_name::no_function()),
        (Some(function), arguments) => {
            let interface = by_name::deployed(node, interfaces, &asked.contract)?;
            let arguments = arguments.as_ref().unwrap_or(&no_arguments);
            by_name::input(&interface, FunctionKind::Query, function, arguments)
        }
    }
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

/// The gas of a run, and the most that it could have had.
struct Gas {
    given: u64,
    most: u64,
    used: u64,
}

impl Gas {
    /// What helps against its end.
    fn hint(&self) -> String {
        let Self { given, most, .. } = self;
        match given < most {
            true => format!("; {given} gas were given, a query or an estimate may have {most}"),
            false => format!(
                "; {given} gas were given, the most for a query or an estimate; a transaction with a gas limit of \
                 its own may have as much as a block"
            ),
        }
    }
}

/// Why a query or an estimate failed, for people and programs.
fn failed(failure: &Failure, gas: &Gas, height: u64) -> Problem {
    let fault = FaultView::of(failure);
    let out_of_gas = matches!(
        failure,
        Failure::OutOfGas { .. }
            | Failure::Contract {
                fault: ContractFault::OutOfGas,
                ..
            }
    );
    let hint = if out_of_gas { gas.hint() } else { String::new() };
    let code = if fault.is_some() {
        CONTRACT_FAILED
    } else {
        WOULD_FAIL
    };
    let problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, code, format!("{failure}{hint}"))
        .with("gas_used", gas.used)
        .with("height", height);
    match fault.and_then(|fault| serde_json::to_value(fault).ok()) {
        Some(fault) => problem.with("fault", fault),
        None => problem,
    }
}

/// A refusal of a transaction about a contract, with what the contract is: the failure itself has no words for it.
fn told(problem: Problem, node: &NodeHandle, from: Address, action: &Action) -> Result<Problem, Problem> {
    let (Action::Upgrade { contract, .. }
    | Action::SetAdmin { contract, .. }
    | Action::Call { contract, .. }) = action
    else {
        return Ok(problem);
    };
    let whose = match node.contract(contract)?.found {
        None => format!("nothing was deployed at {contract}"),
        Some(found) => match found.meta.admin {
            Some(admin) => format!("the admin of {contract} is {admin}, the sender is {from}"),
            None => format!("{contract} has no admin, for ever"),
        },
    };
    Ok(Problem {
        detail: format!("{} ({whose})", problem.detail),
        ..problem
    })
}

/// Whether `failure` is about who may do what with which contract.
fn is_about_the_contract(failure: &Failure) -> bool {
    [
        RefusalCode::NotAContract,
        RefusalCode::NotTheAdmin,
        RefusalCode::NotUpgradable,
    ]
    .into_iter()
    .any(|code| *failure == Failure::refused(code))
}

pub async fn estimate(State(api): State<Api>, request: Request) -> Answer {
    let _turn = api.runs.turn().await?;
    let body = body(request).await?;
    let (node, interfaces) = (api.node.clone(), api.interfaces.clone());
    let answer = api.runs.run(move || {
        let mut asked = object(&body)?;
        if let Some(action) = asked.get_mut("action") {
            by_name::resolve(&node, &interfaces, action)?;
        }
        let mut fields = Fields::from(asked);
        let asked = EstimateRequest {
            from: fields.required("from")?,
            to: fields.optional("to")?,
            amount: fields.optional("amount")?,
            action: fields.optional("action")?,
        };
        fields.end()?;
        estimated(&node, &interfaces, asked.from, &action(&asked)?)
    });
    views::answer(&answer.await?)
}

/// What an action would do now, for at most [`MAX_RUN_GAS`]; that it would fail is a problem. Runs contracts.
pub(super) fn estimated(
    node: &NodeHandle,
    interfaces: &Interfaces,
    from: Address,
    action: &Action,
) -> Result<EstimateAnswer, Problem> {
    check_sizes(action)?;
    let max_gas = MAX_RUN_GAS.min(node.genesis().gas_limit);
    let At { height, found } = node.estimate(from, action, max_gas)?;
    if let Some(failure) = &found.failure {
        let gas = Gas {
            given: max_gas,
            most: max_gas,
            used: found.gas_used,
        };
        let problem = failed(failure, &gas, height);
        return Err(match is_about_the_contract(failure) {
            true => told(problem, node, from, action)?,
            false => problem,
        });
    }
    let mut decoder = Decoder::new(node, interfaces);
    if let Some(contract) = found.contract {
        decoder.would_deploy(action, contract);
    }
    let return_data = HexBytes(found.return_data);
    let mut events: Vec<EventView> = found.events.iter().map(EventView::of).collect();
    decoder.events(&mut events);
    Ok(EstimateAnswer {
        gas_used: found.gas_used,
        gas_limit: found.gas_limit,
        fee: Amount(found.gas_used.saturating_mul(node.genesis().min_gas_price)),
        result: decoder.result(action, &return_data),
        return_data,
        events,
        height,
    })
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

fn check_sizes(action: &Action) -> Result<(), Problem> {
    match action {
        Action::Call { input, .. } => check_input(input),
        Action::Deploy { code, input, .. } | Action::Upgrade { code, input, .. } => {
            at_most("code", code.len(), MAX_CODE_BYTES)?;
            check_input(input)
        }
        _ => Ok(()),
    }
}

async fn body(request: Request) -> Result<Bytes, Problem> {
    let given = submit_route::content_type(&request);
    if submit::form(given) != Some(Form::Json) {
        return Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported-content-type",
            format!("Content-Type is \"{given}\"; this is asked for with application/json"),
        ));
    }
    submit_route::body(request, MAX_BODY_BYTES).await
}

fn object(body: &[u8]) -> Result<Map<String, Value>, Problem> {
    match submit::parse_small(body)? {
        Value::Object(fields) => Ok(fields),
        _ => Err(Problem::bad_request("the body must be a JSON object")),
    }
}
