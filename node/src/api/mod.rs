//! The REST API.
//!
//! | route | answer |
//! | --- | --- |
//! | `GET /chain/head` | [`model::Head`] |
//! | `GET /block/{height or id}` | [`model::BlockView`]; `head` is the newest |
//! | `GET /tx/{id}` | [`model::TransactionView`] |
//! | `GET /balance/{address}` | [`model::BalanceView`] |
//! | `GET /mempool` | [`model::MempoolSummary`] |
//! | `GET /status` | [`model::StatusView`] |
//! | `GET /peers` | [`model::PeersView`] |
//! | `GET /validators` | [`staking::ValidatorsView`]: who decides, who will, who has stake |
//! | `GET /validators/{address}` | [`staking::ValidatorEntry`] |
//! | `GET /delegations/{address}` | [`staking::DelegationsView`]: stake, rewards, what returns when |
//! | `GET /authorities` | [`staking::AuthoritiesView`], with the votes that are open |
//! | `GET /evidence` | a list of [`staking::EvidenceView`]: contradictions seen and not punished yet |
//! | `GET /light?from=1&count=100` | an encoded `aureon.v1.LightChain` |
//! | `GET /genesis` | the genesis document |
//! | `GET /health` | [`model::Health`] with 200, or a problem with 503 that says why the node is not well |
//! | `GET /mining/template?reward={address}` | [`mining::MiningTemplate`]: a block without its nonce, under proof of work |
//! | `POST /mining/submit` | [`mining::MinedBlock`]: what `{"template": .., "nonce": ..}` has become |
//! | `POST /submit-tx` | [`model::SubmitOutcome`], or a list of them for a batch; see [`submit`] |
//! | `POST /deploy-contract` | [`contract::ContractOutcome`]: a signed deployment as for `/submit-tx`; in JSON the action's fields may stand beside the others. Without a signature: [`contract::PreparedView`], what to sign |
//! | `POST /call-contract` | the same for a call |
//! | `POST /prepare-tx` | [`contract::PreparedView`] for any transaction without a signature |
//! | `GET /contract/{address}` | [`contract::ContractView`]; with `?meta` without the bytecode |
//! | `GET /contract/{address}/interface` | [`contract::InterfaceView`]: its functions, events and types, where its code tells them |
//! | `GET /contract/{address}/storage/{key}` | [`contract::SlotView`]; with `?proof` its proof. A key is text, or bytes as `0x..` |
//! | `POST /query-contract` | [`contract::QueryAnswer`] to a [`contract::QueryRequest`]: free, read-only, at the head |
//! | `POST /estimate-gas` | [`contract::EstimateAnswer`] to a [`contract::EstimateRequest`] |
//!
//! Errors are problem details ([`problem`]). Bounds: [`MAX_CONNECTIONS`] connections, [`MAX_READS`] reads
//! of the disk, [`MAX_SUBMISSIONS`] submissions, [`MAX_ASKING`] queries and estimates and [`max_runs`] of them that
//! run, with at most [`MAX_RUN_GAS`]; a body has at most [`aureon_types::limits::MAX_BLOCK_BYTES`]. Who comes when all
//! places are taken waits shortly and is then answered 503 with `Retry-After`.
//!
//! *Architecture invariant:* handlers only read published views and send commands through
//! [`crate::handle::NodeHandle`]; none of them can change the chain or wait for the main loop.

pub mod action;
mod ask_route;
mod by_name;
pub mod contract;
mod contract_route;
mod decoded;
mod fields;
pub mod hex_bytes;
mod interfaces;
mod light_route;
mod listener;
pub mod mining;
pub mod model;
pub mod problem;
mod reads;
mod runs;
mod send_route;
pub mod staking;
mod staking_route;
mod status;
pub mod submit;
mod submit_route;
pub mod transaction;
mod unsigned;
mod views;

use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use aureon_types::limits::MAX_BLOCK_BYTES;
use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::{Method, StatusCode, Uri},
    response::Response,
    routing::{get, post},
};
use tokio::sync::{Semaphore, SemaphorePermit};

pub use by_name::NO_INTERFACE;
pub use runs::{MAX_ASKING, MAX_RUN_GAS, max_runs};
pub use unsigned::roomy;

use crate::handle::NodeHandle;
use problem::Problem;

/// Most connections at once; more wait in the system's backlog.
pub const MAX_CONNECTIONS: usize = 1_024;
/// Most requests at once that read the disk; more wait up to [`PATIENCE`] and get 503.
pub const MAX_READS: usize = 32;
/// Most submissions at once; each may hold a body of the largest size. More get 503.
pub const MAX_SUBMISSIONS: usize = 16;
/// How long a request waits for its turn.
const PATIENCE: Duration = Duration::from_secs(2);

