//! Accusing transactions in our own blocks: evidence that this node holds, sent by its validator key.

use aureon_chain::{
    execution::{StateError, StateReader},
    import::ExecutedBlock,
    system::query,
};
use aureon_types::{Action, Address, Evidence, SecretKey, Transaction, VerifiedTransaction};

use crate::{
    adapters::View,
    core::{Chain, Offence},
};

/// Accusations of one block, which its builder pays for. More wait for the next.
const MAX_ACCUSATIONS: usize = 8;

/// What became of the evidence for a block.
#[derive(Debug, Default)]
pub(super) struct Accusations {
    /// The candidates, with accusations among them.
    pub candidates: Vec<VerifiedTransaction>,
    /// Offences that are punished already.
    pub settled: Vec<Offence>,
}

/// Adds an accusation to `candidates` for each of `evidence` that is not punished in `view`, the state
/// below the block, up to [`MAX_ACCUSATIONS`]. They come right behind the accuser's own candidates, with the nonces that follow: its
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
    let (mut settled, mut accusations) = (Vec::new(), 0_usize);
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
        if accusations == MAX_ACCUSATIONS {
            break;
        }
        accusations = accusations.saturating_add(1);
        let accusation = sign(chain, key, nonce, evidence);
        // Our own signature holds.
        if let Ok(accusation) = VerifiedTransaction::verify(accusation, &chain.genesis_id) {
            candidates.insert(place, accusation);
            (place, nonce) = (place.saturating_add(1), nonce.saturating_add(1));
        }
    }
    Ok(Accusations { candidates, settled })
}

