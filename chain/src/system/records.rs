//! What the system account remembers. Every record has one slot (see [`super::slots`]).

use aureon_types::{Address, Hash, PublicKey};

use super::{
    codec::{Cursor, Record, Writer},
    rewards::Earnings,
    shares::Pool,
};

/// Where the base units of the system account belong. Their sum is its balance, at any time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Stake of all validators.
    pub bonded: u64,
    /// Stake on its way back to its owners.
    pub unbonding: u64,
    /// Rewards that nobody has claimed yet.
    pub unpaid: u64,
    /// Taken from offenders. Nobody can move it; it still counts as supply.
    pub slashed: u64,
}

impl Record for Totals {
    const WHAT: &'static str = "totals";

    fn write(&self, out: &mut Writer) {
        out.u64(self.bonded);
        out.u64(self.unbonding);
        out.u64(self.unpaid);
        out.u64(self.slashed);
    }

    fn read(input: &mut Cursor<'_>) -> Option<Self> {
        Some(Self {
            bonded: input.u64()?,
            unbonding: input.u64()?,
            unpaid: input.u64()?,
            slashed: input.u64()?,
        })
    }
}

/// A validator by stake, whether it is in the set or not. Gone when its last share is, unless it is in
/// jail: then the record stays, without stake, so that leaving and coming back ends no jail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ValidatorRecord {
    /// Its key, which is its account's.
    pub key: PublicKey,
    /// Its own stake and its delegators'.
    pub stake: Pool,
    /// Part of every reward that its operator keeps, in hundredths of a percent.
    pub commission: u32,
    /// The last epoch of its jail; `None`: it is free. Stays until it is unjailed.
    pub jailed_until: Option<u64>,
    /// Its operator took all of its own stake back: it validates no more, whatever others delegated.
    pub retired: bool,
    /// What it earned for its shares.
    pub earnings: Earnings,
}

impl Record for ValidatorRecord {
    const WHAT: &'static str = "validator";

    fn write(&self, out: &mut Writer) {
        out.key(&self.key);
        self.stake.write(out);
        out.u32(self.commission);
        out.option(self.jailed_until.as_ref(), |out, epoch| out.u64(*epoch));
        out.u8(u8::from(self.retired));
        self.earnings.write(out);
    }

    fn read(input: &mut Cursor<'_>) -> Option<Self> {
        Some(Self {
            key: input.key()?,
            stake: Pool::read(input)?,
            commission: input.u32()?,
            jailed_until: input.option(Cursor::u64)?,
            retired: input.bool()?,
            earnings: Earnings::read(input)?,
        })
    }
}

/// Stake of one validator that returns at the end of one epoch.
impl Record for Pool {
    const WHAT: &'static str = "unbonding pool";

    fn write(&self, out: &mut Writer) {
        Self::write(self, out);
    }

    fn read(input: &mut Cursor<'_>) -> Option<Self> {
        Self::read(input)
    }
}

/// The validators that the next set is chosen from, sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Candidates(pub Vec<Address>);

impl Record for Candidates {
    const WHAT: &'static str = "candidates";

    fn write(&self, out: &mut Writer) {
        out.list(&self.0, Writer::address);
    }

    fn read(input: &mut Cursor<'_>) -> Option<Self> {
        input.list(Cursor::address).map(Self)
    }
}

/// The weakest candidates outside the sets, in no order: who gives way when the list is full.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Challenged(pub Vec<Address>);

impl Record for Challenged {
    const WHAT: &'static str = "challenged candidates";

    fn write(&self, out: &mut Writer) {
        out.list(&self.0, Writer::address);
    }

    fn read(input: &mut Cursor<'_>) -> Option<Self> {
        input.list(Cursor::address).map(Self)
    }
}

/// A withdrawal in the queue: somebody's part of an unbonding pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Release {
    /// It may be paid from the last block of this epoch on; names the pool with `validator`.
    pub epoch: u64,
    /// Who is paid.
    pub delegator: Address,
    /// Whose stake it was.
    pub validator: Address,
    /// Shares of the pool.
    pub shares: u64,
}

impl Record for Release {
    const WHAT: &'static str = "release";

    fn write(&self, out: &mut Writer) {
        out.u64(self.epoch);
        out.address(&self.delegator);
        out.address(&self.validator);
        out.u64(self.shares);
    }

    fn read(input: &mut Cursor<'_>) -> Option<Self> {
        Some(Self {
            epoch: input.u64()?,
            delegator: input.address()?,
            validator: input.address()?,
            shares: input.u64()?,
        })
    }
}

/// Which places of the queue are taken: from `first` on and below `next`. Places are numbered from 0, and
/// again from 0 when the queue was empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReleaseQueue {
    /// The place that is paid next.
    pub first: u64,
    /// The place of the next withdrawal.
    pub next: u64,
}

impl Record for ReleaseQueue {
    const WHAT: &'static str = "release queue";

