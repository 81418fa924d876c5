//! The queue of withdrawals against a model that is too simple to be wrong: one list of claims in the
//! order in which they came, and exact fractions for what each is worth.

use std::collections::{BTreeMap, VecDeque};

use proptest::prelude::*;

use super::*;

#[derive(Clone, Copy, Debug)]
enum Step {
    /// Delegator, validator, base units.
    Withdraw(u8, u8, u64),
    /// Validator, and how many of the epochs that are still to come, the running one included.
    Slash(u8, u64),
    /// A block ends: so many may be paid.
    Pay(u64),
    /// The running epoch is over.
    NextEpoch,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1..=9_u8, 1..=3_u8, 1..1_000_u64).prop_map(|(who, from, amount)| Step::Withdraw(who, from, amount)),
        1 => (1..=3_u8, 0..4_u64).prop_map(|(validator, epochs)| Step::Slash(validator, epochs)),
        3 => (1..4_u64).prop_map(Step::Pay),
        1 => Just(Step::NextEpoch),
    ]
}

/// A claim of the model. Without slashes it is worth what was withdrawn.
#[derive(Clone, Debug)]
struct Claim {
    epoch: u64,
    delegator: u8,
    validator: u8,
    /// Base units, slashed with its pool, as a fraction of 2^32.
    worth: u128,
    /// Slashes and divisions that can have moved it by a base unit each.
    roundings: u128,
}

#[derive(Default)]
struct Model {
    claims: VecDeque<Claim>,
    paid: BTreeMap<u8, (u128, u128)>,
}

impl Model {
    fn withdraw(&mut self, epoch: u64, delegator: u8, validator: u8, amount: u64) {
        let same = |claim: &&mut Claim| {
            (claim.epoch, claim.delegator, claim.validator) == (epoch, delegator, validator)
        };
        let worth = u128::from(amount) << 32;
        match self.claims.iter_mut().find(same) {
            Some(claim) => {
                claim.worth += worth;
                claim.roundings += 1;
            }
            None => self.claims.push_back(Claim {
                epoch,
                delegator,
                validator,
                worth,
                roundings: 1,
            }),
        }
    }

    fn slash(&mut self, epoch: u64, validator: u8, basis_points: u32) {
        for claim in &mut self.claims {
            if (claim.epoch, claim.validator) == (epoch, validator) {
                claim.worth = claim.worth * u128::from(10_000 - basis_points) / 10_000;
                claim.roundings += 1;
            }
        }
    }

    /// Gives how many were paid.
    fn pay(&mut self, epoch: u64, most: u64) -> u64 {
        for done in 0..most {
            let Some(claim) = self.claims.front().filter(|claim| claim.epoch <= epoch).cloned() else {
                return done;
            };
            self.claims.pop_front();
            let (worth, roundings) = self.paid.entry(claim.delegator).or_default();
            *worth += claim.worth;
            // Who is paid before it rounds down in its favour, once each.
            *roundings += claim.roundings + 1;
        }
        most
    }
}

const UNBONDING_EPOCHS: u64 = 2;
const SLASH: u32 = 1_500;

struct Real {
    state: MemoryState,
    in_system: u64,
}

