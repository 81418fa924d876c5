//! Requests for transactions and blocks, and their answers, as messages.

use std::collections::HashMap;

use aureon_proto::v1 as proto;
use aureon_types::{
    Block, BlockId, CommitCertificate, DecodeError, Hash, SignedProposal, SignedTransaction, strict,
};
use bytes::Bytes;

use super::{ANSWER_BYTES, BlockAnswer, MAX_REQUESTED_LEAVES, Proof};

/// Leaves joined, as messages carry them.
pub(super) fn join_leaves(leaves: impl ExactSizeIterator<Item = Hash>) -> Bytes {
    let mut bytes = Vec::with_capacity(leaves.len().saturating_mul(32));
    for leaf in leaves {
        bytes.extend_from_slice(&leaf.0);
    }
    bytes.into()
}

/// The leaves of a message, at most `limit`.
pub(super) fn split_leaves(what: &'static str, bytes: &[u8], limit: usize) -> Result<Vec<Hash>, DecodeError> {
    let wrong = |reason| DecodeError::Invalid {
        what,
        field: "leaves",
        reason,
    };
    if bytes.len() > limit.saturating_mul(32) {
        return Err(wrong(format!(
            "it has {} bytes, at most {limit} leaves of 32 bytes",
            bytes.len()
        )));
    }
    let (leaves, []) = bytes.as_chunks::<32>() else {
        return Err(wrong(format!(
            "it has {} bytes, expected a multiple of 32",
            bytes.len()
        )));
    };
    Ok(leaves.iter().copied().map(Hash).collect())
}

/// Asks for transactions of a block. More than [`MAX_REQUESTED_LEAVES`] would be refused.
pub fn transactions_request(block_id: BlockId, leaves: &[Hash]) -> proto::TransactionsRequest {
    proto::TransactionsRequest {
        block_id: Some(Bytes::copy_from_slice(block_id.as_bytes())),
        leaves: Some(join_leaves(leaves.iter().copied())),
    }
}

/// Reads a request: the block, and 1 to [`MAX_REQUESTED_LEAVES`] leaves.
pub fn decode_transactions_request(
    request: &proto::TransactionsRequest,
) -> Result<(BlockId, Vec<Hash>), DecodeError> {
    const WHAT: &str = "transactions request";
    let block_id = BlockId(strict::required_bytes(
        WHAT,
        "block_id",
        request.block_id.as_ref(),
    )?);
    let leaves = strict::required(WHAT, "leaves", request.leaves.as_ref())?;
    if leaves.is_empty() {
        let reason = "it is empty; at least one is needed".to_owned();
        return Err(DecodeError::Invalid {
            what: WHAT,
            field: "leaves",
            reason,
        });
    }
    Ok((block_id, split_leaves(WHAT, leaves, MAX_REQUESTED_LEAVES)?))
}

/// The transactions of `block` with these leaves, in the order asked for, those that it lacks left
/// out. Ends after [`ANSWER_BYTES`]; the asker sees which are missing. Hashes nothing, but indexes the
/// block: run it on a worker where blocks are large.
pub fn answer_transactions(block: &Block, leaves: &[Hash]) -> proto::TransactionsResponse {
    let by_leaf: HashMap<Hash, &SignedTransaction> = block
        .transactions()
        .iter()
        .map(|transaction| (transaction.leaf(), transaction))
        .collect();
    let (mut bytes, mut transactions) = (0_usize, Vec::new());
    for transaction in leaves.iter().filter_map(|leaf| by_leaf.get(leaf)) {
        if bytes >= ANSWER_BYTES {
            break;
        }
        bytes = bytes.saturating_add(transaction.size());
        transactions.push(transaction.to_proto());
    }
    proto::TransactionsResponse { transactions }
}

/// Reads an answer. Hashes every transaction: run it on a worker where answers are large.
pub fn decode_transactions(
    response: &proto::TransactionsResponse,
) -> Result<Vec<SignedTransaction>, DecodeError> {
    let count = response.transactions.len();
    if count > MAX_REQUESTED_LEAVES {
        let reason = format!("it has {count}, at most {MAX_REQUESTED_LEAVES}");
        return Err(DecodeError::Invalid {
            what: "transactions response",
            field: "transactions",
            reason,
        });
    }
    response
        .transactions
        .iter()
        .map(SignedTransaction::from_proto)
        .collect()
}

