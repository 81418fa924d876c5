//! `tx send`, `tx show`.

use aureon_types::{Action, Address, Amount, TransactionId};
use clap::{Args, Subcommand};

use super::{
    NodeAddress,
    failure::{Exit, Failure},
    transact::{Signing, print_view},
};

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
    /// The recipient
    #[arg(long, value_name = "ADDRESS")]
    to: Address,
    /// Base units
    #[arg(long)]
    amount: Amount,
    #[command(flatten)]
    signing: Signing,
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
        Command::Send(arguments) => arguments.signing.session()?.send(Action::Transfer {
            recipient: arguments.to,
            amount: arguments.amount,
        }),
        Command::Show(arguments) => show(arguments),
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
