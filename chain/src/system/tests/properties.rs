//! Random use over many epochs. [`Chain::check`] looks at everything after every block; here besides is a
//! model of the rewards that is too simple to be wrong: each block's share of each delegator as a
//! fraction, added up.

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    Bond(u64),
    /// Percent of what is there.
    Unbond(u64),
    Delegate(u8, u64),
    /// Percent of what is there.
    Undelegate(u8, u64),
    Claim(u8),
    Unjail,
    /// An offence so many heights ago.
    Accuse(u8, u64),
}

#[derive(Clone, Debug)]
struct Block {
    steps: Vec<(u8, Step)>,
    absent: Vec<u8>,
}

fn amount() -> impl Strategy<Value = u64> {
    prop_oneof![4 => 1..2_000_u64, 1 => 1..200_000_u64, 1 => Just(0), 1 => Just(RICH)]
}

fn percent() -> impl Strategy<Value = u64> {
    prop_oneof![3 => 1..=100_u64, 1 => Just(100), 1 => Just(101)]
}

fn step() -> impl Strategy<Value = Step> {
    let validator = 1..=6_u8;
    prop_oneof![
        2 => amount().prop_map(Step::Bond),
        2 => percent().prop_map(Step::Unbond),
        5 => (validator.clone(), amount()).prop_map(|(validator, amount)| Step::Delegate(validator, amount)),
        4 => (validator.clone(), percent()).prop_map(|(validator, percent)| Step::Undelegate(validator, percent)),
        3 => validator.clone().prop_map(Step::Claim),
        2 => Just(Step::Unjail),
        1 => (validator, 0..16_u64).prop_map(|(offender, back)| Step::Accuse(offender, back)),
    ]
}

fn block() -> impl Strategy<Value = Block> {
    let absent = prop_oneof![3 => Just(vec![]), 2 => prop::collection::vec(1..=6_u8, 1..3), 1 => Just((1..=6).collect())];
    let steps = prop::collection::vec((prop_oneof![2 => 1..=6_u8, 1 => PEOPLE], step()), 0..5);
    (steps, absent).prop_map(|(steps, absent)| Block { steps, absent })
}

fn parameters() -> impl Strategy<Value = PosParameters> {
    let slash = prop_oneof![4 => Just(500_u32), 2 => Just(3_333), 1 => Just(10_000)];
    (4..8_u64, 1..3_u64, 3..6_u32, slash, 0..2_000_u64).prop_map(
        |(epoch_blocks, unbonding_epochs, max_validators, slash_basis_points, per_block)| PosParameters {
            epoch_blocks,
            unbonding_epochs,
            max_validators,
            slash_basis_points,
            reward: RewardSchedule {
                per_block,
                halving_blocks: 40,
            },
            ..stake_parameters()
        },
    )
}

/// What a delegation should have got and what it got, in 2^-64 base units and in base units.
#[derive(Clone, Copy, Debug, Default)]
struct Due {
    earned: u128,
    paid: u64,
}

#[derive(Default)]
struct Model {
    /// By validator and delegator.
    due: BTreeMap<(u8, u8), Due>,
    /// How many delegations to a validator ended: each left a fraction of a base unit to the others.
    windfalls: BTreeMap<u8, u64>,
}

impl Model {
    /// What was paid in the block: all that was pending, where a claim went through or the delegation
    /// ended.
    fn settle(&mut self, before: &BTreeMap<(u8, u8), u64>, claims: &[(u8, u8)], chain: &Chain) {
        let slot = |(validator, delegator)| slots::delegation(&address(validator), &address(delegator));
        let alive = |pair| {
            At(&chain.state)
                .load::<Delegation>(&slot(pair))
                .unwrap()
                .is_some()
        };
        for (pair, pending) in before {
            if !alive(*pair) {
                self.due.remove(pair);
                *self.windfalls.entry(pair.0).or_default() += 1;
            } else if claims.contains(pair) {
                self.due.entry(*pair).or_default().paid += pending;
            }
        }
    }

    fn earn(&mut self, chain: &Chain) {
        let Some(validator) = PEOPLE.clone().find(|seed| address(*seed) == chain.proposer) else {
            return;
        };
        let Some(record) = query::validator(&chain.state, &address(validator)).unwrap() else {
            return;
        };
        let reward = chain.genesis.engine.reward().at(chain.height).0;
        let shared = u128::from(reward - reward * u64::from(record.commission) / 10_000);
        if record.stake.tokens == 0 {
            return;
        }
        for delegator in PEOPLE {
            let slot = slots::delegation(&address(validator), &address(delegator));
            if let Some(delegation) = At(&chain.state).load::<Delegation>(&slot).unwrap() {
                let share = (shared << 64) / u128::from(record.stake.shares) * u128::from(delegation.shares);
                self.due.entry((validator, delegator)).or_default().earned += share;
            }
        }
    }

