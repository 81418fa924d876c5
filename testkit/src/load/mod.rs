//! Clients: what they submit, what they are answered, and what must become of it.

mod contracts;
mod draw;

use std::collections::BTreeMap;

use aureon_chain::{execution::StateReader as _, mempool::Admitted};
use aureon_node::{
    adapters::View,
    core::{ReplyToken, SubmitOutcome},
    handle::Rejection,
};
use aureon_types::{Address, GenesisId, SecretKey, SignedTransaction, TransactionId};

pub(crate) use contracts::counts;
pub(crate) use draw::Step;

use crate::{
    cast::{Cast, strangers},
    node::Node,
    scenario::{Engine, Scenario},
};

/// An account as its owner sees it.
struct Sender {
    key: SecretKey,
    /// Signs for a node too.
    validates: bool,
    /// What the next transaction takes.
    nonce: u64,
    /// The newest transaction of each nonce.
    latest: BTreeMap<u64, SignedTransaction>,
}

/// A submission whose answer has not come.
struct Pending {
    node: usize,
    life: u32,
    transactions: Vec<SignedTransaction>,
    /// No node may admit it.
    forbidden: bool,
}

/// What a node has admitted.
struct Promise {
    node: usize,
    life: u32,
    id: TransactionId,
    sender: Address,
    nonce: u64,
}

/// What a client wants to submit.
pub(crate) struct Submission {
    pub transactions: Vec<SignedTransaction>,
    /// No node may admit it.
    pub forbidden: bool,
}

/// See the module.
pub(crate) struct Load {
    network: GenesisId,
    engine: Engine,
    /// To whom others may delegate: not to attackers, who must stay a minority.
    trusted: Vec<Address>,
    senders: Vec<Sender>,
    pauper: SecretKey,
    recipients: Vec<Address>,
    contracts: contracts::Contracts,
    pending: BTreeMap<(usize, ReplyToken), Pending>,
    promises: Vec<Promise>,
    resubmitted: bool,
    pub refused: u64,
}

impl Load {
    pub fn new(cast: &Cast, scenario: &Scenario) -> Self {
        let trusted = cast.validators.iter().enumerate();
        let trusted =
            trusted.filter(|(node, _)| scenario.attackers.iter().all(|(attacker, _)| attacker != node));
        let accounts = cast.senders.iter().map(|key| (key, false));
        let validators = cast.validators.iter().map(|key| (key, true));
        let senders = accounts.chain(validators).map(|(key, validates)| Sender {
            key: key.clone(),
            validates,
            nonce: 0,
            latest: BTreeMap::new(),
        });
        let recipients = cast.senders.iter().map(SecretKey::address).chain(strangers());
        Self {
            network: cast.chain.genesis_id,
            engine: scenario.engine,
            trusted: trusted.map(|(_, key)| key.address()).collect(),
            senders: senders.collect(),
            pauper: cast.pauper.clone(),
            recipients: recipients.collect(),
            contracts: contracts::Contracts::default(),
            pending: BTreeMap::new(),
            promises: Vec::new(),
            resubmitted: false,
            refused: 0,
        }
    }

    /// Where contracts may stand, each once or more often.
    pub fn contracts(&self) -> impl Iterator<Item = Address> + '_ {
        self.contracts.addresses()
    }

    pub fn await_reply(&mut self, node: usize, life: u32, reply: ReplyToken, submission: Submission) {
        let Submission {
            transactions,
            forbidden,
        } = submission;
        self.pending.insert(
            (node, reply),
            Pending {
                node,
                life,
                transactions,
                forbidden,
            },
        );
    }

    /// Takes down an answer; says what is wrong with it.
    pub fn on_reply(
        &mut self,
        node: usize,
        reply: ReplyToken,
        outcome: &SubmitOutcome,
    ) -> Result<(), String> {
        let pending = self
            .pending
            .remove(&(node, reply))
            .ok_or("an answer that nobody waits for")?;
        let outcomes = outcome.as_ref().map_err(ToString::to_string)?;
        if outcomes.len() != pending.transactions.len() {
            return Err(format!(
                "{} answers for {} transactions",
                outcomes.len(),
                pending.transactions.len()
            ));
        }
        for (transaction, outcome) in pending.transactions.iter().zip(outcomes) {
            self.on_outcome(&pending, transaction, outcome)?;
        }
        Ok(())
    }

    fn on_outcome(
        &mut self,
        pending: &Pending,
        transaction: &SignedTransaction,
        outcome: &Result<Admitted, Rejection>,
    ) -> Result<(), String> {
        let (id, nonce) = (transaction.id(), transaction.transaction().nonce);
        match outcome {
            Ok(_) if pending.forbidden => Err(format!("transaction {id} was admitted and is worth nothing")),
            Ok(_) => {
                let Pending { node, life, .. } = *pending;
                self.promises.push(Promise {
                    node,
                    life,
                    id,
                    sender: transaction.sender(),
                    nonce,
                });
                Ok(())
            }
            Err(_) => {
                self.refused += 1;
                Ok(())
            }
        }
    }

    /// Everything that `view` lacks, the newest of each nonce: what clients do when a node was lost.
    pub fn again(&mut self, view: &View) -> Vec<Submission> {
        self.resubmitted = true;
        let lacking = |sender: &Sender| {
            let from = nonce_of(view, &sender.key.address());
            let transactions = sender
                .latest
                .range(from..)
                .map(|(_, transaction)| transaction.clone());
            Submission {
                transactions: transactions.collect(),
                forbidden: false,
            }
        };
        self.senders
            .iter()
            .map(lacking)
            .filter(|submission| !submission.transactions.is_empty())
            .collect()
    }

    pub fn is_resubmitted(&self) -> bool {
        self.resubmitted
    }

    /// Whether every nonce that was given out is used in `view`.
    pub fn is_settled(&self, view: &View) -> bool {
        self.senders
            .iter()
            .all(|sender| nonce_of(view, &sender.key.address()) >= sender.nonce)
    }

    pub fn admitted_count(&self) -> u64 {
        u64::try_from(self.promises.len()).unwrap_or(u64::MAX)
    }

    /// What was admitted at a node that did not die since must be included, overtaken by another of its
    /// nonce, or still wait there.
    pub fn check_admitted(&self, nodes: &[Node]) -> Result<(), String> {
        for Promise {
            node,
            life,
            id,
            sender,
            nonce,
        } in &self.promises
        {
            let Some(running) = nodes[*node]
                .running
                .as_ref()
                .filter(|_| nodes[*node].life == *life)
            else {
                continue;
            };
            let included = running
                .services
                .blocks
                .transaction(id)
                .map_err(|error| error.to_string())?
                .is_some();
            let overtaken = nonce_of(running.core.view(), sender) > *nonce;
            let waits = running.core.mempool().by_id(id).is_some();
            let replaced = self.promises.iter().any(|other| {
                (other.node, other.life, other.sender, other.nonce) == (*node, *life, *sender, *nonce)
                    && other.id != *id
            });
            if !included && !overtaken && !waits && !replaced {
                return Err(format!(
                    "node {node} admitted transaction {id} with nonce {nonce}, and it has vanished"
                ));
            }
        }
        Ok(())
    }
}

fn nonce_of(view: &View, address: &Address) -> u64 {
    // The state is read again, with its errors, when the chain is looked at.
    view.account(address).ok().flatten().unwrap_or_default().nonce
}
