//! Step 2: the signatures, of the parent's certificate and of every transaction.

use std::sync::Arc;

use aureon_types::{Block, CommitCertificate, Hash, SignedTransaction, VerifiedTransaction};

use super::{BlockFault, CheckedHeader};

/// A block whose header keeps the rules and whose signatures all hold.
#[derive(Clone, Debug)]
pub struct VerifiedBlock {
    pub(super) checked: CheckedHeader,
    pub(super) block: Arc<Block>,
    pub(super) transactions: Vec<VerifiedTransaction>,
}

impl VerifiedBlock {
    /// The block.
    pub fn block(&self) -> &Arc<Block> {
        &self.block
    }
}

/// Verifies the body of the block with the header `checked`. `known` gives transactions that were
/// verified before, by leaf (payload and signature bytes), so that they are not verified again; the
/// rest is verified in batches. Its answers are compared with the leaf they were asked for.
pub fn verify_body(
    checked: CheckedHeader,
    block: Arc<Block>,
    known: impl FnMut(&Hash) -> Option<VerifiedTransaction>,
) -> Result<VerifiedBlock, BlockFault> {
    let (given, expected) = (block.id(), checked.header.id());
    if given != expected {
        return Err(BlockFault::OtherBlock { given, expected });
    }
    verify_previous_commit(&checked, &block)?;
    let transactions = verify_transactions(&checked, block.transactions(), known)?;
    Ok(VerifiedBlock {
        checked,
        block,
        transactions,
    })
}

/// That the certificate hashes to what the header names was checked when the block was made, and
/// that there is one if and only if the height needs it, with the header.
fn verify_previous_commit(checked: &CheckedHeader, block: &Block) -> Result<(), BlockFault> {
    let (parent, rules) = (&checked.parent, &checked.rules);
    let Some(validators) = rules
        .validators
        .as_ref()
        .filter(|_| rules.needs_commit(block.header().height))
    else {
        return Ok(());
    };
    let certificate =
        CommitCertificate::decode(block.previous_commit()).map_err(BlockFault::MalformedCommit)?;
    if certificate.block_id != parent.id || certificate.height != parent.height {
        return Err(BlockFault::CommitForOther {
            given: certificate.block_id,
            given_height: certificate.height,
            parent: parent.id,
            height: parent.height,
        });
    }
    certificate
        .verify(&validators.previous, &rules.genesis_id)
        .map_err(BlockFault::Commit)
}

fn verify_transactions(
    checked: &CheckedHeader,
    signed: &[SignedTransaction],
    mut known: impl FnMut(&Hash) -> Option<VerifiedTransaction>,
) -> Result<Vec<VerifiedTransaction>, BlockFault> {
    let found: Vec<Option<VerifiedTransaction>> = signed
        .iter()
        .map(|transaction| known(&transaction.leaf()).filter(|known| known.leaf() == transaction.leaf()))
        .collect();
    let unknown: Vec<SignedTransaction> = signed
        .iter()
        .zip(&found)
        .filter(|(_, found)| found.is_none())
        .map(|(transaction, _)| transaction.clone())
        .collect();
    let mut verdicts = VerifiedTransaction::verify_all(unknown, &checked.rules.genesis_id).into_iter();
    let mut verified = Vec::with_capacity(signed.len());
    for (index, found) in found.into_iter().enumerate() {
        match found.map(Ok).or_else(|| verdicts.next()) {
            Some(Ok(transaction)) => verified.push(transaction),
            Some(Err(reason)) => return Err(BlockFault::Signature { index, reason }),
            // There are as many verdicts as unknown transactions.
            None => break,
        }
    }
    Ok(verified)
}
