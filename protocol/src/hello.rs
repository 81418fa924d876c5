//! The hello: what a node says of itself, and what it makes of the other's words.
//!
//! Both sides ask, on connecting. A node is of the same network if and only if its genesis id is ours;
//! the chain's name is for people. Unknown fields are ignored, so that versions can mix. Where the ids
//! differ, both answers carry the genesis document, so that both sides can say which fields differ.

use aureon_proto::v1 as proto;
use aureon_types::GenesisId;
use bytes::Bytes;

use crate::config::{GenesisInfo, Status};

/// Most bytes of a hello request. The answer may carry a genesis and is limited by the frame.
pub(crate) const MAX_REQUEST_BYTES: usize = 64 << 10;
/// Most characters of an agent or chain name that are kept.
const MAX_NAME: usize = 64;
/// What is hashed before the genesis encoding.
const GENESIS_DOMAIN: &[u8] = b"aureon/genesis/1";

/// What a peer of our network says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Greeting {
    pub(crate) status: Status,
    pub(crate) agent: String,
}

/// What an answer to our hello means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    SameNetwork(Greeting),
    /// `genesis` is present only if it is the document of that id.
    OtherNetwork {
        genesis_id: GenesisId,
        genesis: Option<Bytes>,
    },
}

/// What a hello from a peer means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Question {
    SameNetwork(Status),
    OtherNetwork(GenesisId),
    /// It has no genesis yet and wants ours.
    NoNetworkYet,
}

/// A hello that breaks the protocol: the peer's fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HelloError {
    #[error("it cannot be read: {0}")]
    Unreadable(String),
    #[error("the genesis id is not of 32 bytes")]
    GenesisId,
    #[error("the genesis id is missing")]
    NoGenesisId,
    #[error("the status is missing or incomplete")]
    Status,
}

/// What we ask on connecting.
pub(crate) fn request(genesis: &GenesisInfo, status: Status, agent: &str) -> proto::HelloRequest {
    proto::HelloRequest {
        genesis_id: Some(Bytes::copy_from_slice(genesis.id.as_bytes())),
        chain: Some(genesis.chain.clone()),
        status: Some(status.to_proto()),
        agent: Some(clean(agent)),
        want_genesis: Some(false),
    }
}

/// What a node asks that has no genesis yet.
pub(crate) fn genesis_request() -> proto::HelloRequest {
    proto::HelloRequest {
        want_genesis: Some(true),
        ..proto::HelloRequest::default()
    }
}

/// What we answer. The genesis goes along on request and to whoever has another.
pub(crate) fn respond(
    genesis: &GenesisInfo,
    status: Status,
    agent: &str,
    request: &proto::HelloRequest,
) -> proto::HelloResponse {
    let differs = request
        .genesis_id
        .as_deref()
        .is_some_and(|id| id != genesis.id.as_bytes());
    let wanted = request.want_genesis.unwrap_or(false);
    proto::HelloResponse {
        genesis_id: Some(Bytes::copy_from_slice(genesis.id.as_bytes())),
        chain: Some(genesis.chain.clone()),
        status: Some(status.to_proto()),
        agent: Some(clean(agent)),
        genesis: (differs || wanted).then(|| genesis.encoded.clone()),
    }
}

/// Judges the answer to our hello.
pub(crate) fn judge_answer(own: GenesisId, response: proto::HelloResponse) -> Result<Answer, HelloError> {
    let bytes = response.genesis_id.as_deref().ok_or(HelloError::NoGenesisId)?;
    let genesis_id = GenesisId::from_slice(bytes).ok_or(HelloError::GenesisId)?;
    if genesis_id != own {
        let genesis = response
            .genesis
            .filter(|genesis| is_genesis_of(genesis_id, genesis));
        return Ok(Answer::OtherNetwork { genesis_id, genesis });
    }
    let status = response
        .status
        .as_ref()
        .and_then(Status::from_proto)
        .ok_or(HelloError::Status)?;
    Ok(Answer::SameNetwork(Greeting {
        status,
        agent: clean(response.agent.as_deref().unwrap_or("unknown")),
    }))
}

/// Judges a hello that a peer says to us.
pub(crate) fn judge_question(own: GenesisId, request: &proto::HelloRequest) -> Result<Question, HelloError> {
    let Some(bytes) = request.genesis_id.as_deref() else {
        return Ok(Question::NoNetworkYet);
    };
    let genesis_id = GenesisId::from_slice(bytes).ok_or(HelloError::GenesisId)?;
    if genesis_id != own {
        return Ok(Question::OtherNetwork(genesis_id));
    }
    let status = request
        .status
        .as_ref()
        .and_then(Status::from_proto)
        .ok_or(HelloError::Status)?;
    Ok(Question::SameNetwork(status))
}

