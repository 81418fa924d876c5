//! `headers`, `verify-header`: following a chain without executing it.

use std::{
    fs,
    io::{self, IsTerminal as _, Write as _},
    path::{Path, PathBuf},
};

use aureon_consensus::light::{LightChain, MAX_LIGHT_BYTES, Trusted};
use aureon_types::{BlockId, GenesisId};
use clap::Args;
use serde::Serialize;

use super::{
    NodeAddress,
    failure::{Exit, Failure},
    output,
};
use crate::config::directory;

/// Blocks of one request.
const BATCH: u64 = 500;

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    aureon-node headers --from 1 --to 500 > headers.bin\n  \
    aureon-node headers --node http://10.0.0.5:8080 --from 1 --out headers.bin\n\n\
    What is written is an aureon.v1.LightChain: headers, their certificates, and validators where they \
    change. Nothing of it needs to be believed: `aureon-node verify-header` checks it.")]
pub struct Headers {
    /// First height
    #[arg(long, value_name = "HEIGHT", default_value_t = 1)]
    from: u64,
    /// Last height; without it the head
    #[arg(long, value_name = "HEIGHT")]
    to: Option<u64>,
    /// The file to write; without it stdout
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    node: NodeAddress,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    aureon-node verify-header --genesis genesis.json headers.bin\n  \
    aureon-node verify-header --genesis-id 0x5a1c...77e0 --trusted 0x6b1f...09ab later.bin\n\n\
    Begins at what is trusted: the genesis, or the block with the id that --trusted names, which must be the \
    first of the file. Ends with exit code 0 if more than two thirds of the validators' power signed every \
    block that follows, and each set of validators is the one that the block before names; else it says which \
    block fails and why. A trusted block should be recent: validators who left long ago can sign another history.")]
pub struct VerifyHeader {
    /// What `headers` wrote
    file: PathBuf,
    /// Genesis document of the network
    #[arg(long, value_name = "FILE", required_unless_present = "genesis_id")]
    genesis: Option<PathBuf>,
    /// Id of the network, where --trusted names a block
    #[arg(long, value_name = "ID", requires = "trusted", conflicts_with = "genesis")]
    genesis_id: Option<GenesisId>,
    /// Id of a block that is trusted; without it the genesis is
    #[arg(long, value_name = "BLOCK_ID")]
    trusted: Option<BlockId>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub fn headers(arguments: &Headers) -> Result<(), Failure> {
    let client = arguments.node.client();
    let to = match arguments.to {
        Some(to) => to,
        None => client.head()?.height,
    };
    if arguments.from == 0 || arguments.from > to {
        return Err(Failure::usage(format!(
            "there are no blocks from {} to {to}: the first is 1, and --from comes before --to",
            arguments.from
        )));
    }
    let mut sink = Sink::open(arguments.out.as_deref())?;
    let mut next = arguments.from;
    while next <= to {
        let count = to.saturating_sub(next).saturating_add(1).min(BATCH);
        let encoded = client.light(next, count)?;
        let chain = LightChain::decode(&encoded).map_err(|error| {
            Failure::failed(format!("{} answers with no headers: {error}", client.base()))
        })?;
        let last = chain.blocks.last().map(|block| block.header.header().height);
        let Some(last) = last.filter(|last| *last >= next) else {
            return Err(Failure::failed(format!(
                "{} has no block {next}: {} blocks were written",
                client.base(),
                next.saturating_sub(arguments.from)
            )));
        };
        // Messages of one repeated field may be joined.
        sink.write(&encoded)?;
        next = last.saturating_add(1);
    }
    sink.finish()?;
    output::remark(format!("blocks {} to {to}", arguments.from));
    Ok(())
}

/// Where headers go.
enum Sink {
    Stdout(io::Stdout),
    File(PathBuf, Vec<u8>),
}

impl Sink {
    fn open(out: Option<&Path>) -> Result<Self, Failure> {
        match out {
            Some(path) => Ok(Self::File(path.to_owned(), Vec::new())),
            None if io::stdout().is_terminal() => Err(Failure::usage(
                "headers are bytes, not text: write them to a file with --out FILE or `> FILE`",
            )),
            None => Ok(Self::Stdout(io::stdout())),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        match self {
            Self::Stdout(stdout) => stdout
                .write_all(bytes)
                .map_err(|error| Failure::failed(format!("cannot write to stdout: {error}"))),
            Self::File(_, content) => {
                content.extend_from_slice(bytes);
                Ok(())
            }
        }
    }

    fn finish(self) -> Result<(), Failure> {
        match self {
            Self::Stdout(mut stdout) => stdout
                .flush()
                .map_err(|error| Failure::failed(format!("cannot write to stdout: {error}"))),
            Self::File(path, content) => Ok(directory::create_public_bytes(&path, &content)?),
        }
    }
}

pub fn verify(arguments: &VerifyHeader) -> Result<(), Failure> {
    let chain = read(&arguments.file)?;
    let failed = |reason: &dyn std::fmt::Display| {
        Failure::failed(format!("{}: not proven: {reason}", arguments.file.display()))
    };
    let genesis = arguments
        .genesis
        .as_deref()
        .map(directory::read_genesis)
        .transpose()?;
    let (start, rest) = match (arguments.trusted, &genesis, chain.blocks.split_first()) {
        (_, _, None) => return Err(failed(&"it holds no block")),
        (None, Some(genesis), Some(_)) => {
            let trusted = Trusted::genesis(genesis).map_err(|error| failed(&error))?;
            let trusted = trusted
                .ok_or_else(|| failed(&"this network runs proof of work, where nobody signs blocks"))?;
            (trusted, &chain.blocks[..])
        }
        (Some(id), genesis, Some((first, rest))) => {
            let network = genesis
                .as_ref()
                .map(|genesis| genesis.id())
                .or(arguments.genesis_id);
            let network =
                network.ok_or_else(|| Failure::usage("--genesis or --genesis-id names the network"))?;
            (
                Trusted::block(network, id, first).map_err(|fault| failed(&fault))?,
                rest,
            )
        }
        // The command line demands one of both.
        (None, None, Some(_)) => return Err(Failure::usage("--genesis or --trusted says where to begin")),
    };
    let proven = start.verify_all(rest).map_err(|fault| failed(&fault))?;
    show(&start, &proven, arguments.json)
}

/// What follows from what was trusted.
#[derive(Debug, Serialize)]
struct Proven {
    genesis_id: GenesisId,
    trusted_height: u64,
    height: u64,
    block_id: BlockId,
    timestamp_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    state_root: Option<aureon_types::Hash>,
    /// Of the next height.
    validators: usize,
    validators_hash: aureon_types::Hash,
}

fn show(start: &Trusted, proven: &Trusted, json: bool) -> Result<(), Failure> {
    let view = Proven {
        genesis_id: proven.genesis_id,
        trusted_height: start.height,
        height: proven.height,
        block_id: proven.block_id,
        timestamp_ms: proven.timestamp_ms,
        state_root: proven.state_root,
        validators: proven.next_validators.count(),
        validators_hash: proven.next_validators.hash(),
    };
    if json {
        return output::json(&view);
    }
    output::line(format!("network     {}", view.genesis_id))?;
    output::line(match start.height {
        0 => "trusted     the genesis".to_owned(),
        height => format!("trusted     block {height} {}", start.block_id),
    })?;
    output::line(format!("proven      block {} {}", view.height, view.block_id))?;
    if let Some(root) = view.state_root {
        output::line(format!("state root  {root}"))?;
    }
    output::line(format!(
        "time        {} ms since 1970-01-01 UTC",
        view.timestamp_ms
    ))?;
    output::line(format!(
        "validators  {} decide block {}, hash {}",
        view.validators,
        view.height.saturating_add(1),
        view.validators_hash
    ))
}

fn read(path: &Path) -> Result<LightChain, Failure> {
    let failed = |reason: String| Failure::failed(format!("{}: {reason}", path.display()));
    let io = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => Failure::new(Exit::NotFound, format!("{} does not exist", path.display())),
        _ => failed(error.to_string()),
    };
    let size = fs::metadata(path).map_err(io)?.len();
    if size > MAX_LIGHT_BYTES as u64 {
        return Err(failed(format!(
            "it has {size} bytes, at most {MAX_LIGHT_BYTES} are read: export fewer blocks, and go on from the last \
             proven one with --trusted"
        )));
    }
    let bytes = fs::read(path).map_err(io)?;
    LightChain::decode(&bytes).map_err(|error| failed(format!("it is no file of headers: {error}")))
}
