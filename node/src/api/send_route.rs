//! The handlers of transactions of contracts: signed ones are submitted, those without a signature are answered
//! with what to sign. A node never sees a private key.

use aureon_types::{Action, Address, GenesisId, SignedTransaction};
use axum::extract::{Request, State};
use bytes::Bytes;
use serde_json::{Map, Value};

use super::{
    Answer, Api,
    ask_route::MAX_BODY_BYTES,
    contract::ContractOutcome,
    off_the_runtime,
    problem::Problem,
    submit::{self, Form, Submission},
    submit_route, turn,
    unsigned::{self, prepare},
    views,
};

/// Code of a transaction that is for another route.
const WRONG_ACTION: &str = "wrong-action";
/// What there is not one of.
const ONE: &str = "this takes one transaction (in JSON, an object); batches go to /submit-tx";

pub async fn deploy(State(api): State<Api>, request: Request) -> Answer {
    let _turn = turn(&api.submissions, "submissions").await?;
    let transaction = match read(&api, request, Some("deploy")).await? {
        Sent::Signed(transaction) => transaction,
        Sent::Unsigned(fields) => return answer_unsigned(&api, fields, deploys).await,
    };
    deploys(&transaction.transaction().action)?;
    let (node, action) = (api.node.clone(), transaction.transaction().action.clone());
    api.runs.run(move || unsigned::check_code(&node, &action)).await?;
    submitted(&api, *transaction).await
}

pub async fn call(State(api): State<Api>, request: Request) -> Answer {
    let _turn = turn(&api.submissions, "submissions").await?;
    match read(&api, request, Some("call")).await? {
        Sent::Signed(transaction) => {
            calls(&transaction.transaction().action)?;
            submitted(&api, *transaction).await
        }
        Sent::Unsigned(fields) => answer_unsigned(&api, fields, calls).await,
    }
}

/// Any transaction without a signature.
pub async fn prepare_any(State(api): State<Api>, request: Request) -> Answer {
    let _turn = turn(&api.submissions, "submissions").await?;
    match read(&api, request, None).await? {
        Sent::Unsigned(fields) => answer_unsigned(&api, fields, |_| Ok(())).await,
        Sent::Signed(_) => Err(Problem::bad_request(
            "the transaction is signed already: /submit-tx takes it; nothing was submitted",
        )),
    }
}

fn deploys(action: &Action) -> Result<(), Problem> {
    match action {
        Action::Deploy { .. } => Ok(()),
        other => Err(wrong_action(other, "/deploy-contract", "deployments")),
    }
}

fn calls(action: &Action) -> Result<(), Problem> {
    match action {
        Action::Call { .. } => Ok(()),
        other => Err(wrong_action(other, "/call-contract", "calls")),
    }
}

fn wrong_action(action: &Action, route: &str, kind: &str) -> Problem {
    Problem::bad_request_as(
        WRONG_ACTION,
        format!(
            "the transaction's action is \"{}\"; {route} takes {kind}, everything else goes to /submit-tx; nothing \
             was submitted",
            action.name()
        ),
    )
}

/// What a body held.
enum Sent {
    Signed(Box<SignedTransaction>),
    Unsigned(Map<String, Value>),
}

/// The one transaction of a body, for who has a turn: as for `/submit-tx`, or with the fields of the action `flat` beside the others.
async fn read(api: &Api, request: Request, flat: Option<&'static str>) -> Result<Sent, Problem> {
    let form = submit_route::form(&request)?;
    let body = submit_route::body(request, MAX_BODY_BYTES).await?;
    let genesis_id = api.node.genesis_id();
    off_the_runtime(move || sent(form, &body, flat, &genesis_id)).await?
}

fn sent(form: Form, body: &Bytes, flat: Option<&str>, genesis_id: &GenesisId) -> Result<Sent, Problem> {
    let submission = match form {
        Form::Json => match json(body, flat)? {
            Value::Object(fields) if is_unsigned(&fields) => return Ok(Sent::Unsigned(fields)),
            value @ Value::Object(_) => submit::read_json(value, genesis_id)?,
            _ => return Err(Problem::bad_request(ONE)),
        },
        Form::Protobuf | Form::ProtobufBatch => submit::read(form, body, genesis_id)?,
    };
    match submission {
        Submission::One(entry) => match *entry {
            Ok(transaction) => Ok(Sent::Signed(Box::new(transaction))),
            Err(reason) => Err(Problem::bad_request_as(views::MALFORMED, reason)),
        },
        Submission::Batch(_) => Err(Problem::bad_request(ONE)),
    }
}

fn json(body: &Bytes, flat: Option<&str>) -> Result<Value, Problem> {
    let value = submit::parse_small(body)?;
    Ok(match flat {
        Some(action) => submit::nested(value, action),
        None => value,
    })
}

fn is_unsigned(fields: &Map<String, Value>) -> bool {
    !fields.contains_key("signature") && !fields.contains_key("payload")
}

async fn answer_unsigned(
    api: &Api,
    fields: Map<String, Value>,
    expected: impl FnOnce(&Action) -> Result<(), Problem> + Send + 'static,
) -> Answer {
    let (node, interfaces) = (api.node.clone(), api.interfaces.clone());
    let prepared = api
        .runs
        .run(move || prepare(&node, &interfaces, fields, expected));
    views::answer(&prepared.await?)
}

async fn submitted(api: &Api, transaction: SignedTransaction) -> Answer {
    let (sender, nonce) = (transaction.sender(), transaction.transaction().nonce);
    let contract: Option<Address> = unsigned::about(&transaction.transaction().action, &sender, nonce);
    let contract = contract.ok_or_else(|| Problem::internal(&"an action without a contract"))?;
    let outcome = submit_route::give_one(api, transaction).await?;
    views::answer(&ContractOutcome { outcome, contract })
}
