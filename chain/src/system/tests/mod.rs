//! A chain in memory that executes blocks of actions and checks, after every one, everything that must
//! hold at any time.

mod candidate_steps;
mod epoch_steps;
mod evidence_steps;
mod pinned;
mod properties;
mod release_properties;
mod release_steps;
mod stake_steps;
mod unbonding_steps;
mod vote_steps;

use std::collections::BTreeMap;

use aureon_consensus::{Lineage, Schedule};
use aureon_types::{
    Action, Address, Amount, BlockId, EngineKind, Evidence, Failure, Genesis, GenesisId, PublicKey,
    RefusalCode, SignedVote, Transaction, ValidatorSet, Vote, VoteKind,
    account::SYSTEM_ADDRESS,
    genesis::{
        BftTimeouts, EmptyBlocks, GenesisStake, PoaParameters, PosParameters, RewardSchedule, VM_COST_TABLE,
    },
};

use super::*;
use crate::{
    execution::{BlockExecutor, StateCommitment, supply_difference},
    import::{BlockPlace, HeightRules, ParentInfo},
    testing::{MemoryState, NoCode, key, sign_for},
};
use records::{Candidates, Release, ReleaseQueue, Waiting};
use slots::{At, Slots};

/// What every account of a test begins with.
const RICH: u64 = 1 << 40;
/// Accounts of the tests: keys 1 to 9.
const PEOPLE: std::ops::RangeInclusive<u8> = 1..=9;

fn address(seed: u8) -> Address {
    key(seed).address()
}

fn public_key(seed: u8) -> PublicKey {
    key(seed).public_key()
}

fn genesis(engine: EngineKind) -> Genesis {
    Genesis {
        chain: "test".to_owned(),
        timestamp_ms: 1_000,
        engine,
        block_time_ms: 1_000,
        empty_blocks: EmptyBlocks::Always,
        gas_limit: 100_000_000,
        min_gas_price: 0,
        vm_cost_table: VM_COST_TABLE,
        timeouts: BftTimeouts::default(),
        balances: PEOPLE.map(|seed| (address(seed), Amount(RICH))).collect(),
    }
    .checked()
    .unwrap()
}

/// Three validators with 1,000 base units each and a commission of 10 %, epochs of 5 blocks, two epochs
/// of unbonding, 20 % slashed, 50 % of 3 counted blocks may be missed, one epoch of jail, no reward.
fn stake_parameters() -> PosParameters {
    let validator = |seed| GenesisStake {
        public_key: public_key(seed),
        stake: Amount(1_000),
        commission_basis_points: 1_000,
    };
    PosParameters {
        min_stake: 100,
        epoch_blocks: 5,
        unbonding_epochs: 2,
        max_validators: 4,
        slash_basis_points: 2_000,
        max_missed_basis_points: 5_000,
        jail_epochs: 1,
        reward: RewardSchedule::NONE,
        validators: (1..=3).map(validator).collect(),
    }
}

fn authority_parameters(authorities: std::ops::RangeInclusive<u8>) -> PoaParameters {
    PoaParameters {
        authorities: authorities.map(public_key).collect(),
        epoch_blocks: 5,
        vote_expiry_blocks: 6,
    }
}

fn refused(code: RefusalCode, value: u64, limit: u64) -> Option<Failure> {
    Some(Failure::Refused { code, value, limit })
}

/// What all validators together gain and lose between two sets.
fn changed_power(from: &ValidatorSet, to: &ValidatorSet) -> u64 {
    let power = |set: &ValidatorSet, address| set.get(address).map_or(0, |validator| validator.power);
    let gone = from
        .iter()
        .filter(|validator| to.get(&validator.address).is_none());
    let all = to.iter().chain(gone);
    all.map(|validator| power(from, &validator.address).abs_diff(power(to, &validator.address)))
        .sum()
}

/// Proof that a validator voted twice in round 0 of `height`.
fn double_vote(id: &GenesisId, seed: u8, height: u64) -> Action {
    let vote = |block| {
        let vote = Vote {
            kind: VoteKind::Precommit,
            height,
            round: 0,
            block_id: Some(BlockId([block; 32])),
        };
        SignedVote::sign(vote, &key(seed), id)
    };
    Action::Evidence(Box::new(Evidence::Votes(vote(1), vote(2))))
}

