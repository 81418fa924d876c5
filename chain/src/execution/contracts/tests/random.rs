//! Random programs against a model that copies the whole state before every call, and puts the copy back
//! when it fails.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct World {
    balances: BTreeMap<Address, u64>,
    values: BTreeMap<(Address, u8), usize>,
    events: Vec<(Address, u8, usize)>,
    refund: u64,
}

/// The gas that was used, and whether it ended well.
type Ran = (u64, bool);

impl World {
    fn balance(&self, address: Address) -> u64 {
        self.balances.get(&address).copied().unwrap_or_default()
    }

    fn pay(&mut self, from: Address, to: Address, amount: u64) {
        *self.balances.entry(from).or_default() -= amount;
        *self.balances.entry(to).or_default() += amount;
    }
}

struct Model {
    contracts: Vec<Address>,
    world: World,
}

impl Model {
    fn call(&mut self, from: Address, to: Address, value: u64, program: &[Op], gas: u64, at: At) -> Ran {
        let before = self.world.clone();
        self.world.pay(from, to, value);
        let mut left = gas;
        let well = program
            .iter()
            .all(|op| self.step(to, op, &mut left, at).is_some());
        if !well {
            self.world = before;
        }
        (gas - left, well)
    }

    fn step(&mut self, me: Address, op: &Op, left: &mut u64, at: At) -> Option<()> {
        charge(left, STEP)?;
        let writes = matches!(op, Op::Store(..) | Op::Remove(_) | Op::Pay(..) | Op::Emit(..));
        if writes && at.read_only {
            return None;
        }
        match op {
            Op::Store(key, len) => {
                let len = usize::from(*len);
                let before = self.world.values.insert((me, *key), len).unwrap_or(0);
                charge(left, DEPOSIT * len.saturating_sub(before) as u64)?;
                self.world.refund += DEPOSIT * before.saturating_sub(len) as u64;
            }
            Op::Remove(key) => {
                let before = self.world.values.remove(&(me, *key)).unwrap_or(0);
                self.world.refund += DEPOSIT * before as u64;
            }
            Op::Pay(to, amount) => {
                if !self.contracts.contains(to) && self.world.balance(me) >= *amount {
                    self.world.pay(me, *to, *amount);
                }
            }
            Op::Call {
                contract,
                value,
                gas,
                program,
                must,
            } => {
                if at.read_only && *value > 0 {
                    return None;
                }
                let well = self.nested(me, (*contract, *value, *gas), program, left, at.deeper());
                if *must && !well {
                    return None;
                }
            }
            Op::Ask(contract, gas, program) => {
                let at = At {
                    read_only: true,
                    ..at.deeper()
                };
                self.nested(me, (*contract, 0, *gas), program, left, at);
            }
            Op::Emit(topic, len) => {
                if self.world.events.len() == MAX_EVENTS {
                    return None;
                }
                self.world.events.push((me, *topic, usize::from(*len)));
            }
            Op::Abort | Op::Trap => return None,
            Op::Burn(gas) => charge(left, *gas)?,
            Op::Load(_) | Op::Who | Op::Output(_) => {}
        }
        Some(())
    }

    fn nested(
        &mut self,
        me: Address,
        (to, value, gas): (Address, u64, u64),
        program: &[Op],
        left: &mut u64,
        at: At,
    ) -> bool {
        if at.depth > MAX_CALL_FRAMES || !self.contracts.contains(&to) || self.world.balance(me) < value {
            return false;
        }
        let (used, well) = self.call(me, to, value, program, gas.min(*left), at);
        *left -= used;
        well
    }
}

#[derive(Clone, Copy)]
struct At {
    depth: usize,
    read_only: bool,
}

impl At {
    fn deeper(self) -> Self {
        Self {
            depth: self.depth + 1,
            ..self
        }
    }
}

fn charge(left: &mut u64, gas: u64) -> Option<()> {
    let rest = left.checked_sub(gas);
    *left = rest.unwrap_or(0);
    rest.map(drop)
}

/// Three contracts, two plain accounts.
fn somebody() -> impl Strategy<Value = u8> {
    0_u8..5
}

