//! `contract new`, `contract build`, `contract test`: a contract's project on this machine.

use std::path::PathBuf;

use aureon_interface::{
    build::{self, Project},
    scaffold,
};
use aureon_types::{Hash, contract::code_hash};
use clap::Args;
use serde::Serialize;

use super::output;
use crate::cli::failure::Failure;

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    aureon-node contract new gold --template token\n  \
    aureon-node contract new --list\n\n\
    The project holds the SDK's sources too, and builds without a registry of ours.")]
pub struct New {
    /// Its name, and that of its folder
    #[arg(required_unless_present = "list")]
    name: Option<String>,
    /// What it begins as
    #[arg(long, default_value = "token")]
    template: String,
    /// The folder in which its folder is made
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// Show the templates
    #[arg(long)]
    list: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Example: aureon-node contract build gold\n\n\
    The author's own cargo does it. The target wasm32-unknown-unknown is added with rustup if it is missing, and \
    that is said.")]
pub struct Build {
    /// The folder with the project's Cargo.toml
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// Refuse to change Cargo.lock
    #[arg(long)]
    locked: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    aureon-node contract test gold\n  \
    aureon-node contract test gold -- transfer\n\n\
    Builds the contract, runs its ordinary tests, then those that are marked #[ignore]: they run the module on this \
    program's machine (aureon::sandbox in the SDK). What stands after -- goes to the tests.")]
pub struct Test {
    /// The folder with the project's Cargo.toml
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// Refuse to change Cargo.lock
    #[arg(long)]
    locked: bool,
    /// Names of tests, or parts of them
    #[arg(last = true)]
    filters: Vec<String>,
}

#[derive(Serialize)]
struct Module<'a> {
    name: &'a str,
    path: &'a PathBuf,
    bytes: usize,
    code_hash: Hash,
}

pub fn new(arguments: &New) -> Result<(), Failure> {
    let name = match &arguments.name {
        Some(name) if !arguments.list => name,
        _ => {
            return scaffold::TEMPLATES
                .iter()
                .try_for_each(|template| output::line(format!("{:<10} {}", template.name, template.about)));
        }
    };
    let folder = scaffold::create(&arguments.dir, name, &arguments.template).map_err(Failure::failed)?;
    output::line(folder.display())?;
    output::remark(format!(
        "`aureon-node contract test {}` builds the module and runs its tests",
        folder.display()
    ));
    Ok(())
}

pub fn build(arguments: &Build) -> Result<(), Failure> {
    if !arguments.folder.join("Cargo.toml").is_file() {
        return Err(Failure::failed(format!(
            "there is no Cargo.toml in {}: give a project's folder; `aureon-node contract new` starts one",
            arguments.folder.display()
        )));
    }
    let project = Project {
        folder: arguments.folder.clone(),
        locked: arguments.locked,
        ..Project::default()
    };
    let built = build::build(&project, &mut |line| output::remark(line)).map_err(Failure::failed)?;
    let modules: Vec<Module<'_>> = built
        .iter()
        .map(|built| Module {
            name: &built.name,
            path: &built.path,
            bytes: built.code.len(),
            code_hash: code_hash(&built.code),
        })
        .collect();
    if arguments.json {
        return output::json(&modules);
    }
    modules.iter().try_for_each(|module| {
        output::line(format!(
            "{} ({} bytes, code {})",
            module.path.display(),
            module.bytes,
            module.code_hash
        ))
    })
}

pub fn test(arguments: &Test) -> Result<(), Failure> {
    let project = Project {
        folder: arguments.folder.clone(),
        locked: arguments.locked,
        ..Project::default()
    };
    let node = std::env::current_exe()
        .map_err(|error| Failure::failed(format!("where this program is cannot be found out: {error}")))?;
    let say = &mut |line: &str| output::remark(line);
    let built = build::build(&project, say).map_err(Failure::failed)?;
    build::test(&project, &built, &node, &arguments.filters, say).map_err(Failure::failed)
}
