//! Errors of the API as problem details (RFC 9457).

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The media type of a problem.
pub const CONTENT_TYPE: &str = "application/problem+json";
/// What `type` begins with; the rest is the code.
const TYPE_PREFIX: &str = "urn:aureon:problem:";

/// An answer that says what went wrong and what to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Problem {
    /// `urn:aureon:problem:` and a code in kebab-case: what programs look at.
    #[serde(rename = "type")]
    pub kind: String,
    /// A few words that are the same for every problem of the type.
    pub title: String,
    /// The HTTP status again.
    pub status: u16,
    /// A sentence about this occurrence, with values and limits.
    pub detail: String,
    /// More, by name.
    #[serde(flatten)]
    pub members: Map<String, Value>,
}

impl Problem {
    /// A problem whose title is the status in words.
    pub fn new(status: StatusCode, code: &str, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("{TYPE_PREFIX}{code}"),
            title: code.replace('-', " "),
            status: status.as_u16(),
            detail: detail.into(),
            members: Map::new(),
        }
    }

    /// Adds a member.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.members.insert(name.to_owned(), value.into());
        self
    }

    /// The code at the end of the type.
    pub fn code(&self) -> &str {
        self.kind.strip_prefix(TYPE_PREFIX).unwrap_or(&self.kind)
    }

    /// The client's fault: the request cannot be understood.
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::bad_request_as("bad-request", detail)
    }

    /// The same with a code of its own.
    pub fn bad_request_as(code: &str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, detail)
    }

    /// What was asked for is not here.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", detail)
    }

    /// A queue is full: the same request may succeed in a moment.
    pub fn busy(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", detail)
    }

    /// Our fault. The cause goes to the log with its details.
    pub fn internal(cause: &dyn std::fmt::Display) -> Self {
        tracing::error!("the API could not answer: {cause}");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            format!("this node could not answer: {cause}"),
        )
    }
}

/// Seconds after which a busy node may be asked again.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let busy = status == StatusCode::SERVICE_UNAVAILABLE;
        let mut response = (status, Json(self)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
        if busy {
            headers.insert(header::RETRY_AFTER, RETRY_AFTER);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_stand_beside_the_standard_ones() {
        let problem = Problem::not_found("block 7 is not here").with("head", 3);
        let json = serde_json::to_value(&problem).unwrap();
        assert_eq!(
            json,
            serde_json::json!({
                "type": "urn:aureon:problem:not-found", "title": "not found", "status": 404,
                "detail": "block 7 is not here", "head": 3,
            })
        );
        assert_eq!(
            serde_json::from_value::<Problem>(json).unwrap().code(),
            "not-found"
        );
    }

    #[test]
    fn a_busy_answer_says_when_to_come_back() {
        let response = Problem::busy("full").into_response();
        assert_eq!(response.status(), 503);
        assert_eq!(response.headers()["retry-after"], "1");
        assert_eq!(response.headers()["content-type"], CONTENT_TYPE);
    }
}