struct Chain {
    genesis: Genesis,
    id: GenesisId,
    state: MemoryState,
    schedule: Schedule,
    height: u64,
    nonces: BTreeMap<u8, u64>,
    /// Who did not sign the certificate of the head.
    absent: Vec<Address>,
    /// Who made the head.
    proposer: Address,
    /// The first place of the queue below the head.
    first_place: u64,
}

impl Chain {
    fn new(engine: EngineKind) -> Self {
        Self::of(genesis(engine))
    }

    fn of(genesis: Genesis) -> Self {
        let state = MemoryState::default().apply(0, &genesis_state(&genesis)).unwrap();
        let schedule = schedule_at(&genesis, 0, &state).unwrap();
        let chain = Self {
            id: genesis.id(),
            genesis,
            state,
            schedule,
            height: 0,
            nonces: BTreeMap::new(),
            absent: Vec::new(),
            proposer: Address::default(),
            first_place: 0,
        };
        chain.check();
        chain
    }

    fn stake() -> Self {
        Self::new(EngineKind::Pos(stake_parameters()))
    }

    fn authorities(seeds: std::ops::RangeInclusive<u8>) -> Self {
        Self::new(EngineKind::Poa(authority_parameters(seeds)))
    }

    fn rules(&self) -> HeightRules {
        let parent = ParentInfo {
            height: self.height,
            id: BlockId([0; 32]),
            timestamp_ms: 0,
            state_root: self.state.root(),
        };
        let lineage = Lineage::Voting(self.schedule.clone());
        HeightRules::next(&self.genesis, self.id, &parent, &lineage).unwrap()
    }

    fn stake_rules(&self) -> StakeRules {
        match &self.genesis.engine {
            EngineKind::Pos(parameters) => StakeRules::new(parameters),
            other => panic!("{}", other.name()),
        }
    }

    /// Executes a block; `actions` are of the accounts with these keys. Gives what the receipts say.
    fn block(&mut self, actions: &[(u8, Action)]) -> Vec<Option<Failure>> {
        self.height += 1;
        let parent = std::mem::take(&mut self.absent);
        self.first_place = self.queue().first().map_or(0, |(place, _)| *place);
        let rules = {
            self.height -= 1;
            let rules = self.rules();
            self.height += 1;
            rules
        };
        let signers = rules.needs_commit(self.height).then(|| {
            let previous = &rules.engine.validators().unwrap().previous;
            let signed = previous.iter().map(|validator| validator.address);
            let mut signers: Vec<Address> = signed.filter(|signer| !parent.contains(signer)).collect();
            signers.sort_unstable();
            signers
        });
        self.proposer = self.schedule.proposer(self.height, 0).unwrap().address;
        let block = BlockPlace {
            height: self.height,
            timestamp_ms: 1_000,
            proposer: self.proposer,
            gas_limit: rules.gas_limit,
        };
        let context = rules.context(block, signers.as_deref());
        let mut executor = BlockExecutor::new(&self.state, &NoCode, context);
        let mut failures = Vec::new();
        for (seed, action) in actions {
            let nonce = self.nonces.entry(*seed).or_default();
            let transaction = Transaction {
                network: self.id.network_hint(),
                public_key: public_key(*seed),
                nonce: *nonce,
                gas_limit: action.gas(),
                gas_price: 0,
                last_valid_height: None,
                action: action.clone(),
            };
            *nonce += 1;
            let signed = sign_for(*seed, &transaction, &self.id);
            failures.push(executor.execute(&signed).unwrap().failure.clone());
        }
        let outcome = executor.finish().unwrap();
        let difference = supply_difference(&self.state, &outcome.changes).unwrap();
        assert_eq!(difference, i128::from(rules.reward.0));
        let state = self.state.apply(self.height, &outcome.changes).unwrap();
        let before = self.schedule.clone();
        self.schedule = schedule_after(&self.schedule, self.height, &state).unwrap();
        self.state = state;
        assert_eq!(
            self.schedule,
            schedule_at(&self.genesis, self.height, &self.state).unwrap()
        );
        self.check_change(&before);
        self.check();
        failures
    }

