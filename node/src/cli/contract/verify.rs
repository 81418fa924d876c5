//! `contract verify`: whether a deployed contract is what a source builds to.

use std::path::{Path, PathBuf};

use aureon_interface::build::{self, Project};
use aureon_types::{Address, Hash, contract::code_hash};
use clap::Args;
use serde::Serialize;

use super::{module, output};
use crate::cli::{NodeAddress, failure::Failure};

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    aureon-node contract verify 0x5290...9EE7 gold\n  \
    aureon-node contract verify 0x5290...9EE7 gold.wasm\n\n\
    Builds the project with its Cargo.lock as it is, and compares the hash of the module with that of the contract's \
    code on the chain. The same source gives the same bytes in every folder, with the same compiler: a project \
    names its own in rust-toolchain.toml. Ends with exit code 1 if they differ.")]
pub struct Verify {
    /// The contract
    contract: Address,
    /// The folder with the project's Cargo.toml, or a module that is built already
    source: PathBuf,
    #[command(flatten)]
    node: NodeAddress,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct View {
    contract: Address,
    code_hash: Hash,
    code_bytes: u32,
    module: PathBuf,
    height: u64,
}

/// A module and where it is.
struct Candidate {
    path: PathBuf,
    hash: Hash,
    bytes: usize,
}

pub fn run(arguments: &Verify) -> Result<(), Failure> {
    // First the quick question: without the contract nothing need be built.
    let deployed = arguments.node.client().contract_meta(&arguments.contract)?;
    let candidates = candidates(&arguments.source)?;
    let Some(found) = candidates
        .iter()
        .find(|candidate| candidate.hash == deployed.code_hash)
    else {
        return Err(Failure::failed(different(
            arguments,
            &deployed.code_hash,
            deployed.code_bytes,
            &candidates,
        )));
    };
    if arguments.json {
        return output::json(&View {
            contract: arguments.contract,
            code_hash: deployed.code_hash,
            code_bytes: deployed.code_bytes,
            module: found.path.clone(),
            height: deployed.height,
        });
    }
    output::line(format!("same      {} bytes, code {}", found.bytes, found.hash))?;
    output::line(format!(
        "contract  {} (after block {})",
        arguments.contract, deployed.height
    ))?;
    output::line(format!("module    {}", found.path.display()))?;
    if deployed.upgradable
        && let Some(admin) = deployed.admin
    {
        output::remark(format!("its admin, {admin}, can replace the code"));
    }
    Ok(())
}

fn candidates(source: &Path) -> Result<Vec<Candidate>, Failure> {
    if source.is_file() {
        let code = module(source)?;
        return Ok(vec![Candidate {
            path: source.to_owned(),
            hash: code_hash(&code),
            bytes: code.len(),
        }]);
    }
    let project = Project {
        folder: source.to_owned(),
        locked: true,
        ..Project::default()
    };
    let built = build::build(&project, &mut |line| output::remark(line)).map_err(Failure::failed)?;
    let candidate = |built: build::Built| Candidate {
        hash: code_hash(&built.code),
        bytes: built.code.len(),
        path: built.path,
    };
    Ok(built.into_iter().map(candidate).collect())
}

fn different(arguments: &Verify, hash: &Hash, bytes: u32, candidates: &[Candidate]) -> String {
    let built: Vec<String> = candidates
        .iter()
        .map(|candidate| format!("{} ({} bytes)", candidate.hash, candidate.bytes))
        .collect();
    let compiler = match build::compiler(&arguments.source) {
        Ok(compiler) if arguments.source.is_dir() => {
            format!(". The same source needs the same Cargo.lock and compiler; this one is {compiler}")
        }
        _ => String::new(),
    };
    format!(
        "contract {} has other code: {hash} ({bytes} bytes) on the chain, {} of {}{compiler}",
        arguments.contract,
        built.join(", "),
        arguments.source.display()
    )
}
