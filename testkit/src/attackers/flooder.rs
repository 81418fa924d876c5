//! A validator that keeps the others busy with what is far away: votes and proposals of its own, well
//! signed, for rounds and heights that nobody has reached; round certificates that prove nothing; and bytes
//! that are no message at all. A miner does the same with blocks on parents that nobody has.

use aureon_chain::assembly::ProposedBlock;
use aureon_consensus::{Message, RoundCertificate, RoundCertificateKind, RoundSignature, pow};
use aureon_protocol::Topic;
use aureon_types::{
    Block, BlockId, CommitCertificate, Hash, Header, SealedHeader, SignedVote, Vote, VoteKind,
};
use bytes::Bytes;

use super::{Act, Attacker, Scene, forge};
use crate::scenario::{MILLISECOND, Micros};

/// Messages of one turn.
const BURST: u64 = 12;

/// See the module.
pub(super) struct Flooder;

impl Attacker for Flooder {
    fn turns(&self) -> Option<Micros> {
        Some(100 * MILLISECOND)
    }

    fn turn(&mut self, scene: &mut Scene<'_>) -> Vec<Act> {
        let count = scene.random.between(1, BURST);
        if let Some(work) = scene.running.core.lineage().work() {
            let rules = *work.rules();
            return (0..count).filter_map(|_| orphan(scene, &rules)).collect();
        }
        (0..count)
            .filter_map(|_| match scene.random.between(0, 9) {
                0..=5 => Some(Act::Publish(Topic::Consensus, far_vote(scene)?)),
                6..=7 => Some(Act::Publish(Topic::Consensus, empty_claim(scene)?)),
                8 => Some(Act::Publish(Topic::Consensus, noise(scene))),
                _ => Some(Act::Publish(Topic::Blocks, noise(scene))),
            })
            .collect()
    }
}

/// Somewhere ahead: most often near enough to be kept for later.
fn far(scene: &mut Scene<'_>) -> (u64, u32) {
    let next = scene.running.core.head().0 + 1;
    let random = &mut *scene.random;
    let height = match random.between(0, 3) {
        0 => next,
        1 => next + random.between(1, 3),
        2 => next + random.between(1, 1_000_000),
        _ => random.between(next, u64::MAX),
    };
    let round = match random.between(0, 2) {
        0 => random.between(1, 12),
        1 => random.between(1, 100_000),
        _ => random.between(0, u64::from(u32::MAX)),
    };
    (height, u32::try_from(round).unwrap_or(u32::MAX))
}

fn vote_of(scene: &mut Scene<'_>) -> Vote {
    let (height, round) = far(scene);
    let kind = if scene.random.percent(50) {
        VoteKind::Prevote
    } else {
        VoteKind::Precommit
    };
    let mut id = [7; 32];
    id[..8].copy_from_slice(&scene.random.draw().to_be_bytes());
    Vote {
        kind,
        height,
        round,
        block_id: scene.random.percent(70).then_some(BlockId(id)),
    }
}

fn far_vote(scene: &mut Scene<'_>) -> Option<Bytes> {
    let vote = vote_of(scene);
    forge::vote(scene, vote, 0)
}

/// A certificate with its own signature and nobody else's.
fn empty_claim(scene: &mut Scene<'_>) -> Option<Bytes> {
    let vote = vote_of(scene);
    let signed = SignedVote::sign(vote, scene.key, &scene.genesis_id);
    let signature = RoundSignature {
        kind: vote.kind,
        block_id: vote.block_id,
        validator: signed.validator,
        signature: signed.signature,
    };
    let kind = RoundCertificateKind::Skip;
    Message::Round(RoundCertificate::new(
        vote.height,
        vote.round,
        kind,
        vec![signature],
    ))
    .encode(0)
}

/// A block far ahead on a parent that nobody has, with work that its own easy target asks for; sometimes
/// bytes that are no block.
fn orphan(scene: &mut Scene<'_>, rules: &pow::Rules) -> Option<Act> {
    if scene.random.percent(20) {
        return Some(Act::Publish(Topic::Blocks, noise(scene)));
    }
    let (height, _) = far(scene);
    let mut parent = [9; 32];
    parent[..8].copy_from_slice(&scene.random.draw().to_be_bytes());
    let header = Header {
        genesis_id: scene.genesis_id,
        height,
        parent_id: BlockId(parent),
        timestamp_ms: rules.genesis_timestamp_ms + scene.random.between(0, 1 << 40),
        proposer: scene.key.address(),
        transactions_root: Hash::ZERO,
        receipts_root: Hash::ZERO,
        state_root: Hash::ZERO,
        gas_used: 0,
        gas_limit: 1,
        previous_commit_hash: CommitCertificate::hash(b""),
        next_validators_hash: Hash::ZERO,
        target: Some([0xff; 32]),
    };
    let seal = forge::seal(&header)?;
    let block = Block::new(SealedHeader::new(header, seal), Bytes::new(), Vec::new()).ok()?;
    Some(Act::Publish(
        Topic::Blocks,
        ProposedBlock::encode(&block, None, 0),
    ))
}

fn noise(scene: &mut Scene<'_>) -> Bytes {
    let length = scene.random.between(1, 300);
    (0..length)
        .map(|_| scene.random.draw().to_be_bytes()[0])
        .collect::<Vec<u8>>()
        .into()
}
