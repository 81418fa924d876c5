//! `sign-mark show`, `sign-mark export`, `sign-mark import`: moving a validator to another machine.
//!
//! The sign-mark is the highest place at which a key has ever signed; nothing is signed at or below it.
//! A validator that moves takes its key and its mark along, as EIP-3076 lets Ethereum's validators take
//! their signing history: with the key alone the new machine does not know what the old one signed, and
//! listens before it signs. The mark is exported after the old node has stopped for good, because it says
//! nothing about what that node signs afterwards.

use std::{
    fs,
    path::{Path, PathBuf},
};

use aureon_consensus::{SignMark, SignStep};
use aureon_types::{Address, GenesisId};
use clap::{Args, Subcommand};
use serde::{Deserialize, Serialize};

use super::{
    failure::{Exit, Failure},
    output,
};
use crate::{
    adapters::consensus_log::{ConsensusLog, LogFile, Recovered},
    config::{self, Config, Overrides, Source, directory},
    run::{StartError, open_log, read_log},
};

/// Names the document.
const FORMAT: &str = "aureon-sign-mark/1";
/// A document is some 300 bytes.
const MAX_DOCUMENT_BYTES: u64 = 4_096;

#[derive(Debug, Subcommand)]
#[command(
    after_help = "Example: aureon-node sign-mark export --dir node-1 --out mark.json\n\n\
    To move a validator: stop its node for good, export its sign-mark, copy validator.key, genesis.json \
    and the mark to the new machine, import the mark there, start the new node. Never start the old node \
    with that key again: two nodes with one key sign twice, which costs the stake."
)]
pub enum Command {
    /// Show the highest place at which the key of a stopped node has signed
    Show(Place),
    /// Write it to a file, for the machine that the key moves to
    Export(Export),
    /// Raise the mark of this node to an exported one; it is never lowered
    Import(Import),
}

#[derive(Debug, Args)]
#[command(after_help = "Example: aureon-node sign-mark show --dir node-1")]
pub struct Place {
    /// Directory of the node, which must not run
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Example: aureon-node sign-mark export --dir node-1 --out mark.json\n\n\
    Stop the node for good first: what it signs after the export is not in the file."
)]
pub struct Export {
    /// Directory of the node, which must not run
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// The file to write; without it the mark is printed
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Example: aureon-node sign-mark import --dir new-machine mark.json\n\n\
    The directory holds the validator.key that the mark belongs to, and the genesis.json of its network."
)]
pub struct Import {
    /// The exported mark
    file: PathBuf,
    /// Directory of the node, which must not run
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// An exported mark.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    format: String,
    /// Marks of two networks cannot be compared.
    genesis_id: GenesisId,
    /// Nor marks of two keys.
    validator: Address,
    height: u64,
    round: u32,
    /// "proposal", "prevote" or "precommit".
    step: String,
}

impl Document {
    fn new(owner: &Owner, mark: SignMark) -> Self {
        let SignMark { height, round, step } = mark;
        Self {
            format: FORMAT.to_owned(),
            genesis_id: owner.genesis_id,
            validator: owner.validator,
            height,
            round,
            step: step_name(step).to_owned(),
        }
    }

    fn mark(&self) -> Result<SignMark, String> {
        if self.format != FORMAT {
            return Err(format!(
                "its format is \"{}\", expected \"{FORMAT}\"",
                self.format
            ));
        }
        let step = [SignStep::Proposal, SignStep::Prevote, SignStep::Precommit]
            .into_iter()
            .find(|step| step_name(*step) == self.step)
            .ok_or_else(|| format!("\"{}\" is no proposal, prevote or precommit", self.step))?;
        Ok(SignMark {
            height: self.height,
            round: self.round,
            step,
        })
    }
}

fn step_name(step: SignStep) -> &'static str {
    match step {
        SignStep::Proposal => "proposal",
        SignStep::Prevote => "prevote",
        SignStep::Precommit => "precommit",
    }
}

