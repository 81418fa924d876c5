//! Accusing transactions in our own blocks: evidence that this node holds, sent by its validator key.

use aureon_chain::{
    execution::{StateError, StateReader},
    system::query,
};
use aureon_types::{Action, Address, Evidence, SecretKey, Transaction, VerifiedTransaction};

use crate::{
    adapters::View,
    core::{Chain, Offence},
};

/// What became of the evidence for a block.
#[derive(Debug, Default)]
pub(super) struct Accusations {
    /// The candidates, with accusations among them.
    pub candidates: Vec<VerifiedTransaction>,
    /// Offences that are punished already.
    pub settled: Vec<Offence>,
}

/// Adds an accusation to `candidates` for each of `evidence` that is not punished in `view`, the state
/// below the block. They come right behind the accuser's own candidates, with the nonces that follow: its
/// operator's transactions keep theirs. What the account cannot pay for is skipped by the builder.
pub(super) fn accuse(
    chain: &Chain,
    view: &View,
    key: &SecretKey,
    evidence: Vec<Evidence>,
    mut candidates: Vec<VerifiedTransaction>,
) -> Result<Accusations, StateError> {
    let (accuser, blocks) = (
        key.address(),
        chain.genesis.engine.epoch_blocks().unwrap_or(u64::MAX),
    );
    let mut settled = Vec::new();
    let mut place = behind_own(&candidates, &accuser);
    let mut nonce = match place.checked_sub(1).and_then(|last| candidates.get(last)) {
        Some(last) => last.transaction().nonce.saturating_add(1),
        None => view.account(&accuser)?.unwrap_or_default().nonce,
    };
    for evidence in evidence {
        let (height, offender) = (evidence.height(), evidence.offender());
        if query::was_punished(view, &offender, height, blocks)? {
            settled.push((height, offender));
            continue;
        }
        let accusation = sign(chain, key, nonce, evidence);
        // Our own signature holds.
        if let Ok(accusation) = VerifiedTransaction::verify(accusation, &chain.genesis_id) {
            candidates.insert(place, accusation);
            (place, nonce) = (place.saturating_add(1), nonce.saturating_add(1));
        }
    }
    Ok(Accusations { candidates, settled })
}

/// The place behind the last candidate of `sender`; the first if there is none.
fn behind_own(candidates: &[VerifiedTransaction], sender: &Address) -> usize {
    candidates
        .iter()
        .rposition(|candidate| candidate.sender() == *sender)
        .map_or(0, |last| last.saturating_add(1))
}

fn sign(chain: &Chain, key: &SecretKey, nonce: u64, evidence: Evidence) -> aureon_types::SignedTransaction {
    let action = Action::Evidence(Box::new(evidence));
    let transaction = Transaction {
        network: chain.genesis_id.network_hint(),
        public_key: key.public_key(),
        nonce,
        gas_limit: action.gas(),
        gas_price: chain.genesis.min_gas_price,
        last_valid_height: None,
        action,
    };
    transaction.sign(key, &chain.genesis_id)
}
