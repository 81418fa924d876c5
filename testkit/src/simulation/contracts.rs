//! Contracts: what receipts tell of them, and whether nodes hold just that.
//!
//! A book is kept after each block, from the receipts of the chain that ends there: who was deployed, which code and
//! admin it has, what it told that it wrote (see [`crate::load`]). It knows nothing of overlays, tries, caches and
//! reorganisations, so whatever those do wrong is a difference between the book and the state.

use std::{collections::BTreeMap, sync::Arc};

use aureon_chain::execution::{
    StateReader as _,
    contracts::{self, BlockInfo, Question},
};
use aureon_node::{adapters::View, core::HeadChange};
use aureon_storage::BlockStore;
use aureon_types::{
    Action, Address, Block, BlockId, Event, Hash, Receipt, SignedTransaction, contract,
    genesis::VM_COST_TABLE, merkle,
};
use bytes::Bytes;

use super::{Simulation, checks::told, report::Report};
use crate::load;

/// Gas of a question: far more than one takes.
const QUESTION_GAS: u64 = 1_000_000;

/// The book after each block.
#[derive(Default)]
pub(super) struct Books(BTreeMap<BlockId, Arc<Book>>);

/// What contracts are and hold.
#[derive(Clone, Debug, Default)]
struct Book(BTreeMap<Address, Contract>);

#[derive(Clone, Debug)]
struct Contract {
    code_hash: Hash,
    admin: Option<Address>,
    /// `None`: it was there, and is gone.
    storage: BTreeMap<Bytes, Option<u64>>,
}

impl Simulation {
    /// The head's state is what the book says.
    pub(super) fn look_at_contracts(&mut self, node: usize) -> Result<(), String> {
        let Some(running) = &self.nodes[node].running else {
            return Ok(());
        };
        let (head, view) = (running.core.head().0, running.core.view().clone());
        self.compare(node, head, &view)
    }

    fn compare(&mut self, node: usize, height: u64, view: &View) -> Result<(), String> {
        let book = self.book(node, height)?;
        book.compare(view)
            .map_err(|what| format!("after block {height} {what}"))
    }

    /// The book after the block of a height of a node's chain.
    fn book(&mut self, node: usize, height: u64) -> Result<Arc<Book>, String> {
        let Some(running) = &self.nodes[node].running else {
            return Err("it is down".to_owned());
        };
        let (blocks, books) = (&running.services.blocks, &mut self.checks.books.0);
        let (mut book, mut missing) = (Arc::<Book>::default(), Vec::new());
        for height in (1..=height).rev() {
            let id = blocks.block_id(height).map_err(told)?;
            let id = id.ok_or_else(|| format!("block {height} is missing"))?;
            if let Some(known) = books.get(&id) {
                book = known.clone();
                break;
            }
            missing.push((height, id));
        }
        for (height, id) in missing.into_iter().rev() {
            let mut next = Book::clone(&book);
            let (block, receipts) = look_up(blocks, height)?;
            for (transaction, receipt) in block.transactions().iter().zip(&receipts) {
                let noted = next.note(transaction, receipt);
                noted.map_err(|what| format!("in block {height} {what}"))?;
            }
            book = Arc::new(next);
            books.insert(id, book.clone());
        }
        Ok(book)
    }

    /// At the end: what is on the disk, and what contracts answer.
    pub(super) fn ask_contracts(&mut self, node: usize) -> Result<(), String> {
        let Some(running) = &self.nodes[node].running else {
            return Ok(());
        };
        let states = running.services.states.clone();
        for view in [View(states.head()), View(states.flushed())] {
            self.compare(node, view.0.height(), &view)?;
        }
        let book = self.book(node, states.head().height())?;
        let Some(running) = &self.nodes[node].running else {
            return Ok(());
        };
        let block = BlockInfo {
            genesis_id: self.cast.chain.genesis_id,
            height: states.head().height(),
            timestamp_ms: 0,
            cost_table: VM_COST_TABLE,
        };
        for (address, contract) in &book.0 {
            let question = Question {
                contract: *address,
                caller: self.cast.pauper.address(),
                input: &[],
                gas: QUESTION_GAS,
            };
            let view = View(states.head());
            let answer = contracts::query(&view, &*running.services.machine, block, question);
            let answer = answer.map_err(told)?.result.ok();
            let expected = load::counts(&contract.code_hash).then(|| word(contract.total()));
            if answer != expected {
                return Err(format!(
                    "contract {address} answers {answer:?} instead of {expected:?}"
                ));
            }
        }
        Ok(())
    }

    /// Counts what a reorganisation undid of contracts.
    pub(super) fn count_undone(&mut self, node: usize, change: &HeadChange) {
        let Some(running) = &self.nodes[node].running else {
            return;
        };
        for (_, id) in &change.undone {
            let block = running.services.blocks.block_by_id(id).ok().flatten();
            let transactions = block.iter().flat_map(Block::transactions);
            let undone = transactions.filter(|signed| signed.transaction().action.is_contract());
            self.report.undone_calls += u64::try_from(undone.count()).unwrap_or(u64::MAX);
        }
    }
}

