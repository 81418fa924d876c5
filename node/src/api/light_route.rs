//! `GET /light`: headers, certificates and changing validator sets, for light clients.

use aureon_consensus::{
    Epoch,
    light::{LightBlock, LightChain},
};
use aureon_types::{CommitCertificate, EngineKind, Hash, ValidatorSet};
use axum::{
    extract::{Query, State, rejection::QueryRejection},
    http::{HeaderValue, StatusCode, header},
    response::IntoResponse as _,
};
use serde::Deserialize;

use super::{Answer, Api, problem::Problem, staking_route::other_engine};
use crate::handle::{NodeHandle, ReadError};

/// Most blocks of one answer.
pub const MAX_LIGHT_BLOCKS: u64 = 500;
/// An answer ends with the block that makes it larger than this.
const ANSWER_BYTES: usize = 8 << 20;
/// Bytes of a block beside the signatures of its certificate and its validators: at most.
const BLOCK_BYTES: usize = 1_200;
/// Bytes of a signature with its signer, or of a validator, encoded: at most.
const ENTRY_BYTES: usize = 96;

/// Which blocks.
#[derive(Debug, Deserialize)]
pub struct Range {
    from: u64,
    #[serde(default = "one")]
    count: u64,
}

fn one() -> u64 {
    1
}

/// An `aureon.v1.LightChain`, encoded. The first block always brings the validators of the next height,
/// so that a client can begin with it; later ones where they change.
pub async fn light(State(api): State<Api>, range: Result<Query<Range>, QueryRejection>) -> Answer {
    let Query(Range { from, count }) = range.map_err(|rejection| {
        Problem::bad_request(format!("{}: ask with ?from=1&count=100", rejection.body_text()))
    })?;
    api.read(move |node| {
        if matches!(node.genesis().engine, EngineKind::Pow(_)) {
            return Err(other_engine(
                node.genesis(),
                "pos\" or \"poa",
                "its blocks have no certificates",
            ));
        }
        let head = node.head().height;
        if from == 0 || from > head {
            return Err(Problem::not_found(format!(
                "there is no block {from}: the first is 1, the head is {head}"
            ))
            .with("head", head));
        }
        let chain = read(node, from, count.clamp(1, MAX_LIGHT_BLOCKS))?;
        let content_type = HeaderValue::from_static("application/x-protobuf");
        Ok((
            StatusCode::OK,
            [(header::CONTENT_TYPE, content_type)],
            chain.encode(),
        )
            .into_response())
    })
    .await
}

fn read(node: &NodeHandle, from: u64, count: u64) -> Result<LightChain, Problem> {
    let mut chain = LightChain::default();
    let mut known = current_set_hash(node, from)?;
    let mut bytes = 0_usize;
    for height in (from..).take(usize::try_from(count).unwrap_or(usize::MAX)) {
        let (Some(header), Some(certificate)) = (node.header_at(height)?, node.certificate(height)?) else {
            break;
        };
        let next = header.header().next_validators_hash;
        let next_validators = if height == from || known != Some(next) {
            Some(set(node, &next, height)?)
        } else {
            None
        };
        known = Some(next);
        bytes = bytes.saturating_add(size(&certificate, next_validators.as_ref()));
        chain.blocks.push(LightBlock {
            header,
            certificate,
            next_validators,
        });
        if bytes > ANSWER_BYTES {
            break;
        }
    }
    Ok(chain)
}

fn size(certificate: &CommitCertificate, set: Option<&ValidatorSet>) -> usize {
    let entries = certificate
        .signatures
        .len()
        .saturating_add(set.map_or(0, ValidatorSet::count));
    entries.saturating_mul(ENTRY_BYTES).saturating_add(BLOCK_BYTES)
}

/// Hash of the set that decides `height`, as the block below names it.
fn current_set_hash(node: &NodeHandle, height: u64) -> Result<Option<Hash>, ReadError> {
    let below = node.header_at(height.saturating_sub(1))?;
    Ok(below.map(|header| header.header().next_validators_hash))
}

/// The set with this hash: the genesis names the first, every other is kept with the block that first
/// named it.
fn set(node: &NodeHandle, hash: &Hash, height: u64) -> Result<ValidatorSet, Problem> {
    let first = node
        .genesis()
        .validators()
        .map_err(|error| Problem::internal(&error))?;
    if let Some(first) = first.filter(|first| first.hash() == *hash) {
        return Ok(first);
    }
    let encoded = node.validators(hash)?.ok_or_else(|| {
        Problem::internal(&format!(
            "the validators that block {height} names are not in the database"
        ))
    })?;
    let epoch = Epoch::decode(&encoded).map_err(|error| Problem::internal(&error))?;
    Ok(epoch.set().clone())
}
