//! What people wish for in a block, of every engine and of contracts.

use super::*;
use crate::execution::contracts::script::{self, Op};

/// Sender, what it does, gas price, how much gas is missing.
pub(super) type Wish = (u8, Kind, u64, u64);

#[derive(Clone, Debug)]
pub(super) enum Kind {
    Transfer(u8, u64),
    Bond(u64),
    Unbond(u64),
    Delegate(u8, u64),
    Undelegate(u8, u64),
    Unjail,
    Claim(u8),
    Vote(Option<u8>, Option<u8>),
    Accuse(u8, u64),
    /// A contract with such a value.
    Deploy(u64),
    /// The contract of this number calls that of the next, which calls the first again and may fail.
    Run(usize, bool),
}

pub(super) fn kind() -> impl Strategy<Value = Kind> {
    let who = PEOPLE;
    let amount = prop_oneof![4 => 0..3_000_u64, 1 => Just(RICH)];
    prop_oneof![
        (who.clone(), amount.clone()).prop_map(|(to, amount)| Kind::Transfer(to, amount)),
        amount.clone().prop_map(Kind::Bond),
        amount.clone().prop_map(Kind::Unbond),
        (who.clone(), amount.clone()).prop_map(|(to, amount)| Kind::Delegate(to, amount)),
        (who.clone(), amount).prop_map(|(from, amount)| Kind::Undelegate(from, amount)),
        Just(Kind::Unjail),
        who.clone().prop_map(Kind::Claim),
        (prop::option::of(who.clone()), prop::option::of(who.clone()))
            .prop_map(|(add, remove)| Kind::Vote(add, remove)),
        (who, 0..6_u64).prop_map(|(offender, back)| Kind::Accuse(offender, back)),
        (0..500_u64).prop_map(Kind::Deploy),
        (0..9_usize, any::<bool>()).prop_map(|(number, fails)| Kind::Run(number, fails)),
    ]
}

fn action(tip: &Tip, kind: &Kind) -> Action {
    match *kind {
        Kind::Transfer(to, amount) => Action::Transfer {
            recipient: address(to),
            amount: Amount(amount),
        },
        Kind::Bond(amount) => Action::Bond {
            amount: Amount(amount),
            commission_basis_points: 1_000,
        },
        Kind::Unbond(amount) => Action::Unbond {
            amount: Amount(amount),
        },
        Kind::Delegate(to, amount) => Action::Delegate {
            validator: address(to),
            amount: Amount(amount),
        },
        Kind::Undelegate(from, amount) => Action::Undelegate {
            validator: address(from),
            amount: Amount(amount),
        },
        Kind::Unjail => Action::Unjail,
        Kind::Claim(validator) => Action::ClaimRewards {
            validator: address(validator),
        },
        Kind::Vote(add, remove) if add != remove => Action::AuthorityVote {
            add: add.map(|seed| key(seed).public_key()),
            remove: remove.map(|seed| key(seed).public_key()),
        },
        Kind::Vote(..) => Action::Unjail, // nobody can send a vote that changes nothing
        Kind::Accuse(offender, back) => {
            let vote = |block| {
                let vote = Vote {
                    kind: VoteKind::Prevote,
                    height: (tip.parent.height + 1).saturating_sub(back),
                    round: 3,
                    block_id: Some(BlockId([block; 32])),
                };
                SignedVote::sign(vote, &key(offender), &tip.id)
            };
            Action::Evidence(Box::new(Evidence::Votes(vote(1), vote(2))))
        }
        Kind::Deploy(value) => Action::Deploy {
            code: script::everything(),
            input: script::encode(&[Op::Store(1, 9)]),
            upgradable: true,
            value: Amount(value),
        },
        Kind::Run(number, fails) => run(tip, number, fails),
    }
}

/// Of the contracts that are there; of a plain account if there is none.
fn run(tip: &Tip, number: usize, fails: bool) -> Action {
    let accounts = tip.view.accounts.iter();
    let contracts: Vec<Address> = accounts
        .filter(|(_, account)| account.has_code())
        .map(|(address, _)| *address)
        .collect();
    let at = |number: usize| {
        let place = number.checked_rem(contracts.len()).unwrap_or(0);
        contracts.get(place).copied().unwrap_or(address(1))
    };
    let call = |contract, value, program| Op::Call {
        contract,
        value,
        gas: u64::MAX,
        program,
        must: false,
    };
    let mut last = vec![Op::Store(3, 4), Op::Emit(1, 2), Op::Pay(address(2), 1)];
    last.extend(fails.then_some(Op::Abort));
    let again = call(at(number), 3, last);
    let middle = vec![Op::Remove(1), Op::Emit(2, 2), again, Op::Who];
    Action::Call {
        contract: at(number),
        input: script::encode(&[Op::Store(2, 5), call(at(number + 1), 7, middle)]),
        value: Amount(5),
    }
}

pub(super) fn candidates(tip: &Tip, wishes: &[Wish]) -> Vec<VerifiedTransaction> {
    let mut nonces: BTreeMap<u8, u64> = BTreeMap::new();
    let mut candidates = Vec::new();
    for (seed, kind, gas_price, less_gas) in wishes {
        let on_chain = tip
            .view
            .account(&address(*seed))
            .unwrap()
            .unwrap_or_default()
            .nonce;
        let nonce = nonces.entry(*seed).or_insert(on_chain);
        let action = action(tip, kind);
        let metered = if action.is_contract() { 5_000 } else { 0 };
        let transaction = Transaction {
            network: tip.id.network_hint(),
            public_key: key(*seed).public_key(),
            nonce: *nonce,
            gas_limit: action.gas().saturating_add(metered).saturating_sub(*less_gas),
            gas_price: *gas_price,
            last_valid_height: None,
            action,
        };
        *nonce += 1;
        candidates.push(sign_for(*seed, &transaction, &tip.id));
    }
    candidates
}
