use super::*;
use crate::{
    Amount, Failure, Receipt, TransactionId,
    limits::{MAX_EVENTS, MAX_FAULT_FUNCTIONS, MAX_FAULT_TEXT_BYTES, MAX_RETURN_BYTES},
};

const CONTRACT: Address = Address([7; 20]);

fn receipt(failure: Option<Failure>) -> Receipt {
    Receipt::plain(TransactionId([1; 32]), 5, Amount(6), failure)
}

fn failed(fault: ContractFault) -> Receipt {
    receipt(Some(Failure::Contract {
        contract: CONTRACT,
        fault,
    }))
}

/// What follows the first three fields of a receipt.
fn tail(receipt: &Receipt) -> String {
    let digits = hex::encode(receipt.encode());
    let head = format!("0a20{}10051806", "01".repeat(32));
    digits
        .strip_prefix(&head)
        .expect("the head is as ever")
        .to_owned()
}

#[test]
fn addresses_and_hashes_are_pinned() {
    let hash = code_hash(b"code");
    assert_eq!(
        hash.to_string(),
        "0x5694d08a2e53ffcae0c3103e5ad6f6076abd960eb1f8a56577040bc1028f702b"
    );
    // printf '%040x%016x' by hand and sha256sum: the last 20 bytes.
    let preimage = [&[2; 20][..], &[0, 0, 0, 0, 0, 0, 1, 0], &hash.0].concat();
    assert_eq!(
        address(&Address([2; 20]), 256, &hash).0[..],
        sha256(&[&preimage])[12..]
    );
    assert_ne!(slot(b""), meta_slot());
    assert_eq!(slot(b"ab"), Hash(blake3(&[b"aureon/contract/1ab"])));
}

#[test]
fn the_record_of_a_contract_is_pinned_and_comes_back() {
    let meta = ContractMeta {
        deployer: Address([2; 20]),
        admin: Some(Address([3; 20])),
        upgradable: true,
        code_bytes: 300,
    };
    let (two, three) = ("02".repeat(20), "03".repeat(20));
    assert_eq!(
        hex::encode(meta.encode()),
        format!("0a14{two}1214{three}180120ac02")
    );
    let orphan = ContractMeta {
        admin: None,
        upgradable: false,
        ..meta
    };
    assert_eq!(hex::encode(orphan.encode()), format!("0a14{two}180020ac02"));
    for meta in [meta, orphan] {
        let bytes = meta.encode();
        assert_eq!(ContractMeta::decode(&bytes), Ok(meta));
        for cut in 0..bytes.len() {
            assert!(ContractMeta::decode(&bytes[..cut]).is_err(), "cut at {cut}");
        }
    }
}

#[test]
fn every_fault_is_pinned_and_comes_back() {
    let address = format!("0a14{}", "07".repeat(20));
    let cases = [
        (ContractFault::OutOfGas, "1200"),
        (
            ContractFault::Trap {
                code: TrapCode::Unreachable,
                functions: vec!["a".to_owned(), "bc".to_owned()],
            },
            "1a09080112016112026263",
        ),
        (
            ContractFault::Abort {
                message: "no".to_owned(),
            },
            "22040a026e6f",
        ),
        (
            ContractFault::InvalidCode {
                reason: "no".to_owned(),
            },
            "3a040a026e6f",
        ),
        (ContractFault::NoEntryPoint { name: "call" }, "42060a0463616c6c"),
    ];
    for (fault, kind) in cases {
        let receipt = failed(fault);
        let inner = format!("{address}{kind}");
        let length = inner.len() / 2;
        assert_eq!(
            tail(&receipt),
            format!("22{:02x}22{length:02x}{inner}", length + 2),
            "{receipt:?}"
        );
        assert_eq!(Receipt::decode(&receipt.encode()), Ok(receipt));
    }
}

#[test]
fn trap_numbers_are_pinned_and_unknown_ones_are_refused() {
    for (number, code) in (1..).zip(TrapCode::ALL) {
        assert_eq!(code.to_proto(), number, "{code:?}");
        assert_eq!(TrapCode::from_proto(number), Some(*code));
    }
    assert_eq!(TrapCode::from_proto(0), None);
    assert_eq!(TrapCode::from_proto(15), None);
    let trap = failed(ContractFault::Trap {
        code: TrapCode::ReadOnly,
        functions: vec![],
    });
    let mut bytes = trap.encode().to_vec();
    *bytes.last_mut().unwrap() = 15;
    assert!(matches!(
        Receipt::decode(&bytes),
        Err(DecodeError::Invalid {
            field: "trap.code",
            ..
        })
    ));
}

