//! Both ends of a request for headers as messages.

use aureon_consensus::pow::Work;
use aureon_proto::v1 as proto;
use aureon_types::{BlockId, DecodeError, SealedHeader, strict};
use bytes::Bytes;

use super::{super::Head, Claim, MAX_HEADERS};

/// Most ids of a locator.
pub const MAX_LOCATOR: usize = 64;

/// Asks for headers after the first of these that the peer's chain has. More than [`MAX_LOCATOR`] are
/// cut.
pub fn headers_request(locator: &[BlockId], count: u32) -> proto::HeadersRequest {
    let copy = |id: &BlockId| Bytes::copy_from_slice(id.as_bytes());
    proto::HeadersRequest {
        locator: locator.iter().take(MAX_LOCATOR).map(copy).collect(),
        count: Some(count),
    }
}

/// Reads a request: 1 to [`MAX_LOCATOR`] ids, and how many headers; more than [`MAX_HEADERS`] are cut.
pub fn decode_headers_request(request: &proto::HeadersRequest) -> Result<(Vec<BlockId>, usize), DecodeError> {
    const WHAT: &str = "headers request";
    let given = request.locator.len();
    if given == 0 || given > MAX_LOCATOR {
        let reason = format!("it has {given} ids, 1 to {MAX_LOCATOR} are allowed");
        return Err(DecodeError::Invalid {
            what: WHAT,
            field: "locator",
            reason,
        });
    }
    let ids = request.locator.iter();
    let locator = ids
        .map(|id| strict::required_bytes(WHAT, "locator", Some(id)).map(BlockId))
        .collect::<Result<_, _>>()?;
    let count = strict::required(WHAT, "count", request.count)?;
    Ok((
        locator,
        usize::try_from(count).unwrap_or(MAX_HEADERS).min(MAX_HEADERS),
    ))
}

/// The answer: at most [`MAX_HEADERS`] headers, and our head.
pub fn answer_headers(headers: &[SealedHeader], head: Claim) -> proto::HeadersResponse {
    let headers = headers
        .iter()
        .take(MAX_HEADERS)
        .map(|header| proto::HeaderWithSeal {
            header: Some(header.bytes().clone()),
            seal: Some(header.seal().clone()),
        });
    proto::HeadersResponse {
        headers: headers.collect(),
        status: Some(proto::Status {
            height: Some(head.head.height),
            head_id: Some(Bytes::copy_from_slice(head.head.id.as_bytes())),
            work: Some(Bytes::copy_from_slice(&head.work.to_bytes())),
        }),
    }
}

/// Reads an answer: strict in what is hashed, lenient around it. Hashes every header once, for its id:
/// run it on a worker.
pub fn decode_headers(
    response: &proto::HeadersResponse,
) -> Result<(Vec<SealedHeader>, Option<Claim>), DecodeError> {
    const WHAT: &str = "headers response";
    let given = response.headers.len();
    if given > MAX_HEADERS {
        let reason = format!("it has {given}, at most {MAX_HEADERS} are allowed");
        return Err(DecodeError::Invalid {
            what: WHAT,
            field: "headers",
            reason,
        });
    }
    let headers = response.headers.iter().map(|header| {
        let bytes = strict::required(WHAT, "header", header.header.as_ref())?;
        let seal = strict::required(WHAT, "seal", header.seal.as_ref())?;
        SealedHeader::from_parts(bytes, seal)
    });
    let headers = headers.collect::<Result<_, _>>()?;
    let claim = response
        .status
        .as_ref()
        .map(|status| -> Result<Claim, DecodeError> {
            let id = strict::required_bytes(WHAT, "status.head_id", status.head_id.as_ref())?;
            let work = strict::required_bytes(WHAT, "status.work", status.work.as_ref())?;
            Ok(Claim {
                head: Head {
                    height: strict::required(WHAT, "status.height", status.height)?,
                    id: BlockId(id),
                },
                work: Work::from_bytes(&work),
            })
        });
    Ok((headers, claim.transpose()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::headers::testing::Chain;

    #[test]
    fn requests_come_back_and_are_bounded() {
        let ids: Vec<BlockId> = (0..100).map(|n| BlockId([n; 32])).collect();
        let request = headers_request(&ids, 7);
        assert_eq!(
            decode_headers_request(&request),
            Ok((ids[..MAX_LOCATOR].to_vec(), 7))
        );
        let many = headers_request(&ids[..1], u32::MAX);
        assert_eq!(
            decode_headers_request(&many),
            Ok((ids[..1].to_vec(), MAX_HEADERS))
        );
        for (field, broken) in [
            ("locator", headers_request(&[], 7)),
            (
                "locator",
                proto::HeadersRequest {
                    locator: vec![vec![1; 32].into(); MAX_LOCATOR + 1],
                    count: Some(1),
                },
            ),
            (
                "locator",
                proto::HeadersRequest {
                    locator: vec![vec![1; 31].into()],
                    count: Some(1),
                },
            ),
            (
                "count",
                proto::HeadersRequest {
                    count: None,
                    ..request
                },
            ),
        ] {
            let error = decode_headers_request(&broken).unwrap_err().to_string();
            assert!(error.contains(&format!("\"{field}\"")), "{error}");
        }
    }

    #[test]
    fn answers_come_back_and_malformed_ones_are_refused() {
        let chain = Chain::new(5, 1);
        let answer = answer_headers(&chain.headers, chain.claim());
        assert_eq!(
            decode_headers(&answer),
            Ok((chain.headers.clone(), Some(chain.claim())))
        );
        let without = proto::HeadersResponse {
            status: None,
            ..answer.clone()
        };
        assert_eq!(decode_headers(&without), Ok((chain.headers.clone(), None)));
        let refused = |change: &dyn Fn(&mut proto::HeadersResponse)| {
            let mut broken = answer.clone();
            change(&mut broken);
            decode_headers(&broken).is_err()
        };
        assert!(refused(&|answer| answer.headers[1].seal = Some(vec![1; 7].into())));
        assert!(refused(&|answer| answer.headers[1].seal = None));
        assert!(refused(&|answer| answer.headers[1].header = Some(vec![1].into())));
        assert!(refused(
            &|answer| answer.headers = vec![answer.headers[0].clone(); MAX_HEADERS + 1]
        ));
        assert!(refused(&|answer| answer.status.as_mut().unwrap().work = None));
        assert!(refused(
            &|answer| answer.status.as_mut().unwrap().work = Some(vec![1; 33].into())
        ));
    }
}
