//! `tx send`, `tx show`.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use aureon_types::{
    Action, Address, Amount, Genesis, GenesisId, SecretKey, SignedTransaction, Transaction, TransactionId,
    transaction::TRANSFER_GAS,
};
use clap::{Args, Subcommand};

use super::{
    NodeAddress,
    failure::{Exit, Failure},
    output, parse,
};
use crate::{
    api::model::{SubmitOutcome, TransactionState, TransactionView},
    client::Client,
    config::directory,
};

/// Between two looks at a transaction that is waited for.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

#[derive(Debug, Subcommand)]
#[command(after_help = "Example: aureon-node tx send --key alice.key --to 0x5290...9EE7 --amount 1000")]
pub enum Command {
    /// Sign a transfer and submit it
    Send(Send),
    /// Show where a transaction stands
    Show(Show),
}

#[derive(Debug, Args)]
#[command(
    after_help = "Example: aureon-node tx send --key alice.key --to 0x5290...9EE7 --amount 1000 --wait 30s\n\n\
    The key stays on this machine: the node is sent the signed transaction only."
)]
pub struct Send {
    /// Key file of the sender
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The recipient
    #[arg(long, value_name = "ADDRESS")]
    to: Address,
    /// Base units
    #[arg(long)]
    amount: Amount,
    /// Nonce; without it the node says which is next
    #[arg(long)]
    nonce: Option<u64>,
    /// Most gas
    #[arg(long, default_value_t = TRANSFER_GAS)]
    gas_limit: u64,
    /// Base units per unit of gas; without it the least that the network takes
    #[arg(long)]
    gas_price: Option<u64>,
    /// Last height at which it may be included
    #[arg(long, value_name = "HEIGHT")]
    last_valid_height: Option<u64>,
    /// Refuse to sign for any other network than this
    #[arg(long, value_name = "ID")]
    genesis_id: Option<GenesisId>,
    /// Wait until it is in a block, at most so long
    #[arg(long, value_name = "TIME", value_parser = parse::duration)]
    wait: Option<Duration>,
    #[command(flatten)]
    node: NodeAddress,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Example: aureon-node tx show 0x6b1f...09ab")]
pub struct Show {
    /// The transaction's id
    id: TransactionId,
    #[command(flatten)]
    node: NodeAddress,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub fn run(command: &Command) -> Result<(), Failure> {
    match command {
        Command::Send(arguments) => send(arguments),
        Command::Show(arguments) => show(arguments),
    }
}

fn send(arguments: &Send) -> Result<(), Failure> {
    let key = directory::read_key(&arguments.key)?;
    let client = arguments.node.client();
    let genesis = client.genesis()?;
    check_network(arguments, &genesis)?;
    let signed = sign(arguments, &key, &client, &genesis)?;
    let outcome = client.submit(&signed)?;
    match arguments.wait {
        None => print_outcome(&outcome, &signed, arguments.json),
        Some(patience) => wait(&client, &signed, patience, arguments.json),
    }
}

fn check_network(arguments: &Send, genesis: &Genesis) -> Result<(), Failure> {
    let given = genesis.id();
    match arguments.genesis_id {
        Some(expected) if expected != given => Err(Failure::failed(format!(
            "{} belongs to the network {given}, expected {expected}: nothing was signed",
            arguments.node.node
        ))),
        _ => Ok(()),
    }
}

fn sign(
    arguments: &Send,
    key: &SecretKey,
    client: &Client,
    genesis: &Genesis,
) -> Result<SignedTransaction, Failure> {
    let nonce = match arguments.nonce {
        Some(nonce) => nonce,
        None => client.balance(&key.address())?.pending.next_nonce,
    };
    let genesis_id = genesis.id();
    let transaction = Transaction {
        network: genesis_id.network_hint(),
        public_key: key.public_key(),
        nonce,
        gas_limit: arguments.gas_limit,
        gas_price: arguments.gas_price.unwrap_or(genesis.min_gas_price),
        last_valid_height: arguments.last_valid_height,
        action: Action::Transfer {
            recipient: arguments.to,
            amount: arguments.amount,
        },
    };
    Ok(transaction.sign(key, &genesis_id))
}

fn print_outcome(outcome: &SubmitOutcome, signed: &SignedTransaction, json: bool) -> Result<(), Failure> {
    if json {
        return output::json(outcome);
    }
    output::line(signed.id())?;
    match outcome.waits_for_nonce {
        Some(nonce) => output::remark(format!(
            "it has nonce {} and is parked until the sender's nonce {nonce} arrives",
            signed.transaction().nonce
        )),
        None => output::remark("it waits for a block; `aureon-node tx show` tells when it is in one"),
    }
    Ok(())
}

fn wait(client: &Client, signed: &SignedTransaction, patience: Duration, json: bool) -> Result<(), Failure> {
    let id = signed.id();
    let deadline = Instant::now() + patience;
    loop {
        match client.transaction(&id)? {
            Some(view) if view.status == TransactionState::Included => return print_view(&view, json),
            // A node that does not know it yet, or has it waiting.
            _ if Instant::now() >= deadline => {
                return Err(Failure::failed(format!(
                    "transaction {id} is not in a block after {} s; `aureon-node tx show {id}` tells later",
                    patience.as_secs_f32()
                )));
            }
            _ => std::thread::sleep(LOOK_AGAIN),
        }
    }
}

fn show(arguments: &Show) -> Result<(), Failure> {
    let view = arguments
        .node
        .client()
        .transaction(&arguments.id)?
        .ok_or_else(|| {
            Failure::new(
                Exit::NotFound,
                format!(
                    "transaction {} is neither in a block nor in this node's mempool",
                    arguments.id
                ),
            )
        })?;
    print_view(&view, arguments.json)
}

/// A transaction that failed in its block ends with an exit code of its own.
fn print_view(view: &TransactionView, json: bool) -> Result<(), Failure> {
    if json {
        output::json(view)?;
    } else {
        print_lines(view)?;
    }
    match view.receipt.as_ref().and_then(|receipt| receipt.failure.as_ref()) {
        Some(reason) => Err(Failure::new(
            Exit::Rejected,
            format!("the transaction failed: {reason}"),
        )),
        None => Ok(()),
    }
}

fn print_lines(view: &TransactionView) -> Result<(), Failure> {
    let transaction = &view.transaction;
    output::line(format!("id        {}", view.id))?;
    output::line(format!(
        "from      {}, nonce {}",
        transaction.from, transaction.nonce
    ))?;
    if let Some(to) = transaction.to {
        output::line(format!("to        {to}"))?;
    }
    if let Some(amount) = transaction.amount {
        output::line(format!("amount    {amount} base units"))?;
    }
    if let Some(action) = &transaction.action {
        let action = serde_json::to_string(action).map_err(|error| Failure::failed(error.to_string()))?;
        output::line(format!("does      {action}"))?;
    }
    match (view.height, view.index, &view.block_id) {
        (Some(height), Some(index), Some(id)) => {
            output::line(format!("included  in block {height} ({id}), place {index}"))?;
        }
        _ => output::line("pending   it waits for a block in this node's mempool")?,
    }
    match &view.receipt {
        Some(receipt) => output::line(format!(
            "result    {}; fee {} base units for {} gas",
            if receipt.success { "done" } else { "failed" },
            receipt.fee,
            receipt.gas_used
        )),
        None => Ok(()),
    }
}
