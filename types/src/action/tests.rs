use prost::Message as _;

use super::*;
use crate::{BlockId, GenesisId, SecretKey, SignedVote, Transaction, Vote, VoteKind};

const KEY: PublicKey = PublicKey([3; 32]);
const OTHER: PublicKey = PublicKey([4; 32]);
const VALIDATOR: Address = Address([2; 20]);

fn transaction(action: Action) -> Transaction {
    Transaction {
        network: 1,
        public_key: PublicKey([1; 32]),
        nonce: 0,
        gas_limit: 1,
        gas_price: 1,
        last_valid_height: None,
        action,
    }
}

/// Two votes with signatures that are only bytes: encodings do not depend on their truth.
fn evidence() -> Action {
    let key = SecretKey::from_seed([1; 32]);
    let [first, second] = [Some(BlockId([5; 32])), None].map(|block_id| {
        let vote = Vote {
            kind: VoteKind::Prevote,
            height: 3,
            round: 0,
            block_id,
        };
        SignedVote {
            validator: VALIDATOR,
            signature: crate::Signature([6; 64]),
            ..SignedVote::sign(vote, &key, &GenesisId([7; 32]))
        }
    });
    Action::Evidence(Box::new(Evidence::Votes(first, second)))
}

/// A length-delimited field: tag, length as a varint of one or two bytes, content.
fn field(tag: &str, content: &str) -> String {
    let length = content.len() / 2;
    if length < 128 {
        format!("{tag}{length:02x}{content}")
    } else {
        format!("{tag}{:02x}{:02x}{content}", length & 0x7f | 0x80, length >> 7)
    }
}

/// Every action with the hexadecimal digits of its field in the transaction.
fn pinned() -> Vec<(Action, String)> {
    let (two, three, four) = ("02".repeat(20), "03".repeat(32), "04".repeat(32));
    let amount = Amount(300);
    let signed = |vote: &str| {
        let parts = [
            field("0a", vote),
            field("12", &two),
            field("1a", &"06".repeat(64)),
        ];
        parts.concat()
    };
    let for_block = signed(&format!("0801100318002220{}", "05".repeat(32)));
    let for_nil = signed("080110031800");
    let votes = field("0a", &[field("0a", &for_block), field("12", &for_nil)].concat());
    vec![
        (
            Action::Bond {
                amount,
                commission_basis_points: 500,
            },
            "5a0608ac0210f403".to_owned(),
        ),
        (Action::Unbond { amount }, "620308ac02".to_owned()),
        (
            Action::Delegate {
                validator: VALIDATOR,
                amount,
            },
            format!("6a190a14{two}10ac02"),
        ),
        (
            Action::Undelegate {
                validator: VALIDATOR,
                amount,
            },
            format!("72190a14{two}10ac02"),
        ),
        (Action::Unjail, "7a00".to_owned()),
        (
            Action::AuthorityVote {
                add: Some(KEY),
                remove: None,
            },
            format!("8201220a20{three}"),
        ),
        (
            Action::AuthorityVote {
                add: Some(KEY),
                remove: Some(OTHER),
            },
            format!("8201440a20{three}1220{four}"),
        ),
        (evidence(), field("8a01", &votes)),
        (
            Action::ClaimRewards { validator: VALIDATOR },
            format!("9201160a14{two}"),
        ),
        (
            Action::Deploy {
                code: Bytes::from_static(b"\x01\x02"),
                input: Bytes::from_static(b"\x03"),
                upgradable: true,
                value: amount,
            },
            "9a010c0a020102120103180120ac02".to_owned(),
        ),
        (
            Action::Call {
                contract: VALIDATOR,
                input: Bytes::new(),
                value: amount,
            },
            format!("a2011b0a14{two}120018ac02"),
        ),
        (
            Action::Upgrade {
                contract: VALIDATOR,
                code: Bytes::from_static(b"\x01"),
                input: Bytes::from_static(b"\x03"),
            },
            format!("aa011c0a14{two}1201011a0103"),
        ),
        (
            Action::SetAdmin {
                contract: VALIDATOR,
                admin: Some(Address([3; 20])),
            },
            format!("b2012c0a14{two}1214{}", "03".repeat(20)),
        ),
        (
            Action::SetAdmin {
                contract: VALIDATOR,
                admin: None,
            },
            format!("b201160a14{two}"),
        ),
    ]
}

#[test]
fn every_encoding_is_pinned_and_comes_back() {
    let head = format!("0901000000000000001220{}180020012801", "01".repeat(32));
    for (action, digits) in pinned() {
        let transaction = transaction(action);
        let bytes = transaction.encode();
        assert_eq!(
            hex::encode(&bytes),
            format!("{head}{digits}"),
            "{}",
            transaction.action.name()
        );
        assert_eq!(Transaction::decode(&bytes), Ok(transaction));
        for cut in 0..bytes.len() {
            assert!(Transaction::decode(&bytes[..cut]).is_err(), "cut at {cut}");
        }
    }
}

