//! `contract inspect`: what a module offers, needs, and would cost.

use std::path::PathBuf;

use aureon_interface::Interface;
use aureon_types::{Action, Address, Amount, Hash, contract::code_hash, genesis::VM_COST_TABLE};
use aureon_vm::{CodeReport, Machine, Options, abi::HostFunction};
use bytes::Bytes;
use clap::Args;
use serde::Serialize;

use super::{describe, module, output};
use crate::cli::failure::{Exit, Failure};

#[derive(Debug, Args)]
#[command(after_help = "Example: aureon-node contract inspect token.wasm\n\n\
    A module that cannot be deployed ends with exit code 4 and the reason. The gas is the deployment's without \
    its constructor's work and input; a node's estimate knows both.")]
pub struct Inspect {
    /// The WebAssembly module
    file: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What is found out about a module.
#[derive(Debug, Serialize)]
struct View {
    code_hash: Hash,
    code_bytes: usize,
    entries: Vec<&'static str>,
    exports: Vec<String>,
    imports: Vec<Import>,
    limits: Vec<Used>,
    /// What the code says about its functions; absent if it says nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    interface: Option<Interface>,
    /// Why what the code says about its functions cannot be used. It can be deployed all the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    interface_error: Option<String>,
    /// Gas of a deployment with an empty input and no constructor.
    deploy_gas: u64,
    /// Gas of a call before the contract's first instruction, with an empty input.
    call_gas: u64,
}

#[derive(Debug, Serialize)]
struct Import {
    name: &'static str,
    signature: String,
}

#[derive(Debug, Serialize)]
struct Used {
    what: String,
    value: u64,
    limit: u64,
}

pub fn run(arguments: &Inspect) -> Result<(), Failure> {
    let code = module(&arguments.file)?;
    let machine = Machine::new(&Options::default()).map_err(Failure::failed)?;
    let report = machine.check(&code).map_err(|fault| {
        Failure::new(
            Exit::Rejected,
            format!("{} cannot be deployed: {fault}", arguments.file.display()),
        )
    })?;
    let view = View::of(code, report);
    if arguments.json {
        output::json(&view)
    } else {
        view.print()
    }
}

impl View {
    fn of(code: Bytes, report: CodeReport) -> Self {
        let import = |function: HostFunction| Import {
            name: function.name(),
            signature: function.signature(),
        };
        let call = Action::Call {
            contract: Address([0; 20]),
            input: Bytes::new(),
            value: Amount::ZERO,
        };
        let (code_hash, code_bytes) = (code_hash(&code), code.len());
        let (interface, interface_error) = match Interface::from_wasm(&code) {
            Ok(interface) => (interface, None),
            Err(error) => (None, Some(error.to_string())),
        };
        let deploy = Action::Deploy {
            code,
            input: Bytes::new(),
            upgradable: false,
            value: Amount::ZERO,
        };
        Self {
            code_hash,
            code_bytes,
            entries: report.entries.iter().map(|entry| entry.name()).collect(),
            exports: report.exports,
            imports: report.imports.into_iter().map(import).collect(),
            limits: report
                .used
                .into_iter()
                .map(|(limit, value)| Used {
                    what: limit.to_string(),
                    value,
                    limit: limit.most(),
                })
                .collect(),
            interface,
            interface_error,
            deploy_gas: deploy.gas(),
            call_gas: call.gas().saturating_add(report.start_gas),
        }
    }

    fn print(&self) -> Result<(), Failure> {
        output::line(format!("code     {} ({} bytes)", self.code_hash, self.code_bytes))?;
        output::line(format!("entries  {}", self.entries.join(", ")))?;
        output::line(format!("exports  {}", self.exports.join(", ")))?;
        for import in &self.imports {
            output::line(format!("import   {}{}", import.name, import.signature))?;
        }
        for used in &self.limits {
            output::line(format!(
                "limit    {:>7} of {:>7} {}",
                used.value, used.limit, used.what
            ))?;
        }
        output::line(format!(
            "gas      {} to deploy, and what its constructor uses; a call {}, and what it uses (cost table \
             {VM_COST_TABLE})",
            self.deploy_gas, self.call_gas
        ))?;
        match (&self.interface, &self.interface_error) {
            (Some(interface), _) => describe::print(interface),
            (None, Some(error)) => {
                output::line(format!("names    unusable: {error}; call it with --input 0x.."))
            }
            (None, None) => output::line(format!(
                "names    none: there is no section \"{}\"; call it with --input 0x..",
                aureon_interface::SECTION
            )),
        }
    }
}