/// Whether `genesis` is the document that the id was made from.
pub(crate) fn is_genesis_of(id: GenesisId, genesis: &[u8]) -> bool {
    let mut hasher = blake3::Hasher::new();
    hasher.update(GENESIS_DOMAIN);
    hasher.update(genesis);
    hasher.finalize().as_bytes() == id.as_bytes()
}

/// A name as it may enter logs and terminals: short, printable, one line.
pub(crate) fn clean(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(MAX_NAME).collect()
}

#[cfg(test)]
mod tests {
    use aureon_types::BlockId;

    use super::*;

    fn info(encoded: &'static [u8]) -> GenesisInfo {
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"aureon/genesis/1").update(encoded);
        let id = GenesisId(*hasher.finalize().as_bytes());
        GenesisInfo {
            id,
            chain: "test".into(),
            encoded: Bytes::from_static(encoded),
        }
    }

    const STATUS: Status = Status {
        height: 7,
        head_id: BlockId([7; 32]),
        work: Some([5; 32]),
    };

    #[test]
    fn two_of_one_network_know_each_other() {
        let own = info(b"genesis");
        let request = request(&own, STATUS, "a/1");
        assert_eq!(
            judge_question(own.id, &request),
            Ok(Question::SameNetwork(STATUS))
        );
        let response = respond(&own, STATUS, "b/1", &request);
        assert_eq!(response.genesis, None, "nobody asked and nothing differs");
        let greeting = Greeting {
            status: STATUS,
            agent: "b/1".into(),
        };
        assert_eq!(judge_answer(own.id, response), Ok(Answer::SameNetwork(greeting)));
    }

    #[test]
    fn whoever_differs_gets_the_genesis_and_checks_that_it_belongs_to_the_id() {
        let (own, other) = (info(b"genesis"), info(b"another genesis"));
        let request = request(&own, STATUS, "");
        assert_eq!(
            judge_question(other.id, &request),
            Ok(Question::OtherNetwork(own.id))
        );
        let mut response = respond(&other, STATUS, "", &request);
        assert_eq!(
            judge_answer(own.id, response.clone()),
            Ok(Answer::OtherNetwork {
                genesis_id: other.id,
                genesis: Some(other.encoded.clone())
            })
        );
        response.genesis = Some(Bytes::from_static(b"a lie"));
        assert_eq!(
            judge_answer(own.id, response),
            Ok(Answer::OtherNetwork {
                genesis_id: other.id,
                genesis: None
            })
        );
    }

    #[test]
    fn who_has_no_genesis_gets_it_on_request() {
        let own = info(b"genesis");
        let request = genesis_request();
        assert_eq!(judge_question(own.id, &request), Ok(Question::NoNetworkYet));
        let response = respond(&own, STATUS, "", &request);
        assert_eq!(response.genesis, Some(own.encoded));
    }

    #[test]
    fn malformed_hellos_are_named() {
        let own = info(b"genesis");
        let response = |id: Option<&'static [u8]>| proto::HelloResponse {
            genesis_id: id.map(Bytes::from_static),
            ..proto::HelloResponse::default()
        };
        assert_eq!(judge_answer(own.id, response(None)), Err(HelloError::NoGenesisId));
        assert_eq!(
            judge_answer(own.id, response(Some(&[1; 31]))),
            Err(HelloError::GenesisId)
        );
        let mut request = request(&own, STATUS, "");
        request.status = Some(proto::Status {
            height: Some(1),
            head_id: None,
            work: None,
        });
        assert_eq!(judge_question(own.id, &request), Err(HelloError::Status));
        let mut answer = respond(&own, STATUS, "", &request);
        answer.status = None;
        assert_eq!(judge_answer(own.id, answer), Err(HelloError::Status));
        request.genesis_id = Some(Bytes::new());
        assert_eq!(judge_question(own.id, &request), Err(HelloError::GenesisId));
    }

    #[test]
    fn names_from_peers_cannot_break_a_log() {
        assert_eq!(clean("evil\n\x1b[31mWARN"), "evil[31mWARN");
        assert_eq!(clean(&"x".repeat(1_000)).len(), MAX_NAME);
    }
}
