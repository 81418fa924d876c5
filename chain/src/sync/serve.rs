//! Both ends of a range request as messages.

use aureon_proto::v1 as proto;
use aureon_types::{BlockId, CertifiedBlock, DecodeError, limits::MAX_FRAME_BYTES, strict};
use prost::Message as _;

use super::{Claim, Head};

/// Most blocks that a request may ask for.
pub const MAX_RANGE_BLOCKS: u32 = 256;
/// Bytes after which an answer ends, though the first block always fits. Small beside a frame, so that
/// an answer is through long before the asker's patience ends; the asker asks for the rest.
pub const SERVED_BYTES: usize = 8 << 20;

/// An answer to a `RangeRequest` in the making: [`Self::next`] says which height it wants, until the
/// count or [`SERVED_BYTES`] is reached.
#[derive(Debug)]
pub struct RangeAnswer {
    blocks: Vec<proto::CertifiedBlock>,
    next: u64,
    end: u64,
    bytes: usize,
}

impl RangeAnswer {
    /// For a request, by a node whose head is at `height`. More than [`MAX_RANGE_BLOCKS`] are cut.
    pub fn new(request: &proto::RangeRequest, height: u64) -> Result<Self, DecodeError> {
        const WHAT: &str = "range request";
        let from = strict::required(WHAT, "from", request.from)?;
        let count = strict::required(WHAT, "count", request.count)?.min(MAX_RANGE_BLOCKS);
        let end = from
            .saturating_add(u64::from(count))
            .min(height.saturating_add(1));
        Ok(Self {
            blocks: Vec::new(),
            next: from.max(1),
            end,
            bytes: 0,
        })
    }

    /// The height that is wanted next; `None` when the answer is complete.
    pub fn next(&self) -> Option<u64> {
        (self.next < self.end && self.bytes < SERVED_BYTES).then_some(self.next)
    }

    /// Adds the block of the height that [`Self::next`] named. A block that would carry the answer
    /// over a frame is left out, and the answer ends.
    pub fn push(&mut self, block: proto::CertifiedBlock) {
        let bytes = self.bytes.saturating_add(block.encoded_len()).saturating_add(8);
        if bytes > MAX_FRAME_BYTES.saturating_sub(1_024) {
            self.end = self.next;
            return;
        }
        self.bytes = bytes;
        self.next = self.next.saturating_add(1);
        self.blocks.push(block);
    }

    /// The message, with the answering node's head.
    pub fn finish(self, head: Head) -> proto::RangeResponse {
        let status = proto::Status {
            height: Some(head.height),
            head_id: Some(bytes::Bytes::copy_from_slice(head.id.as_bytes())),
            work: None,
        };
        proto::RangeResponse {
            blocks: self.blocks,
            status: Some(status),
        }
    }
}

/// Reads an answer: strict in what is hashed, lenient around it. Costs the hashing of every
/// transaction: run it on a worker.
pub fn decode_range(
    response: &proto::RangeResponse,
) -> Result<(Vec<CertifiedBlock>, Option<Claim>), DecodeError> {
    const WHAT: &str = "range response";
    if response.blocks.len() > MAX_RANGE_BLOCKS as usize {
        let reason = format!(
            "it has {}, at most {MAX_RANGE_BLOCKS} are allowed",
            response.blocks.len()
        );
        return Err(DecodeError::Invalid {
            what: WHAT,
            field: "blocks",
            reason,
        });
    }
    let blocks = response
        .blocks
        .iter()
        .map(CertifiedBlock::from_proto)
        .collect::<Result<_, _>>()?;
    let claim = response
        .status
        .as_ref()
        .map(|status| -> Result<Claim, DecodeError> {
            Ok(Head {
                height: strict::required(WHAT, "status.height", status.height)?,
                id: BlockId(strict::required_bytes(
                    WHAT,
                    "status.head_id",
                    status.head_id.as_ref(),
                )?),
            })
        });
    Ok((blocks, claim.transpose()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::testing::Chain;

    fn request(from: u64, count: u32) -> proto::RangeRequest {
        proto::RangeRequest {
            from: Some(from),
            count: Some(count),
        }
    }

    fn answer(chain: &Chain, from: u64, count: u32) -> proto::RangeResponse {
        let head = chain.head();
        let mut answer = RangeAnswer::new(&request(from, count), head.height).unwrap();
        while let Some(height) = answer.next() {
            answer.push(chain.block(height).to_proto());
        }
        answer.finish(head)
    }

    #[test]
    fn answers_end_at_the_head_and_come_back_as_they_were() {
        let chain = Chain::new(10);
        for (from, count, first, length) in [
            (1, 4, 1, 4),
            (8, 64, 8, 3),
            (10, 1, 10, 1),
            (11, 5, 11, 0),
            (0, 3, 1, 2),
            (5, 0, 5, 0),
        ] {
            let (blocks, claim) = decode_range(&answer(&chain, from, count)).unwrap();
            let given: Vec<u64> = blocks
                .iter()
                .map(|certified| certified.block.header().height)
                .collect();
            assert_eq!(
                given,
                (first..first + length).collect::<Vec<u64>>(),
                "from {from}, count {count}"
            );
            assert_eq!(claim, Some(chain.head()));
        }
        let last = answer(&chain, u64::MAX, u32::MAX);
        assert!(last.blocks.is_empty());
    }

    #[test]
    fn answers_end_when_they_are_large() {
        let chain = Chain::new(1);
        let mut large = chain.block(1).to_proto();
        large.certificate = Some(vec![0; SERVED_BYTES / 2].into());
        let mut answer = RangeAnswer::new(&request(1, 64), 100).unwrap();
        let mut pushed = 0;
        while answer.next().is_some() {
            answer.push(large.clone());
            pushed += 1;
        }
        assert_eq!(pushed, 2);
        let mut answer = RangeAnswer::new(&request(1, 64), 100).unwrap();
        large.certificate = Some(vec![0; MAX_FRAME_BYTES].into());
        answer.push(large);
        assert_eq!(answer.next(), None, "what no frame can carry is not sent");
        assert!(answer.finish(chain.head()).blocks.is_empty());
    }

    #[test]
    fn malformed_answers_are_refused() {
        let chain = Chain::new(2);
        let good = answer(&chain, 1, 2);
        let mut cut = good.clone();
        cut.blocks[1].certificate = None;
        assert!(decode_range(&cut).is_err());
        let mut body = good.clone();
        body.blocks[0].block.as_mut().unwrap().previous_commit = Some(vec![1].into());
        assert!(decode_range(&body).is_err());
        let mut status = good.clone();
        status.status.as_mut().unwrap().head_id = Some(vec![1; 31].into());
        assert!(decode_range(&status).is_err());
        let mut many = good;
        many.blocks = vec![many.blocks[0].clone(); 257];
        assert!(decode_range(&many).is_err());
        assert!(
            RangeAnswer::new(
                &proto::RangeRequest {
                    from: None,
                    count: Some(1)
                },
                5
            )
            .is_err()
        );
    }
}
