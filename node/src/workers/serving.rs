//! Answers for peers, read from the block store.

use aureon_chain::{assembly, sync};
use aureon_proto::v1::{self as proto, sync_request, sync_response};
use aureon_storage::StorageError;
use aureon_types::{BlockId, SealedHeader};

use super::Services;
use crate::core::{Done, Serving};

/// Answers one request. What cannot be served (nonsense, a failing disk) is answered with "busy": the
/// peer asks another.
pub(super) fn serve(services: &Services, serving: Serving) -> Done {
    let channel = serving.channel;
    let response = match answer(services, serving) {
        Ok(Some(response)) => response,
        Ok(None) => sync_response::Response::Busy(proto::Busy {}),
        Err(error) if error.is_fatal() => {
            return Done::Failed {
                reason: error.to_string(),
            };
        }
        Err(error) => {
            tracing::warn!(%error, "a peer's request could not be answered");
            sync_response::Response::Busy(proto::Busy {})
        }
    };
    Done::Served {
        channel,
        response: proto::SyncResponse {
            response: Some(response),
        },
    }
}

fn answer(services: &Services, serving: Serving) -> Result<Option<sync_response::Response>, StorageError> {
    let Serving {
        request,
        proposal,
        head,
        work,
        ..
    } = serving;
    Ok(match request {
        // Answered by the network itself.
        sync_request::Request::Status(_) => None,
        sync_request::Request::Headers(request) => match work {
            Some(head) => headers(services, &request, head)?,
            None => None,
        },
        sync_request::Request::Range(request) => range(services, &request, head)?,
        sync_request::Request::Block(request) => match assembly::decode_block_request(&request) {
            Ok(id) => {
                let proposal = proposal.map(|proposal| proposal.to_proto());
                let block = services.blocks.message_by_id(&id)?;
                let certificate = certificate(services, &id)?;
                // A body alone decides nothing: it goes with what named it, or not at all. Under proof of
                // work its header is what names it.
                let proven = work.is_some() || proposal.is_some() || certificate.is_some();
                let block = block.filter(|_| proven);
                Some(sync_response::Response::Block(proto::BlockResponse {
                    block,
                    proposal,
                    certificate,
                }))
            }
            Err(_) => None,
        },
        sync_request::Request::Transactions(request) => match assembly::decode_transactions_request(&request)
        {
            Ok((id, leaves)) => Some(sync_response::Response::Transactions(
                services
                    .blocks
                    .block_by_id(&id)?
                    .map(|block| assembly::answer_transactions(&block, &leaves))
                    .unwrap_or_default(),
            )),
            Err(_) => None,
        },
    })
}

fn range(
    services: &Services,
    request: &proto::RangeRequest,
    head: sync::Head,
) -> Result<Option<sync_response::Response>, StorageError> {
    let Ok(mut answer) = sync::RangeAnswer::new(request, head.height) else {
        return Ok(None);
    };
    while let Some(height) = answer.next() {
        let (Some(block), Some(certificate)) = (
            services.blocks.message_by_height(height)?,
            services.blocks.certificate(height)?,
        ) else {
            break;
        };
        answer.push(proto::CertifiedBlock {
            block: Some(block),
            certificate: Some(certificate),
        });
    }
    Ok(Some(sync_response::Response::Range(answer.finish(head))))
}

/// Headers of the chain after the first block of the locator that is on it. A switch to another branch
/// may come between two reads: what does not connect ends the answer.
fn headers(
    services: &Services,
    request: &proto::HeadersRequest,
    head: sync::headers::Claim,
) -> Result<Option<sync_response::Response>, StorageError> {
    let Ok((locator, count)) = sync::headers::decode_headers_request(request) else {
        return Ok(None);
    };
    let (mut height, mut below) = (0, BlockId(services.chain.genesis_id.0));
    for id in locator {
        if let Some(at) = height_on_chain(services, &id)? {
            (height, below) = (at, id);
            break;
        }
    }
    let mut headers: Vec<SealedHeader> = Vec::new();
    while headers.len() < count {
        height = height.saturating_add(1);
        let next = services.blocks.header_by_height(height)?;
        let Some(next) = next.filter(|next| next.header().parent_id == below) else {
            break;
        };
        below = next.id();
        headers.push(next);
    }
    let answer = sync::headers::answer_headers(&headers, head);
    Ok(Some(sync_response::Response::Headers(answer)))
}

/// The height of a block, if it is part of the chain.
fn height_on_chain(services: &Services, id: &BlockId) -> Result<Option<u64>, StorageError> {
    let Some(header) = services.blocks.header_by_id(id)? else {
        return Ok(None);
    };
    let height = header.header().height;
    Ok((services.blocks.block_id(height)? == Some(*id)).then_some(height))
}

fn certificate(services: &Services, id: &BlockId) -> Result<Option<bytes::Bytes>, StorageError> {
    match height_on_chain(services, id)? {
        Some(height) => services.blocks.certificate(height),
        None => Ok(None),
    }
}
