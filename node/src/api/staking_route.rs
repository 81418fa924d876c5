//! The handlers of `/validators`, `/delegations` and `/authorities`, and why a validator does not sign.

use std::collections::BTreeMap;

use aureon_chain::{
    execution::StateError,
    system::{StakeRules, ValidatorRecord, query},
};
use aureon_consensus::Schedule;
use aureon_types::{Address, Amount, EngineKind, Genesis, PublicKey, ValidatorSet, genesis::PosParameters};
use axum::{extract::State, http::StatusCode};

use super::{
    Answer, Api,
    problem::Problem,
    reads::{Text, parsed, text},
    staking::{
        AuthoritiesView, AuthorityEntry, DelegationView, DelegationsView, EpochView, OpenVoteView, StakeView,
        Standing, UnbondingView, ValidatorEntry, ValidatorsView,
    },
    views,
};
use crate::{
    adapters::View,
    handle::{NodeHandle, PublishedHead},
};

/// Code of a question that this network's engine has no answer to.
const OTHER_ENGINE: &str = "other-engine";

pub async fn validators(State(api): State<Api>) -> Answer {
    api.read(|node| {
        let head = node.published_head();
        let everybody = Everybody::read(node.genesis(), &head)?;
        views::answer(&ValidatorsView {
            height: head.head.height,
            engine: node.genesis().engine.name().to_owned(),
            epoch: epoch(everybody.schedule),
            total_power: everybody.schedule.current().set().total_power(),
            next_known: everybody.schedule.next().is_some(),
            validators: everybody.entries()?,
        })
    })
    .await
}

pub async fn validator(State(api): State<Api>, path: Text) -> Answer {
    let address: Address = parsed(&text(path)?)?;
    api.read(move |node| {
        let head = node.published_head();
        match Everybody::read(node.genesis(), &head)?.entry(&address)? {
            Some(entry) => views::answer(&entry),
            None => Err(Problem::not_found(format!(
                "{address} is no validator: it is in no set and has no stake; see /validators"
            ))),
        }
    })
    .await
}

pub async fn delegations(State(api): State<Api>, path: Text) -> Answer {
    let address: Address = parsed(&text(path)?)?;
    api.read(move |node| {
        let EngineKind::Pos(parameters) = &node.genesis().engine else {
            return Err(other_engine(node.genesis(), "pos", "there is no stake"));
        };
        let head = node.published_head();
        let (height, view) = (head.head.height, &head.view);
        let mut delegations = Vec::new();
        for (validator, _) in query::validators(view)? {
            if let Some(found) = query::delegation(view, &validator, &address)? {
                delegations.push(DelegationView {
                    validator,
                    stake: found.stake,
                    pending_rewards: found.pending_rewards,
                });
            }
        }
        let unbondings = query::unbondings(view, &StakeRules::new(parameters), height, &address)?;
        views::answer(&DelegationsView {
            address,
            height,
            delegations,
            unbondings: unbondings
                .into_iter()
                .map(|unbonding| UnbondingView {
                    validator: unbonding.validator,
                    amount: unbonding.amount,
                    release_height: unbonding.release_height,
                })
                .collect(),
        })
    })
    .await
}

pub async fn authorities(State(api): State<Api>) -> Answer {
    api.read(|node| {
        if !matches!(node.genesis().engine, EngineKind::Poa(_)) {
            return Err(other_engine(node.genesis(), "poa", "there are no authorities"));
        }
        let head = node.published_head();
        let entry = |public_key: PublicKey| AuthorityEntry {
            address: public_key.address(),
            public_key,
        };
        let votes = query::open_votes(&head.view, head.head.height)?;
        views::answer(&AuthoritiesView {
            height: head.head.height,
            authorities: query::authorities(&head.view)?.into_iter().map(entry).collect(),
            votes: votes
                .into_iter()
                .map(|vote| OpenVoteView {
                    add: vote.add,
                    remove: vote.remove,
                    voters: vote.voters,
                    needed: vote.needed,
                    expires: vote.expires,
                })
                .collect(),
        })
    })
    .await
}

impl From<StateError> for Problem {
    fn from(error: StateError) -> Self {
        Self::internal(&error)
    }
}

