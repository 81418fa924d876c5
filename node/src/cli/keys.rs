//! `keys new`, `keys show`.

use std::path::PathBuf;

use aureon_types::SecretKey;
use clap::{Args, Subcommand};
use serde::Serialize;

use super::{failure::Failure, output};
use crate::config::directory;

/// What is said whenever a key is written.
const NOT_ENCRYPTED: &str = "The file is not encrypted: whoever reads it owns the key. It has mode 0600; keep a copy in a safe place.";

#[derive(Debug, Subcommand)]
#[command(after_help = "Example: aureon-node keys new --out alice.key")]
pub enum Command {
    /// Make a new Ed25519 key
    New(New),
    /// Show what belongs to a key file: address, public key, peer id
    Show(Show),
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  aureon-node keys new --out alice.key\n  aureon-node keys new --json\n\n\
    The file is not encrypted; it has mode 0600 and is never overwritten."
)]
pub struct New {
    /// Write the key to this file; without it the secret key is printed
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Example: aureon-node keys show node-1/validator.key")]
pub struct Show {
    /// A key file
    file: PathBuf,
    /// Print the secret key too
    #[arg(long)]
    secret: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What belongs to a key.
#[derive(Debug, Serialize)]
struct KeyView {
    address: String,
    public_key: String,
    peer_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<PathBuf>,
}

impl KeyView {
    fn of(key: &SecretKey) -> Result<Self, Failure> {
        Ok(Self {
            address: key.address().to_string(),
            public_key: key.public_key().to_string(),
            peer_id: aureon_protocol::peer_id(key.seed())
                .map_err(Failure::failed)?
                .to_string(),
            secret_key: None,
            file: None,
        })
    }

    fn print(&self, json: bool) -> Result<(), Failure> {
        if json {
            return output::json(self);
        }
        output::line(format!("address     {}", self.address))?;
        output::line(format!("public key  {}", self.public_key))?;
        output::line(format!("peer id     {} (if used as a node key)", self.peer_id))?;
        if let Some(secret) = &self.secret_key {
            output::line(format!("secret key  {secret}"))?;
        }
        Ok(())
    }
}

pub fn run(command: &Command) -> Result<(), Failure> {
    match command {
        Command::New(arguments) => new(arguments),
        Command::Show(arguments) => show(arguments),
    }
}

fn new(arguments: &New) -> Result<(), Failure> {
    let key = directory::new_key().map_err(Failure::failed)?;
    let mut view = KeyView::of(&key)?;
    match &arguments.out {
        Some(file) => {
            directory::create_key(file, &key)?;
            view.file = Some(file.clone());
            output::remark(format!("wrote {}. {NOT_ENCRYPTED}", file.display()));
        }
        None => view.secret_key = Some(key.to_hex()),
    }
    view.print(arguments.json)
}

fn show(arguments: &Show) -> Result<(), Failure> {
    let key = directory::read_key(&arguments.file)?;
    let mut view = KeyView::of(&key)?;
    view.secret_key = arguments.secret.then(|| key.to_hex());
    view.print(arguments.json)
}
