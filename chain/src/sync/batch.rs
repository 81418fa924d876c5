//! A batch of heights on its way from a wish to the chain.

use aureon_types::CertifiedBlock;

use super::{BatchId, Offence, RequestId, VerifiedBlocks};

/// The life of a batch. It ends when its blocks are committed; each failure leads back to `Queued`.
#[derive(Debug)]
pub(super) enum Stage<P> {
    /// Nobody was asked yet, or the last try failed.
    Queued,
    /// A peer was asked.
    Downloading { peer: P, request: RequestId },
    /// The heights are right and follow each other; the certificates are unchecked.
    Downloaded { peer: P, blocks: Vec<CertifiedBlock> },
    /// A worker checks the certificates and has the blocks.
    Verifying { peer: P },
    /// The certificates hold; waits until the batch below is imported.
    Verified { peer: P, blocks: VerifiedBlocks },
    /// The importer has the blocks.
    Importing { peer: P },
}

/// Heights `from` to `last`, both included.
#[derive(Debug)]
pub(super) struct Batch<P> {
    pub id: BatchId,
    pub from: u64,
    pub last: u64,
    /// How often it failed.
    pub failures: u32,
    /// Who failed last: another is preferred.
    pub avoid: Option<P>,
    /// Size of the blocks, wherever they are now; zero before they arrived.
    pub bytes: usize,
    pub stage: Stage<P>,
}

impl<P: Copy> Batch<P> {
    pub(super) fn new(id: BatchId, from: u64, last: u64) -> Self {
        Self {
            id,
            from,
            last,
            failures: 0,
            avoid: None,
            bytes: 0,
            stage: Stage::Queued,
        }
    }

    pub(super) fn count(&self) -> u64 {
        self.last.saturating_sub(self.from).saturating_add(1)
    }

    pub(super) fn is_queued(&self) -> bool {
        matches!(self.stage, Stage::Queued)
    }

    /// Whether a worker has the blocks and will answer.
    pub(super) fn is_with_worker(&self) -> bool {
        matches!(self.stage, Stage::Verifying { .. } | Stage::Importing { .. })
    }

    pub(super) fn is_downloading(&self, wanted: RequestId) -> bool {
        matches!(self.stage, Stage::Downloading { request, .. } if request == wanted)
    }

    /// Who sends or sent the blocks.
    pub(super) fn peer(&self) -> Option<P> {
        match &self.stage {
            Stage::Queued => None,
            Stage::Downloading { peer, .. }
            | Stage::Downloaded { peer, .. }
            | Stage::Verifying { peer }
            | Stage::Verified { peer, .. }
            | Stage::Importing { peer } => Some(*peer),
        }
    }

    /// Back to the queue; `peer` should not be the next to be asked.
    pub(super) fn requeue(&mut self) {
        self.avoid = self.peer();
        self.failures = self.failures.saturating_add(1);
        self.bytes = 0;
        self.stage = Stage::Queued;
    }

    /// Cuts a downloaded batch behind `last`, which must be one of its heights. The upper part, with the
    /// number `id`, is returned.
    pub(super) fn cut(&mut self, id: BatchId, last: u64) -> Option<Self> {
        let Stage::Downloaded { peer, blocks } = &mut self.stage else {
            return None;
        };
        let upper = blocks.split_off(blocks.partition_point(|block| block.block.header().height <= last));
        let (bytes, peer) = (bytes_of(&upper), *peer);
        self.bytes = self.bytes.saturating_sub(bytes);
        let upper = Self {
            bytes,
            stage: Stage::Downloaded { peer, blocks: upper },
            ..Self::new(id, last.saturating_add(1), self.last)
        };
        self.last = last;
        Some(upper)
    }

    /// Takes the downloaded blocks above `head` out for verification.
    pub(super) fn start_verifying(&mut self, head: u64) -> Option<Vec<CertifiedBlock>> {
        let Stage::Downloaded { peer, blocks } = &mut self.stage else {
            return None;
        };
        let mut blocks = std::mem::take(blocks);
        blocks.retain(|certified| certified.block.header().height > head);
        self.stage = Stage::Verifying { peer: *peer };
        Some(blocks)
    }

    /// Takes the verified blocks above `head` out for import.
    pub(super) fn start_importing(&mut self, head: u64) -> Option<VerifiedBlocks> {
        match std::mem::replace(&mut self.stage, Stage::Queued) {
            Stage::Verified { peer, mut blocks } => {
                blocks.skip_through(head);
                self.stage = Stage::Importing { peer };
                Some(blocks)
            }
            stage => {
                self.stage = stage;
                None
            }
        }
    }
}

/// An upper bound of the memory that `blocks` take on the wire, in bytes.
pub(super) fn bytes_of(blocks: &[CertifiedBlock]) -> usize {
    blocks.iter().fold(0, |sum: usize, certified| {
        let certificate = certified.certificate.signatures.len().saturating_mul(96);
        sum.saturating_add(certified.block.size())
            .saturating_add(certificate)
    })
}

/// What can be said of an answer without checking a signature: the heights asked for, in order,
/// each block on the one before. `claimed`: the height the peer claims, at least `from`.
pub(super) fn check(blocks: &[CertifiedBlock], from: u64, last: u64, claimed: u64) -> Result<(), Offence> {
    if blocks.is_empty() {
        return Err(Offence::ClaimNotKept { from, claimed });
    }
    let asked = last.saturating_sub(from).saturating_add(1);
    if u64::try_from(blocks.len()).map_or(true, |given| given > asked) {
        return Err(Offence::TooManyBlocks {
            asked,
            given: blocks.len(),
        });
    }
    let mut parent = None;
    for (certified, expected) in blocks.iter().zip(from..) {
        let (given, id) = (certified.block.header().height, certified.block.id());
        if given != expected {
            return Err(Offence::WrongHeight { expected, given });
        }
        if parent.is_some_and(|parent| parent != certified.block.header().parent_id) {
            return Err(Offence::BrokenChain { height: given });
        }
        parent = Some(id);
    }
    Ok(())
}
