//! Questions about the system account, for those who show it to people. Each reads a state between
//! blocks; none is asked by consensus.

use aureon_consensus::Epoch;
use aureon_types::{Address, Amount, PublicKey};

use super::{
    MAX_RELEASES, damaged,
    records::{
        Authorities, Ballot, Candidates, Missed, OpenBallots, Punished, Release, ReleaseQueue, Totals,
        ValidatorRecord, Waiting,
    },
    rewards::Delegation,
    rules::{StakeRules, epoch_of},
    shares::Pool,
    slots::{self, At, Slots},
};
use crate::execution::{StateError, StateReader};

/// What somebody delegated to a validator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DelegationInfo {
    /// What its shares are worth now, rounded down.
    pub stake: Amount,
    /// What a claim would pay now.
    pub pending_rewards: Amount,
}

/// Stake on its way back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unbonding {
    /// From whom it was taken back.
    pub validator: Address,
    /// What it is worth now.
    pub amount: Amount,
    /// The block in which it returns, at the latest. Later withdrawals do not change it, and it comes
    /// earlier when withdrawals of earlier epochs are paid in between.
    pub release_height: u64,
}

/// A change of the authorities that is being voted on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenVote {
    /// Would become an authority.
    pub add: Option<PublicKey>,
    /// Would be one no longer.
    pub remove: Option<PublicKey>,
    /// Authorities that voted for it.
    pub voters: Vec<Address>,
    /// Votes that it needs.
    pub needed: usize,
    /// The last height at which it can be voted for.
    pub expires: u64,
}

/// Where the base units of the system account belong.
pub fn totals<R: StateReader>(reader: &R) -> Result<Totals, StateError> {
    At(reader).load_or_default(&slots::totals())
}

/// Every candidate, sorted by address, whether it is in the set or not: all validators that have stake,
/// except who gave way to stronger ones.
pub fn validators<R: StateReader>(reader: &R) -> Result<Vec<(Address, ValidatorRecord)>, StateError> {
    let candidates: Candidates = At(reader).load_or_default(&slots::candidates())?;
    let validator = |address| {
        Ok((
            address,
            validator(reader, &address)?.ok_or_else(|| damaged("validator"))?,
        ))
    };
    candidates.0.into_iter().map(validator).collect()
}

/// A validator, also one that lost all of its stake.
pub fn validator<R: StateReader>(
    reader: &R,
    address: &Address,
) -> Result<Option<ValidatorRecord>, StateError> {
    At(reader).load(&slots::validator(address))
}

/// What `delegator` has with `validator`, a validator's own stake included.
pub fn delegation<R: StateReader>(
    reader: &R,
    validator: &Address,
    delegator: &Address,
) -> Result<Option<DelegationInfo>, StateError> {
    let Some(delegation) = At(reader).load::<Delegation>(&slots::delegation(validator, delegator))? else {
        return Ok(None);
    };
    let record = self::validator(reader, validator)?.ok_or_else(|| damaged("validator"))?;
    Ok(Some(DelegationInfo {
        stake: Amount(record.stake.worth(delegation.shares)),
        pending_rewards: delegation.pending(&record.earnings),
    }))
}

/// What `delegator` waits for, by the epoch in which it ends. `height`: of the block that left the state.
pub fn unbondings<R: StateReader>(
    reader: &R,
    rules: &StakeRules,
    height: u64,
    delegator: &Address,
) -> Result<Vec<Unbonding>, StateError> {
    let Some(queue) = At(reader).load::<ReleaseQueue>(&slots::release_queue())? else {
        return Ok(Vec::new());
    };
    let release = |place| -> Result<Release, StateError> {
        At(reader)
            .load(&slots::release(place))?
            .ok_or_else(|| damaged("release"))
    };
    // The queue is in the order of epochs, so the first place says where what waits begins.
    let oldest = release(queue.first)?.epoch;
    let mut found = Vec::new();
    for epoch in oldest..=rules.release_epoch(height) {
        let waiting: Waiting = At(reader).load_or_default(&slots::waiting(delegator, epoch))?;
        let last = epoch.saturating_add(1).saturating_mul(rules.epoch_blocks);
        for (validator, place) in waiting.0 {
            let pool = At(reader).load::<Pool>(&slots::unbonding(&validator, epoch))?;
            let ahead = place.saturating_sub(queue.first);
            let blocks = ahead.checked_div(MAX_RELEASES).unwrap_or(0);
            found.push(Unbonding {
                validator,
                amount: Amount(pool.unwrap_or_default().worth(release(place)?.shares)),
                release_height: last.max(height.saturating_add(1)).saturating_add(blocks),
            });
        }
    }
    Ok(found)
}

/// The authorities as their votes have made them, sorted by key. The set follows at the next epoch.
pub fn authorities<R: StateReader>(reader: &R) -> Result<Vec<PublicKey>, StateError> {
    let authorities: Authorities = At(reader).load_or_default(&slots::authorities())?;
    Ok(authorities.0)
}

/// The changes of the authorities that can be voted for in the block above `height`, oldest first.
pub fn open_votes<R: StateReader>(reader: &R, height: u64) -> Result<Vec<OpenVote>, StateError> {
    let authorities: Authorities = At(reader).load_or_default(&slots::authorities())?;
    let needed = authorities.needed();
    let open: OpenBallots = At(reader).load_or_default(&slots::open_ballots())?;
    let mut votes = Vec::new();
    for ballot in open.0.iter().filter(|ballot| ballot.expires > height) {
        let ballot: Ballot = At(reader).load(&ballot.slot)?.ok_or_else(|| damaged("ballot"))?;
        let voters = ballot.voters.iter().filter(|voter| authorities.have(voter));
        votes.push(OpenVote {
            add: ballot.add,
            remove: ballot.remove,
            voters: voters.map(PublicKey::address).collect(),
            needed,
            expires: ballot.expires,
        });
    }
    Ok(votes)
}

/// Blocks of the running epoch so far without the precommit of a validator, where there are any; as far as the
/// certificates in its blocks say. `current`: the epoch of the next height.
pub fn missed<R: StateReader>(reader: &R, current: &Epoch) -> Result<Vec<(Address, u64)>, StateError> {
    let missed: Missed = At(reader).load_or_default(&slots::missed())?;
    let named = missed.0.iter().filter_map(|(position, blocks)| {
        let validator = current.set().get_index(usize::from(*position))?;
        Some((validator.address, u64::from(*blocks)))
    });
    Ok(named.collect())
}

/// Whether the offence of `offender` at `height` was punished. Also `false` where that is so long ago
/// that it is forgotten. `epoch_blocks`: of the genesis.
pub fn was_punished<R: StateReader>(
    reader: &R,
    offender: &Address,
    height: u64,
    epoch_blocks: u64,
) -> Result<bool, StateError> {
    let number = epoch_of(height, epoch_blocks);
    let Some(epoch) = At(reader).epoch(number)? else {
        return Ok(false);
    };
    let punished: Punished = At(reader).load_or_default(&slots::punished(number))?;
    let position = epoch
        .set()
        .iter()
        .position(|validator| validator.address == *offender);
    let offset = height.saturating_sub(epoch.first());
    let is_it =
        |(at, height): &(u16, u32)| Some(usize::from(*at)) == position && u64::from(*height) == offset;
    Ok(punished.0.iter().any(is_it))
}