/// With places for addresses: the contracts are not deployed yet.
fn op() -> impl Strategy<Value = Op> {
    let place = || somebody().prop_map(|who| Address([who; 20]));
    let leaf = prop_oneof![
        4 => (0_u8..3, 0_u16..40).prop_map(|(key, len)| Op::Store(key, len)),
        2 => (0_u8..3).prop_map(Op::Remove),
        3 => (place(), 0_u64..80).prop_map(|(to, amount)| Op::Pay(to, amount)),
        2 => (0_u8..9, 0_u16..9).prop_map(|(topic, len)| Op::Emit(topic, len)),
        1 => Just(Op::Abort),
        1 => Just(Op::Trap),
        1 => (0_u64..40_000).prop_map(Op::Burn),
    ];
    leaf.prop_recursive(5, 40, 5, move |inner| {
        let program = || proptest::collection::vec(inner.clone(), 0..5);
        let call = (place(), 0_u64..80, 0_u64..60_000, program(), any::<bool>());
        prop_oneof![
            4 => call.prop_map(|(contract, value, gas, program, must)| Op::Call { contract, value, gas, program, must }),
            1 => (place(), 0_u64..20_000, program()).prop_map(|(contract, gas, program)| Op::Ask(contract, gas, program)),
        ]
    })
}

/// Puts real addresses in their places.
fn placed(program: &[Op], places: &[Address]) -> Vec<Op> {
    let real = |place: Address| places[usize::from(place.0[0])];
    let place = |op: &Op| match op.clone() {
        Op::Pay(to, amount) => Op::Pay(real(to), amount),
        Op::Call {
            contract,
            value,
            gas,
            program,
            must,
        } => Op::Call {
            contract: real(contract),
            value,
            gas,
            program: placed(&program, places),
            must,
        },
        Op::Ask(contract, gas, program) => Op::Ask(real(contract), gas, placed(&program, places)),
        other => other,
    };
    program.iter().map(place).collect()
}

/// One transaction: which contract, with what value and gas beside its base, and its program.
type Sent = (usize, u64, u64, Vec<Op>);

fn sent() -> impl Strategy<Value = Sent> {
    let program = proptest::collection::vec(op(), 0..8);
    (0_usize..3, 0_u64..100, 0_u64..200_000, program)
}

/// What the state is in the model's words.
fn world_of(chain: &Chain, model: &Model) -> World {
    let held = |address: &Address| (*address, chain.balance(address));
    let balances = model.world.balances.keys().map(held).collect();
    let keys = model
        .contracts
        .iter()
        .flat_map(|contract| (0..3).map(move |key| (*contract, key)));
    let values = keys.filter_map(|at| Some((at, chain.stored(&at.0, at.1)?.len())));
    World {
        balances,
        values: values.collect(),
        ..World::default()
    }
}

fn run(transactions: &[Sent]) {
    let mut chain = Chain::new();
    let contracts: Vec<Address> = ["a", "b", "c"].map(|word| chain.contract(word, 100)).to_vec();
    let places = [&contracts[..], &[account(8), account(9)]].concat();
    let mut model = Model {
        contracts: contracts.clone(),
        world: World::default(),
    };
    for address in places.iter().chain(&[account(ALICE)]) {
        model.world.balances.insert(*address, chain.balance(address));
    }
    for (place, value, gas, program) in transactions {
        let (contract, program) = (contracts[*place], placed(program, &places));
        let action = calling(contract, &program, *value);
        let base = action.gas();
        model.world.events.clear();
        model.world.refund = 0;
        let at = At {
            depth: 1,
            read_only: false,
        };
        let (used, well) = model.call(account(ALICE), contract, *value, &program, *gas, at);
        let receipt = chain.send_with(ALICE, action, base + gas);
        assert_eq!(
            receipt.failure.is_none(),
            well,
            "{program:?}: {:?}",
            receipt.failure
        );
        let used = base + used;
        let refund = model.world.refund.min(used / 2);
        assert_eq!(receipt.gas_used, used - refund);
        *model.world.balances.get_mut(&account(ALICE)).unwrap() -= receipt.fee.0;
        let events = receipt.events.iter();
        let told: Vec<_> = events
            .map(|event| (event.contract, event.topic[0], event.data.len()))
            .collect();
        assert_eq!(told, if well { model.world.events.clone() } else { vec![] });
        model.world.events.clear();
        model.world.refund = 0;
        assert_eq!(world_of(&chain, &model), model.world);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn programs_do_what_the_model_does(transactions in proptest::collection::vec(sent(), 1..6)) {
        run(&transactions);
    }
}
