//! `stake bond`, `unbond`, `delegate`, `undelegate`, `unjail`, `claim`, `show`: proof of stake.

use aureon_types::{Action, Address, Amount};
use clap::{Args, Subcommand};
use serde::Serialize;

use super::{
    NodeAddress,
    failure::{Exit, Failure},
    output, parse,
    transact::{Session, Signing},
};
use crate::{
    api::staking::{DelegationsView, ValidatorEntry, ValidatorsView},
    client::{Client, ClientError},
};

/// Where proof of stake is meant.
const ENGINE: &str = "pos";

#[derive(Debug, Subcommand)]
#[command(
    after_help = "Example: aureon-node stake bond --key node-5/validator.key --amount 5000 --commission 10% --wait 1m\n\n\
    A validator is an account: its key signs its blocks and owns its stake. Sets of validators change at the \
    ends of epochs; no node is restarted for that."
)]
pub enum Command {
    /// Become a validator, or add to one's own stake
    Bond(Bond),
    /// Take back stake that one bonded; it returns after the unbonding period
    Unbond(Unbond),
    /// Lend stake to a validator, for a part of its rewards
    Delegate(Delegate),
    /// Take back stake that one delegated; it returns after the unbonding period
    Undelegate(Undelegate),
    /// Leave jail when its time is over
    Unjail(Unjail),
    /// Have rewards paid to one's account
    Claim(Claim),
    /// Show the validators, or what an address has
    Show(Show),
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    aureon-node stake bond --key node-5/validator.key --amount 5000 --commission 10% --wait 1m\n  \
    aureon-node stake bond --key node-5/validator.key --amount 1000\n\n\
    The account of the validator's key must hold the amount: send it there first (`aureon-node keys show` \
    tells its address). The commission is fixed by the first bond.")]
pub struct Bond {
    /// Base units
    #[arg(long)]
    amount: Amount,
    /// What the validator keeps of its delegators' rewards; needed for the first bond
    #[arg(long, value_name = "PERCENT", value_parser = parse::basis_points)]
    commission: Option<u32>,
    #[command(flatten)]
    signing: Signing,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Example: aureon-node stake unbond --key node-5/validator.key --amount 5000\n\n\
    Who unbonds everything leaves the set at the end of the epoch. Until it returns the stake can still be \
    slashed for what was signed before."
)]
pub struct Unbond {
    /// Base units
    #[arg(long)]
    amount: Amount,
    #[command(flatten)]
    signing: Signing,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Example: aureon-node stake delegate --key alice.key --to 0x5290...9EE7 --amount 1000"
)]
pub struct Delegate {
    /// The validator
    #[arg(long, value_name = "ADDRESS")]
    to: Address,
    /// Base units
    #[arg(long)]
    amount: Amount,
    #[command(flatten)]
    signing: Signing,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Example: aureon-node stake undelegate --key alice.key --from 0x5290...9EE7 --amount 1000"
)]
pub struct Undelegate {
    /// The validator
    #[arg(long, value_name = "ADDRESS")]
    from: Address,
    /// Base units
    #[arg(long)]
    amount: Amount,
    #[command(flatten)]
    signing: Signing,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Example: aureon-node stake unjail --key node-5/validator.key\n\n\
    `aureon-node stake show` tells until which epoch a validator is jailed."
)]
pub struct Unjail {
    #[command(flatten)]
    signing: Signing,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    aureon-node stake claim --key alice.key --from 0x5290...9EE7\n  \
    aureon-node stake claim --key node-5/validator.key")]
pub struct Claim {
    /// The validator that one delegated to; without it one's own stake as a validator
    #[arg(long, value_name = "ADDRESS")]
    from: Option<Address>,
    #[command(flatten)]
    signing: Signing,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  aureon-node stake show\n  aureon-node stake show 0x5290...9EE7")]
pub struct Show {
    /// A validator or delegator; without it all validators are shown
    address: Option<Address>,
    #[command(flatten)]
    node: NodeAddress,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub fn run(command: &Command) -> Result<(), Failure> {
    match command {
        Command::Bond(arguments) => bond(arguments),
        Command::Unbond(Unbond { amount, signing }) => signing
            .session_under(ENGINE)?
            .send(Action::Unbond { amount: *amount }),
        Command::Delegate(Delegate { to, amount, signing }) => {
            signing.session_under(ENGINE)?.send(Action::Delegate {
                validator: *to,
                amount: *amount,
            })
        }
        Command::Undelegate(Undelegate {
            from,
            amount,
            signing,
        }) => signing.session_under(ENGINE)?.send(Action::Undelegate {
            validator: *from,
            amount: *amount,
        }),
        Command::Unjail(Unjail { signing }) => signing.session_under(ENGINE)?.send(Action::Unjail),
        Command::Claim(Claim { from, signing }) => {
            let session = signing.session_under(ENGINE)?;
            let validator = from.unwrap_or_else(|| session.address());
            session.send(Action::ClaimRewards { validator })
        }
        Command::Show(arguments) => show(arguments),
    }
}

fn bond(arguments: &Bond) -> Result<(), Failure> {
    let session = arguments.signing.session_under(ENGINE)?;
    let commission_basis_points = match arguments.commission {
        Some(commission) => commission,
        None => fixed_commission(&session)?,
    };
    session.send(Action::Bond {
        amount: arguments.amount,
        commission_basis_points,
    })
}

/// A validator's commission is what its first bond said.
fn fixed_commission(session: &Session<'_>) -> Result<u32, Failure> {
    let known = known_validator(session.client(), &session.address())?;
    known
        .and_then(|entry| entry.stake)
        .map(|stake| stake.commission_basis_points)
        .ok_or_else(|| {
            Failure::usage(format!(
                "{} is no validator yet: say with --commission what it keeps of its delegators' rewards (10% or \
                 0%); it cannot be changed later",
                session.address()
            ))
        })
}

fn known_validator(client: &Client, address: &Address) -> Result<Option<ValidatorEntry>, ClientError> {
    match client.validator(address) {
        Err(ClientError::Refused(problem)) if problem.code() == "not-found" => Ok(None),
        other => other.map(Some),
    }
}

fn show(arguments: &Show) -> Result<(), Failure> {
    let client = arguments.node.client();
    let Some(address) = &arguments.address else {
        let view = client.validators()?;
        return if arguments.json {
            output::json(&view)
        } else {
            print_all(&view)
        };
    };
    let shown = Shown {
        validator: known_validator(&client, address)?,
        stake: client.delegations(address)?,
    };
    if arguments.json {
        return output::json(&shown);
    }
    if shown.validator.is_none() && shown.stake.delegations.is_empty() && shown.stake.unbondings.is_empty() {
        return Err(Failure::new(
            Exit::NotFound,
            format!("{address} is no validator, has delegated nothing and waits for nothing"),
        ));
    }
    if let Some(entry) = &shown.validator {
        print_validator(entry)?;
    }
    print_stake(&shown.stake)
}

/// What an address has.
#[derive(Serialize)]
struct Shown {
    #[serde(skip_serializing_if = "Option::is_none")]
    validator: Option<ValidatorEntry>,
    #[serde(flatten)]
    stake: DelegationsView,
}

fn print_all(view: &ValidatorsView) -> Result<(), Failure> {
    let epoch = &view.epoch;
    output::line(format!(
        "height {}, epoch {} (blocks {} to {}), power {}{}",
        view.height,
        epoch.number,
        epoch.first,
        epoch.last,
        view.total_power,
        if view.next_known {
            ", the next set is known"
        } else {
            ""
        }
    ))?;
    for entry in &view.validators {
        let next = match entry.next_power {
            Some(next) if next != entry.power => format!(", then {next}"),
            _ => String::new(),
        };
        let stake = entry.stake.map_or(String::new(), |stake| {
            format!(
                ", stake {}, commission {}, missed {} of {} allowed{}",
                stake.tokens,
                percent(stake.commission_basis_points),
                stake.missed_blocks,
                stake.missed_blocks_allowed,
                jail(stake.jailed_until_epoch)
            )
        });
        output::line(format!(
            "{}  {:<8} power {}{next}{stake}",
            entry.address,
            entry.status.name(),
            entry.power
        ))?;
    }
    Ok(())
}

fn jail(until: Option<u64>) -> String {
    until.map_or(String::new(), |epoch| {
        format!(", jailed until epoch {epoch} is over")
    })
}

fn print_validator(entry: &ValidatorEntry) -> Result<(), Failure> {
    output::line(format!("validator   {}: {}", entry.address, entry.status.name()))?;
    output::line(format!("public key  {}", entry.public_key))?;
    output::line(match entry.next_power {
        Some(next) => format!("power       {}, in the next epoch {next}", entry.power),
        None => format!("power       {}", entry.power),
    })?;
    let Some(stake) = &entry.stake else { return Ok(()) };
    output::line(format!(
        "stake       {} base units, its delegators' included{}",
        stake.tokens,
        jail(stake.jailed_until_epoch)
    ))?;
    output::line(format!("commission  {}", percent(stake.commission_basis_points)))?;
    output::line(format!(
        "unclaimed   {} base units, its delegators' included",
        stake.unpaid_rewards
    ))?;
    output::line(format!(
        "missed      {} blocks of this epoch, {} are allowed",
        stake.missed_blocks, stake.missed_blocks_allowed
    ))
}

fn print_stake(view: &DelegationsView) -> Result<(), Failure> {
    for delegation in &view.delegations {
        output::line(format!(
            "delegated   {} base units to {}, rewards to claim {}",
            delegation.stake, delegation.validator, delegation.pending_rewards
        ))?;
    }
    for unbonding in &view.unbondings {
        output::line(format!(
            "unbonding   {} base units from {}, back after block {}",
            unbonding.amount, unbonding.validator, unbonding.release_height
        ))?;
    }
    Ok(())
}

/// Hundredths of a percent, for people: `12.5%`.
fn percent(basis_points: u32) -> String {
    let (whole, rest) = (basis_points / 100, basis_points % 100);
    match rest {
        0 => format!("{whole}%"),
        _ if rest.is_multiple_of(10) => format!("{whole}.{}%", rest / 10),
        _ => format!("{whole}.{rest:02}%"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percents_come_back() {
        for (basis_points, text) in [
            (0, "0%"),
            (5, "0.05%"),
            (50, "0.5%"),
            (1_250, "12.5%"),
            (10_000, "100%"),
        ] {
            assert_eq!(percent(basis_points), text);
            assert_eq!(parse::basis_points(text), Ok(basis_points));
        }
    }
}
