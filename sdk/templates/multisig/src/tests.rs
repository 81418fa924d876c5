use aureon::mock::Chain;
use aureon::{Address, CallError, Encode, encode};

use crate::multisig::{Action, Client, Decided, Deposited, Executed, MAX_OWNERS, Proposed};

/// A contract for the wallet to call.
#[aureon::contract]
mod target {
    use aureon::prelude::*;

    const CALLS: Item<u64> = Item::new("calls");

    #[call(payable)]
    fn count(limit: u64) -> Result<u64> {
        let calls = CALLS.get().unwrap_or(0).plus(1);
        ensure!(calls <= limit, "called often enough");
        CALLS.set(&calls);
        Ok(calls)
    }

    /// Tries to have the proposal executed a second time, from inside of the first.
    #[call]
    fn call_back(wallet: Address, id: u64) -> Result<()> {
        super::super::multisig::Client::at(wallet).execute(id)?;
        Ok(())
    }
}

struct World {
    chain: Chain,
    owners: [Address; 3],
    stranger: Address,
    wallet: Client,
}

/// Two of three owners must agree; the wallet has 500.
fn world() -> World {
    let chain = Chain::new();
    let owners = ["ann", "ben", "cleo"].map(|name| chain.account(name, 0));
    let stranger = chain.account("stranger", 1_000);
    chain.act_as(stranger);
    let wallet = deploy(&owners, 2).unwrap();
    World {
        chain,
        owners,
        stranger,
        wallet,
    }
}

fn deploy(owners: &[Address], threshold: u32) -> Result<Client, CallError> {
    Client::deploy_with_value(500, |out| (owners.to_vec(), threshold).encode(out))
}

impl World {
    fn act_as(&self, owner: usize) -> &Client {
        self.chain.act_as(self.owners[owner]);
        &self.wallet
    }

    fn pay(&self, amount: u64) -> Action {
        Action::Pay {
            to: self.stranger,
            amount,
        }
    }
}

fn message<T: core::fmt::Debug>(result: Result<T, CallError>) -> aureon::String {
    result.unwrap_err().message
}

#[test]
fn two_of_three_pay() {
    let w = world();
    let id = w.act_as(0).propose(w.pay(200)).unwrap();
    assert_eq!(w.chain.last_event(), Some(Proposed { id, by: w.owners[0] }));
    assert_eq!(message(w.wallet.execute(id)), "1 agree, 2 must");
    w.act_as(1).approve(id).unwrap();
    assert_eq!(
        w.chain.last_event(),
        Some(Decided {
            id,
            by: w.owners[1],
            approves: true
        })
    );
    w.act_as(2).execute(id).unwrap();
    assert_eq!(w.chain.last_event(), Some(Executed { id, by: w.owners[2] }));
    assert_eq!(
        (w.chain.balance(w.wallet.address), w.chain.balance(w.stranger)),
        (300, 700)
    );
    assert_eq!(
        message(w.wallet.execute(id)),
        "there is no open proposal of this number"
    );
}

#[test]
fn one_owner_counts_once_and_can_take_it_back() {
    let w = world();
    let id = w.act_as(0).propose(w.pay(200)).unwrap();
    assert_eq!(message(w.wallet.approve(id)), "you have agreed already");
    w.act_as(1).approve(id).unwrap();
    w.act_as(0).revoke(id).unwrap();
    assert_eq!(message(w.wallet.execute(id)), "1 agree, 2 must");
    assert_eq!(message(w.wallet.revoke(id)), "you have not agreed");
    w.act_as(1).revoke(id).unwrap();
    assert_eq!(w.wallet.proposal(id), Ok(None), "nobody wants it any more");
}

#[test]
fn a_stranger_only_pays_in() {
    let w = world();
    let id = w.act_as(0).propose(w.pay(1)).unwrap();
    w.chain.act_as(w.stranger);
    let refusal = "only an owner of the wallet may do this";
    assert_eq!(message(w.wallet.propose(w.pay(1))), refusal);
    assert_eq!(message(w.wallet.approve(id)), refusal);
    assert_eq!(message(w.wallet.execute(id)), refusal);
    w.wallet.with_value(50).deposit().unwrap();
    assert_eq!(
        w.chain.last_event(),
        Some(Deposited {
            from: w.stranger,
            amount: 50
        })
    );
    assert_eq!(w.chain.balance(w.wallet.address), 550);
}

