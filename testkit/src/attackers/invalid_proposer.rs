//! A proposer whose blocks break a rule, each time another: a wrong root, a forged figure, a transaction that
//! nobody signed, a parent that is none. The proposal itself is well signed. It votes for what it proposed.

use aureon_protocol::Topic;
use aureon_types::{Block, BlockId, CommitCertificate, Hash, Header, SignedTransaction, merkle};
use bytes::Bytes;

use super::{Act, Attacker, Scene, forge};

/// See the module.
#[derive(Default)]
pub(super) struct InvalidProposer {
    /// How many of its blocks it has spoilt.
    spoilt: usize,
}

/// Ways to spoil a header that leave the block well formed.
const HEADERS: [fn(&mut Header); 11] = [
    |header| header.state_root = Hash([1; 32]),
    |header| header.receipts_root = Hash([2; 32]),
    |header| header.gas_used += 1,
    |header| header.gas_limit += 1,
    |header| header.next_validators_hash = Hash([3; 32]),
    |header| header.proposer.0[0] ^= 1,
    |header| header.timestamp_ms = 1,
    |header| header.parent_id = BlockId([4; 32]),
    |header| header.target = Some([0xff; 32]),
    |header| header.genesis_id.0[0] ^= 1,
    |header| header.previous_commit_hash = CommitCertificate::hash(b"another"),
];

/// A way to spoil a list of transactions; `None` if it is too short for that.
type SpoilBody = fn(Vec<SignedTransaction>) -> Option<Vec<SignedTransaction>>;

const BODIES: [SpoilBody; 3] = [repeat, alter, reverse];

impl Attacker for InvalidProposer {
    fn publish(&mut self, scene: &mut Scene<'_>, topic: Topic, data: Bytes) -> Vec<Act> {
        let spoilt = match topic {
            Topic::Blocks => self.spoil(scene, &data),
            Topic::Consensus => follow(scene, &data),
            Topic::Transactions => None,
        };
        vec![Act::Publish(topic, spoilt.unwrap_or(data))]
    }
}

impl InvalidProposer {
    fn spoil(&mut self, scene: &mut Scene<'_>, data: &[u8]) -> Option<Bytes> {
        let own = forge::own_block(scene, data)?;
        let spoilt = self.spoilt_block(&own.block)?;
        self.spoilt = self.spoilt.wrapping_add(1);
        scene.conspiracy.twins.insert(own.block.id(), spoilt.id());
        Some(forge::propose(scene, &own, &spoilt))
    }

    fn spoilt_block(&self, block: &Block) -> Option<Block> {
        let ways = HEADERS.len() + BODIES.len();
        let way = self.spoilt % ways;
        match HEADERS.get(way) {
            Some(spoil) => forge::with_header(block, spoil).or_else(|| forge::with_header(block, HEADERS[0])),
            None => with_body(block, BODIES[way - HEADERS.len()])
                .or_else(|| forge::with_header(block, HEADERS[0])),
        }
    }
}

/// The block with other transactions under a root that fits them.
fn with_body(block: &Block, spoil: SpoilBody) -> Option<Block> {
    let transactions = spoil(block.transactions().to_vec())?;
    let mut header = block.header().clone();
    header.transactions_root = merkle::root(transactions.iter().map(SignedTransaction::leaf));
    forge::remade(header, &transactions, block)
}

fn repeat(mut transactions: Vec<SignedTransaction>) -> Option<Vec<SignedTransaction>> {
    transactions.push(transactions.first()?.clone());
    Some(transactions)
}

/// Nobody signed this.
fn alter(mut transactions: Vec<SignedTransaction>) -> Option<Vec<SignedTransaction>> {
    let last = transactions.pop()?;
    let mut transaction = last.transaction().clone();
    transaction.nonce += 1;
    transactions.push(SignedTransaction::from_parts(&transaction.encode(), *last.signature()).ok()?);
    Some(transactions)
}

/// Fails if it changes the order of one sender's nonces; otherwise only the roots are wrong.
fn reverse(mut transactions: Vec<SignedTransaction>) -> Option<Vec<SignedTransaction>> {
    transactions.reverse();
    (transactions.len() > 1).then_some(transactions)
}

/// Its vote for the block that it built, as one for the block that it sent.
fn follow(scene: &mut Scene<'_>, data: &[u8]) -> Option<Bytes> {
    let (signed, attempt) = forge::own_vote(scene, data)?;
    let mut vote = signed.vote;
    vote.block_id = Some(*scene.conspiracy.twins.get(&vote.block_id?)?);
    forge::vote(scene, vote, attempt)
}

#[cfg(test)]
mod tests {
    use super::*;
    use aureon_types::{Address, GenesisId};

    /// A way that left the block as it is would spoil nothing.
    #[test]
    fn every_way_makes_another_block() {
        let header = Header {
            genesis_id: GenesisId([0; 32]),
            height: 2,
            parent_id: BlockId([5; 32]),
            timestamp_ms: 9,
            proposer: Address([6; 20]),
            transactions_root: Hash::ZERO,
            receipts_root: Hash::ZERO,
            state_root: Hash::ZERO,
            gas_used: 0,
            gas_limit: 1,
            previous_commit_hash: CommitCertificate::hash(b""),
            next_validators_hash: Hash::ZERO,
            target: None,
        };
        let sealed = aureon_types::SealedHeader::new(header, Bytes::new());
        let block = Block::new(sealed, Bytes::new(), Vec::new()).unwrap();
        let mut proposer = InvalidProposer::default();
        for way in 0..HEADERS.len() + BODIES.len() {
            proposer.spoilt = way;
            assert_ne!(proposer.spoilt_block(&block).unwrap().id(), block.id(), "{way}");
        }
    }
}
