//! Another history, from below what is final.
//!
//! Where blocks are mined: it cuts itself off at the first blocks, mines alone with more than half of all
//! hashes until its branch is far longer than the finality depth, and then shows it. It is the heaviest, and
//! too deep.
//!
//! Where validators vote: it claims a head that is far ahead, and answers whoever asks with blocks from long
//! ago, changed, under certificates that only its own key has signed.

use aureon_proto::v1::{self as proto, sync_request::Request, sync_response::Response};
use aureon_protocol::Status;
use aureon_types::{BlockId, CommitCertificate, CommitSignature, SignedVote, Vote, VoteKind};

use super::{Attacker, Scene, forge};
use crate::node::Running;

/// It parts with the others at this height.
const FORK: u64 = 3;
/// So far ahead is the head that it claims.
const AHEAD: u64 = 1_000;

/// See the module.
pub(super) struct LongRangeForker;

impl Attacker for LongRangeForker {
    fn is_silent(&self, running: &Running) -> bool {
        let Some(work) = running.core.lineage().work() else {
            return false;
        };
        // The others, with fewer hashes, must surely have gone further than the finality depth too: who has
        // more than half of all hashes may split them if only some of them have.
        let shown_at = FORK + 4 * work.rules().finality_depth + 4;
        (FORK..shown_at).contains(&running.core.head().0)
    }

    fn status(&mut self, _scene: &mut Scene<'_>, status: Status) -> Status {
        if status.work.is_some() {
            return status;
        }
        Status {
            height: status.height + AHEAD,
            head_id: BlockId([0x1f; 32]),
            work: None,
        }
    }

    fn answer(
        &mut self,
        scene: &mut Scene<'_>,
        _request: &Request,
        response: &mut proto::SyncResponse,
    ) -> bool {
        if let Some(Response::Range(range)) = &mut response.response
            && scene.running.core.lineage().work().is_none()
        {
            *range = forged_range(scene).unwrap_or_default();
        }
        true
    }
}

/// The blocks that the node has, from the first on, each a little later, each on the forged one below.
fn forged_range(scene: &Scene<'_>) -> Option<proto::RangeResponse> {
    let (mut parent, mut blocks) = (None, Vec::new());
    for height in 1..=scene.running.core.head().0 {
        let block = scene.running.services.blocks.block_by_height(height).ok()??;
        let forged = forge::with_header(&block, |header| {
            header.timestamp_ms += 1;
            header.parent_id = parent.unwrap_or(header.parent_id);
        })?;
        parent = Some(forged.id());
        blocks.push(proto::CertifiedBlock {
            certificate: Some(certificate(scene, height, forged.id()).encode()),
            block: Some(forged.to_proto()),
        });
    }
    let status = Status {
        height: scene.running.core.head().0 + AHEAD,
        head_id: BlockId([0x1f; 32]),
        work: None,
    };
    Some(proto::RangeResponse {
        blocks,
        status: Some(status.to_proto()),
    })
}

fn certificate(scene: &Scene<'_>, height: u64, block_id: BlockId) -> CommitCertificate {
    let vote = Vote {
        kind: VoteKind::Precommit,
        height,
        round: 0,
        block_id: Some(block_id),
    };
    let signed = SignedVote::sign(vote, scene.key, &scene.genesis_id);
    let signature = CommitSignature {
        validator: signed.validator,
        signature: signed.signature,
    };
    CommitCertificate::new(height, 0, block_id, vec![signature])
}