    /// One action in a block of its own.
    fn act(&mut self, seed: u8, action: Action) -> Option<Failure> {
        self.block(&[(seed, action)]).remove(0)
    }

    /// One action in a block of its own, which must succeed.
    fn done(&mut self, seed: u8, action: Action) {
        assert_eq!(self.act(seed, action), None);
    }

    /// Empty blocks up to and including `height`.
    fn run_to(&mut self, height: u64) {
        while self.height < height {
            self.block(&[]);
        }
    }

    fn balance(&self, seed: u8) -> u64 {
        self.state.get(&address(seed)).balance.0
    }

    fn validator(&self, seed: u8) -> ValidatorRecord {
        query::validator(&self.state, &address(seed)).unwrap().unwrap()
    }

    fn totals(&self) -> Totals {
        query::totals(&self.state).unwrap()
    }

    fn stake_of(&self, validator: u8, delegator: u8) -> u64 {
        let found = query::delegation(&self.state, &address(validator), &address(delegator)).unwrap();
        found.map_or(0, |delegation| delegation.stake.0)
    }

    fn pending(&self, validator: u8, delegator: u8) -> u64 {
        let found = query::delegation(&self.state, &address(validator), &address(delegator)).unwrap();
        found.map_or(0, |delegation| delegation.pending_rewards.0)
    }

    /// Powers in the set of `height`, by seed.
    fn powers(&self, height: u64) -> BTreeMap<u8, u64> {
        let set = self.schedule.at(height).unwrap();
        let power = |seed| Some((seed, set.get(&address(seed))?.power));
        PEOPLE.filter_map(power).collect()
    }

    /// No set changes by more than a third, and none is empty (a set cannot be).
    fn check_change(&self, before: &Schedule) {
        if before.next().is_none()
            && let Some(next) = self.schedule.next()
        {
            let current = self.schedule.current().set();
            let allowed = (current.total_power() / 3).max(1);
            assert!(
                changed_power(current, next.set()) <= allowed,
                "more than a third changes"
            );
        }
    }

    /// Everything that must hold after every block.
    fn check(&self) {
        assert_eq!(
            self.state.supply(),
            u128::from(self.genesis.supply_at(self.height).0),
            "supply"
        );
        if matches!(self.genesis.engine, EngineKind::Pos(_)) {
            self.check_totals();
            PEOPLE.for_each(|seed| self.check_validator(seed));
            self.check_epochs();
        }
    }

    fn check_totals(&self) {
        let totals = self.totals();
        let sum = totals.bonded + totals.unbonding + totals.unpaid + totals.slashed;
        assert_eq!(
            self.state.get(&SYSTEM_ADDRESS).balance.0,
            sum,
            "system account: {totals:?}"
        );
        let records: Vec<ValidatorRecord> = PEOPLE
            .filter_map(|seed| query::validator(&self.state, &address(seed)).unwrap())
            .collect();
        assert_eq!(
            records.iter().map(|record| record.stake.tokens).sum::<u64>(),
            totals.bonded
        );
        assert_eq!(
            records.iter().map(|record| record.earnings.unpaid).sum::<u64>(),
            totals.unpaid
        );
        self.check_queue();
        let mut unbonding = 0;
        for epoch in 0..=self.stake_rules().release_epoch(self.height) {
            for seed in PEOPLE {
                let slot = slots::unbonding(&address(seed), epoch);
                let pool: Pool = At(&self.state).load_or_default(&slot).unwrap();
                unbonding += pool.tokens;
            }
        }
        assert_eq!(unbonding, totals.unbonding);
    }

    /// What waits in the queue, first place first.
    fn queue(&self) -> Vec<(u64, Release)> {
        let queue: ReleaseQueue = At(&self.state).load_or_default(&slots::release_queue()).unwrap();
        let release = |place| {
            let found = At(&self.state).load(&slots::release(place)).unwrap();
            (place, found.unwrap())
        };
        (queue.first..queue.next).map(release).collect()
    }

