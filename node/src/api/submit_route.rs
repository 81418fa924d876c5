//! `POST /submit-tx`, and what the other routes that take transactions share with it.

use std::time::Duration;

use aureon_chain::mempool::Admitted;
use aureon_types::{SignedTransaction, limits::MAX_BLOCK_BYTES};
use axum::{
    body::Bytes,
    extract::{FromRequest as _, Request, State},
    http::{StatusCode, header},
};

use super::{
    Answer, Api,
    model::SubmitOutcome,
    off_the_runtime,
    problem::Problem,
    submit::{self, Entry, Form, Submission},
    turn, views,
};
use crate::handle::Rejection;

/// How long a body may take to arrive: 32 MiB at 10 Mbit/s.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// Reads the body, hands the transactions to the node, and answers for each.
pub async fn submit(State(api): State<Api>, request: Request) -> Answer {
    let form = form(&request)?;
    // Before the body: what waits here holds no megabytes.
    let _turn = turn(&api.submissions, "submissions").await?;
    let body = body(request, MAX_BLOCK_BYTES).await?;
    let genesis_id = api.node.genesis_id();
    let submission = off_the_runtime(move || submit::read(form, &body, &genesis_id)).await??;
    match submission {
        Submission::One(entry) => one(&api, *entry).await,
        Submission::Batch(entries) => batch(&api, entries).await,
    }
}

/// The form of the body.
pub(super) fn form(request: &Request) -> Result<Form, Problem> {
    let given = content_type(request);
    submit::form(given).ok_or_else(|| {
        Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported-content-type",
            format!(
                "Content-Type is \"{given}\"; send application/json, application/x-protobuf (one \
                 SignedTransaction) or application/x-protobuf; message=batch (a TransactionBatch)"
            ),
        )
    })
}

/// As the client says it.
pub(super) fn content_type(request: &Request) -> &str {
    let given = request.headers().get(header::CONTENT_TYPE);
    given.map_or(Ok(""), |value| value.to_str()).unwrap_or("not text")
}

/// Waits for the whole body. The route's own limit may be below `limit`, never above it.
pub(super) async fn body(request: Request, limit: usize) -> Result<Bytes, Problem> {
    let read = tokio::time::timeout(BODY_TIMEOUT, Bytes::from_request(request, &())).await;
    match read {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(rejection)) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => Err(Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "body-too-large",
            format!("the body has more than {limit} bytes; send several smaller ones"),
        )),
        Ok(Err(rejection)) => Err(Problem::bad_request(format!(
            "the body did not arrive: {}",
            rejection.body_text()
        ))),
        Err(_) => Err(Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            "body-timeout",
            format!("the body did not arrive within {} s", BODY_TIMEOUT.as_secs()),
        )),
    }
}

async fn one(api: &Api, entry: Entry) -> Answer {
    let transaction = entry.map_err(|reason| Problem::bad_request_as(views::MALFORMED, reason))?;
    views::answer(&give_one(api, transaction).await?)
}

/// Submits one transaction; a refusal is a problem.
pub(super) async fn give_one(api: &Api, transaction: SignedTransaction) -> Result<SubmitOutcome, Problem> {
    let id = transaction.id();
    let mut results = give(api, vec![transaction]).await?;
    match results.pop() {
        Some(Err(rejection)) if !views::is_known(&rejection) => {
            Err(views::rejection_problem(&rejection).with("id", id.to_string()))
        }
        Some(result) => Ok(views::outcome(id, result)),
        None => Err(Problem::internal(&"the node gave no answer for the transaction")),
    }
}

async fn batch(api: &Api, entries: Vec<Entry>) -> Answer {
    let mut outcomes: Vec<Option<SubmitOutcome>> = Vec::with_capacity(entries.len());
    let mut transactions = Vec::new();
    for entry in entries {
        outcomes.push(match entry {
            Ok(transaction) => {
                transactions.push(transaction);
                None
            }
            Err(reason) => Some(views::malformed(reason)),
        });
    }
    let ids: Vec<_> = transactions.iter().map(SignedTransaction::id).collect();
    let results = give(api, transactions).await?;
    let judged = ids
        .into_iter()
        .zip(results)
        .map(|(id, result)| views::outcome(id, result));
    for (place, outcome) in outcomes
        .iter_mut()
        .filter(|outcome| outcome.is_none())
        .zip(judged)
    {
        *place = Some(outcome);
    }
    let outcomes: Vec<SubmitOutcome> = outcomes.into_iter().flatten().collect();
    off_the_runtime(move || views::answer(&outcomes)).await?
}

/// Submits in order; the answers are in the same order.
async fn give(
    api: &Api,
    transactions: Vec<SignedTransaction>,
) -> Result<Vec<Result<Admitted, Rejection>>, Problem> {
    if transactions.is_empty() {
        return Ok(Vec::new());
    }
    let submitted = api.node.submit(transactions).await;
    submitted.map_err(|busy| Problem::busy(busy.to_string()))
}