#[test]
fn more_than_there_is_stays_proposed() {
    let w = world();
    let id = w.act_as(0).propose(w.pay(501)).unwrap();
    w.act_as(1).approve(id).unwrap();
    assert_eq!(message(w.wallet.execute(id)), "the balance is too small");
    w.chain.act_as(w.stranger);
    w.wallet.with_value(1).deposit().unwrap();
    w.act_as(1).execute(id).unwrap();
    assert_eq!(w.chain.balance(w.wallet.address), 0);
}

#[test]
fn the_wallet_calls_contracts() {
    let w = world();
    let counter = target::Client::deploy().unwrap();
    let input = [encode("count"), encode(&1u64)].concat();
    let action = Action::Call {
        contract: counter.address,
        value: 20,
        input,
    };
    for expected in [Ok(encode(&1u64)), Err("called often enough")] {
        let id = w.act_as(0).propose(action.clone()).unwrap();
        w.act_as(1).approve(id).unwrap();
        assert_eq!(
            w.wallet.execute(id).map_err(|error| error.message),
            expected.map_err(Into::into)
        );
    }
    assert_eq!(
        w.chain.balance(counter.address),
        20,
        "the failed call gave its value back"
    );
}

#[test]
fn a_call_back_does_not_execute_twice() {
    let w = world();
    let evil = target::Client::deploy().unwrap();
    // The attacker is an owner: that is how the contract may call the wallet at all.
    w.act_as(0);
    let wallet = deploy(&[w.owners[0], evil.address], 1);
    assert!(wallet.is_err(), "the owner has no 500");
    w.chain.act_as(w.stranger);
    let wallet = deploy(&[w.owners[0], evil.address], 1).unwrap();
    w.act_as(0);
    let input = [encode("call_back"), encode(&(wallet.address, 1u64))].concat();
    let id = wallet
        .propose(Action::Call {
            contract: evil.address,
            value: 0,
            input,
        })
        .unwrap();
    assert_eq!(id, 1);
    assert_eq!(
        message(wallet.execute(id)),
        "there is no open proposal of this number"
    );
}

#[test]
fn owners_change_by_agreement_and_void_what_was_open() {
    let w = world();
    let old = w.act_as(0).propose(w.pay(500)).unwrap();
    let change = Action::SetOwners {
        members: [w.owners[1], w.stranger].to_vec(),
        threshold: 2,
    };
    let id = w.act_as(1).propose(change).unwrap();
    w.act_as(2).approve(id).unwrap();
    w.wallet.execute(id).unwrap();
    let owners = w.wallet.owners().unwrap();
    assert_eq!(
        (owners.members, owners.version),
        ([w.owners[1], w.stranger].to_vec(), 2)
    );
    assert_eq!(
        message(w.act_as(1).approve(old)),
        "the owners have changed since this was proposed"
    );
    assert_eq!(
        message(w.act_as(0).propose(w.pay(1))),
        "only an owner of the wallet may do this"
    );
}

#[test]
fn senseless_owners_are_refused() {
    let w = world();
    w.chain.act_as(w.stranger);
    let [ann, ben, _] = w.owners;
    let many: aureon::Vec<Address> = (0..=MAX_OWNERS).map(|index| Address([index as u8; 20])).collect();
    for (owners, threshold, why) in [
        (&[][..], 1, "a wallet has 1 to 32 owners"),
        (&many, 1, "a wallet has 1 to 32 owners"),
        (&[ann, ben], 0, "between 1 and all owners must agree"),
        (&[ann, ben], 3, "between 1 and all owners must agree"),
        (&[ann, ben, ann], 2, "an owner is named twice"),
    ] {
        assert_eq!(message(deploy(owners, threshold)), why);
    }
    let wrong = Action::SetOwners {
        members: [ann].to_vec(),
        threshold: 2,
    };
    assert_eq!(
        message(w.act_as(0).propose(wrong)),
        "between 1 and all owners must agree"
    );
}