    fn write(&self, out: &mut Writer) {
        out.u64(self.first);
        out.u64(self.next);
    }

    fn read(input: &mut Cursor<'_>) -> Option<Self> {
        let queue = Self {
            first: input.u64()?,
            next: input.u64()?,
        };
        (queue.first < queue.next).then_some(queue)
    }
}

/// The withdrawals of one delegator that end in one epoch: validator and place in the queue, sorted by
/// validator, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Waiting(pub Vec<(Address, u64)>);

impl Record for Waiting {
    const WHAT: &'static str = "waiting withdrawals";

    fn write(&self, out: &mut Writer) {
        out.list(&self.0, |out, (validator, place)| {
            out.address(validator);
            out.u64(*place);
        });
    }

    fn read(input: &mut Cursor<'_>) -> Option<Self> {
        input
            .list(|input| Some((input.address()?, input.u64()?)))
            .map(Self)
    }
}

/// How many blocks of the running epoch each validator did not sign: position in the set, and count.
/// Sorted by position; who missed none is not in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Missed(pub Vec<(u16, u32)>);

impl Record for Missed {
    const WHAT: &'static str = "missed blocks";

    fn write(&self, out: &mut Writer) {
        out.list(&self.0, |out, (position, count)| {
            out.u16(*position);
            out.u32(*count);
        });
    }

    fn read(input: &mut Cursor<'_>) -> Option<Self> {
        input.list(|input| Some((input.u16()?, input.u32()?))).map(Self)
    }
}

/// The offences of one epoch that were punished: position of the offender in the set, and height
/// counted from the first of the epoch. Sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Punished(pub Vec<(u16, u32)>);

impl Record for Punished {
    const WHAT: &'static str = "punished offences";

    fn write(&self, out: &mut Writer) {
        out.list(&self.0, |out, (position, height)| {
            out.u16(*position);
            out.u32(*height);
        });
    }

    fn read(input: &mut Cursor<'_>) -> Option<Self> {
        input.list(|input| Some((input.u16()?, input.u32()?))).map(Self)
    }
}

/// Who has more power in the set of one epoch than stake was there for when it was made: position in
/// the set, and the first epoch in a row for which that is so. Sorted by position.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lagging(pub Vec<(u16, u64)>);

impl Record for Lagging {
    const WHAT: &'static str = "lagging power";

    fn write(&self, out: &mut Writer) {
        out.list(&self.0, |out, (position, since)| {
            out.u16(*position);
            out.u64(*since);
        });
    }

    fn read(input: &mut Cursor<'_>) -> Option<Self> {
        input.list(|input| Some((input.u16()?, input.u64()?))).map(Self)
    }
}

/// The authorities as their votes have made them, sorted: the set follows at the next epoch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Authorities(pub Vec<PublicKey>);

impl Record for Authorities {
    const WHAT: &'static str = "authorities";

    fn write(&self, out: &mut Writer) {
        out.list(&self.0, Writer::key);
    }

    fn read(input: &mut Cursor<'_>) -> Option<Self> {
        input.list(Cursor::key).map(Self)
    }
}

/// A change of the authorities that is being voted on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ballot {
    /// The key that would become an authority.
    pub add: Option<PublicKey>,
    /// The key that would be one no longer.
    pub remove: Option<PublicKey>,
    /// The last height at which it can be voted for.
    pub expires: u64,
    /// Keys of those who voted for it, in order of their votes. The first one opened it.
    pub voters: Vec<PublicKey>,
}

impl Record for Ballot {
    const WHAT: &'static str = "ballot";

    fn write(&self, out: &mut Writer) {
        out.option(self.add.as_ref(), Writer::key);
        out.option(self.remove.as_ref(), Writer::key);
        out.u64(self.expires);
        out.list(&self.voters, Writer::key);
    }

    fn read(input: &mut Cursor<'_>) -> Option<Self> {
        Some(Self {
            add: input.option(Cursor::key)?,
            remove: input.option(Cursor::key)?,
            expires: input.u64()?,
            voters: input.list(Cursor::key)?,
        })
    }
}

/// An open ballot in the list of all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenBallot {
    /// Slot of the ballot.
    pub slot: Hash,
    /// Who opened it.
    pub opener: Address,
    /// The last height at which it can be voted for.
    pub expires: u64,
}

/// All open ballots, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OpenBallots(pub Vec<OpenBallot>);

impl Record for OpenBallots {
    const WHAT: &'static str = "open ballots";

    fn write(&self, out: &mut Writer) {
        out.list(&self.0, |out, ballot| {
            out.hash(&ballot.slot);
            out.address(&ballot.opener);
            out.u64(ballot.expires);
        });
    }

    fn read(input: &mut Cursor<'_>) -> Option<Self> {
        let ballot = |input: &mut Cursor<'_>| {
            Some(OpenBallot {
                slot: input.hash()?,
                opener: input.address()?,
                expires: input.u64()?,
            })
        };
        input.list(ballot).map(Self)
    }
}