/// A block with its receipts, which must be those that its header names.
pub(super) fn look_up(blocks: &BlockStore, height: u64) -> Result<(Block, Vec<Receipt>), String> {
    let block = blocks.block_by_height(height).map_err(told)?;
    let block = block.ok_or_else(|| format!("the body of block {height} is missing"))?;
    let encoded = blocks.receipts(height).map_err(told)?.unwrap_or_default();
    let decoded = encoded
        .iter()
        .map(|receipt| Receipt::decode(receipt).map_err(told));
    let receipts: Vec<Receipt> = decoded.collect::<Result<_, _>>()?;
    let leaves = receipts.iter().zip(&encoded);
    let root = merkle::root(leaves.map(|(receipt, encoded)| receipt.leaf(encoded)));
    let wanted = block.header().receipts_root;
    if root != wanted {
        return Err(format!(
            "the receipts of block {height} have root {root}, its header says {wanted}"
        ));
    }
    Ok((block, receipts))
}

impl Report {
    /// Counts what a block did with contracts.
    pub(super) fn count_calls(&mut self, block: &Block, receipts: &[Receipt]) {
        for (signed, receipt) in block.transactions().iter().zip(receipts) {
            self.contracts += u64::from(receipt.contract.is_some());
            if signed.transaction().action.is_contract() {
                self.contract_calls += u64::from(receipt.failure.is_none());
                self.failed_calls += u64::from(receipt.failure.is_some());
            }
        }
    }
}

impl Book {
    fn note(&mut self, signed: &SignedTransaction, receipt: &Receipt) -> Result<(), String> {
        if receipt.failure.is_none() {
            self.note_action(signed.sender(), &signed.transaction().action, receipt);
        }
        for Event {
            contract,
            topic,
            data,
        } in &receipt.events
        {
            let known = self.0.get_mut(contract);
            let known =
                known.ok_or_else(|| format!("contract {contract} tells something and is not there"))?;
            known
                .note(topic, data)
                .map_err(|what| format!("contract {contract} tells that {what}"))?;
        }
        Ok(())
    }

    fn note_action(&mut self, sender: Address, action: &Action, receipt: &Receipt) {
        match (action, receipt.contract) {
            (Action::Deploy { code, .. }, Some(address)) => {
                let new = Contract {
                    code_hash: contract::code_hash(code),
                    admin: Some(sender),
                    storage: BTreeMap::new(),
                };
                self.0.insert(address, new);
            }
            (Action::Upgrade { contract, code, .. }, _) => {
                if let Some(known) = self.0.get_mut(contract) {
                    known.code_hash = contract::code_hash(code);
                }
            }
            (Action::SetAdmin { contract, admin }, _) => {
                if let Some(known) = self.0.get_mut(contract) {
                    known.admin = *admin;
                }
            }
            _ => {}
        }
    }

    /// Says the first difference from a state.
    fn compare(&self, view: &View) -> Result<(), String> {
        for (address, contract) in &self.0 {
            let found = contracts::contract_at(view, address).map_err(told)?;
            let found = found.map(|(code_hash, meta)| (code_hash, meta.admin));
            let expected = Some((contract.code_hash, contract.admin));
            if found != expected {
                return Err(format!(
                    "contract {address} has code and admin {found:?}, by the receipts {expected:?}"
                ));
            }
            for (key, expected) in &contract.storage {
                let value = view.storage(address, &contract::slot(key)).map_err(told)?;
                let expected = expected.map(word);
                if value != expected {
                    let key = key.escape_ascii();
                    return Err(format!(
                        "key \"{key}\" of contract {address} holds {value:?}, by the receipts {expected:?}"
                    ));
                }
            }
        }
        Ok(())
    }
}

impl Contract {
    /// Notes that `topic` was written, which must go on where it stood.
    fn note(&mut self, topic: &Bytes, data: &[u8]) -> Result<(), String> {
        let key = topic.escape_ascii();
        let before = self.storage.get(topic).copied().flatten();
        let Some((new, added)) = data.split_first_chunk() else {
            self.storage.insert(topic.clone(), None);
            return before
                .map(|_| ())
                .ok_or_else(|| format!("\"{key}\" is gone, which was not there"));
        };
        let added: [u8; 8] = added.try_into().map_err(told)?;
        let (new, added) = (u64::from_le_bytes(*new), u64::from_le_bytes(added));
        self.storage.insert(topic.clone(), Some(new));
        let before = before.unwrap_or(0);
        if before.wrapping_add(added) != new {
            return Err(format!(
                "\"{key}\" is {new}, {added} more than before, when it was {before}"
            ));
        }
        Ok(())
    }

    /// Of a counter.
    fn total(&self) -> u64 {
        let total = self.storage.get(b"total".as_slice());
        total.copied().flatten().unwrap_or(0)
    }
}

fn word(number: u64) -> Bytes {
    Bytes::copy_from_slice(&number.to_le_bytes())
}
