//! A relay that spoils what others signed or sealed, under a right id: before it passes a vote, proposal, block or
//! transaction on, it sends the same with one bit of a signature changed, and so it answers questions. Who
//! condemned the id instead of the bytes would refuse the true one afterwards.

use aureon_consensus::Message;
use aureon_proto::v1::{self as proto, sync_request::Request, sync_response::Response};
use aureon_protocol::Topic;
use bytes::Bytes;
use prost::Message as _;

use super::{Act, Attacker, Scene};
use crate::random::Random;

/// See the module.
pub(super) struct SignatureCorrupter;

impl Attacker for SignatureCorrupter {
    fn before_passing_on(&mut self, scene: &mut Scene<'_>, topic: Topic, data: &Bytes) -> Vec<Act> {
        let spoilt = match topic {
            Topic::Consensus => spoil_vote(scene.random, data),
            Topic::Blocks => spoil_proposed(scene.random, data),
            Topic::Transactions => spoil_batch(scene.random, data),
        };
        let Some(spoilt) = spoilt else {
            return Vec::new();
        };
        let listeners = scene.listeners.iter();
        listeners
            .map(|listener| scene.to_one(listener.node, 0, topic, &spoilt))
            .collect()
    }

    fn answer(
        &mut self,
        scene: &mut Scene<'_>,
        _request: &Request,
        response: &mut proto::SyncResponse,
    ) -> bool {
        match &mut response.response {
            Some(Response::Range(range)) => {
                let place = scene.random.below(range.blocks.len());
                if let Some(certified) = range.blocks.get_mut(place) {
                    spoil_certified(scene.random, certified);
                }
            }
            Some(Response::Block(answer)) => {
                let proposal = answer.proposal.as_mut();
                if let Some(signature) = proposal.and_then(|proposal| proposal.signature.as_mut()) {
                    flip(scene.random, signature);
                } else if let Some(block) = &mut answer.block {
                    spoil_transactions(scene.random, &mut block.transactions);
                }
            }
            Some(Response::Transactions(answer)) => {
                spoil_transactions(scene.random, &mut answer.transactions);
            }
            _ => {}
        }
        true
    }
}

/// Changes a bit.
fn flip(random: &mut Random, bytes: &mut Bytes) {
    let mut changed = bytes.to_vec();
    let place = random.below(changed.len());
    if let Some(byte) = changed.get_mut(place) {
        *byte ^= 1 << random.between(0, 7);
    }
    *bytes = changed.into();
}

fn spoil_vote(random: &mut Random, data: &[u8]) -> Option<Bytes> {
    let (message, attempt) = Message::decode(data).ok()?;
    let Message::Vote(mut vote) = message else {
        return None;
    };
    let place = random.below(vote.signature.0.len());
    vote.signature.0[place] ^= 1 << random.between(0, 7);
    Message::Vote(vote).encode(attempt)
}

fn spoil_proposed(random: &mut Random, data: &[u8]) -> Option<Bytes> {
    let mut proposed = proto::ProposedBlock::decode(data).ok()?;
    if random.percent(50) {
        let signature = proposed
            .proposal
            .as_mut()
            .and_then(|proposal| proposal.signature.as_mut());
        flip(random, signature.or(proposed.seal.as_mut())?);
    } else {
        spoil_transactions(random, &mut proposed.transactions)?;
    }
    Some(proposed.encode_to_vec().into())
}

fn spoil_batch(random: &mut Random, data: &[u8]) -> Option<Bytes> {
    let mut batch = proto::TransactionBatch::decode(data).ok()?;
    spoil_transactions(random, &mut batch.transactions)?;
    Some(batch.encode_to_vec().into())
}

fn spoil_transactions(random: &mut Random, transactions: &mut [proto::SignedTransaction]) -> Option<()> {
    let place = random.below(transactions.len());
    flip(random, transactions.get_mut(place)?.signature.as_mut()?);
    Some(())
}

/// In the certificate, or in the block below it.
fn spoil_certified(random: &mut Random, certified: &mut proto::CertifiedBlock) {
    if random.percent(50)
        && let Some(block) = &mut certified.block
        && spoil_transactions(random, &mut block.transactions).is_some()
    {
        return;
    }
    let Some(bytes) = &mut certified.certificate else {
        return;
    };
    let Ok(mut certificate) = proto::CommitCertificate::decode(bytes.as_ref()) else {
        return;
    };
    let place = random.below(certificate.signatures.len());
    let signature = certificate.signatures.get_mut(place);
    if let Some(signature) = signature.and_then(|signature| signature.signature.as_mut()) {
        flip(random, signature);
        *bytes = certificate.encode_to_vec().into();
    }
}
