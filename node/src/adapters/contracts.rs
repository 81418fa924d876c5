//! What runs contracts.

use aureon_chain::execution::contracts::{
    CodeFault, CodeReport, ContractHost, ContractMachine, Run, RunEnd, RunOutcome,
};

/// Runs no contract: refuses every code in words, so that none can be deployed.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoContracts;

const REASON: &str = "this node runs no contracts";

impl ContractMachine for NoContracts {
    fn check(&self, _: &[u8]) -> Result<CodeReport, CodeFault> {
        Err(CodeFault {
            reason: REASON.to_owned(),
        })
    }

    fn run(&self, _: Run<'_>, _: &mut dyn ContractHost) -> RunOutcome {
        RunOutcome {
            gas_used: 0,
            refund: 0,
            end: RunEnd::Broken(REASON.to_owned()),
        }
    }
}
