//! The trace: a hash over everything that happens, in order. Two runs of one seed must have the same.

use aureon_node::core::{Done, Input, LogJob};
use aureon_proto::v1 as proto;
use aureon_types::Hash;
use prost::Message as _;

use crate::scenario::Micros;

/// See the module.
#[derive(Default)]
pub(crate) struct Trace {
    hasher: blake3::Hasher,
    entries: u64,
}

impl Trace {
    /// Takes down that something happened at a node. Parts are kept apart by their lengths.
    pub fn record(&mut self, at: Micros, node: usize, what: &str, content: &[u8]) {
        self.entries += 1;
        let node = u64::try_from(node).unwrap_or(u64::MAX);
        self.hasher.update(&at.to_be_bytes()).update(&node.to_be_bytes());
        for part in [what.as_bytes(), content] {
            let length = u64::try_from(part.len()).unwrap_or(u64::MAX);
            self.hasher.update(&length.to_be_bytes()).update(part);
        }
    }

    /// How much was taken down.
    pub fn entries(&self) -> u64 {
        self.entries
    }

    pub fn hash(&self) -> Hash {
        Hash(*self.hasher.finalize().as_bytes())
    }
}

/// What a core is told, as far as one run could differ from another.
pub(crate) fn input(input: &Input) -> Vec<u8> {
    match input {
        Input::Submit { transactions, reply } => {
            let ids: Vec<_> = transactions
                .iter()
                .map(|transaction| transaction.leaf())
                .collect();
            format!("{reply:?} {ids:?}").into_bytes()
        }
        Input::Gossip {
            topic,
            from,
            message,
            data,
        } => [format!("{topic} {from} {message:?}").as_bytes(), data].concat(),
        Input::PeerReady { peer, status } | Input::PeerStatus { peer, status } => {
            format!("{peer} {status:?}").into_bytes()
        }
        Input::PeerGone { peer } => peer.to_bytes(),
        Input::Request {
            peer,
            channel,
            request,
        } => [
            format!("{peer} {channel:?}").into_bytes(),
            request.encode_to_vec(),
        ]
        .concat(),
        Input::Response {
            request,
            peer,
            result,
        } => {
            let result = result.as_ref().map(proto::SyncResponse::encode_to_vec);
            format!("{request:?} {peer} {result:?}").into_bytes()
        }
        Input::Mined(mined) => format!("{mined:?}").into_bytes(),
        Input::TemplateWanted { reward, reply } => format!("{reward:?} {reply:?}").into_bytes(),
        Input::SealSubmitted { mined, reply } => format!("{mined:?} {reply:?}").into_bytes(),
        Input::TimerFired(timer) => format!("{timer:?}").into_bytes(),
        Input::Done(done) => self::done(done).into_bytes(),
    }
}

fn done(done: &Done) -> String {
    match done {
        Done::TransactionsVerified {
            batch,
            verdicts,
            height,
        } => {
            let verdicts: Vec<_> = verdicts
                .iter()
                .map(|verdict| verdict.as_ref().map(|(_, account)| account))
                .collect();
            format!("verified {batch} {verdicts:?} {height}")
        }
        Done::TransactionsDecoded { message, decoded, .. } => {
            format!("transactions {message:?} {}", decoded.is_ok())
        }
        Done::ConsensusChecked { message, result, .. } => format!("consensus {message:?} {}", result.is_ok()),
        Done::ProposalChecked { message, result, .. } => format!("proposal {message:?} {}", result.is_ok()),
        Done::WorkChecked { message, result, .. } => format!("work {message:?} {}", result.is_ok()),
        Done::Switched(switched) => {
            let ids: Vec<_> = switched.applied.iter().map(|executed| executed.id()).collect();
            let undone: Vec<_> = switched.undone.iter().map(|block| block.id()).collect();
            format!("switched {undone:?} {ids:?}")
        }
        Done::BodiesGone(blocks) => format!("bodies gone {blocks:?}"),
        Done::Template(template) => {
            format!(
                "template {} {} {:?}",
                template.token,
                template.executed.id(),
                template.stale
            )
        }
        Done::HeadersDecoded { request, result, .. } => format!("headers {request:?} {}", result.is_ok()),
        Done::HeadersVerified { batch, result } => format!("headers verified {batch:?} {}", result.is_ok()),
        Done::Built(built) => {
            let root = built.executed.header().state_root;
            format!(
                "built {} {} {} {root} {:?}",
                built.height,
                built.round,
                built.executed.id(),
                built.stale
            )
        }
        Done::Executed { block_id, result } => format!("executed {block_id} {}", result.is_ok()),
        Done::Committed(committed) => format!("committed {}", committed.executed.id()),
        Done::RangeDecoded { request, result, .. } => format!("range {request:?} {}", result.is_ok()),
        Done::BodyDecoded { request, result, .. } => format!("body {request:?} {}", result.is_ok()),
        Done::BodyTransactionsDecoded { request, result, .. } => {
            format!("leaves {request:?} {}", result.is_ok())
        }
        Done::RangeVerified { batch, result } => format!("range verified {batch:?} {}", result.is_ok()),
        Done::Imported(imported) => {
            let ids: Vec<_> = imported.blocks.iter().map(|block| block.executed.id()).collect();
            format!("imported {:?} {ids:?} {:?}", imported.batch, imported.failure)
        }
        Done::Served { channel, response } => format!("served {channel:?} {:?}", response.encode_to_vec()),
        Done::Failed { reason } => format!("failed {reason}"),
    }
}

/// What goes to the log.
pub(crate) fn log_job(job: &LogJob) -> Vec<u8> {
    match job {
        LogJob::Begin { height } => height.to_be_bytes().to_vec(),
        LogJob::Append { records, mark, .. } => {
            let mark = mark.iter().flatten().copied();
            records.iter().flatten().copied().chain(mark).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_an_entry_and_their_order_count() {
        let hash = |entries: &[(Micros, usize, &str, &[u8])]| {
            let mut trace = Trace::default();
            entries
                .iter()
                .for_each(|(at, node, what, content)| trace.record(*at, *node, what, content));
            trace.hash()
        };
        let one = (1, 2, "ab", b"c".as_slice());
        let others = [
            (2, 2, "ab", b"c".as_slice()),
            (1, 3, "ab", b"c"),
            (1, 2, "a", b"bc"),
            (1, 2, "ab", b"d"),
        ];
        assert_eq!(hash(&[one]), hash(&[one]));
        for other in others {
            assert_ne!(hash(&[one]), hash(&[other]), "{other:?}");
            assert_ne!(hash(&[one, other]), hash(&[other, one]));
        }
    }
}
