//! Following the head.

use std::sync::Arc;

use tokio::sync::broadcast;

use crate::core::HeadChange;

/// Changes that a subscriber may be behind. A slower one loses the oldest and is told how many
/// ([`HeadEvent::Missed`]); it never holds up the node or other subscribers.
pub const HEAD_CHANGES: usize = 256;

/// What a subscriber hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeadEvent {
    /// The head moved; it is durable.
    Changed(Arc<HeadChange>),
    /// So many changes before the next were lost, because this subscriber was slow: what it knows of
    /// the chain is to be read again.
    Missed(u64),
}

/// A subscription to the changes of the head since it was made.
#[derive(Debug)]
pub struct HeadChanges(Option<broadcast::Receiver<Arc<HeadChange>>>);

impl HeadChanges {
    /// The next change; `None` when the node has stopped.
    pub async fn next(&mut self) -> Option<HeadEvent> {
        use broadcast::error::RecvError;
        match self.0.as_mut()?.recv().await {
            Ok(change) => Some(HeadEvent::Changed(change)),
            Err(RecvError::Lagged(missed)) => Some(HeadEvent::Missed(missed)),
            Err(RecvError::Closed) => None,
        }
    }
}

/// Makes subscriptions for as long as the node runs.
#[derive(Clone, Debug)]
pub(crate) struct Subscribe(broadcast::WeakSender<Arc<HeadChange>>);

impl Subscribe {
    /// The publishing end, and what makes subscriptions to it.
    pub(crate) fn channel() -> (broadcast::Sender<Arc<HeadChange>>, Self) {
        let (sender, _) = broadcast::channel(HEAD_CHANGES);
        let subscribe = Self(sender.downgrade());
        (sender, subscribe)
    }

    pub(crate) fn subscribe(&self) -> HeadChanges {
        HeadChanges(self.0.upgrade().map(|sender| sender.subscribe()))
    }
}

#[cfg(test)]
mod tests {
    use aureon_types::BlockId;

    use super::*;

    fn change(height: u64) -> Arc<HeadChange> {
        Arc::new(HeadChange {
            undone: Vec::new(),
            applied: vec![(height, BlockId([1; 32]))],
        })
    }

    #[tokio::test]
    async fn a_slow_subscriber_is_told_how_much_it_lost_and_others_lose_nothing() {
        let (sender, subscribe) = Subscribe::channel();
        let (mut quick, mut slow) = (subscribe.subscribe(), subscribe.subscribe());
        let count = HEAD_CHANGES as u64 + 3;
        for height in 1..=count {
            sender.send(change(height)).unwrap();
            assert_eq!(quick.next().await, Some(HeadEvent::Changed(change(height))));
        }
        assert_eq!(slow.next().await, Some(HeadEvent::Missed(3)));
        assert_eq!(slow.next().await, Some(HeadEvent::Changed(change(4))));
    }

    #[tokio::test]
    async fn a_subscription_ends_with_the_node() {
        let (sender, subscribe) = Subscribe::channel();
        let mut before = subscribe.subscribe();
        drop(sender);
        assert_eq!(before.next().await, None);
        assert_eq!(subscribe.subscribe().next().await, None);
    }
}
