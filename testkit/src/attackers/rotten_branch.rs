//! A miner that builds on an invalid block of its own: the block's work is done and its receipts are not what it
//! says, and on top of it stand two more that look as they should. So its branch of headers is the heaviest, and
//! whoever follows headers has to find out by the bodies. It tells of the tip, and serves the rest to who asks.

use aureon_chain::assembly::{self, ProposedBlock};
use aureon_proto::v1::{self as proto, sync_request::Request, sync_response::Response};
use aureon_protocol::{Status, Topic};
use aureon_types::{Block, BlockId, Hash, SealedHeader};
use bytes::Bytes;

use super::{Act, Attacker, Scene, forge};

/// Blocks on top of the invalid one.
const CHILDREN: usize = 2;

/// See the module.
#[derive(Default)]
pub(super) struct RottenBranch {
    branch: Option<Branch>,
}

struct Branch {
    /// The valid block in whose place the first one stands.
    instead_of: BlockId,
    /// The lowest first.
    blocks: Vec<Block>,
    claim: Status,
}

impl Attacker for RottenBranch {
    fn publish(&mut self, scene: &mut Scene<'_>, topic: Topic, data: Bytes) -> Vec<Act> {
        let own = forge::own_block(scene, &data).filter(|_| topic == Topic::Blocks);
        let branch = own.and_then(|own| grow(scene, &own.block));
        let Some(branch) = branch.filter(|_| scene.random.percent(60)) else {
            return vec![Act::Publish(topic, data)];
        };
        let tip = branch
            .blocks
            .last()
            .map(|tip| Act::Publish(topic, ProposedBlock::encode(tip, None, 0)));
        self.branch = Some(branch);
        tip.into_iter().collect()
    }

    fn status(&mut self, _scene: &mut Scene<'_>, status: Status) -> Status {
        self.branch.take_if(|branch| branch.claim.work <= status.work);
        self.branch.as_ref().map_or(status, |branch| branch.claim)
    }

    fn answer(
        &mut self,
        _scene: &mut Scene<'_>,
        request: &Request,
        response: &mut proto::SyncResponse,
    ) -> bool {
        let Some(branch) = &self.branch else {
            return true;
        };
        match (request, &mut response.response) {
            (Request::Headers(_), Some(Response::Headers(answer))) => branch.continue_headers(answer),
            (Request::Block(asked), Some(Response::Block(answer))) => {
                let id = assembly::decode_block_request(asked).ok();
                if let Some(block) = branch.block(id) {
                    answer.block = Some(block.to_proto());
                }
            }
            (Request::Transactions(asked), Some(Response::Transactions(answer))) => {
                if let Ok((id, leaves)) = assembly::decode_transactions_request(asked)
                    && let Some(block) = branch.block(Some(id))
                {
                    *answer = assembly::answer_transactions(block, &leaves);
                }
            }
            _ => {}
        }
        true
    }
}

impl Branch {
    fn block(&self, id: Option<BlockId>) -> Option<&Block> {
        self.blocks.iter().find(|block| Some(block.id()) == id)
    }

    /// Puts the branch in the place of the valid block, or after nothing.
    fn continue_headers(&self, answer: &mut proto::HeadersResponse) {
        let id = |header: &proto::HeaderWithSeal| {
            let (bytes, seal) = (header.header.as_ref()?, header.seal.as_ref()?);
            Some(SealedHeader::from_parts(bytes, seal).ok()?.id())
        };
        let place = answer
            .headers
            .iter()
            .position(|header| id(header) == Some(self.instead_of));
        if place.is_none() && !answer.headers.is_empty() {
            return;
        }
        answer.headers.truncate(place.unwrap_or(0));
        let headers = self.blocks.iter().map(|block| proto::HeaderWithSeal {
            header: Some(block.sealed_header().bytes().clone()),
            seal: Some(block.sealed_header().seal().clone()),
        });
        answer.headers.extend(headers);
        answer.status = Some(self.claim.to_proto());
    }
}

/// A branch in the place of our newest block.
fn grow(scene: &Scene<'_>, block: &Block) -> Option<Branch> {
    let core = &scene.running.core;
    // The invalid block has the same height, time and work.
    let mut chain = core.lineage().work()?.clone();
    if core.head().1 != block.id() {
        return None;
    }
    let rotten = forge::with_header(block, |header| header.receipts_root = Hash([6; 32]))?;
    let mut blocks = vec![rotten];
    for _ in 0..CHILDREN {
        let below = blocks.last()?;
        let mut header = below.header().clone();
        header.height += 1;
        header.parent_id = below.id();
        header.timestamp_ms = chain.timestamp_ms() + 1;
        header.transactions_root = Hash::ZERO;
        header.receipts_root = Hash::ZERO;
        header.gas_used = 0;
        header.target = Some(chain.next_target().to_bytes());
        let child = forge::remade(header, &[], block)?;
        chain = chain.child(child.sealed_header());
        blocks.push(child);
    }
    let tip = blocks.last()?;
    let claim = Status {
        height: tip.header().height,
        head_id: tip.id(),
        work: Some(chain.work().to_bytes()),
    };
    Some(Branch {
        instead_of: block.id(),
        blocks,
        claim,
    })
}