    /// The queue, the pools and the lists of the delegators say the same, and nothing is due for longer
    /// than it may be.
    fn check_queue(&self) {
        let queue = self.queue();
        let epochs: Vec<u64> = queue.iter().map(|(_, release)| release.epoch).collect();
        assert!(epochs.is_sorted(), "in the order of epochs");
        let over = self.height / self.stake_rules().epoch_blocks; // epochs whose last block was executed
        if epochs.first().is_some_and(|epoch| *epoch < over) {
            let paid = queue[0].0 - self.first_place;
            assert_eq!(paid, MAX_RELEASES, "what is due waits only for the bound");
        }
        let mut claims: BTreeMap<(Address, u64), u64> = BTreeMap::new();
        let mut lists: BTreeMap<(Address, u64), Vec<(Address, u64)>> = BTreeMap::new();
        for (place, release) in queue {
            *claims.entry((release.validator, release.epoch)).or_default() += release.shares;
            let list = lists.entry((release.delegator, release.epoch)).or_default();
            list.push((release.validator, place));
        }
        let slots_of = |name: fn(&Address, u64) -> aureon_types::Hash| {
            let last = self.stake_rules().release_epoch(self.height);
            let of = move |seed| (0..=last + 1).map(move |epoch| (name(&address(seed), epoch), seed, epoch));
            PEOPLE.flat_map(of)
        };
        for (slot, seed, epoch) in slots_of(slots::unbonding) {
            let pool: Pool = At(&self.state).load_or_default(&slot).unwrap();
            let claimed = claims.remove(&(address(seed), epoch)).unwrap_or(0);
            assert_eq!(
                claimed, pool.shares,
                "claims to the pool of {seed} in epoch {epoch}"
            );
        }
        assert_eq!(claims, BTreeMap::new(), "claims without a pool");
        for (slot, seed, epoch) in slots_of(slots::waiting) {
            let mut list = lists.remove(&(address(seed), epoch)).unwrap_or_default();
            list.sort_unstable();
            let found = At(&self.state).load::<Waiting>(&slot).unwrap();
            assert_eq!(
                found,
                (!list.is_empty()).then_some(Waiting(list)),
                "list of {seed}"
            );
        }
    }

    fn check_validator(&self, seed: u8) {
        let validator = address(seed);
        let record = query::validator(&self.state, &validator).unwrap();
        let candidates: Candidates = At(&self.state).load_or_default(&slots::candidates()).unwrap();
        let alive = record.is_some_and(|record| record.stake.tokens > 0);
        assert_eq!(
            candidates.0.contains(&validator),
            alive,
            "candidates are who has stake"
        );
        let (mut shares, mut owed) = (0, 0);
        for delegator in PEOPLE {
            let slot = slots::delegation(&validator, &address(delegator));
            let Some(delegation) = At(&self.state).load::<Delegation>(&slot).unwrap() else {
                continue;
            };
            shares += delegation.shares;
            let earned = record.unwrap().earnings.index - delegation.index;
            owed += delegation.accrued + u128::from(delegation.shares) * earned;
        }
        let record = record.unwrap_or_else(|| staking::new_validator(public_key(seed), Pool::default(), 0));
        assert_eq!(shares, record.stake.shares, "shares of validator {seed}");
        assert_eq!(
            u128::from(record.earnings.unpaid) << 64,
            owed + record.earnings.remainder,
            "to the last bit"
        );
        assert!(record.stake.tokens <= record.stake.shares);
    }

    /// The records of the epochs that evidence or a schedule needs are there, and no others.
    fn check_epochs(&self) {
        let rules = self.stake_rules();
        let closed = (self.height + 1) / rules.epoch_blocks; // epochs whose closing block was executed
        for epoch in 0..closed + 3 {
            let kept = epoch <= closed && epoch + rules.unbonding_epochs + 1 >= closed;
            let found = At(&self.state).epoch(epoch).unwrap().is_some();
            assert_eq!(found, kept, "epoch {epoch} after block {}", self.height);
        }
    }
}
