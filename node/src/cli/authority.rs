//! `authority propose`, `authority show`: proof of authority.

use aureon_types::{Action, PublicKey};
use clap::{Args, Subcommand};

use super::{NodeAddress, failure::Failure, output, transact::Signing};
use crate::api::staking::AuthoritiesView;

#[derive(Debug, Subcommand)]
#[command(
    after_help = "Example: aureon-node authority propose --key node-1/validator.key --add 0x8f1a...03bd --wait 1m\n\n\
    More than half of the authorities must vote for the same change, each with its own key, before the vote \
    expires. The set changes at the next end of an epoch; no node is restarted for that."
)]
pub enum Command {
    /// Vote for a change of the authorities
    Propose(Box<Propose>),
    /// Show the authorities and what is being voted on
    Show(Show),
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    aureon-node authority propose --key node-1/validator.key --add 0x8f1a...03bd\n  \
    aureon-node authority propose --key node-1/validator.key --remove 0x8f1a...03bd\n  \
    aureon-node authority propose --key node-1/validator.key --add 0x77aa...91c0 --remove 0x8f1a...03bd\n\n\
    The first vote opens the ballot; the same command with another authority's key votes for it. The last \
    form replaces a key by another in one vote. The fee is paid by the account of the authority's key.")]
pub struct Propose {
    /// Public key that is to become an authority's
    #[arg(long, value_name = "PUBLIC_KEY", required_unless_present = "remove")]
    add: Option<PublicKey>,
    /// Public key of the authority that is to leave
    #[arg(long, value_name = "PUBLIC_KEY")]
    remove: Option<PublicKey>,
    #[command(flatten)]
    signing: Signing,
}

#[derive(Debug, Args)]
#[command(after_help = "Example: aureon-node authority show --node http://127.0.0.1:8081")]
pub struct Show {
    #[command(flatten)]
    node: NodeAddress,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub fn run(command: &Command) -> Result<(), Failure> {
    match command {
        Command::Propose(arguments) => propose(arguments),
        Command::Show(arguments) => show(arguments),
    }
}

fn propose(arguments: &Propose) -> Result<(), Failure> {
    let Propose { add, remove, signing } = arguments;
    if add == remove {
        return Err(Failure::usage(
            "--add and --remove name the same key: that changes nothing",
        ));
    }
    signing.session_under("poa")?.send(Action::AuthorityVote {
        add: *add,
        remove: *remove,
    })
}

fn show(arguments: &Show) -> Result<(), Failure> {
    let view = arguments.node.client().authorities()?;
    if arguments.json {
        output::json(&view)
    } else {
        print(&view)
    }
}

fn print(view: &AuthoritiesView) -> Result<(), Failure> {
    output::line(format!("after block {}", view.height))?;
    for authority in &view.authorities {
        output::line(format!(
            "authority  {}  {}",
            authority.address, authority.public_key
        ))?;
    }
    for vote in &view.votes {
        let what = match (vote.add, vote.remove) {
            (Some(add), Some(remove)) => format!("replace {remove} by {add}"),
            (Some(add), None) => format!("add {add}"),
            (None, Some(remove)) => format!("remove {remove}"),
            (None, None) => "nothing".to_owned(),
        };
        output::line(format!(
            "vote       {what}: {} of {} needed, until block {}",
            vote.voters.len(),
            vote.needed,
            vote.expires
        ))?;
    }
    Ok(())
}
