//! Contracts at the head: read, asked, and tried. Nothing of it changes the chain.

use aureon_chain::execution::{
    StateError,
    contracts::{self, Answer, BlockInfo, CodeFault, CodeReport, Estimate, Question},
};
use aureon_storage::StorageProof;
use aureon_types::{Account, Action, Address, ContractMeta, Hash, contract};
use bytes::Bytes;

use super::{NodeHandle, PublishedHead, ReadError, unreadable};

/// A contract at a height.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContractAt {
    /// The head's height when it was read.
    pub height: u64,
    /// Its account, with balance and code hash.
    pub account: Account,
    /// Who may do what with it.
    pub meta: ContractMeta,
}

/// The value of a contract's key at a height.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotAt {
    /// The head's height when it was read.
    pub height: u64,
    /// Where the value stands in the storage of the account.
    pub slot: Hash,
    /// The value; `None`: there is none.
    pub value: Option<Bytes>,
    /// What proves it, if that was asked for.
    pub proof: Option<StorageProof>,
}

/// Something that was found out about the state at a height.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct At<T> {
    /// The head's height then.
    pub height: u64,
    /// What was found out.
    pub found: T,
}

impl NodeHandle {
    /// The contract at an address; `None`: there is none. May read the disk.
    pub fn contract(&self, address: &Address) -> Result<At<Option<ContractAt>>, ReadError> {
        let head = self.published_head();
        let height = head.head.height;
        let meta = contracts::contract_at(&head.view, address).map_err(unreadable)?;
        let found = match meta {
            None => None,
            Some((_, meta)) => Some(ContractAt {
                height,
                account: account(&head, address)?,
                meta,
            }),
        };
        Ok(At { height, found })
    }

    /// The code with this hash. Reads the disk.
    pub fn code(&self, hash: &Hash) -> Result<Option<Bytes>, ReadError> {
        use aureon_chain::execution::StateReader as _;
        self.published_head().view.code(hash).map_err(unreadable)
    }

    /// The value of a contract's own `key`. May read the disk.
    pub fn contract_slot(&self, address: &Address, key: &[u8], prove: bool) -> Result<SlotAt, ReadError> {
        let head = self.published_head();
        let (height, slot, view) = (head.head.height, contract::slot(key), &head.view.0);
        if !prove {
            let value = view.storage(address, &slot).map_err(unreadable)?;
            return Ok(SlotAt {
                height,
                slot,
                value,
                proof: None,
            });
        }
        let proof = view.storage_proof(address, &slot).map_err(unreadable)?;
        Ok(SlotAt {
            height,
            slot,
            value: proof.value.clone(),
            proof: Some(proof),
        })
    }

    /// Asks a contract. Runs it on this thread, for at most the question's gas.
    pub fn query_contract(&self, question: Question<'_>) -> Result<At<Answer>, ReadError> {
        let head = self.published_head();
        let block = self.block_info(head.head.height, head.head.timestamp_ms);
        let machine = self.services.visitors.as_ref();
        let found = contracts::query(&head.view, machine, block, question);
        at(&head, found)
    }

    /// What an action would do in the next block. Runs contracts on this thread, for at most `max_gas`.
    pub fn estimate(
        &self,
        sender: Address,
        action: &Action,
        max_gas: u64,
    ) -> Result<At<Estimate>, ReadError> {
        let head = self.published_head();
        let time = head
            .head
            .timestamp_ms
            .saturating_add(self.genesis().block_time_ms);
        let block = self.block_info(head.head.height.saturating_add(1), time);
        let machine = self.services.visitors.as_ref();
        let found = contracts::estimate(&head.view, machine, block, sender, action, max_gas);
        at(&head, found)
    }

    /// Whether code may be deployed here. Takes as long as checking half a megabyte takes.
    pub fn check_code(&self, code: &[u8]) -> Result<CodeReport, CodeFault> {
        self.services.visitors.check(code)
    }

    fn block_info(&self, height: u64, timestamp_ms: u64) -> BlockInfo {
        BlockInfo {
            genesis_id: self.genesis_id(),
            height,
            timestamp_ms,
            cost_table: self.genesis().vm_cost_table,
        }
    }
}

fn account(head: &PublishedHead, address: &Address) -> Result<Account, ReadError> {
    use aureon_chain::execution::StateReader as _;
    Ok(head
        .view
        .account(address)
        .map_err(unreadable)?
        .unwrap_or_default())
}

fn at<T>(head: &PublishedHead, found: Result<T, StateError>) -> Result<At<T>, ReadError> {
    Ok(At {
        height: head.head.height,
        found: found.map_err(unreadable)?,
    })
}
