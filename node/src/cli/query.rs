//! `balance`, `status`.

use aureon_types::Address;
use clap::Args;

use super::{NodeAddress, failure::Failure, output};
use crate::api::model::{BalanceView, StatusView};

#[derive(Debug, Args)]
#[command(after_help = "Example: aureon-node balance 0x52908400098527886E0F7030069857D2E4169EE7")]
pub struct BalanceArguments {
    /// The account
    address: Address,
    #[command(flatten)]
    node: NodeAddress,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Example: aureon-node status --node http://127.0.0.1:8081")]
pub struct StatusArguments {
    #[command(flatten)]
    node: NodeAddress,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub fn balance(arguments: &BalanceArguments) -> Result<(), Failure> {
    let view = arguments.node.client().balance(&arguments.address)?;
    if arguments.json {
        return output::json(&view);
    }
    output::line(format!("address  {}", view.address))?;
    output::line(format!(
        "balance  {} base units (after block {})",
        view.balance, view.height
    ))?;
    output::line(format!("nonce    {}{}", view.nonce, waiting(&view)))
}

fn waiting(view: &BalanceView) -> String {
    let pending = &view.pending;
    if pending.ready == 0 && pending.parked == 0 {
        return String::new();
    }
    let missing: Vec<String> = pending
        .missing
        .iter()
        .map(|(first, last)| {
            if first == last {
                first.to_string()
            } else {
                format!("{first} to {last}")
            }
        })
        .collect();
    let gap = if missing.is_empty() {
        String::new()
    } else {
        format!(
            ", {} parked until nonce {} arrives",
            pending.parked,
            missing.join(" and ")
        )
    };
    format!(
        " ({} waiting for a block{gap}; the next to send is {})",
        pending.ready, pending.next_nonce
    )
}

pub fn status(arguments: &StatusArguments) -> Result<(), Failure> {
    let view = arguments.node.client().status()?;
    if arguments.json {
        output::json(&view)
    } else {
        print(&view)
    }
}

fn print(view: &StatusView) -> Result<(), Failure> {
    let consensus = &view.consensus;
    output::line(format!(
        "chain       {} ({}), genesis id {}",
        view.chain, view.engine, view.genesis_id
    ))?;
    output::line(format!("head        {} {}", view.height, view.head))?;
    output::line(format!(
        "consensus   height {}, round {}, {}{}",
        consensus.height,
        consensus.round,
        consensus.step,
        if consensus.waiting_for.is_empty() {
            String::new()
        } else {
            format!(": {}", consensus.waiting_for)
        }
    ))?;
    output::line(format!(
        "validator   {}",
        match consensus.validator {
            Some(address) => format!("{address}: {}", consensus.signing_explained),
            None => consensus.signing_explained.clone(),
        }
    ))?;
    output::line(format!(
        "sync        {}",
        if view.sync.synced {
            "no peer claims to have more".to_owned()
        } else {
            let (height, target, reason) = (view.height, view.sync.target, &view.sync.waiting_for);
            format!("{height} of {target}: waiting for {reason}")
        }
    ))?;
    output::line(format!("mempool     {} transactions", view.mempool))?;
    output::line(format!(
        "throughput  {:.1} transactions per second",
        view.transactions_per_second
    ))?;
    output::line(format!("peers       {}", view.peers))?;
    output::line(format!("peer id     {}", view.peer_id))?;
    for address in &view.multiaddrs {
        output::line(format!("multiaddr   {address}"))?;
    }
    output::line(format!(
        "version     {}, up {} s",
        view.version, view.uptime_seconds
    ))
}
