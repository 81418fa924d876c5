//! Decoding and signatures.

use aureon_chain::{assembly::ProposedBlock, execution::StateReader as _, mempool::AccountState};
use aureon_consensus::{Lineage, Message};
use aureon_types::{SignedTransaction, VerifiedTransaction};

use crate::{
    adapters::View,
    core::{Chain, CheckedProposal, CheckedWork, DecodedTransactions, Done, GossipFault, decode_batch},
};

/// Verifies the signatures of a batch and reads the senders' accounts.
pub(super) fn verify_transactions(
    chain: &Chain,
    batch: u64,
    transactions: Vec<SignedTransaction>,
    view: &View,
) -> Done {
    let mut verdicts = Vec::with_capacity(transactions.len());
    for verdict in VerifiedTransaction::verify_all(transactions, &chain.genesis_id) {
        let verdict = match verdict {
            Ok(transaction) => match view.account(&transaction.sender()) {
                Ok(account) => Ok((transaction, AccountState::from(account))),
                Err(error) => {
                    return Done::Failed {
                        reason: error.to_string(),
                    };
                }
            },
            Err(error) => Err(error),
        };
        verdicts.push(verdict);
    }
    Done::TransactionsVerified {
        batch,
        verdicts,
        height: view.0.height(),
    }
}

/// Reads a gossiped batch.
pub(super) fn decode_transactions(data: &[u8]) -> Result<DecodedTransactions, GossipFault> {
    Ok(DecodedTransactions {
        transactions: decode_batch(data)?,
    })
}

/// Reads a gossiped proposal and verifies its signature, before anything is fetched or executed.
pub(super) fn check_proposal(
    chain: &Chain,
    lineage: &Lineage,
    data: &[u8],
) -> Result<Box<CheckedProposal>, GossipFault> {
    let proposed = ProposedBlock::decode(data)?;
    if proposed.header.header().genesis_id != chain.genesis_id {
        return Err(GossipFault::Inconsistent(
            "the header is of another network".to_owned(),
        ));
    }
    let Some(proposal) = &proposed.proposal else {
        return Err(GossipFault::Inconsistent(
            "a mined block on a network that decides by votes".to_owned(),
        ));
    };
    let content = Message::Proposal(proposal.clone());
    let verified = aureon_consensus::verify(content, lineage, &chain.genesis_id)?;
    Ok(Box::new(CheckedProposal { verified, proposed }))
}

/// Reads a gossiped mined block and checks the work of its header, before anything is fetched or
/// executed.
pub(super) fn check_work(chain: &Chain, data: &[u8]) -> Result<Box<CheckedWork>, GossipFault> {
    let proposed = ProposedBlock::decode(data)?;
    if proposed.header.header().genesis_id != chain.genesis_id {
        return Err(GossipFault::Inconsistent(
            "the header is of another network".to_owned(),
        ));
    }
    let verified = aureon_consensus::verify_header(proposed.header.clone())?;
    Ok(Box::new(CheckedWork { verified, proposed }))
}
