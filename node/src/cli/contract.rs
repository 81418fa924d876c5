//! `contract new`, `build`, `test`, `sandbox`, `inspect`, `verify`, `deploy`, `call`, `query`, `show`, `upgrade`, `set-admin`.

mod by_name;
mod describe;
mod inspect;
mod project;
mod sandbox;
mod verify;

use std::{
    fs,
    path::{Path, PathBuf},
};

use aureon_interface::{FunctionKind, Interface};
use aureon_types::{Action, Address, Amount};
use bytes::Bytes;
use clap::{ArgGroup, Args, Subcommand};

use super::{
    NodeAddress,
    failure::{Exit, Failure},
    output,
    transact::{Signing, plain, shown},
};
use crate::{
    api::{NO_INTERFACE, contract::QueryRequest, hex_bytes::HexBytes},
    client::Client,
    sandbox::door::read_module,
};

#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:\n  \
    aureon-node contract new gold --template token\n  \
    aureon-node contract build gold\n  \
    aureon-node contract test gold\n  \
    aureon-node contract deploy token.wasm --key alice.key --wait 30s --supply 1000\n  \
    aureon-node contract call 0x5290...9EE7 --key alice.key transfer --to 0x8b3a...11d0 --amount 5\n  \
    aureon-node contract query 0x5290...9EE7 balance_of --owner 0x8b3a...11d0\n\n\
    A contract is a WebAssembly module that exports `deploy`, `call`, `query` or `migrate`. What it does costs \
    gas; questions are free.")]
