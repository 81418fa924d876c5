//! Step 2: the proof of work where there is one, and the signatures, of the parent's certificate and of
//! every transaction.

use std::sync::Arc;

use aureon_consensus::pow;
use aureon_types::{Address, Block, CommitCertificate, Hash, SignedTransaction, VerifiedTransaction};

use super::{BlockFault, CheckedHeader, signers};

/// A block whose header keeps the rules, whose work is done and whose signatures all hold.
#[derive(Clone, Debug)]
pub struct VerifiedBlock {
    pub(super) checked: CheckedHeader,
    pub(super) block: Arc<Block>,
    pub(super) transactions: Vec<VerifiedTransaction>,
    /// Who signed the certificate of the parent; `None` where there is none.
    pub(super) signers: Option<Vec<Address>>,
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
    if checked.rules.engine.target().is_some() {
        // Whoever checked it before: this is the one door.
        pow::check_work(&checked.header).map_err(BlockFault::Work)?;
    }
    let signers = verify_previous_commit(&checked, &block)?;
    let transactions = verify_transactions(&checked, block.transactions(), known)?;
    Ok(VerifiedBlock {
        checked,
        block,
        transactions,
        signers,
    })
}

/// That the certificate hashes to what the header names was checked when the block was made, and
/// that there is one if and only if the height needs it, with the header.
fn verify_previous_commit(
    checked: &CheckedHeader,
    block: &Block,
) -> Result<Option<Vec<Address>>, BlockFault> {
    let (parent, rules) = (&checked.parent, &checked.rules);
    let needed = rules.needs_commit(block.header().height);
    let Some(validators) = rules.engine.validators().filter(|_| needed) else {
        return Ok(None);
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
        .map_err(BlockFault::Commit)?;
    Ok(Some(signers(&certificate)))
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