#[test]
fn contract_output_and_events_are_pinned_and_bounded() {
    let event = Event {
        contract: CONTRACT,
        topic: Bytes::from_static(b"t"),
        data: Bytes::new(),
    };
    let full = Receipt {
        contract: Some(CONTRACT),
        return_data: Bytes::from_static(b"r"),
        events: vec![event.clone()],
        ..receipt(None)
    };
    let seven = "07".repeat(20);
    assert_eq!(tail(&full), format!("2a14{seven}3201723a1b0a14{seven}1201741a00"));
    assert_eq!(Receipt::decode(&full.encode()), Ok(full.clone()));
    // Nothing of it for who ran no contract.
    assert_eq!(tail(&receipt(None)), "");

    let large = |bytes: usize| Bytes::from(vec![1; bytes]);
    let with = |event: Event| Receipt {
        events: vec![event],
        ..full.clone()
    };
    for (good, bad) in [
        (
            Receipt {
                return_data: large(MAX_RETURN_BYTES),
                ..full.clone()
            },
            Receipt {
                return_data: large(MAX_RETURN_BYTES + 1),
                ..full.clone()
            },
        ),
        (
            Receipt {
                events: vec![event.clone(); MAX_EVENTS],
                ..full.clone()
            },
            Receipt {
                events: vec![event.clone(); MAX_EVENTS + 1],
                ..full.clone()
            },
        ),
        (
            with(Event {
                topic: large(MAX_EVENT_TOPIC_BYTES),
                ..event.clone()
            }),
            with(Event {
                topic: large(MAX_EVENT_TOPIC_BYTES + 1),
                ..event.clone()
            }),
        ),
        (
            with(Event {
                data: large(MAX_EVENT_DATA_BYTES),
                ..event.clone()
            }),
            with(Event {
                data: large(MAX_EVENT_DATA_BYTES + 1),
                ..event
            }),
        ),
    ] {
        assert_eq!(Receipt::decode(&good.encode()), Ok(good));
        assert!(Receipt::decode(&bad.encode()).is_err());
    }
    // Empty return data that is present is a second encoding of none.
    let mut message = proto::Receipt::decode(receipt(None).encode()).unwrap();
    message.return_data = Some(Bytes::new());
    assert_eq!(
        Receipt::decode(&message.encode_to_vec()),
        Err(DecodeError::NotCanonical { what: "receipt" })
    );
}

#[test]
fn texts_of_contracts_are_cut_to_what_a_receipt_holds() {
    let long = "ü".repeat(MAX_FAULT_TEXT_BYTES);
    let abort = ContractFault::Abort {
        message: format!("x{long}"),
    };
    assert!(Receipt::decode(&failed(abort.clone()).encode()).is_err());
    let ContractFault::Abort { message } = abort.clone().bounded() else {
        unreachable!()
    };
    assert_eq!(message.len(), MAX_FAULT_TEXT_BYTES - 1, "not within a character");
    let trap = ContractFault::Trap {
        code: TrapCode::Unreachable,
        functions: vec![long.clone(); MAX_FAULT_FUNCTIONS + 1],
    };
    assert!(Receipt::decode(&failed(trap.clone()).encode()).is_err());
    let code = ContractFault::InvalidCode { reason: long };
    for fault in [abort, trap, code] {
        let receipt = failed(fault.bounded());
        assert_eq!(Receipt::decode(&receipt.encode()), Ok(receipt));
    }
}

#[test]
fn faults_are_told_in_words() {
    let fault = ContractFault::Trap {
        code: TrapCode::Unreachable,
        functions: vec!["inner".to_owned(), "outer".to_owned()],
    };
    let told = Failure::Contract {
        contract: CONTRACT,
        fault,
    }
    .to_string();
    assert_eq!(
        told,
        format!(
            "contract {CONTRACT}: trap: unreachable code was reached (in Rust: a panic), in inner < outer"
        )
    );
}

/// Contracts read these words by `call_result`: another word is another cost table.
#[test]
fn what_callers_are_told_is_pinned() {
    let trap = |code: &TrapCode| ContractFault::Trap {
        code: *code,
        functions: vec!["not told".to_owned()],
    };
    let mut told: Vec<String> = TrapCode::ALL.iter().map(|code| trap(code).reason()).collect();
    told.push(ContractFault::OutOfGas.reason());
    told.push(ContractFault::NoEntryPoint { name: "query" }.reason());
    let hash = Hash(sha256(&[told.join("\n").as_bytes()])).to_string();
    assert_eq!(
        hash, "0x528c97b2cc2627939fd1f432e3d64b722403d3bc019778048a8db3b8bf163a16",
        "{told:#?}"
    );
}