/// The offences that `block` names and that the chain does not punish, for whatever reason its receipt has:
/// to accuse again would cost another fee.
pub(super) fn refused(block: &ExecutedBlock<View>) -> Vec<Offence> {
    let accused = block.block().transactions().iter().zip(block.receipts().iter());
    accused
        .filter(|(_, receipt)| receipt.failure.is_some())
        .filter_map(|(signed, _)| match &signed.transaction().action {
            Action::Evidence(evidence) => Some((evidence.height(), evidence.offender())),
            _ => None,
        })
        .collect()
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

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, sync::Arc};

    use aureon_chain::{
        import::ParentInfo,
        production::{self, BuildParams},
        system::genesis_state,
    };
    use aureon_storage::{Backend, FlushPolicy, StateStore};
    use aureon_types::{
        Amount, BlockId, EmptyBlocks, EngineKind, Genesis, SignedVote, Vote, VoteKind,
        genesis::{BftTimeouts, GenesisStake, PosParameters},
        transaction::TRANSFER_GAS,
    };
    use bytes::Bytes;

    use super::*;
    use crate::{adapters::Contracts, core::Parent};

    fn key(seed: u8) -> SecretKey {
        SecretKey::from_seed([seed; 32])
    }

    /// Four validators; the first has an account with `balance`.
    fn chain(balance: u64) -> Chain {
        let stake = |seed| GenesisStake {
            public_key: key(seed).public_key(),
            stake: Amount(10_000),
            commission_basis_points: 0,
        };
        let genesis = Genesis {
            chain: "accusation".to_owned(),
            timestamp_ms: 1,
            engine: EngineKind::Pos(PosParameters::new((1..=4).map(stake).collect())),
            block_time_ms: 1_000,
            empty_blocks: EmptyBlocks::Always,
            gas_limit: 10_000_000,
            min_gas_price: 1,
            vm_cost_table: aureon_types::genesis::VM_COST_TABLE,
            timeouts: BftTimeouts::default(),
            balances: BTreeMap::from([(key(1).address(), Amount(balance))]),
        };
        Chain::new(Arc::new(genesis.checked().unwrap()))
    }

    /// Views are of use as long as their store.
    fn genesis_state_of(chain: &Chain, directory: &tempfile::TempDir) -> (StateStore, Parent) {
        let states = StateStore::open(
            Backend::file(directory.path().join("state.redb")),
            1 << 20,
            FlushPolicy::default(),
            chain.genesis_id,
            &genesis_state(&chain.genesis),
        )
        .unwrap();
        let view = View(states.head());
        let parent = Parent {
            info: ParentInfo::genesis(&chain.genesis, view.0.root()),
            certificate: Bytes::new(),
            view,
            lineage: chain.genesis_lineage().unwrap(),
        };
        (states, parent)
    }

    /// A contradiction of validator `seed` in the first height.
    fn contradiction(chain: &Chain, seed: u8) -> Evidence {
        let sign = |block| {
            let vote = Vote {
                kind: VoteKind::Precommit,
                height: 1,
                round: 3,
                block_id: Some(BlockId([block; 32])),
            };
            SignedVote::sign(vote, &key(seed), &chain.genesis_id)
        };
        Evidence::Votes(sign(1), sign(2))
    }

    fn transfer(chain: &Chain, sender: u8, nonce: u64) -> VerifiedTransaction {
        let transaction = Transaction {
            network: chain.genesis_id.network_hint(),
            public_key: key(sender).public_key(),
            nonce,
            gas_limit: TRANSFER_GAS,
            gas_price: 2,
            last_valid_height: None,
            action: Action::Transfer {
                recipient: Address([9; 20]),
                amount: Amount(1),
            },
        };
        let signed = transaction.sign(&key(sender), &chain.genesis_id);
        VerifiedTransaction::verify(signed, &chain.genesis_id).unwrap()
    }

    fn execute(chain: &Chain, parent: &Parent, candidates: Vec<VerifiedTransaction>) -> ExecutedBlock<View> {
        let params = BuildParams {
            parent: parent.info,
            previous_commit: Bytes::new(),
            rules: chain.rules(parent).unwrap(),
            timestamp_ms: 2,
            proposer: key(1).address(),
            max_gas: u64::MAX,
            max_bytes: usize::MAX,
        };
        let built = production::build(
            &parent.view,
            &Contracts::new(&chain.genesis, None).unwrap(),
            &params,
            candidates,
            &mut || false,
        )
        .unwrap();
        built.executed
    }

    fn build(chain: &Chain, parent: &Parent, candidates: Vec<VerifiedTransaction>) -> (Vec<Action>, View) {
        let executed = execute(chain, parent, candidates);
        assert!(refused(&executed).is_empty());
        assert!(
            executed
                .receipts()
                .iter()
                .all(|receipt| receipt.failure.is_none())
        );
        let included = executed.block().transactions().iter();
        (
            included
                .map(|signed| signed.transaction().action.clone())
                .collect(),
            executed.view_after().clone(),
        )
    }

    #[test]
    fn a_contradiction_is_punished_once_and_behind_the_accuser_s_own_transactions() {
        let directory = tempfile::tempdir().unwrap();
        let chain = chain(10_000_000);
        let (_states, parent) = genesis_state_of(&chain, &directory);
        let evidence = vec![contradiction(&chain, 2), contradiction(&chain, 3)];
        let own = vec![transfer(&chain, 1, 0), transfer(&chain, 1, 1)];
        let accused = accuse(&chain, &parent.view, &key(1), evidence.clone(), own).unwrap();
        assert!(accused.settled.is_empty());
        let nonces = accused
            .candidates
            .iter()
            .map(|candidate| candidate.transaction().nonce);
        assert_eq!(nonces.collect::<Vec<_>>(), [0, 1, 2, 3]);
        let (included, after) = build(&chain, &parent, accused.candidates);
        assert_eq!(included.len(), 4);
        assert_eq!(included[2], Action::Evidence(Box::new(evidence[0].clone())));
        let record = query::validator(&after, &key(2).address()).unwrap().unwrap();
        assert!(record.jailed_until.is_some() && record.stake.tokens < 10_000);

        // Whoever holds the same evidence is done with it.
        let again = accuse(&chain, &after, &key(4), evidence, Vec::new()).unwrap();
        assert!(again.candidates.is_empty());
        assert_eq!(again.settled, [(1, key(2).address()), (1, key(3).address())]);
    }

    #[test]
    fn who_cannot_pay_builds_a_block_without_the_accusation() {
        let directory = tempfile::tempdir().unwrap();
        let chain = chain(5);
        let (_states, parent) = genesis_state_of(&chain, &directory);
        let evidence = vec![contradiction(&chain, 2)];
        let accused = accuse(&chain, &parent.view, &key(1), evidence, Vec::new()).unwrap();
        assert_eq!(accused.candidates.len(), 1);
        let (included, after) = build(&chain, &parent, accused.candidates);
        assert!(included.is_empty());
        assert!(!query::was_punished(&after, &key(2).address(), 1, 100).unwrap());
    }

    #[test]
    fn evidence_that_the_chain_does_not_take_is_given_up() {
        let directory = tempfile::tempdir().unwrap();
        let chain = chain(10_000_000);
        let (_states, parent) = genesis_state_of(&chain, &directory);
        let stranger = contradiction(&chain, 9);
        let accused = accuse(&chain, &parent.view, &key(1), vec![stranger], Vec::new()).unwrap();
        let executed = execute(&chain, &parent, accused.candidates);
        assert_eq!(refused(&executed), [(1, key(9).address())]);
    }
}
