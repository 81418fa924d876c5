//! A blocking client of a node's REST API, for the command line, the launcher and tests.
//!
//! Cheap to clone; clones share their connections.

use std::{io, time::Duration};

use aureon_proto::v1 as proto;
use aureon_types::{
    Address, BlockId, Genesis, GenesisError, Hash, SignedTransaction, TransactionId, limits::MAX_BLOCK_BYTES,
};
use prost::Message as _;
use serde::{Serialize, de::DeserializeOwned};
use ureq::{Agent, Body, http::Response};

use crate::api::{
    contract::{
        ContractOutcome, ContractView, EstimateAnswer, EstimateRequest, InterfaceView, QueryAnswer,
        QueryRequest, SlotView,
    },
    hex_bytes::HexBytes,
    mining::{MinedBlock, MiningTemplate},
    model::{
        BalanceView, BlockView, Head, Health, MempoolSummary, PeersView, StatusView, SubmitOutcome,
        TransactionView,
    },
    problem::{CONTENT_TYPE, Problem},
    staking::{AuthoritiesView, DelegationsView, ValidatorEntry, ValidatorsView},
};

/// How long a request may take, answer included.
pub const TIMEOUT: Duration = Duration::from_secs(30);
/// Largest answer that is read: the ids of a full block in JSON stay below it.
const MAX_ANSWER_BYTES: u64 = MAX_BLOCK_BYTES as u64;

/// Why there is no answer to use.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody answers there.
    #[error("cannot reach a node at {url}: {reason}; is it running, and is this its API address?")]
    Unreachable {
        /// Where.
        url: String,
        /// What the system said.
        reason: String,
    },
    /// The node refuses, and says why.
    #[error("{}", .0.detail)]
    Refused(Box<Problem>),
    /// Something answers that is no node, or one of another version.
    #[error("the answer of {url} cannot be understood ({reason}); is it an Aureon node of this version?")]
    Unexpected {
        /// Where.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl ClientError {
    /// The problem, if the node refused.
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Refused(problem) => Some(problem),
            _ => None,
        }
    }
}

/// A node, by the address of its API.
#[derive(Clone, Debug)]
pub struct Client {
    base: String,
    agent: Agent,
}

impl Client {
    /// `base` is `http://host:port`; a slash at its end does not matter.
    pub fn new(base: &str) -> Self {
        Self::with_timeout(base, TIMEOUT)
    }

    /// As [`Client::new`], with another timeout for each request.
    pub fn with_timeout(base: &str, timeout: Duration) -> Self {
        let config = Agent::config_builder()
            .timeout_global(Some(timeout))
            .http_status_as_error(false)
            // A node is asked where it is: a proxy of the environment would only be in the way.
            .proxy(None)
            .user_agent(concat!("aureon/", env!("CARGO_PKG_VERSION")));
        Self {
            base: base.trim_end_matches('/').to_owned(),
            agent: config.build().new_agent(),
        }
    }

    /// The address of the API.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// `GET /chain/head`.
    pub fn head(&self) -> Result<Head, ClientError> {
        self.get("/chain/head")
    }

    /// `GET /block/{height}`.
    pub fn block_at(&self, height: u64) -> Result<BlockView, ClientError> {
        self.get(&format!("/block/{height}"))
    }

    /// `GET /block/{id}`.
    pub fn block(&self, id: &BlockId) -> Result<BlockView, ClientError> {
        self.get(&format!("/block/{id}"))
    }

    /// `GET /tx/{id}`; `None`: the node does not know it.
    pub fn transaction(&self, id: &TransactionId) -> Result<Option<TransactionView>, ClientError> {
        match self.get(&format!("/tx/{id}")) {
            Err(ClientError::Refused(problem)) if problem.code() == "not-found" => Ok(None),
            other => other.map(Some),
        }
    }

    /// `GET /balance/{address}`.
    pub fn balance(&self, address: &Address) -> Result<BalanceView, ClientError> {
        self.get(&format!("/balance/{address}"))
    }

    /// `GET /mempool`.
    pub fn mempool(&self) -> Result<MempoolSummary, ClientError> {
        self.get("/mempool")
    }

