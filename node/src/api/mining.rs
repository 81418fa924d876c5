//! `GET /mining/template` and `POST /mining/submit`: for miners outside of this process.

use aureon_types::{Address, Hash};
use axum::{
    body::Bytes,
    extract::{Query, State, rejection::QueryRejection},
    http::StatusCode,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Answer, Api, problem::Problem, turn, views};
use crate::core::{Mined, SealRefusal, TemplateRefusal, TemplateView};

/// Largest body of a submission, in bytes.
const MAX_BODY: usize = 1_024;

/// What a miner asks for.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TemplateQuery {
    /// Who receives reward and fees; absent: whom the node is configured for.
    reward: Option<String>,
}

/// `GET /mining/template`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MiningTemplate {
    /// Names the template in a submission: the header hash.
    pub template: Hash,
    /// BLAKE3 of the header bytes. The work is SHA-256(SHA-256(header hash, nonce)), the nonce as 8 bytes,
    /// little-endian.
    pub header_hash: Hash,
    /// The header bytes, 0x and hexadecimal: for who wants to check what is mined.
    pub header: String,
    /// The work, read as a big-endian number, must not exceed this.
    pub target: Hash,
    /// Height of the block.
    pub height: u64,
    /// The block that it stands on: the template is worthless once the head is another.
    pub parent_id: aureon_types::BlockId,
    /// Its time.
    pub timestamp_ms: u64,
    /// How many transactions it holds.
    pub transactions: usize,
    /// Who receives reward and fees.
    pub reward_address: Address,
}

/// `POST /mining/submit`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MinedBlock {
    /// The new block: the head, on disk, and on its way to all peers.
    pub block_id: aureon_types::BlockId,
    /// Its height.
    pub height: u64,
}

impl From<TemplateView> for MiningTemplate {
    fn from(view: TemplateView) -> Self {
        Self {
            template: view.header_hash,
            header_hash: view.header_hash,
            header: format!("0x{}", hex::encode(&view.header)),
            target: Hash(view.target),
            height: view.height,
            parent_id: view.parent,
            timestamp_ms: view.timestamp_ms,
            transactions: view.transactions,
            reward_address: view.reward,
        }
    }
}

pub(super) async fn template(
    State(api): State<Api>,
    query: Result<Query<TemplateQuery>, QueryRejection>,
) -> Answer {
    let Query(query) = query.map_err(|rejection| Problem::bad_request(rejection.body_text()))?;
    let reward = query.reward.map(|text| text.parse::<Address>()).transpose();
    let reward = reward.map_err(|error| Problem::bad_request(format!("reward: {error}")))?;
    let _turn = turn(&api.submissions, "submissions and templates").await?;
    match api.node.template(reward).await {
        Ok(view) => views::answer(&MiningTemplate::from(view)),
        Err(refusal) => Err(template_problem(refusal)),
    }
}

fn template_problem(refusal: TemplateRefusal) -> Problem {
    let detail = refusal.to_string();
    match refusal {
        TemplateRefusal::NotMined => Problem::new(StatusCode::NOT_FOUND, "not-mined", detail),
        TemplateRefusal::NoReward => Problem::new(StatusCode::BAD_REQUEST, "no-reward-address", detail),
        TemplateRefusal::Busy(_) | TemplateRefusal::Stopping => Problem::busy(detail),
    }
}

pub(super) async fn submit(State(api): State<Api>, body: Bytes) -> Answer {
    let mined = submission(&body)?;
    let _turn = turn(&api.submissions, "submissions and templates").await?;
    match api.node.submit_seal(mined).await {
        Ok((block_id, height)) => views::answer(&MinedBlock { block_id, height }),
        Err(refusal) => Err(seal_problem(&refusal)),
    }
}

fn seal_problem(refusal: &SealRefusal) -> Problem {
    let detail = refusal.to_string();
    match refusal {
        SealRefusal::NotMined => Problem::new(StatusCode::NOT_FOUND, "not-mined", detail),
        SealRefusal::Stale { height, .. } => {
            Problem::new(StatusCode::CONFLICT, "stale-template", detail).with("height", *height)
        }
        SealRefusal::Insufficient { hash, target, .. } => {
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "insufficient-work", detail)
                .with("hash", hash.to_string())
                .with("target", target.to_string())
        }
        SealRefusal::Late { block_id } => {
            Problem::new(StatusCode::CONFLICT, "late-block", detail).with("block_id", block_id.to_string())
        }
        SealRefusal::Stopping => Problem::busy(detail),
    }
}