fn in_words(mark: SignMark) -> String {
    let SignMark { height, round, step } = mark;
    if mark == SignMark::INITIAL {
        return "nothing signed yet".to_owned();
    }
    format!("height {height}, round {round}, {}", step_name(step))
}

/// Whose mark a directory holds.
struct Owner {
    genesis_id: GenesisId,
    validator: Address,
}

pub fn run(command: &Command) -> Result<(), Failure> {
    match command {
        Command::Show(arguments) => show(arguments),
        Command::Export(arguments) => export(arguments),
        Command::Import(arguments) => import(arguments),
    }
}

fn load(dir: &Path) -> Result<(Config, Owner), Failure> {
    let source = Source::Directory(dir.to_owned());
    let config = config::load(&source, config::process_variables(), &Overrides::default())?;
    let key = directory::read_optional_key(&config.files.validator_key)?.ok_or_else(|| {
        Failure::new(
            Exit::NotFound,
            format!(
                "{} does not exist: a sign-mark belongs to a validator's key; copy the key there first",
                config.files.validator_key.display()
            ),
        )
    })?;
    let owner = Owner {
        genesis_id: directory::read_genesis(&config.files.genesis)?.id(),
        validator: key.address(),
    };
    Ok((config, owner))
}

fn show(arguments: &Place) -> Result<(), Failure> {
    let (owner, mark) = stored(&arguments.dir)?;
    if arguments.json {
        return output::json(&Document::new(&owner, mark));
    }
    output::line(format!("validator  {}", owner.validator))?;
    output::line(format!("network    {}", owner.genesis_id))?;
    output::line(format!("sign-mark  {}", in_words(mark)))
}

fn export(arguments: &Export) -> Result<(), Failure> {
    let (owner, mark) = stored(&arguments.dir)?;
    let document = Document::new(&owner, mark);
    let Some(out) = &arguments.out else {
        return output::json(&document);
    };
    let mut text = serde_json::to_string_pretty(&document).map_err(Failure::failed)?;
    text.push('\n');
    directory::create_public(out, &text)?;
    output::remark(format!(
        "wrote {}: {} has signed up to {}. Do not start this node with its key again",
        out.display(),
        owner.validator,
        in_words(mark)
    ));
    Ok(())
}

/// The mark on the disk. A node without one listens before it signs; that cannot be exported.
fn stored(dir: &Path) -> Result<(Owner, SignMark), Failure> {
    let (config, owner) = load(dir)?;
    let recovered = read_log(&config.database).map_err(unusable)?;
    match mark_of(&recovered)? {
        Some(mark) => Ok((owner, mark)),
        None => Err(Failure::new(
            Exit::NotFound,
            format!(
                "{} holds no sign-mark: this key has not signed here, or the log was lost. A node with this key \
                 listens for two round timeouts before it signs; there is nothing to export",
                config.database.display()
            ),
        )),
    }
}

fn mark_of(recovered: &Recovered) -> Result<Option<SignMark>, Failure> {
    if recovered.damaged {
        return Err(Failure::failed(
            "the consensus log is damaged, so nobody knows how far this key has signed. Start the node: it listens \
             before it signs again, and has a mark then",
        ));
    }
    recovered
        .mark
        .as_deref()
        .map(SignMark::decode)
        .transpose()
        .map_err(Failure::failed)
}

/// A log that is in use or cannot be read.
fn unusable(error: StartError) -> Failure {
    Failure::failed(error)
}

fn import(arguments: &Import) -> Result<(), Failure> {
    let (config, owner) = load(&arguments.dir)?;
    let document = read_document(&arguments.file)?;
    let given = document
        .mark()
        .map_err(|reason| Failure::failed(format!("{}: {reason}", arguments.file.display())))?;
    if document.genesis_id != owner.genesis_id {
        return Err(Failure::failed(format!(
            "{} is of the network {}, this node is of {}: nothing was changed",
            arguments.file.display(),
            document.genesis_id,
            owner.genesis_id
        )));
    }
    if document.validator != owner.validator {
        return Err(Failure::failed(format!(
            "{} belongs to {}, the key of this node is {}: nothing was changed",
            arguments.file.display(),
            document.validator,
            owner.validator
        )));
    }
    let (mut log, recovered) = open_log(&config.database).map_err(unusable)?;
    let (mark, raised) = raise(&mut log, mark_of(&recovered)?, given)?;
    if arguments.json {
        return output::json(&Document::new(&owner, mark));
    }
    output::line(format!("sign-mark  {}", in_words(mark)))?;
    output::remark(if raised {
        "this node signs nothing at or below it; the node that it comes from must never run with this key again"
    } else {
        "nothing was changed: this node's own mark is as high, and a mark is never lowered"
    });
    Ok(())
}

