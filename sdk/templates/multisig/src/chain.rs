//! The wallet as WebAssembly on the node's machine: `aureon-node contract test`.

use aureon::sandbox::Sandbox;
use aureon::{Encode, encode};

use crate::multisig::{Action, Client, Executed};

#[test]
#[ignore = "on the chain: aureon-node contract test"]
fn two_of_three_pay_and_call() {
    let chain = Sandbox::start();
    let owners = ["ann", "ben", "cleo"].map(|name| chain.account(name, 0));
    let [ann, ben, cleo] = owners;
    chain.act_as(chain.account("rich", 1_000));
    let wallet = Client::deploy_with_value(500, |out| (owners.to_vec(), 2u32).encode(out)).unwrap();

    chain.act_as(ann);
    let id = wallet
        .propose(Action::Pay {
            to: cleo,
            amount: 200,
        })
        .unwrap();
    assert_eq!(wallet.execute(id).unwrap_err().message, "1 agree, 2 must");
    chain.act_as(ben);
    wallet.approve(id).unwrap();
    wallet.execute(id).unwrap();
    assert_eq!(chain.last_event(), Some(Executed { id, by: ben }));
    assert_eq!((chain.balance(cleo), chain.balance(wallet.address)), (200, 300));

    // The wallet is no owner of itself: the reason comes up from the inner call as it was said.
    let input = [encode("approve"), encode(&id)].concat();
    let contract = wallet.address;
    let id = wallet
        .propose(Action::Call {
            contract,
            value: 0,
            input,
        })
        .unwrap();
    chain.act_as(ann);
    wallet.approve(id).unwrap();
    let error = wallet.execute(id).unwrap_err();
    assert_eq!(error.message, "only an owner of the wallet may do this");
}