/// Reads a submission: an object with `template` and `nonce`. Nothing else is allowed, so that a misspelt
/// name is told.
fn submission(body: &[u8]) -> Result<Mined, Problem> {
    if body.len() > MAX_BODY {
        let detail = format!(
            "the body has {} bytes, a submission has at most {MAX_BODY}",
            body.len()
        );
        return Err(Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "body-too-large",
            detail,
        ));
    }
    let wrong = |detail: String| {
        Problem::bad_request(format!(
            "{detail}; send {{\"template\": \"0x...\", \"nonce\": \"0x...\"}} with the template's name and the nonce"
        ))
    };
    let value: Value =
        serde_json::from_slice(body).map_err(|error| wrong(format!("the body is not JSON: {error}")))?;
    let Value::Object(fields) = value else {
        return Err(wrong("the body is no object".to_owned()));
    };
    if let Some(unknown) = fields
        .keys()
        .find(|key| !matches!(key.as_str(), "template" | "nonce"))
    {
        return Err(wrong(format!("\"{unknown}\" is no field of a submission")));
    }
    let template = match fields.get("template") {
        Some(Value::String(text)) => text
            .parse::<Hash>()
            .map_err(|error| wrong(format!("template: {error}")))?,
        Some(_) => return Err(wrong("template is no text".to_owned())),
        None => return Err(wrong("template is missing".to_owned())),
    };
    let nonce = fields
        .get("nonce")
        .ok_or_else(|| wrong("nonce is missing".to_owned()))?;
    let nonce = nonce_of(nonce).ok_or_else(|| {
        wrong(format!(
            "nonce {nonce} is no number from 0 to 2^64 - 1 (as a number, as decimal digits, or as 0x and \
             hexadecimal digits)"
        ))
    })?;
    Ok(Mined { template, nonce })
}

/// Numbers beyond 2^53 do not survive every JSON library, so text is taken too.
fn nonce_of(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => match text.strip_prefix("0x") {
            Some(digits) if !digits.starts_with('+') => u64::from_str_radix(digits, 16).ok(),
            Some(_) => None,
            None if text.starts_with('+') => None,
            None => text.parse().ok(),
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_may_be_written_in_three_ways() {
        let template = Hash([7; 32]);
        let read = |nonce: &str| {
            let body = format!("{{\"template\":\"{template}\",\"nonce\":{nonce}}}");
            submission(body.as_bytes())
                .map(|mined| mined.nonce)
                .map_err(|problem| problem.detail)
        };
        assert_eq!(read("18446744073709551615"), Ok(u64::MAX));
        assert_eq!(read("\"18446744073709551615\""), Ok(u64::MAX));
        assert_eq!(read("\"0xffffffffffffffff\""), Ok(u64::MAX));
        assert_eq!(read("0"), Ok(0));
        for wrong in [
            "-1",
            "1.5",
            "\"\"",
            "\"0x\"",
            "\"+1\"",
            "\"0x+1\"",
            "\"0x10000000000000000\"",
            "null",
        ] {
            assert!(read(wrong).unwrap_err().contains("nonce"), "{wrong}");
        }
    }

    #[test]
    fn what_is_no_submission_is_refused_in_words() {
        let template = Hash([7; 32]);
        for (body, expected) in [
            ("", "not JSON"),
            ("[]", "no object"),
            ("{}", "template is missing"),
            ("{\"template\":7,\"nonce\":1}", "template is no text"),
            ("{\"template\":\"0x12\",\"nonce\":1}", "template:"),
            (&format!("{{\"template\":\"{template}\"}}"), "nonce is missing"),
            (
                &format!("{{\"template\":\"{template}\",\"nonce\":1,\"nonse\":2}}"),
                "\"nonse\" is no field",
            ),
            (&" ".repeat(MAX_BODY + 1), "1025 bytes"),
        ] {
            let problem = submission(body.as_bytes()).unwrap_err();
            assert!(problem.detail.contains(expected), "{body}: {}", problem.detail);
        }
    }

    #[test]
    fn refusals_say_what_programs_can_do() {
        let stale = SealRefusal::Stale {
            template: Hash([1; 32]),
            head: aureon_types::BlockId([2; 32]),
            height: 9,
        };
        let problem = seal_problem(&stale);
        assert_eq!((problem.status, problem.code()), (409, "stale-template"));
        assert_eq!(problem.members["height"], 9);
        let weak = SealRefusal::Insufficient {
            nonce: 5,
            hash: Hash([0xff; 32]),
            target: Hash([0x0f; 32]),
        };
        let problem = seal_problem(&weak);
        assert_eq!((problem.status, problem.code()), (422, "insufficient-work"));
        assert_eq!(problem.members["target"], Hash([0x0f; 32]).to_string());
        assert_eq!(template_problem(TemplateRefusal::Busy(4)).status, 503);
        assert_eq!(template_problem(TemplateRefusal::NotMined).status, 404);
    }
}
