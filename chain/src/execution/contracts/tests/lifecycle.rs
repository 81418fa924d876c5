//! Deployed, upgraded, handed on.

use super::*;

#[test]
fn a_deployment_makes_a_contract_with_a_balance_a_record_and_its_code() {
    let mut chain = Chain::new();
    let code = everything();
    let receipt = chain.deploy(code.clone(), &[Op::Store(5, 3), Op::Output(2)], 40);
    let hash = contract::code_hash(&code);
    let address = contract::address(&account(ALICE), 0, &hash);
    assert_eq!((receipt.failure, receipt.contract), (None, Some(address)));
    assert_eq!(receipt.return_data, [7, 7][..]);
    assert_eq!(chain.balance(&address), 40);
    assert_eq!(chain.balance(&account(ALICE)), RICH - 40 - receipt.fee.0);
    assert_eq!(chain.state.code.get(&hash), Some(&code));
    assert_eq!(chain.stored(&address, 5), Some(Bytes::from_static(&[5; 3])));
    let meta = ContractMeta {
        deployer: account(ALICE),
        admin: Some(account(ALICE)),
        upgradable: true,
        code_bytes: u32::try_from(code.len()).unwrap(),
    };
    assert_eq!(contract_at(&chain.state, &address).unwrap(), Some((hash, meta)));
    assert_eq!(contract_at(&chain.state, &account(BOB)).unwrap(), None);
    let base = deployment(code.clone(), &[Op::Store(5, 3), Op::Output(2)], 40).gas();
    assert_eq!(receipt.gas_used, base + 2 * STEP + 3 * DEPOSIT);
    // The same code again is another contract.
    let other = chain.deploy(code, &[], 0).contract.unwrap();
    assert_ne!(other, address);
    assert_eq!(chain.state.code.len(), 1);
}

#[test]
fn a_constructor_that_fails_leaves_nothing() {
    let mut chain = Chain::new();
    let (before, code) = (chain.rest(), everything());
    for (last, fault) in [
        (Op::Abort, abort("it was told to")),
        (Op::Trap, trap(TrapCode::Unreachable)),
        (Op::Burn(u64::MAX), ContractFault::OutOfGas),
    ] {
        let program = [Op::Store(1, 9), Op::Emit(1, 1), Op::Pay(account(9), 3), last];
        let hash = contract::code_hash(&code);
        let address = contract::address(&account(ALICE), chain.nonce(ALICE), &hash);
        let receipt = chain.deploy(code.clone(), &program, 40);
        assert_eq!(receipt.failure, failed(address, fault));
        assert_eq!((receipt.contract, receipt.events.len()), (None, 0));
        assert_eq!(chain.rest(), before);
    }
    let spent = 2 * RICH - chain.balance(&account(ALICE)) - chain.balance(&account(BOB));
    assert_eq!(spent, chain.balance(&chain.proposer), "only fees");
}

#[test]
fn a_constructor_may_be_missing_if_it_is_told_nothing() {
    let mut chain = Chain::new();
    let bare = code(&[Entry::Call], "");
    let receipt = chain.deploy(bare.clone(), &[], 12);
    let address = receipt.contract.unwrap();
    assert_eq!((receipt.failure, chain.balance(&address)), (None, 12));
    let before = chain.rest();
    let hash = contract::code_hash(&bare);
    let next = contract::address(&account(ALICE), 1, &hash);
    let receipt = chain.deploy(bare.clone(), &[Op::Output(1)], 0);
    assert_eq!(
        receipt.failure,
        failed(next, ContractFault::NoEntryPoint { name: "deploy" })
    );
    let poor = chain.deploy(bare, &[], RICH);
    assert!(
        matches!(poor.failure, Some(Failure::InsufficientBalance { required, .. }) if required == Amount(RICH))
    );
    assert_eq!(chain.rest(), before);
}

#[test]
fn code_that_is_none_is_told_why() {
    let mut chain = Chain::new();
    let bad = Bytes::from_static(b"\0asm");
    let address = contract::address(&account(ALICE), 0, &contract::code_hash(&bad));
    let receipt = chain.deploy(bad.clone(), &[], 0);
    let reason = "it is no script".to_owned();
    assert_eq!(
        receipt.failure,
        failed(address, ContractFault::InvalidCode { reason })
    );
    assert_eq!(receipt.gas_used, deployment(bad, &[], 0).gas());
    assert!(chain.state.code.is_empty());
}

fn upgrade(contract: Address, code: Bytes, program: &[Op]) -> Action {
    Action::Upgrade {
        contract,
        code,
        input: encode(program),
    }
}