pub(super) fn other_engine(genesis: &Genesis, needed: &str, reason: &str) -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        OTHER_ENGINE,
        format!(
            "this network runs {}, so {reason}: that is for networks with the engine \"{needed}\"",
            genesis.engine.name()
        ),
    )
}

fn epoch(schedule: &Schedule) -> EpochView {
    let epoch = schedule.current();
    EpochView {
        number: epoch.number(),
        first: epoch.first(),
        last: epoch.last(),
    }
}

/// All that is known of a network's validators at one head.
struct Everybody<'a> {
    schedule: &'a Schedule,
    stake: Option<Stake<'a>>,
}

/// What only proof of stake has.
struct Stake<'a> {
    parameters: &'a PosParameters,
    records: BTreeMap<Address, ValidatorRecord>,
    missed: BTreeMap<Address, u64>,
}

impl<'a> Everybody<'a> {
    fn read(genesis: &'a Genesis, head: &'a PublishedHead) -> Result<Self, Problem> {
        let Some(schedule) = head.lineage.schedule() else {
            return Err(other_engine(genesis, "pos\" or \"poa", "there are no validators"));
        };
        let stake = match &genesis.engine {
            EngineKind::Pos(parameters) => Some(Stake::read(parameters, schedule, &head.view)?),
            _ => None,
        };
        Ok(Self { schedule, stake })
    }

    fn next(&self) -> Option<&ValidatorSet> {
        self.schedule.next().map(|epoch| epoch.set())
    }

    fn keys(&self) -> BTreeMap<Address, PublicKey> {
        let sets = [Some(self.schedule.current().set()), self.next()];
        let members = sets.into_iter().flatten().flat_map(ValidatorSet::iter);
        let mut keys: BTreeMap<Address, PublicKey> = members
            .map(|validator| (validator.address, validator.public_key))
            .collect();
        if let Some(stake) = &self.stake {
            keys.extend(
                stake
                    .records
                    .iter()
                    .map(|(address, record)| (*address, record.key)),
            );
        }
        keys
    }

    fn entries(&self) -> Result<Vec<ValidatorEntry>, Problem> {
        let keys = self.keys();
        let mut entries: Vec<ValidatorEntry> = keys
            .into_iter()
            .map(|(address, key)| self.describe(address, key))
            .collect();
        entries.sort_by_key(|entry| {
            let tokens = entry.stake.map_or(0, |stake| stake.tokens.0);
            (std::cmp::Reverse((entry.power, tokens)), entry.address)
        });
        Ok(entries)
    }

    fn entry(&self, address: &Address) -> Result<Option<ValidatorEntry>, Problem> {
        let key = self.keys().get(address).copied();
        Ok(key.map(|key| self.describe(*address, key)))
    }

    fn describe(&self, address: Address, public_key: PublicKey) -> ValidatorEntry {
        let power = |set: &ValidatorSet| set.get(&address).map_or(0, |validator| validator.power);
        let (now, next) = (power(self.schedule.current().set()), self.next().map(power));
        let stake = self.stake.as_ref().and_then(|stake| stake.view(&address));
        // Who took back the last of its stake has no record any more; its epoch is not over.
        let retired = self.stake.as_ref().is_some_and(|stake| {
            let record = stake.records.get(&address);
            record.is_none_or(|record| record.retired)
        });
        ValidatorEntry {
            address,
            public_key,
            status: standing(now, next, stake.as_ref(), retired),
            power: now,
            next_power: next,
            stake,
        }
    }
}

fn standing(now: u64, next: Option<u64>, stake: Option<&StakeView>, retired: bool) -> Standing {
    match (now, next) {
        _ if stake.is_some_and(|stake| stake.jailed_until_epoch.is_some()) => Standing::Jailed,
        (0, Some(next)) if next > 0 => Standing::Joining,
        (0, _) if retired => Standing::Retired,
        (0, _) => Standing::Waiting,
        (_, Some(0)) => Standing::Leaving,
        (_, None) if retired => Standing::Leaving,
        _ => Standing::Active,
    }
}

impl<'a> Stake<'a> {
    fn read(parameters: &'a PosParameters, schedule: &Schedule, view: &View) -> Result<Self, StateError> {
        Ok(Self {
            parameters,
            records: query::validators(view)?.into_iter().collect(),
            missed: query::missed(view, schedule.current())?.into_iter().collect(),
        })
    }