/// What every handler has.
#[derive(Clone)]
struct Api {
    node: NodeHandle,
    reads: Arc<Semaphore>,
    submissions: Arc<Semaphore>,
    runs: runs::Runs,
    interfaces: Arc<interfaces::Interfaces>,
    started: Instant,
}

impl Api {
    /// Runs `read` on a thread that may wait for the disk.
    async fn read(&self, read: impl FnOnce(&NodeHandle) -> Answer + Send + 'static) -> Answer {
        let _turn = turn(&self.reads, "reads").await?;
        let node = self.node.clone();
        off_the_runtime(move || read(&node)).await?
    }
}

/// What a handler returns.
type Answer = Result<Response, Problem>;

/// Waits shortly for a place.
async fn turn<'a>(places: &'a Semaphore, what: &str) -> Result<SemaphorePermit<'a>, Problem> {
    match tokio::time::timeout(PATIENCE, places.acquire()).await {
        Ok(Ok(permit)) => Ok(permit),
        _ => Err(Problem::busy(format!(
            "too many {what} are under way; try again in a moment"
        ))),
    }
}

/// Runs `work` on a thread for blocking work.
async fn off_the_runtime<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Problem::internal(&error))
}

/// The routes.
pub fn router(node: NodeHandle) -> Router {
    let api = Api {
        node,
        reads: Arc::new(Semaphore::new(MAX_READS)),
        submissions: Arc::new(Semaphore::new(MAX_SUBMISSIONS)),
        runs: runs::Runs::default(),
        interfaces: Arc::default(),
        started: Instant::now(),
    };
    Router::new()
        .route("/chain/head", get(reads::head))
        .route("/block/{block}", get(reads::block))
        .route("/tx/{id}", get(reads::transaction))
        .route("/balance/{address}", get(reads::balance))
        .route("/mempool", get(reads::mempool))
        .route("/status", get(reads::status))
        .route("/peers", get(reads::peers))
        .route("/validators", get(staking_route::validators))
        .route("/validators/{address}", get(staking_route::validator))
        .route("/delegations/{address}", get(staking_route::delegations))
        .route("/authorities", get(staking_route::authorities))
        .route("/evidence", get(reads::evidence))
        .route("/light", get(light_route::light))
        .route("/genesis", get(reads::genesis))
        .route("/health", get(reads::health))
        .route("/submit-tx", post(submit_route::submit))
        .route("/contract/{address}", get(contract_route::contract))
        .route("/contract/{address}/interface", get(contract_route::interface))
        .route("/contract/{address}/storage/{key}", get(contract_route::storage))
        .merge(contract_routes())
        .route("/mining/template", get(mining::template))
        .route("/mining/submit", post(mining::submit))
        .fallback(unknown_route)
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::max(MAX_BLOCK_BYTES))
        .with_state(api)
}

/// Those whose body holds one transaction or less.
fn contract_routes() -> Router<Api> {
    Router::new()
        .route("/deploy-contract", post(send_route::deploy))
        .route("/call-contract", post(send_route::call))
        .route("/prepare-tx", post(send_route::prepare_any))
        .route("/query-contract", post(ask_route::query))
        .route("/estimate-gas", post(ask_route::estimate))
        .layer(DefaultBodyLimit::max(ask_route::MAX_BODY_BYTES))
}

/// Serves until `shutdown`; requests that are under way are answered first.
pub async fn serve(
    listener: tokio::net::TcpListener,
    node: NodeHandle,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let listener = listener::BoundedListener::new(listener, MAX_CONNECTIONS);
    axum::serve(listener, router(node))
        .with_graceful_shutdown(shutdown)
        .await
}

async fn unknown_route(uri: Uri) -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "unknown-route",
        format!(
            "there is nothing at {}; the routes are GET /chain/head, /block/{{height or id}}, /tx/{{id}}, \
             /balance/{{address}}, /mempool, /status, /peers, /validators, /validators/{{address}}, \
             /delegations/{{address}}, /authorities, /evidence, /light, /genesis, /health, /contract/{{address}}, \
             /contract/{{address}}/interface, /contract/{{address}}/storage/{{key}}, /mining/template and POST \
             /submit-tx, /prepare-tx, /deploy-contract, /call-contract, /query-contract, /estimate-gas, \
             /mining/submit",
            uri.path()
        ),
    )
}

async fn wrong_method(method: Method, uri: Uri) -> Problem {
    let right = match uri.path() {
        "/submit-tx" | "/prepare-tx" | "/deploy-contract" | "/call-contract" | "/query-contract"
        | "/estimate-gas" | "/mining/submit" => "POST",
        _ => "GET",
    };
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "wrong-method",
        format!("{} is asked for with {right}, not {method}", uri.path()),
    )
}
