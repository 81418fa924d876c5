//! The command line.
//!
//! Each command has an example in its help. Results go to stdout (`--json` for programs), remarks and
//! errors to stderr; see [`failure`] for the exit codes.

mod authority;
mod bench;
mod contract;
mod engine;
mod evidence;
pub mod failure;
mod genesis;
mod headers;
mod init;
mod join;
mod keys;
mod mining;
pub mod output;
pub mod parse;
mod query;
mod run;
mod send;
mod sign_mark;
mod stake;
mod testnet;
mod transact;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use failure::Failure;

const EXIT_CODES: &str = "Exit codes: 0 done, 1 failed, 2 wrong command line, 3 not found, 4 rejected, \
                          5 the node cannot be reached.";

/// Aureon: a blockchain node for private, LAN and test networks.
#[derive(Debug, Parser)]
#[command(
    name = "aureon-node",
    version,
    args_conflicts_with_subcommands = true,
    arg_required_else_help = true,
    after_help = format!("Example: aureon-node testnet up\n\n\
                          Without a command, `aureon-node --config config.toml` runs a node.\n\n{EXIT_CODES}")
)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    run: run::Arguments,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a node from its directory or configuration
    Run(run::Arguments),
    /// Make the directory of a new node: configuration, keys, genesis
    Init(Box<init::Arguments>),
    /// Make, show and check genesis documents
    #[command(subcommand)]
    Genesis(genesis::Command),
    /// Make and show keys
    #[command(subcommand)]
    Keys(keys::Command),
    /// Send and show transactions
    #[command(subcommand)]
    Tx(send::Command),
    /// Become a validator by stake, delegate, unjail, claim rewards
    #[command(subcommand)]
    Stake(stake::Command),
    /// Let authorities in and out by their votes
    #[command(subcommand)]
    Authority(authority::Command),
    /// Prove that a validator contradicted itself
    #[command(subcommand)]
    Evidence(evidence::Command),
    /// Deploy, call and ask contracts
    #[command(subcommand)]
    Contract(contract::Command),
    /// Show an account's balance
    Balance(query::BalanceArguments),
    /// Show what a node is doing
    Status(query::StatusArguments),
    /// Export headers with their certificates, for light clients
    Headers(headers::Headers),
    /// Check exported headers from a trusted one on, without a node
    VerifyHeader(headers::VerifyHeader),
    /// Move a validator to another machine: the highest place at which its key has signed
    #[command(subcommand)]
    SignMark(sign_mark::Command),
    /// Start, show and stop a network of several nodes on this machine
    #[command(subcommand)]
    Testnet(testnet::Command),
    /// Measure what a network can do
    #[command(subcommand)]
    Bench(bench::Command),
}

/// Reads the command line and does what it says.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help goes to stdout, errors to stderr; a closed pipe is no news.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let done = match cli.command {
        Some(command) => dispatch(command),
        None => run::run(&cli.run),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn dispatch(command: Command) -> Result<(), Failure> {
    match command {
        Command::Run(arguments) => run::run(&arguments),
        Command::Init(arguments) => init::run(&arguments),
        Command::Genesis(command) => genesis::run(&command),
        Command::Keys(command) => keys::run(&command),
        Command::Tx(command) => send::run(&command),
        Command::Stake(command) => stake::run(&command),
        Command::Authority(command) => authority::run(&command),
        Command::Evidence(command) => evidence::run(&command),
        Command::Contract(command) => contract::run(&command),
        Command::Balance(arguments) => query::balance(&arguments),
        Command::Status(arguments) => query::status(&arguments),
        Command::Headers(arguments) => headers::headers(&arguments),
        Command::VerifyHeader(arguments) => headers::verify(&arguments),
        Command::SignMark(command) => sign_mark::run(&command),
        Command::Testnet(command) => testnet::run(&command),
        Command::Bench(command) => bench::run(&command),
    }
}

/// Which node a command talks to.
#[derive(Clone, Debug, clap::Args)]
pub struct NodeAddress {
    /// Address of the node's REST API
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    pub node: String,
}

impl NodeAddress {
    /// A client of the node.
    pub fn client(&self) -> crate::client::Client {
        crate::client::Client::new(&self.node)
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_shows_an_example() {
        fn check(command: &clap::Command) {
            let help = command
                .get_after_help()
                .map(ToString::to_string)
                .unwrap_or_default();
            assert!(help.contains("Example"), "{} has no example", command.get_name());
            command
                .get_subcommands()
                .filter(|sub| sub.get_name() != "help")
                .for_each(check);
        }
        check(&Cli::command());
    }

    #[test]
    fn a_bare_configuration_runs_a_node() {
        let cli = Cli::try_parse_from(["aureon-node", "--config", "config.toml"]).unwrap();
        assert!(cli.command.is_none());
        assert!(Cli::try_parse_from(["aureon-node", "--config", "c", "--dir", "d"]).is_err());
        assert!(Cli::try_parse_from(["aureon-node", "--config", "c", "status"]).is_err());
    }
}
