//! What workers do with jobs, without the threads: the main loop calls these on its threads, the
//! simulation in virtual time.

mod accusation;
mod ledger;
mod messages;
mod pool;
mod recovery;
mod serving;
mod switch;
pub mod threads;

use std::{sync::Arc, time::Duration};

use aureon_chain::{execution::contracts::ContractMachine, sync};
use aureon_storage::{BlockStore, StateStore};

use crate::core::{Chain, Done, Job};

pub use ledger::Ledger;
pub use pool::Pool;
pub use recovery::RecoveryError;

/// What every worker may use.
#[derive(Clone)]
pub struct Services {
    /// The network and its rules.
    pub chain: Chain,
    /// The durability point.
    pub blocks: Arc<BlockStore>,
    /// Written behind it.
    pub states: Arc<StateStore>,
    /// Runs contracts for the ledger.
    pub machine: Arc<dyn ContractMachine>,
    /// The same for the questions of clients: what they compile pushes nothing out of the ledger's caches.
    pub visitors: Arc<dyn ContractMachine>,
}

/// A monotonic clock for time budgets.
pub type Clock<'a> = &'a dyn Fn() -> Duration;

/// Does a job of the pool or the reader.
pub fn perform(services: &Services, job: Job) -> Option<Done> {
    let chain = &services.chain;
    Some(match job {
        Job::VerifyTransactions {
            batch,
            transactions,
            view,
        } => messages::verify_transactions(chain, batch, transactions, &view),
        Job::DecodeTransactions { message, from, data } => Done::TransactionsDecoded {
            message,
            from,
            decoded: messages::decode_transactions(&data),
        },
        Job::CheckConsensus {
            message,
            from,
            content,
            lineage,
        } => {
            let result = aureon_consensus::verify(content, &lineage, &chain.genesis_id);
            Done::ConsensusChecked {
                message,
                from,
                result,
            }
        }
        Job::CheckProposal {
            message,
            from,
            data,
            lineage,
        } => Done::ProposalChecked {
            message,
            from,
            result: messages::check_proposal(chain, &lineage, &data),
        },
        Job::CheckWork { message, from, data } => Done::WorkChecked {
            message,
            from,
            result: messages::check_work(chain, &data),
        },
        Job::DecodeHeaders {
            request,
            peer,
            response,
        } => Done::HeadersDecoded {
            request,
            peer,
            result: sync::headers::decode_headers(&response),
        },
        Job::VerifyHeaders { batch, headers } => Done::HeadersVerified {
            batch,
            result: aureon_consensus::pow::verify_headers(headers),
        },
        Job::DecodeRange {
            request,
            peer,
            response,
        } => Done::RangeDecoded {
            request,
            peer,
            result: sync::decode_range(&response),
        },
        Job::DecodeBody {
            request,
            peer,
            response,
        } => {
            let result = aureon_chain::assembly::decode_block(&response).map(|answer| answer.map(Box::new));
            Done::BodyDecoded {
                request,
                peer,
                result,
            }
        }
        Job::DecodeBodyTransactions {
            request,
            peer,
            response,
        } => {
            let result = aureon_chain::assembly::decode_transactions(&response);
            Done::BodyTransactionsDecoded {
                request,
                peer,
                result,
            }
        }
        Job::VerifyRange {
            batch,
            blocks,
            lineage,
        } => {
            // Ranges are asked for only where validators decide.
            let schedule = lineage.schedule()?;
            let result = sync::verify(
                blocks,
                |height| schedule.at(height).unwrap_or(schedule.current().set()).clone(),
                &chain.genesis_id,
            );
            Done::RangeVerified { batch, result }
        }
        Job::Serve(serving) => serving::serve(services, *serving),
        // These belong to the ledger thread, which owns the tip.
        Job::Build(_)
        | Job::Execute(_)
        | Job::Commit(_)
        | Job::Switch(_)
        | Job::Template(_)
        | Job::Import(_) => return None,
    })
}