impl Real {
    fn change(&mut self, change: impl FnOnce(&mut Overlay<'_, MemoryState>)) {
        let mut overlay = Overlay::new(&self.state);
        change(&mut overlay);
        let changes = overlay.into_changes();
        self.state = self.state.apply(0, &changes).unwrap();
    }

    fn balance(&self, seed: u8) -> u64 {
        self.state.get(&address(seed)).balance.0
    }
}

/// Does the step on the ledger and in the model. `epoch`: the running one.
fn perform(real: &mut Real, model: &mut Model, epoch: &mut u64, step: Step) {
    match step {
        Step::Withdraw(who, from, amount) => {
            let ends = *epoch + UNBONDING_EPOCHS;
            real.change(|overlay| {
                // Where the stake came from is not this test's matter.
                overlay.credit(&SYSTEM_ADDRESS, Amount(amount)).unwrap();
                let count = |totals: &mut Totals| {
                    totals.unbonding += amount;
                    Some(())
                };
                staking::count_totals(overlay, count).unwrap();
                releases::enqueue(overlay, ends, &address(who), &address(from), amount).unwrap();
            });
            real.in_system += amount;
            model.withdraw(ends, who, from, amount);
        }
        Step::Slash(validator, epochs) => {
            for epoch in (0..=*epoch + UNBONDING_EPOCHS).rev().take(epochs as usize) {
                real.change(|overlay| {
                    let lost = unbonding::slash(overlay, &address(validator), epoch, SLASH).unwrap();
                    let count = |totals: &mut Totals| {
                        totals.unbonding -= lost;
                        totals.slashed += lost;
                        Some(())
                    };
                    staking::count_totals(overlay, count).unwrap();
                });
                model.slash(epoch, validator, SLASH);
            }
        }
        Step::Pay(most) => {
            let Some(due) = epoch.checked_sub(1) else { return };
            let (before, held) = (queue_of(real), held(real));
            real.change(|overlay| releases::pay_up_to(overlay, due, most).unwrap());
            let paid = model.pay(due, most);
            assert_eq!(queue_of(real).len() as u64 + paid, before.len() as u64);
            real.in_system -= held - self::held(real);
        }
        Step::NextEpoch => *epoch += 1,
    }
}

fn held(real: &Real) -> u64 {
    real.state.get(&SYSTEM_ADDRESS).balance.0
}

fn queue_of(real: &Real) -> Vec<Release> {
    let queue: ReleaseQueue = At(&real.state).load_or_default(&slots::release_queue()).unwrap();
    let release = |place| At(&real.state).load(&slots::release(place)).unwrap().unwrap();
    (queue.first..queue.next).map(release).collect()
}

/// The same claims in the same order, what they are worth, and every base unit accounted for.
fn check(real: &Real, model: &Model) {
    let queue = queue_of(real);
    let names = |release: &Release| (release.epoch, release.delegator, release.validator);
    let expected = model.claims.iter();
    let expected = expected.map(|claim| (claim.epoch, address(claim.delegator), address(claim.validator)));
    assert_eq!(
        queue.iter().map(names).collect::<Vec<_>>(),
        expected.collect::<Vec<_>>()
    );
    for (release, claim) in queue.iter().zip(&model.claims) {
        let pool: Pool = At(&real.state)
            .load_or_default(&slots::unbonding(&release.validator, release.epoch))
            .unwrap();
        let worth = u128::from(pool.worth(release.shares)) << 32;
        // A division rounds by a base unit at most, and everybody of the pool may have had one more.
        let most = (claim.roundings + model.claims.len() as u128 + 50) << 32;
        assert!(worth.abs_diff(claim.worth) <= most, "{worth} of {claim:?}");
    }
    let totals = query::totals(&real.state).unwrap();
    assert_eq!(held(real), totals.unbonding + totals.slashed);
    assert_eq!(held(real), real.in_system);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_queue_pays_what_a_list_of_claims_would(steps in prop::collection::vec(step(), 1..200)) {
        let mut real = Real { state: MemoryState::default(), in_system: 0 };
        let (mut model, mut epoch) = (Model::default(), 0);
        for step in steps {
            perform(&mut real, &mut model, &mut epoch, step);
            check(&real, &model);
        }
        // In the end everybody is paid, and the state is as if nobody had ever withdrawn.
        epoch += UNBONDING_EPOCHS + 1;
        perform(&mut real, &mut model, &mut epoch, Step::Pay(u64::MAX));
        check(&real, &model);
        for (seed, (worth, roundings)) in &model.paid {
            let got = u128::from(real.balance(*seed)) << 32;
            prop_assert!(got.abs_diff(*worth) <= (roundings + 50) << 32, "{got} of {worth}");
        }
        let totals = query::totals(&real.state).unwrap();
        prop_assert_eq!((totals.unbonding, held(&real)), (0, totals.slashed));
        let left: Vec<_> = real.state.storage.keys().map(|(_, slot)| *slot).collect();
        let expected: Vec<_> = real.state.storage.contains_key(&(SYSTEM_ADDRESS, slots::totals()))
            .then(slots::totals).into_iter().collect();
        prop_assert_eq!(left, expected, "only the totals are left");
    }
}