pub enum Command {
    /// Start a contract's project from a template
    New(project::New),
    /// Compile a contract's project to WebAssembly
    Build(project::Build),
    /// Build a contract and run its tests, also those on the chain
    Test(project::Test),
    /// A chain in memory for tests: requests as lines of JSON
    Sandbox(sandbox::Sandbox),
    /// Make a contract of a WebAssembly module
    Deploy(Box<Deploy>),
    /// Call a contract in a transaction
    Call(Box<Call>),
    /// Ask a contract; free, and changes nothing
    Query(Query),
    /// Show a contract: code hash, admin, deployer, balance, functions
    Show(Show),
    /// Replace the code of an upgradable contract
    Upgrade(Box<Upgrade>),
    /// Name another admin of a contract, or none for ever
    SetAdmin(Box<SetAdmin>),
    /// Check that a contract on the chain is what a source builds to
    Verify(verify::Verify),
    /// Show what a WebAssembly module offers, needs and would cost, without a node
    Inspect(inspect::Inspect),
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    aureon-node contract deploy token.wasm --key alice.key --wait 30s --supply 1000\n  \
    aureon-node contract deploy token.wasm --key alice.key --input 0x0064 --value 1000 --upgradable\n\n\
    The constructor's arguments, by the names that the module's interface gives them, stand at the end. \
    The contract's address follows from the sender, its nonce and the code. Without --gas-limit the node tries \
    the deployment first, and what would fail is not sent.")]
pub struct Deploy {
    /// The WebAssembly module
    file: PathBuf,
    /// For the constructor, as bytes
    #[arg(long, value_name = "0xHEX", conflicts_with = "arguments")]
    input: Option<HexBytes>,
    /// Base units that move to the contract
    #[arg(long, default_value = "0")]
    value: Amount,
    /// Let the sender, as its admin, replace the code later
    #[arg(long)]
    upgradable: bool,
    #[command(flatten)]
    signing: Signing,
    /// Arguments of the constructor: --name value
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    aureon-node contract call 0x5290...9EE7 --key alice.key --wait 30s transfer --to 0x8b3a...11d0 --amount 5\n  \
    aureon-node contract call 0x5290...9EE7 --key alice.key --value 1000 --input 0x01\n\n\
    The function and its arguments, by the names of the contract's interface, stand at the end. \
    Without --gas-limit the node tries the call first, and what would fail is not sent.")]
pub struct Call {
    /// The contract
    contract: Address,
    /// What the contract reads, as bytes
    #[arg(long, value_name = "0xHEX", conflicts_with = "function")]
    input: Option<HexBytes>,
    /// Base units that move to the contract
    #[arg(long, default_value = "0")]
    value: Amount,
    #[command(flatten)]
    signing: Signing,
    /// The function, and its arguments: name --name value
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    function: Vec<String>,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    aureon-node contract query 0x5290...9EE7 balance_of --owner 0x8b3a...11d0\n  \
    aureon-node contract query 0x5290...9EE7 --input 0x02")]
pub struct Query {
    /// The contract
    contract: Address,
    /// What the contract reads, as bytes
    #[arg(long, value_name = "0xHEX", conflicts_with = "function")]
    input: Option<HexBytes>,
    /// Whom the contract sees as its caller
    #[arg(long, value_name = "ADDRESS")]
    caller: Option<Address>,
    /// Most gas; without it the most that the node gives
    #[arg(long)]
    gas_limit: Option<u64>,
    #[command(flatten)]
    node: NodeAddress,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// The function, and its arguments: name --name value
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    function: Vec<String>,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    aureon-node contract show 0x5290...9EE7\n  \
    aureon-node contract show 0x5290...9EE7 --code token.wasm")]
pub struct Show {
    /// The contract
    contract: Address,
    /// Write its WebAssembly module to this file, which must not be there
    #[arg(long, value_name = "FILE")]
    code: Option<PathBuf>,
    #[command(flatten)]
    node: NodeAddress,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Example: aureon-node contract upgrade 0x5290...9EE7 token-2.wasm --key alice.key --wait 30s\n\n\
    The key must be that of the contract's admin, the contract must have been deployed --upgradable, and the new \
    module must export `migrate`."
)]
pub struct Upgrade {
    /// The contract
    contract: Address,
    /// The new WebAssembly module
    file: PathBuf,
    /// For the new module's `migrate`, as bytes
    #[arg(long, value_name = "0xHEX", conflicts_with = "arguments")]
    input: Option<HexBytes>,
    #[command(flatten)]
    signing: Signing,
    /// Arguments of `migrate`: --name value
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("who").args(["to", "nobody"]).required(true))]
#[command(after_help = "Examples:\n  \
    aureon-node contract set-admin 0x5290...9EE7 --to 0x8b3a...11d0 --key alice.key\n  \
    aureon-node contract set-admin 0x5290...9EE7 --nobody --key alice.key")]
pub struct SetAdmin {
    /// The contract
    contract: Address,
    /// The new admin
    #[arg(long, value_name = "ADDRESS")]
    to: Option<Address>,
    /// Nobody: the contract can never be upgraded again
    #[arg(long)]
    nobody: bool,
    #[command(flatten)]
    signing: Signing,
}

pub fn run(command: &Command) -> Result<(), Failure> {
    match command {
        Command::New(arguments) => project::new(arguments),
        Command::Build(arguments) => project::build(arguments),
        Command::Test(arguments) => project::test(arguments),
        Command::Sandbox(arguments) => sandbox::run(arguments),
        Command::Deploy(arguments) => deploy(arguments),
        Command::Call(arguments) => call(arguments),
        Command::Query(arguments) => query(arguments),
        Command::Show(arguments) => show(arguments),
        Command::Upgrade(arguments) => upgrade(arguments),
        Command::SetAdmin(arguments) => arguments.signing.session()?.send(Action::SetAdmin {
            contract: arguments.contract,
            admin: arguments.to,
        }),
        Command::Verify(arguments) => verify::run(arguments),
        Command::Inspect(arguments) => inspect::run(arguments),
    }
}

fn deploy(arguments: &Deploy) -> Result<(), Failure> {
    let code = module(&arguments.file)?;
    let input = match (&arguments.input, constructed(&code, &arguments.arguments)?) {
        (Some(input), _) => input.0.clone(),
        (None, Some(interface)) => by_name::deployment(&interface, &arguments.arguments)?,
        (None, None) => Bytes::new(),
    };
    arguments.signing.session()?.send(Action::Deploy {
        code,
        input,
        upgradable: arguments.upgradable,
        value: arguments.value,
    })
}

fn upgrade(arguments: &Upgrade) -> Result<(), Failure> {
    let code = module(&arguments.file)?;
    let input = match (&arguments.input, constructed(&code, &arguments.arguments)?) {
        (Some(input), _) => input.0.clone(),
        (None, Some(interface)) => by_name::migration(&interface, &arguments.arguments)?,
        (None, None) => Bytes::new(),
    };
    arguments.signing.session()?.send(Action::Upgrade {
        contract: arguments.contract,
        code,
        input,
    })
}

/// The interface by which the words are arguments of a new code. Code that tells nothing about itself may be
/// without input, and without words.
fn constructed(code: &[u8], words: &[String]) -> Result<Option<Interface>, Failure> {
    match words {
        [] => Ok(Interface::from_wasm(code).unwrap_or_default()),
        _ => by_name::interface(code).map(Some),
    }
}

fn call(arguments: &Call) -> Result<(), Failure> {
    let session = arguments.signing.session()?;
    let input = match &arguments.input {
        Some(input) => input.0.clone(),
        None => {
            named(
                session.client(),
                &arguments.contract,
                FunctionKind::Call,
                &arguments.function,
            )?
            .1
        }
    };
    session.send(Action::Call {
        contract: arguments.contract,
        input,
        value: arguments.value,
    })
}

/// The input that the words name, and the interface that they are of. No words: no input, if the contract tells
/// nothing about its functions.
fn named(
    client: &Client,
    contract: &Address,
    kind: FunctionKind,
    words: &[String],
) -> Result<(Option<Interface>, Bytes), Failure> {
    let code = by_name::deployed(client, contract)?;
    if words.is_empty() {
        return match Interface::from_wasm(&code) {
            Ok(Some(interface)) => Err(by_name::which(&interface, kind)),
            _ => Ok((None, Bytes::new())),
        };
    }
    let interface = by_name::interface(&code)?;
    let input = by_name::call(&interface, kind, words)?;
    Ok((Some(interface), input))
}

/// Reads a module from a file. Whether it is one is judged later.
fn module(file: &Path) -> Result<Bytes, Failure> {
    read_module(file).map_err(Failure::failed)
}

fn query(arguments: &Query) -> Result<(), Failure> {
    let client = arguments.node.client();
    let (interface, input) = match &arguments.input {
        Some(input) => (None, input.0.clone()),
        None => named(
            &client,
            &arguments.contract,
            FunctionKind::Query,
            &arguments.function,
        )?,
    };
    let answer = client.query_contract(&QueryRequest {
        contract: arguments.contract,
        input: HexBytes(input),
        function: None,
        arguments: None,
        caller: arguments.caller,
        gas_limit: arguments.gas_limit,
    })?;
    if arguments.json {
        return output::json(&answer);
    }
    output::line(match (&interface, arguments.function.first(), &answer.result) {
        (Some(interface), Some(function), _) => by_name::result(interface, function, &answer.output),
        (_, _, Some(result)) => plain(result),
        (_, _, None) => shown(&answer.output),
    })?;
    output::remark(format!(
        "after block {}, {} gas (free)",
        answer.height, answer.gas_used
    ));
    Ok(())
}

fn show(arguments: &Show) -> Result<(), Failure> {
    let client = arguments.node.client();
    let mut view = match arguments.code {
        Some(_) => client.contract(&arguments.contract)?,
        None => client.contract_meta(&arguments.contract)?,
    };
    if let (Some(file), Some(code)) = (&arguments.code, view.bytecode.take()) {
        write_new(file, &code.0)?;
    }
    if arguments.json {
        return output::json(&view);
    }
    output::line(format!(
        "contract   {} (after block {})",
        view.address, view.height
    ))?;
    output::line(format!(
        "code       {} ({} bytes)",
        view.code_hash, view.code_bytes
    ))?;
    output::line(format!("deployer   {}", view.deployer))?;
    output::line(match view.admin {
        Some(admin) => format!("admin      {admin}"),
        None => "admin      nobody, for ever".to_owned(),
    })?;
    output::line(format!(
        "upgrades   {}",
        match (view.upgradable, view.admin) {
            (true, Some(_)) => "by its admin",
            _ => "never",
        }
    ))?;
    output::line(format!("balance    {} base units", view.balance))?;
    match client.contract_interface(&arguments.contract) {
        Ok(view) => describe::print(&view.interface),
        Err(error)
            if error
                .problem()
                .is_some_and(|problem| problem.code() == NO_INTERFACE) =>
        {
            output::line(
                "functions  unknown: its code tells nothing of use about them; --input 0x.. calls it all the same",
            )
        }
        Err(error) => Err(error.into()),
    }
}

fn write_new(file: &PathBuf, content: &[u8]) -> Result<(), Failure> {
    use std::io::Write as _;
    let written = fs::File::create_new(file).and_then(|mut new| new.write_all(content));
    written.map_err(|error| {
        Failure::new(
            Exit::Failed,
            format!("{} cannot be written: {error}", file.display()),
        )
    })
}