    /// `GET /status`.
    pub fn status(&self) -> Result<StatusView, ClientError> {
        self.get("/status")
    }

    /// `GET /peers`.
    pub fn peers(&self) -> Result<PeersView, ClientError> {
        self.get("/peers")
    }

    /// `GET /health`; a node that is not well is an error with its reason.
    pub fn health(&self) -> Result<Health, ClientError> {
        self.get("/health")
    }

    /// `GET /validators`.
    pub fn validators(&self) -> Result<ValidatorsView, ClientError> {
        self.get("/validators")
    }

    /// `GET /validators/{address}`.
    pub fn validator(&self, address: &Address) -> Result<ValidatorEntry, ClientError> {
        self.get(&format!("/validators/{address}"))
    }

    /// `GET /delegations/{address}`.
    pub fn delegations(&self, address: &Address) -> Result<DelegationsView, ClientError> {
        self.get(&format!("/delegations/{address}"))
    }

    /// `GET /authorities`.
    pub fn authorities(&self) -> Result<AuthoritiesView, ClientError> {
        self.get("/authorities")
    }

    /// `GET /light`: an encoded `aureon.v1.LightChain` of at most `count` blocks; the node may send fewer.
    pub fn light(&self, from: u64, count: u64) -> Result<Vec<u8>, ClientError> {
        let path = format!("/light?from={from}&count={count}");
        self.bytes(self.agent.get(self.url(&path)).call())
    }

    /// `GET /genesis`, checked.
    pub fn genesis(&self) -> Result<Genesis, ClientError> {
        let text = self.text(self.agent.get(self.url("/genesis")).call())?;
        Genesis::from_json(&text).map_err(|error: GenesisError| self.unexpected(error.to_string()))
    }

    /// `GET /mining/template`. `reward`: who receives reward and fees; `None`: whom the node is configured
    /// for.
    pub fn mining_template(&self, reward: Option<&Address>) -> Result<MiningTemplate, ClientError> {
        match reward {
            Some(address) => self.get(&format!("/mining/template?reward={address}")),
            None => self.get("/mining/template"),
        }
    }

    /// `POST /mining/submit`: answered when the block is the head and durable.
    pub fn submit_seal(&self, template: &Hash, nonce: u64) -> Result<MinedBlock, ClientError> {
        let body = serde_json::json!({ "template": template, "nonce": nonce.to_string() });
        self.post("/mining/submit", "application/json", body.to_string().as_bytes())
    }

    /// `POST /submit-tx` with one transaction.
    pub fn submit(&self, transaction: &SignedTransaction) -> Result<SubmitOutcome, ClientError> {
        self.post("/submit-tx", "application/x-protobuf", &transaction.encode())
    }

    /// `POST /deploy-contract`.
    pub fn deploy_contract(&self, transaction: &SignedTransaction) -> Result<ContractOutcome, ClientError> {
        self.post(
            "/deploy-contract",
            "application/x-protobuf",
            &transaction.encode(),
        )
    }

    /// `POST /call-contract`.
    pub fn call_contract(&self, transaction: &SignedTransaction) -> Result<ContractOutcome, ClientError> {
        self.post("/call-contract", "application/x-protobuf", &transaction.encode())
    }

    /// `GET /contract/{address}`, with its bytecode.
    pub fn contract(&self, address: &Address) -> Result<ContractView, ClientError> {
        self.get(&format!("/contract/{address}"))
    }

    /// `GET /contract/{address}?meta`.
    pub fn contract_meta(&self, address: &Address) -> Result<ContractView, ClientError> {
        self.get(&format!("/contract/{address}?meta"))
    }

    /// `GET /contract/{address}/interface`.
    pub fn contract_interface(&self, address: &Address) -> Result<InterfaceView, ClientError> {
        self.get(&format!("/contract/{address}/interface"))
    }

    /// `GET /contract/{address}/storage/{key}`.
    pub fn contract_slot(&self, address: &Address, key: &[u8], proof: bool) -> Result<SlotView, ClientError> {
        let key = HexBytes(bytes::Bytes::copy_from_slice(key));
        let proof = if proof { "?proof" } else { "" };
        self.get(&format!("/contract/{address}/storage/{key}{proof}"))
    }