#[test]
fn an_upgrade_is_its_admins_and_keeps_what_the_contract_has() {
    let mut chain = Chain::new();
    let address = chain.contract("old", 30);
    chain.call(address, &[Op::Store(1, 4)], 0);
    let (old, _) = contract_at(&chain.state, &address).unwrap().unwrap();
    let new = code(&[Entry::Migrate, Entry::Query], "new");
    let before = chain.rest();

    let receipt = chain.send(BOB, upgrade(address, new.clone(), &[]));
    assert_eq!(receipt.failure, refused(RefusalCode::NotTheAdmin));
    let receipt = chain.send(ALICE, upgrade(account(BOB), new.clone(), &[]));
    assert_eq!(receipt.failure, refused(RefusalCode::NotAContract));
    let receipt = chain.send(ALICE, upgrade(address, Bytes::from_static(b"x"), &[]));
    assert!(matches!(
        receipt.failure,
        Some(Failure::Contract {
            fault: ContractFault::InvalidCode { .. },
            ..
        })
    ));
    let receipt = chain.send(ALICE, upgrade(address, code(&[Entry::Call], "new"), &[]));
    let fault = ContractFault::NoEntryPoint { name: "migrate" };
    assert_eq!(receipt.failure, failed(address, fault));
    let receipt = chain.send(ALICE, upgrade(address, new.clone(), &[Op::Remove(1), Op::Abort]));
    assert_eq!(receipt.failure, failed(address, abort("it was told to")));
    assert_eq!(chain.rest(), before);

    let program = [Op::Store(2, 1), Op::Emit(3, 0), Op::Output(3)];
    let receipt = chain.send(ALICE, upgrade(address, new.clone(), &program));
    assert_eq!((receipt.failure, receipt.contract), (None, None));
    assert_eq!((receipt.return_data.len(), receipt.events.len()), (3, 1));
    let (hash, meta) = contract_at(&chain.state, &address).unwrap().unwrap();
    assert_eq!(hash, contract::code_hash(&new));
    assert_eq!(
        (meta.code_bytes as usize, meta.deployer),
        (new.len(), account(ALICE))
    );
    assert_eq!(chain.balance(&address), 30);
    assert_eq!(chain.stored(&address, 1), Some(Bytes::from_static(&[1; 4])));
    assert_eq!(chain.stored(&address, 2), Some(Bytes::from_static(&[2])));
    assert!(chain.state.code.contains_key(&old), "others may share it");
    // The new code has no `call`.
    let receipt = chain.call(address, &[], 0);
    let fault = ContractFault::NoEntryPoint { name: "call" };
    assert_eq!(receipt.failure, failed(address, fault));
}

#[test]
fn what_was_not_deployed_upgradable_stays_as_it_is() {
    let mut chain = Chain::new();
    let action = Action::Deploy {
        code: everything(),
        input: Bytes::new(),
        upgradable: false,
        value: Amount::ZERO,
    };
    let address = chain.send(ALICE, action).contract.unwrap();
    let receipt = chain.send(ALICE, upgrade(address, code(&[Entry::Migrate], ""), &[]));
    assert_eq!(receipt.failure, refused(RefusalCode::NotUpgradable));
}

#[test]
fn the_admin_hands_on_and_at_last_lets_go() {
    let mut chain = Chain::new();
    let address = chain.contract("", 0);
    let set = |admin| Action::SetAdmin {
        contract: address,
        admin,
    };
    let (alice, bob) = (Some(account(ALICE)), Some(account(BOB)));
    let nobody = refused(RefusalCode::NotTheAdmin);
    for (sender, admin, failure, after) in [
        (BOB, bob, nobody.clone(), alice),
        (ALICE, bob, None, bob),
        (ALICE, alice, nobody.clone(), bob),
        (BOB, None, None, None),
        (BOB, bob, nobody.clone(), None),
        (ALICE, alice, nobody, None),
    ] {
        let receipt = chain.send(sender, set(admin));
        assert_eq!((receipt.failure, receipt.gas_used), (failure, 30_000));
        let (_, meta) = contract_at(&chain.state, &address).unwrap().unwrap();
        assert_eq!(meta.admin, after);
    }
    let receipt = chain.send(
        ALICE,
        Action::SetAdmin {
            contract: account(BOB),
            admin: None,
        },
    );
    assert_eq!(receipt.failure, refused(RefusalCode::NotAContract));
}

#[test]
fn a_contract_receives_by_a_call_alone_and_never_sends() {
    let mut chain = Chain::new();
    let address = chain.contract("", 0);
    let receipt = chain.send(
        ALICE,
        Action::Transfer {
            recipient: address,
            amount: Amount(1),
        },
    );
    assert_eq!(receipt.failure, refused(RefusalCode::ContractAccount));
    assert_eq!((receipt.gas_used, chain.balance(&address)), (TRANSFER_GAS, 0));
    assert_eq!(chain.call(address, &[], 5).failure, None);
    assert_eq!(chain.balance(&address), 5);
    // EIP-3607: whoever held a key of the address could not use it.
    let mut state = MemoryState::with([(account(BOB), RICH)]);
    let hash = contract::code_hash(&everything());
    state.accounts.get_mut(&account(BOB)).unwrap().code_hash = hash;
    let mut executor = BlockExecutor::new(&state, &ScriptMachine, chain.context());
    let transaction = Transaction {
        gas_price: 2,
        ..transfer(BOB, 0)
    };
    let error = executor.execute(&sign(BOB, &transaction)).unwrap_err();
    assert!(matches!(
        error,
        ExecutionError::Inapplicable(crate::execution::Inapplicable::SenderHasCode(_))
    ));
}