    fn check(&self, chain: &Chain) {
        for ((validator, delegator), due) in &self.due {
            let got = due.paid + chain.pending(*validator, *delegator);
            let exact = u64::try_from(due.earned >> 64).unwrap();
            assert!(got + 1 >= exact, "{got} of {exact}: {due:?}");
            let more = 1 + self.windfalls.get(validator).unwrap_or(&0);
            assert!(got <= exact + more, "{got} of {exact}: {due:?}");
        }
    }
}

fn pending(chain: &Chain) -> BTreeMap<(u8, u8), u64> {
    let pairs = PEOPLE.flat_map(|validator| PEOPLE.map(move |delegator| (validator, delegator)));
    let of = |(validator, delegator)| {
        let found = query::delegation(&chain.state, &address(validator), &address(delegator)).unwrap();
        found.map(|delegation| ((validator, delegator), delegation.pending_rewards.0))
    };
    pairs.filter_map(of).collect()
}

fn action(chain: &Chain, sender: u8, step: &Step) -> Action {
    let part = |validator, percent: u64| Amount(chain.stake_of(validator, sender) * percent / 100);
    match *step {
        Step::Bond(amount) => Action::Bond {
            amount: Amount(amount),
            commission_basis_points: 1_000,
        },
        Step::Unbond(percent) => Action::Unbond {
            amount: part(sender, percent),
        },
        Step::Delegate(validator, amount) => Action::Delegate {
            validator: address(validator),
            amount: Amount(amount),
        },
        Step::Undelegate(validator, percent) => Action::Undelegate {
            validator: address(validator),
            amount: part(validator, percent),
        },
        Step::Claim(validator) => Action::ClaimRewards {
            validator: address(validator),
        },
        Step::Unjail => Action::Unjail,
        Step::Accuse(offender, back) => {
            double_vote(&chain.id, offender, (chain.height + 1).saturating_sub(back))
        }
    }
}

/// Without what adds to a delegation after a withdrawal from it in the same block: if it ended between
/// the two, the model could not tell.
fn separated(steps: Vec<(u8, Step)>) -> Vec<(u8, Step)> {
    let mut withdrawn = Vec::new();
    let keeps = |(sender, step): &(u8, Step)| match step {
        Step::Unbond(_) => {
            withdrawn.push((*sender, *sender));
            true
        }
        Step::Undelegate(validator, _) | Step::Claim(validator) => {
            withdrawn.push((*sender, *validator));
            true
        }
        Step::Bond(_) => !withdrawn.contains(&(*sender, *sender)),
        Step::Delegate(validator, _) => !withdrawn.contains(&(*sender, *validator)),
        Step::Unjail | Step::Accuse(..) => true,
    };
    steps.into_iter().filter(keeps).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn everything_holds_whatever_is_done(
        parameters in parameters(),
        blocks in prop::collection::vec(block(), 20..70),
    ) {
        let mut chain = Chain::new(EngineKind::Pos(parameters));
        let mut model = Model::default();
        for block in blocks {
            let steps = separated(block.steps);
            let actions: Vec<(u8, Action)> =
                steps.iter().map(|(sender, step)| (*sender, action(&chain, *sender, step))).collect();
            let before = pending(&chain);
            let results = chain.block(&actions);
            let claims: Vec<(u8, u8)> = steps.iter().zip(&results).filter_map(|((sender, step), failure)| {
                match step {
                    Step::Claim(validator) if failure.is_none() => Some((*validator, *sender)),
                    _ => None,
                }
            }).collect();
            model.settle(&before, &claims, &chain);
            model.earn(&chain);
            model.check(&chain);
            chain.absent = block.absent.into_iter().map(address).collect();
        }
    }

    /// Authorities vote at random: there is always one, the list is sorted and the set follows it.
    #[test]
    fn there_is_always_an_authority(
        votes in prop::collection::vec((1..=6_u8, prop::option::of(1..=6_u8), prop::option::of(1..=6_u8)), 1..120),
    ) {
        let mut chain = Chain::authorities(1..=3);
        for (sender, add, remove) in votes {
            if add == remove {
                continue; // no such vote can be sent
            }
            chain.act(sender, Action::AuthorityVote { add: add.map(public_key), remove: remove.map(public_key) });
            let list = query::authorities(&chain.state).unwrap();
            prop_assert!(!list.is_empty() && list.is_sorted());
            let open = query::open_votes(&chain.state, chain.height).unwrap();
            prop_assert!(open.iter().all(|vote| vote.voters.len() <= list.len()));
        }
        chain.run_to(chain.height + 80);
        let list = query::authorities(&chain.state).unwrap();
        let mut set: Vec<PublicKey> = chain.schedule.current().set().iter().map(|member| member.public_key).collect();
        set.sort_unstable();
        prop_assert_eq!(set, list);
    }
}
