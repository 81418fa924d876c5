//! Keys of former validators: whoever left has nothing to lose any more and sells its key. As long as its own key is
//! in the set it behaves; afterwards it claims a head that is far ahead and answers whoever asks with a chain of its
//! own that leaves the true one just below what was asked for, under certificates of all who left.

use aureon_proto::v1::{self as proto, sync_request::Request, sync_response::Response};
use aureon_protocol::Status;
use aureon_types::{BlockId, CommitCertificate, CommitSignature, SignedVote, Vote, VoteKind};

use super::{Attacker, Scene, forge};

/// So far ahead is the head that it claims.
const AHEAD: u64 = 1_000;
/// Blocks of an answer.
const MOST: u64 = 8;

/// See the module.
#[derive(Default)]
pub(super) struct FormerValidators {
    /// Its own key was in a set.
    was_in: bool,
    /// And is not any more.
    is_out: bool,
}

impl Attacker for FormerValidators {
    fn status(&mut self, scene: &mut Scene<'_>, status: Status) -> Status {
        let next = status.height + 1;
        let set = scene.running.core.lineage().validators(next);
        let is_in = set.is_some_and(|set| set.get(&scene.key.address()).is_some());
        self.was_in |= is_in;
        self.is_out = self.was_in && !is_in;
        if self.is_out { boast(scene) } else { status }
    }

    fn answer(
        &mut self,
        scene: &mut Scene<'_>,
        request: &Request,
        response: &mut proto::SyncResponse,
    ) -> bool {
        if let (true, Request::Range(asked)) = (self.is_out, request) {
            let forged = forged_range(scene, asked.from()).unwrap_or_default();
            response.response = Some(Response::Range(forged));
        }
        true
    }
}

fn boast(scene: &Scene<'_>) -> Status {
    Status {
        height: scene.running.core.head().0 + AHEAD,
        head_id: BlockId([0x2f; 32]),
        work: None,
    }
}

/// Blocks from a height on, on the true block below it if there is one.
fn forged_range(scene: &Scene<'_>, from: u64) -> Option<proto::RangeResponse> {
    let blocks = &scene.running.services.blocks;
    let template = blocks.block_by_height(scene.running.core.head().0).ok()??;
    let below = blocks.block_id(from.checked_sub(1)?).ok()?;
    let mut parent = below.unwrap_or(BlockId([0x3f; 32]));
    let mut forged = Vec::new();
    for height in from..from + MOST {
        let block = forge::with_header(&template, |header| {
            header.height = height;
            header.parent_id = parent;
            header.timestamp_ms += height;
        })?;
        parent = block.id();
        forged.push(proto::CertifiedBlock {
            certificate: Some(certificate(scene, height, parent).encode()),
            block: Some(block.to_proto()),
        });
    }
    Some(proto::RangeResponse {
        blocks: forged,
        status: Some(boast(scene).to_proto()),
    })
}

/// Of all who left, in the order that certificates have.
fn certificate(scene: &Scene<'_>, height: u64, block_id: BlockId) -> CommitCertificate {
    let vote = Vote {
        kind: VoteKind::Precommit,
        height,
        round: 0,
        block_id: Some(block_id),
    };
    let signatures = scene.conspiracy.sold.iter().map(|key| {
        let signed = SignedVote::sign(vote, key, &scene.genesis_id);
        CommitSignature {
            validator: signed.validator,
            signature: signed.signature,
        }
    });
    CommitCertificate::new(height, 0, block_id, signatures.collect())
}
