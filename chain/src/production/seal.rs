//! Proof of work: from a template and a nonce to a block.

use std::sync::Arc;

use aureon_consensus::pow::{self, HeaderFault};
use bytes::Bytes;

use crate::import::ExecutedBlock;

/// Seals a block that was built without one. The execution stays as it is, because no transaction can
/// see the seal. An error: the nonce does not do the work that the header asks for, or it asks for none;
/// so a wrong nonce of an outside miner never becomes a block.
pub fn seal<V: Clone>(template: &ExecutedBlock<V>, nonce: [u8; 8]) -> Result<ExecutedBlock<V>, HeaderFault> {
    let block = template.block().with_seal(Bytes::copy_from_slice(&nonce));
    pow::check_work(block.sealed_header())?;
    Ok(template.with_block(Arc::new(block)))
}