#[test]
fn a_field_that_is_absent_or_unknown_is_refused() {
    for (action, _) in pinned() {
        let name = action.name();
        let bytes = transaction(action).encode();
        let mut message: proto::Transaction = proto::Transaction::decode(bytes).unwrap();
        let absent = match message.action.as_mut().unwrap() {
            proto::transaction::Action::Bond(bond) => bond.commission_basis_points.take().is_some(),
            proto::transaction::Action::Unbond(unbond) => unbond.amount.take().is_some(),
            proto::transaction::Action::Delegate(delegate) => delegate.amount.take().is_some(),
            proto::transaction::Action::Undelegate(undelegate) => undelegate.validator.take().is_some(),
            proto::transaction::Action::ClaimRewards(claim) => claim.validator.take().is_some(),
            proto::transaction::Action::Evidence(evidence) => evidence.contradiction.take().is_some(),
            proto::transaction::Action::Deploy(deploy) => deploy.upgradable.take().is_some(),
            proto::transaction::Action::Call(call) => call.input.take().is_some(),
            proto::transaction::Action::Upgrade(upgrade) => upgrade.code.take().is_some(),
            proto::transaction::Action::SetAdmin(change) => change.contract.take().is_some(),
            _ => continue,
        };
        assert!(absent);
        assert!(
            matches!(
                Transaction::decode(&message.encode_to_vec()),
                Err(DecodeError::Missing { .. })
            ),
            "{name}"
        );
    }
    // An unknown field within `Unjail`.
    let mut bytes = transaction(Action::Unjail).encode().to_vec();
    bytes.truncate(bytes.len() - 1);
    bytes.extend([2, 0x08, 1]);
    assert!(matches!(
        Transaction::decode(&bytes),
        Err(DecodeError::NotCanonical { .. })
    ));
}

#[test]
fn a_vote_on_authorities_changes_something() {
    for (key, word) in [(None, "neither"), (Some(KEY), "the same key")] {
        let vote = Action::AuthorityVote {
            add: key,
            remove: key,
        };
        let error = Transaction::decode(&transaction(vote).encode()).unwrap_err();
        assert!(error.to_string().contains(word), "{error}");
    }
    let mut message = proto::Transaction::decode(
        transaction(Action::AuthorityVote {
            add: Some(KEY),
            remove: None,
        })
        .encode(),
    )
    .unwrap();
    let Some(proto::transaction::Action::AuthorityVote(vote)) = &mut message.action else {
        unreachable!()
    };
    vote.add = Some(Bytes::from_static(&[3; 31]));
    assert!(matches!(
        Transaction::decode(&message.encode_to_vec()),
        Err(DecodeError::Invalid {
            field: "authority_vote.add",
            ..
        })
    ));
}

#[test]
fn gas_and_amount_follow_from_the_kind() {
    let transfer = Action::Transfer {
        recipient: VALIDATOR,
        amount: Amount(7),
    };
    assert_eq!((transfer.gas(), transfer.amount()), (21_000, Amount(7)));
    for (action, _) in pinned() {
        let leaves = matches!(
            action,
            Action::Bond { .. } | Action::Delegate { .. } | Action::Deploy { .. } | Action::Call { .. }
        );
        let amount = if leaves { Amount(300) } else { Amount::ZERO };
        let gas = match action.name() {
            "evidence" => 2_000_000,
            "bond" => 100_000,
            "authority_vote" => 150_000,
            "deploy" => 32_000 + 2 * 200 + 16,
            "upgrade" => 32_000 + 200 + 16,
            "call" => 21_000,
            "set_admin" => 30_000,
            _ => 60_000,
        };
        assert_eq!(
            (action.gas(), action.amount()),
            (gas, amount),
            "{}",
            action.name()
        );
    }
}

#[test]
fn code_and_input_are_bounded() {
    let large = |bytes: usize| Bytes::from(vec![1; bytes]);
    let (code, input) = (large(MAX_CODE_BYTES), large(MAX_CALL_INPUT_BYTES));
    let deploy = |code: &Bytes, input: &Bytes| Action::Deploy {
        code: code.clone(),
        input: input.clone(),
        upgradable: false,
        value: Amount(1),
    };
    let upgrade = |code: &Bytes, input: &Bytes| Action::Upgrade {
        contract: VALIDATOR,
        code: code.clone(),
        input: input.clone(),
    };
    let call = |input: &Bytes| Action::Call {
        contract: VALIDATOR,
        input: input.clone(),
        value: Amount(1),
    };
    let encoded = |action| transaction(action).encode();
    for good in [deploy(&code, &input), upgrade(&code, &input), call(&input)] {
        let bytes = encoded(good.clone());
        assert!(
            bytes.len() + 80 <= crate::limits::MAX_TRANSACTION_BYTES,
            "the largest fits into a transaction"
        );
        assert_eq!(Transaction::decode(&bytes).unwrap().action, good);
    }
    let (more_code, more_input) = (large(MAX_CODE_BYTES + 1), large(MAX_CALL_INPUT_BYTES + 1));
    for bad in [
        deploy(&more_code, &input),
        deploy(&code, &more_input),
        upgrade(&more_code, &input),
        upgrade(&code, &more_input),
        call(&more_input),
    ] {
        assert!(matches!(
            Transaction::decode(&encoded(bad)),
            Err(DecodeError::TooLarge { .. })
        ));
    }
    for empty in [deploy(&Bytes::new(), &input), upgrade(&Bytes::new(), &input)] {
        let error = Transaction::decode(&encoded(empty)).unwrap_err();
        assert!(error.to_string().contains("empty"), "{error}");
    }
}