    fn view(&self, address: &Address) -> Option<StakeView> {
        let record = self.records.get(address)?;
        let PosParameters {
            epoch_blocks,
            max_missed_basis_points,
            ..
        } = self.parameters;
        Some(StakeView {
            tokens: Amount(record.stake.tokens),
            commission_basis_points: record.commission,
            unpaid_rewards: Amount(record.earnings.unpaid),
            jailed_until_epoch: record.jailed_until,
            missed_blocks: self.missed.get(address).copied().unwrap_or(0),
            missed_blocks_allowed: epoch_blocks.saturating_mul(u64::from(*max_missed_basis_points)) / 10_000,
        })
    }
}

/// Why the key of this node is in no set, and what to do about it, for a person.
pub fn why_not_in_the_set(node: &NodeHandle, address: &Address) -> Option<String> {
    let head = node.published_head();
    let everybody = Everybody::read(node.genesis(), &head).ok()?;
    let last = everybody.schedule.current().last();
    let entry = everybody.entry(address).ok()?;
    Some(match (&node.genesis().engine, entry) {
        (EngineKind::Poa(_), None) => {
            "this node's key is no authority's: authorities let it in with `aureon-node authority propose --add \
             <its public key>`, more than half of them; it follows until then"
                .to_owned()
        }
        (_, None) => {
            "this node's key has no stake: `aureon-node stake bond` makes it a validator; it follows until then"
                .to_owned()
        }
        (_, Some(entry)) => in_words(&entry, last, everybody.stake.as_ref()),
    })
}

fn in_words(entry: &ValidatorEntry, last: u64, stake: Option<&Stake<'_>>) -> String {
    let jail = entry.stake.and_then(|stake| stake.jailed_until_epoch);
    let tokens = entry.stake.map_or(Amount::ZERO, |stake| stake.tokens);
    let least = stake.map_or(0, |stake| stake.parameters.min_stake);
    match entry.status {
        Standing::Active | Standing::Leaving => "this node's key is in the set".to_owned(),
        Standing::Joining => format!(
            "this node's key is in the set from block {} on, when the next epoch begins",
            last.saturating_add(1)
        ),
        Standing::Jailed => format!(
            "this validator is jailed until epoch {} is over, because it contradicted itself or was absent: \
             `aureon-node stake unjail` ends it after that",
            jail.unwrap_or(0)
        ),
        Standing::Retired => {
            "this validator has taken back its own stake: `aureon-node stake bond` lets it validate again"
                .to_owned()
        }
        Standing::Waiting if tokens.0 < least => format!(
            "this validator's stake is {tokens} base units and the least is {least}: `aureon-node stake bond` adds to it"
        ),
        Standing::Waiting => format!(
            "this node's key is not in the set; the next is made at the end of this epoch, which is at block {last}, \
             from the strongest stakes, and at most a third of the power changes at a time"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stake(jailed: Option<u64>) -> StakeView {
        StakeView {
            tokens: Amount(5),
            commission_basis_points: 0,
            unpaid_rewards: Amount::ZERO,
            jailed_until_epoch: jailed,
            missed_blocks: 0,
            missed_blocks_allowed: 5,
        }
    }

    #[test]
    fn standings() {
        let (free, jailed) = (stake(None), stake(Some(3)));
        for (now, next, stake, retired, expected) in [
            (5, None, Some(&free), false, Standing::Active),
            (5, Some(7), Some(&free), false, Standing::Active),
            (5, Some(0), Some(&free), false, Standing::Leaving),
            (5, None, Some(&free), true, Standing::Leaving),
            (0, Some(5), Some(&free), false, Standing::Joining),
            (0, None, Some(&free), false, Standing::Waiting),
            (0, Some(0), Some(&free), true, Standing::Retired),
            (5, Some(0), Some(&jailed), false, Standing::Jailed),
            (0, None, Some(&jailed), false, Standing::Jailed),
            (1, None, None, false, Standing::Active),
        ] {
            assert_eq!(
                standing(now, next, stake, retired),
                expected,
                "{now} {next:?} {retired}"
            );
        }
    }
}
