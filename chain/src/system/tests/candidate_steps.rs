//! Who gives way in a full list of candidates.

use super::*;

fn bond(amount: u64) -> Action {
    Action::Bond {
        amount: Amount(amount),
        commission_basis_points: 1_000,
    }
}

/// A chain whose list of candidates is full: beside the three of the genesis, people 4 and 5 with 300
/// and 200 base units, and a crowd that nobody plays.
fn crowded() -> Chain {
    let mut chain = Chain::stake();
    chain.done(4, bond(300));
    chain.done(5, bond(200));
    let mut list: Vec<Address> = (0..u16::try_from(MAX_CANDIDATES - 5).unwrap())
        .map(|number| {
            let mut bytes = [0xcc; 20];
            bytes[..2].copy_from_slice(&number.to_be_bytes());
            Address(bytes)
        })
        .collect();
    list.extend((1..=5).map(address));
    list.sort_unstable();
    put(&mut chain, slots::candidates(), &Candidates(list));
    chain
}

fn put<T: codec::Record>(chain: &mut Chain, slot: aureon_types::Hash, record: &T) {
    let slot = (SYSTEM_ADDRESS, slot);
    chain.state.storage.insert(slot, codec::Record::encode(record));
}

fn challenged(chain: &Chain) -> Vec<Address> {
    let list: records::Challenged = At(&chain.state).load_or_default(&slots::challenged()).unwrap();
    list.0
}

/// Bonds without a block, and gives the candidates and the challenged after it.
fn bonds(chain: &Chain, seed: u8, amount: u64) -> Result<(Vec<Address>, Vec<Address>), Stop> {
    let mut overlay = Overlay::new(&chain.state);
    let voting = Voting {
        epoch: chain.schedule.current().clone(),
        absent: Vec::new(),
    };
    let sender = Sender {
        address: address(seed),
        key: public_key(seed),
    };
    let rules = (&chain.stake_rules(), &voting);
    staking::bond(&mut overlay, rules, sender, Amount(amount), 1_000)?;
    let list: Candidates = overlay.load_or_default(&slots::candidates())?;
    let challenged: records::Challenged = overlay.load_or_default(&slots::challenged())?;
    Ok((list.0, challenged.0))
}

#[test]
fn in_a_full_list_the_weakest_outside_the_sets_gives_way_to_more_stake() {
    let full = refused(RefusalCode::TooManyValidators, 1_100, 1_100);
    let is_full = |stop: Result<_, Stop>| matches!(stop, Err(Stop::Refused(failure)) if Some(&failure) == full.as_ref());
    let chain = crowded();
    assert_eq!(challenged(&chain), [address(4), address(5)]);
    assert!(is_full(bonds(&chain, 6, 200)), "no more than the weakest");
    let (list, weak) = bonds(&chain, 6, 201).unwrap();
    assert_eq!(list.len(), MAX_CANDIDATES);
    assert!(list.contains(&address(6)) && list.contains(&address(4)) && !list.contains(&address(5)));
    assert_eq!(weak, [address(4), address(6)], "and may be challenged itself");
    // Who is in gives no one's place away.
    let (list, _) = bonds(&chain, 4, 1).unwrap();
    assert!(list.contains(&address(5)));
    // Who is in a set keeps its place, however weak.
    let mut chain = crowded();
    put(
        &mut chain,
        slots::challenged(),
        &records::Challenged(vec![address(1)]),
    );
    assert!(is_full(bonds(&chain, 6, 5_000)));
}

#[test]
fn who_gave_way_keeps_its_stake_and_may_come_again() {
    let mut chain = Chain::stake();
    chain.done(4, bond(300));
    chain.run_to(4);
    assert_eq!(challenged(&chain), [], "it is in the next set");
    chain.done(5, bond(200));
    chain.run_to(6);
    assert_eq!(challenged(&chain), [address(5)]);
    chain.run_to(9);
    assert_eq!(
        challenged(&chain),
        [address(5)],
        "noted by the closing block: four are chosen"
    );
    // As if it had given way.
    put(
        &mut chain,
        slots::candidates(),
        &Candidates({
            let mut list: Vec<Address> = (1..=4).map(address).collect();
            list.sort_unstable();
            list
        }),
    );
    let (list, _) = bonds(&chain, 5, 1).unwrap();
    assert!(list.contains(&address(5)));
    let rules = chain.stake_rules();
    let mut overlay = Overlay::new(&chain.state);
    unbonding::unbond(&mut overlay, &rules, 10, &address(5), Amount(200)).unwrap();
    assert_eq!(
        overlay
            .load::<ValidatorRecord>(&slots::validator(&address(5)))
            .unwrap(),
        None
    );
}

#[test]
fn who_leaves_is_challenged_no_longer() {
    let mut chain = Chain::stake();
    chain.done(4, bond(300));
    assert_eq!(challenged(&chain), [address(4)]);
    chain.done(4, Action::Unbond { amount: Amount(300) });
    assert_eq!(challenged(&chain), []);
}
