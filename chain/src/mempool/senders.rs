//! All queues, shared with published views.
//!
//! The queues stand in shards, and shards and queues are copied when they are changed while a view
//! holds them. So a view costs one pointer per shard, and afterwards each queue that changes is copied
//! once, with the pointers of its shard.

use std::{collections::BTreeMap, sync::Arc};

use aureon_types::Address;

use super::{AccountState, queue::Queue};

/// With a full pool of single transactions a shard holds about a hundred queues.
const SHARDS: usize = 1_024;

type Shard = BTreeMap<Address, Arc<Queue>>;

/// Queues by sender.
#[derive(Clone, Debug)]
pub(super) struct Senders(Vec<Arc<Shard>>);

impl Default for Senders {
    fn default() -> Self {
        Self(vec![Arc::default(); SHARDS])
    }
}

/// Below [`SHARDS`]. Addresses are hashes, so their last bytes are spread. Somebody who makes many that end alike has
/// to fund them all, and gains that copies of one shard are as long as a list of all senders.
fn shard(sender: &Address) -> usize {
    let [.., high, low] = sender.0;
    usize::from(u16::from_be_bytes([high, low])) % SHARDS
}

impl Senders {
    pub fn get(&self, sender: &Address) -> Option<&Queue> {
        self.0[shard(sender)].get(sender).map(Arc::as_ref)
    }

    pub fn get_mut(&mut self, sender: &Address) -> Option<&mut Queue> {
        let shard = &mut self.0[shard(sender)];
        if !shard.contains_key(sender) {
            // Nothing to change: nothing to copy.
            return None;
        }
        Arc::make_mut(shard).get_mut(sender).map(Arc::make_mut)
    }

    /// The queue of `sender`, made if it has none, for the transaction with this arrival number.
    pub fn get_or_new(&mut self, sender: Address, account: AccountState, arrival: u64) -> &mut Queue {
        let shard = Arc::make_mut(&mut self.0[shard(&sender)]);
        Arc::make_mut(
            shard
                .entry(sender)
                .or_insert_with(|| Arc::new(Queue::new(account, arrival))),
        )
    }

    pub fn remove(&mut self, sender: &Address) {
        Arc::make_mut(&mut self.0[shard(sender)]).remove(sender);
    }

    /// All, in an order that is the same everywhere.
    #[cfg(test)]
    pub fn iter(&self) -> impl Iterator<Item = (&Address, &Queue)> {
        self.0
            .iter()
            .flat_map(|shard| shard.iter())
            .map(|(sender, queue)| (sender, queue.as_ref()))
    }
}