    /// `POST /query-contract`.
    pub fn query_contract(&self, request: &QueryRequest) -> Result<QueryAnswer, ClientError> {
        self.post_json("/query-contract", request)
    }

    /// `POST /estimate-gas`.
    pub fn estimate_gas(&self, request: &EstimateRequest) -> Result<EstimateAnswer, ClientError> {
        self.post_json("/estimate-gas", request)
    }

    /// `POST /submit-tx` with several; the answer has one outcome for each, in order.
    pub fn submit_batch(
        &self,
        transactions: &[SignedTransaction],
    ) -> Result<Vec<SubmitOutcome>, ClientError> {
        let batch = proto::TransactionBatch {
            transactions: transactions.iter().map(SignedTransaction::to_proto).collect(),
            attempt: None,
        };
        self.submit_encoded(&batch.encode_to_vec())
    }

    /// As [`Client::submit_batch`], with an `aureon.v1.TransactionBatch` that is encoded already.
    pub fn submit_encoded(&self, batch: &[u8]) -> Result<Vec<SubmitOutcome>, ClientError> {
        self.post("/submit-tx", "application/x-protobuf; message=batch", batch)
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        let text = self.text(self.agent.get(self.url(path)).call())?;
        self.parse(&text)
    }

    fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        content_type: &str,
        body: &[u8],
    ) -> Result<T, ClientError> {
        let request = self
            .agent
            .post(self.url(path))
            .header("content-type", content_type);
        let text = self.text(request.send(body))?;
        self.parse(&text)
    }

    fn post_json<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, ClientError> {
        let body = serde_json::to_vec(body).map_err(|error| self.unexpected(error.to_string()))?;
        self.post(path, "application/json", &body)
    }

    fn text(&self, answer: Result<Response<Body>, ureq::Error>) -> Result<String, ClientError> {
        let bytes = self.bytes(answer)?;
        String::from_utf8(bytes).map_err(|_| self.unexpected("it is no text".to_owned()))
    }

    fn bytes(&self, answer: Result<Response<Body>, ureq::Error>) -> Result<Vec<u8>, ClientError> {
        let mut response = answer.map_err(|error| self.failed(error))?;
        let is_problem = response
            .headers()
            .get("content-type")
            .is_some_and(|value| value.as_bytes().starts_with(CONTENT_TYPE.as_bytes()));
        let status = response.status();
        let body = response.body_mut().with_config().limit(MAX_ANSWER_BYTES);
        let bytes = body.read_to_vec().map_err(|error| self.failed(error))?;
        if is_problem {
            let text = String::from_utf8_lossy(&bytes);
            Err(ClientError::Refused(Box::new(self.parse(&text)?)))
        } else if status.is_success() {
            Ok(bytes)
        } else {
            Err(self.unexpected(format!("HTTP status {status}")))
        }
    }

    fn parse<T: DeserializeOwned>(&self, text: &str) -> Result<T, ClientError> {
        serde_json::from_str(text).map_err(|error| self.unexpected(error.to_string()))
    }

    fn failed(&self, error: ureq::Error) -> ClientError {
        let url = self.base.clone();
        match error {
            ureq::Error::Io(error) if error.kind() == io::ErrorKind::InvalidData => {
                self.unexpected(error.to_string())
            }
            ureq::Error::Io(error) => ClientError::Unreachable {
                url,
                reason: error.to_string(),
            },
            ureq::Error::HostNotFound | ureq::Error::ConnectionFailed | ureq::Error::Timeout(_) => {
                ClientError::Unreachable {
                    url,
                    reason: error.to_string(),
                }
            }
            ureq::Error::BadUri(_) | ureq::Error::Http(_) => ClientError::Unreachable {
                url,
                reason: format!("{error} (an API address looks like http://127.0.0.1:8080)"),
            },
            error => self.unexpected(error.to_string()),
        }
    }

    fn unexpected(&self, reason: String) -> ClientError {
        ClientError::Unexpected {
            url: self.base.clone(),
            reason,
        }
    }
}

#[cfg(test)]
mod tests;