/// The higher of both marks, on the disk.
fn raise(
    log: &mut ConsensusLog<LogFile>,
    stored: Option<SignMark>,
    given: SignMark,
) -> Result<(SignMark, bool), Failure> {
    if let Some(stored) = stored.filter(|stored| *stored >= given) {
        return Ok((stored, false));
    }
    log.append(&[], Some(&given.encode()))
        .map_err(|error| Failure::failed(format!("the sign-mark cannot be written: {error}")))?;
    Ok((given, true))
}

fn read_document(path: &Path) -> Result<Document, Failure> {
    let failed = |reason: String| Failure::failed(format!("{}: {reason}", path.display()));
    let size = fs::metadata(path)
        .map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => {
                Failure::new(Exit::NotFound, format!("{} does not exist", path.display()))
            }
            _ => failed(error.to_string()),
        })?
        .len();
    if size > MAX_DOCUMENT_BYTES {
        return Err(failed(format!(
            "it has {size} bytes, a sign-mark has at most {MAX_DOCUMENT_BYTES}"
        )));
    }
    let text = fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
    serde_json::from_str(&text).map_err(|error| failed(format!("it is no exported sign-mark: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARK: SignMark = SignMark {
        height: 7,
        round: 2,
        step: SignStep::Prevote,
    };

    fn log(path: &Path) -> (ConsensusLog<LogFile>, Option<SignMark>) {
        let (log, recovered) = open_log(path).unwrap();
        (log, mark_of(&recovered).unwrap())
    }

    #[test]
    fn a_mark_is_raised_and_never_lowered() {
        let directory = tempfile::tempdir().unwrap();
        let lower = SignMark { height: 6, ..MARK };
        let higher = SignMark {
            step: SignStep::Precommit,
            ..MARK
        };
        for (given, expected, raised) in [
            (MARK, MARK, true),
            (lower, MARK, false),
            (MARK, MARK, false),
            (higher, higher, true),
        ] {
            let (mut log, stored) = log(directory.path());
            assert_eq!(raise(&mut log, stored, given).unwrap(), (expected, raised));
        }
        assert_eq!(log(directory.path()).1, Some(higher));
    }

    #[test]
    fn a_document_says_whose_mark_it_is_and_comes_back() {
        let owner = Owner {
            genesis_id: GenesisId([1; 32]),
            validator: Address([2; 20]),
        };
        let document = Document::new(&owner, MARK);
        let text = serde_json::to_string(&document).unwrap();
        let read: Document = serde_json::from_str(&text).unwrap();
        assert_eq!((read.mark(), &read), (Ok(MARK), &document));
        let other = Document {
            format: "aureon-sign-mark/2".to_owned(),
            ..document.clone()
        };
        assert!(other.mark().is_err());
        let odd = Document {
            step: "nap".to_owned(),
            ..document
        };
        assert!(odd.mark().is_err());
        let foreign = text.replace("{", r#"{"more": 1, "#);
        assert!(
            serde_json::from_str::<Document>(&foreign).is_err(),
            "unknown fields may matter"
        );
    }

    #[test]
    fn a_running_node_s_log_is_locked() {
        let directory = tempfile::tempdir().unwrap();
        let _running = open_log(directory.path()).unwrap();
        let refused = read_log(directory.path()).unwrap_err().to_string();
        assert!(refused.contains("stop the node first"), "{refused}");
        assert!(open_log(directory.path()).is_err());
    }
}