/// Asks for a whole block.
pub fn block_request(block_id: BlockId) -> proto::BlockRequest {
    proto::BlockRequest {
        block_id: Some(Bytes::copy_from_slice(block_id.as_bytes())),
    }
}

/// Reads a request for a whole block.
pub fn decode_block_request(request: &proto::BlockRequest) -> Result<BlockId, DecodeError> {
    strict::required_bytes("block request", "block_id", request.block_id.as_ref()).map(BlockId)
}

/// Reads an answer: `None` if the peer does not have the block. Hashes every transaction: run it on a
/// worker.
pub fn decode_block(response: &proto::BlockResponse) -> Result<Option<BlockAnswer>, DecodeError> {
    let Some(block) = &response.block else {
        return Ok(None);
    };
    let block = Block::from_proto(block)?;
    let proof = match (&response.certificate, &response.proposal) {
        (Some(certificate), _) => Some(Proof::Certificate(CommitCertificate::decode(certificate)?)),
        (None, Some(proposal)) => Some(Proof::Proposal(SignedProposal::from_proto(proposal)?)),
        (None, None) => None,
    };
    Ok(Some(BlockAnswer { block, proof }))
}

impl BlockAnswer {
    /// What travels.
    pub fn to_proto(&self) -> proto::BlockResponse {
        let (proposal, certificate) = match &self.proof {
            Some(Proof::Proposal(proposal)) => (Some(proposal.to_proto()), None),
            Some(Proof::Certificate(certificate)) => (None, Some(certificate.encode())),
            None => (None, None),
        };
        proto::BlockResponse {
            block: Some(self.block.to_proto()),
            proposal,
            certificate,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::testing::{Chain, block, transfer};

    fn sized(transactions: u64) -> Block {
        block(5, BlockId([4; 32]), (0..transactions).map(transfer).collect())
    }

    fn leaves(block: &Block) -> Vec<Hash> {
        block.transactions().iter().map(SignedTransaction::leaf).collect()
    }

    #[test]
    fn transactions_come_in_the_order_asked_for_without_the_unknown() {
        let block = sized(4);
        let all = leaves(&block);
        let asked = [all[3], Hash([9; 32]), all[0]];
        let (id, read) = decode_transactions_request(&transactions_request(block.id(), &asked)).unwrap();
        assert_eq!((id, &read[..]), (block.id(), &asked[..]));
        let answer = decode_transactions(&answer_transactions(&block, &read)).unwrap();
        let given: Vec<Hash> = answer.iter().map(SignedTransaction::leaf).collect();
        assert_eq!(given, [all[3], all[0]]);
    }

    #[test]
    fn an_answer_ends_when_it_is_large() {
        let block = sized(1);
        let one = block.transactions()[0].size();
        let asked = vec![leaves(&block)[0]; 2 * ANSWER_BYTES / one];
        let given = answer_transactions(&block, &asked).transactions.len();
        assert!(given < asked.len() && given * one >= ANSWER_BYTES, "{given}");
    }

    #[test]
    fn requests_are_bounded_and_whole() {
        let id = Some(Bytes::from(vec![1; 32]));
        for (bytes, fine) in [
            (0, false),
            (31, false),
            (32, true),
            (33, false),
            (32 * 200_001, false),
        ] {
            let leaves = Some(Bytes::from(vec![0; bytes]));
            let request = proto::TransactionsRequest {
                block_id: id.clone(),
                leaves,
            };
            assert_eq!(
                decode_transactions_request(&request).is_ok(),
                fine,
                "{bytes} bytes"
            );
        }
        let short = proto::BlockRequest {
            block_id: Some(vec![1; 31].into()),
        };
        assert!(decode_block_request(&short).is_err());
        assert_eq!(
            decode_block_request(&block_request(BlockId([3; 32]))),
            Ok(BlockId([3; 32]))
        );
    }

    #[test]
    fn whole_blocks_come_back_with_their_proof() {
        let certified = Chain::new(1).block(1);
        let proof = Some(Proof::Certificate(certified.certificate));
        let answer = BlockAnswer {
            block: certified.block,
            proof,
        };
        assert_eq!(decode_block(&answer.to_proto()), Ok(Some(answer.clone())));
        assert_eq!(decode_block(&proto::BlockResponse::default()), Ok(None));
        let mut foreign = answer.to_proto();
        foreign.block.as_mut().unwrap().transactions.clear();
        assert!(decode_block(&foreign).is_err(), "a body that is not the header's");
    }
}
