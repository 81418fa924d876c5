//! Each rule broken once, and the block that keeps them all.

use std::sync::Arc;

use aureon_types::{
    Address, Amount, Block, BlockId, CertificateFault, CommitCertificate, CommitSignature, Failure,
    GenesisId, Hash, Header, Receipt, RefusalCode, SealedHeader, Signature, SignedTransaction, SignedVote,
    TransactionId, VerifiedTransaction, Vote, VoteKind, merkle,
    transaction::{TRANSFER_GAS, UnverifiedError},
};
use bytes::Bytes;

use super::*;
use crate::{
    execution::{Inapplicable, StateCommitment, StateError},
    production::{BuildParams, Built, build},
    testing::{GENESIS, MemoryState, NoCode, key, rules_after, sign, transfer, validators},
};

const NOW: u64 = 10_000;

fn state() -> MemoryState {
    MemoryState::with((1..=4).map(|seed| (key(seed).address(), 1_000_000)))
}

/// The parent of the block under test: a block of height 4.
fn parent() -> ParentInfo {
    ParentInfo {
        height: 4,
        id: BlockId([4; 32]),
        timestamp_ms: 9_000,
        state_root: state().root(),
    }
}

fn rules() -> HeightRules {
    rules_after(parent().timestamp_ms)
}

fn certificate(height: u64, id: BlockId, signers: std::ops::RangeInclusive<u8>) -> CommitCertificate {
    let vote = Vote {
        kind: VoteKind::Precommit,
        height,
        round: 0,
        block_id: Some(id),
    };
    let sign = |seed| CommitSignature {
        validator: key(seed).address(),
        signature: SignedVote::sign(vote, &key(seed), &GENESIS).signature,
    };
    CommitCertificate::new(height, 0, id, signers.map(sign).collect())
}

fn params() -> BuildParams {
    BuildParams {
        parent: parent(),
        previous_commit: certificate(4, parent().id, 1..=3).encode(),
        rules: rules(),
        timestamp_ms: NOW,
        proposer: key(2).address(),
        max_gas: u64::MAX,
        max_bytes: usize::MAX,
    }
}

fn good() -> ExecutedBlock<MemoryState> {
    let candidates = vec![
        sign(1, &transfer(1, 0)),
        sign(1, &transfer(1, 1)),
        sign(3, &transfer(3, 0)),
    ];
    let Built { executed, .. } = build(&state(), &NoCode, &params(), candidates, &mut || false).unwrap();
    assert_eq!(executed.receipts().len(), 3);
    executed
}

/// The good block with another header, body or certificate that the header commits to.
fn block_with(change: impl FnOnce(&mut Header, &mut Vec<SignedTransaction>, &mut Bytes)) -> Arc<Block> {
    let good = good();
    let mut header = good.header().clone();
    let mut transactions = good.block().transactions().to_vec();
    let mut commit = good.block().previous_commit().clone();
    change(&mut header, &mut transactions, &mut commit);
    header.transactions_root = merkle::root(transactions.iter().map(SignedTransaction::leaf));
    header.previous_commit_hash = CommitCertificate::hash(&commit);
    Arc::new(Block::new(SealedHeader::new(header, Bytes::new()), commit, transactions).unwrap())
}

fn checked(block: &Block) -> Result<CheckedHeader, HeaderFault> {
    match check_header(block.sealed_header(), &parent(), &rules(), Some(NOW))? {
        HeaderVerdict::Checked(checked) => Ok(*checked),
        HeaderVerdict::TooFarAhead { until_ms } => panic!("held until {until_ms}"),
    }
}

fn import(block: &Arc<Block>) -> Result<ExecutedBlock<MemoryState>, ImportError> {
    let verified = verify_body(checked(block).unwrap(), block.clone(), |_| None)?;
    execute(&state(), &NoCode, verified)
}

fn fault(block: &Arc<Block>) -> BlockFault {
    match import(block) {
        Err(ImportError::Fault(fault)) => fault,
        other => panic!("expected a fault, got {other:?}"),
    }
}

#[test]
fn a_built_block_comes_through_the_door_as_it_was_built() {
    let built = good();
    let imported = import(built.block()).unwrap();
    assert_eq!(imported.view_after(), built.view_after());
    assert_eq!(imported.changes(), built.changes());
    assert_eq!(imported.encoded_receipts(), built.encoded_receipts());
    assert_eq!(imported.senders(), built.senders());
    assert_eq!(
        imported.as_parent(),
        ParentInfo {
            state_root: imported.view_after().root(),
            ..built.as_parent()
        }
    );
    let mut senders = [(key(1).address(), 2), (key(3).address(), 1)];
    senders.sort_unstable();
    let told: Vec<_> = imported
        .senders()
        .iter()
        .map(|(address, account)| (*address, account.nonce))
        .collect();
    assert_eq!(told, senders);
}

#[test]
fn every_rule_of_the_header() {
    let stranger = key(9).address();
    type Change = Box<dyn Fn(&mut Header)>;
    let cases: Vec<(HeaderFault, Change)> = vec![
        (
            HeaderFault::OtherNetwork {
                given: GenesisId([1; 32]),
                expected: GENESIS,
            },
            Box::new(|header| header.genesis_id = GenesisId([1; 32])),
        ),
        (
            HeaderFault::WrongHeight {
                given: 6,
                expected: 5,
            },
            Box::new(|header| header.height = 6),
        ),
        (
            HeaderFault::WrongHeight {
                given: 4,
                expected: 5,
            },
            Box::new(|header| header.height = 4),
        ),
        (
            HeaderFault::WrongParent {
                given: BlockId([1; 32]),
                expected: parent().id,
            },
            Box::new(|header| header.parent_id = BlockId([1; 32])),
        ),
        (
            HeaderFault::NotLater {
                given: 9_000,
                after: 9_000,
            },
            Box::new(|header| header.timestamp_ms = 9_000),
        ),
        (
            HeaderFault::GasLimit {
                given: 1,
                expected: 100 * TRANSFER_GAS,
            },
            Box::new(|header| header.gas_limit = 1),
        ),
        (
            HeaderFault::GasUsedAboveLimit {
                used: 100 * TRANSFER_GAS + 1,
                limit: 100 * TRANSFER_GAS,
            },
            Box::new(|header| header.gas_used = header.gas_limit + 1),
        ),
        (
            HeaderFault::Target { height: 5 },
            Box::new(|header| header.target = Some([1; 32])),
        ),
        (
            HeaderFault::ProposerNotValidator {
                proposer: stranger,
                height: 5,
            },
            Box::new(move |header| header.proposer = stranger),
        ),
        (
            HeaderFault::NextValidators {
                given: Hash::ZERO,
                expected: validators(1..=4).hash(),
            },
            Box::new(|header| header.next_validators_hash = Hash::ZERO),
        ),
        (
            HeaderFault::MissingCommit { height: 5 },
            Box::new(|header| header.previous_commit_hash = Hash::ZERO),
        ),
    ];
    let good = good();
    for (fault, change) in cases {
        let mut header = good.header().clone();
        change(&mut header);
        let sealed = SealedHeader::new(header, Bytes::new());
        assert_eq!(
            check_header(&sealed, &parent(), &rules(), Some(NOW)).map(drop),
            Err(fault)
        );
    }
}

#[test]
fn the_first_block_carries_no_certificate_and_work_never_does() {
    let genesis = ParentInfo {
        height: 0,
        id: BlockId(GENESIS.0),
        timestamp_ms: 0,
        state_root: state().root(),
    };
    let first = BuildParams {
        parent: genesis,
        previous_commit: Bytes::new(),
        ..params()
    };
    let built = build(&state(), &NoCode, &first, [], &mut || false)
        .unwrap()
        .executed;
    let header = built.block().sealed_header();
    assert!(check_header(header, &genesis, &rules(), Some(NOW)).is_ok());
    let second = ParentInfo::of(header);
    let sealed = SealedHeader::new(
        Header {
            height: 2,
            parent_id: second.id,
            timestamp_ms: NOW + 1,
            ..header.header().clone()
        },
        Bytes::new(),
    );
    let fault = check_header(&sealed, &second, &rules(), Some(NOW)).unwrap_err();
    assert_eq!(fault, HeaderFault::MissingCommit { height: 2 });
    let claims = Header {
        previous_commit_hash: Hash([1; 32]),
        ..header.header().clone()
    };
    let sealed = SealedHeader::new(claims.clone(), Bytes::new());
    let fault = check_header(&sealed, &genesis, &rules(), Some(NOW)).unwrap_err();
    assert_eq!(fault, HeaderFault::UnexpectedCommit { height: 1 });
    let work = HeightRules {
        engine: HeightEngine::Work { target: [7; 32] },
        ..rules()
    };
    let mined = Header {
        next_validators_hash: Hash::ZERO,
        target: Some([7; 32]),
        ..claims
    };
    let sealed = SealedHeader::new(
        Header {
            height: 5,
            parent_id: parent().id,
            ..mined
        },
        vec![0; 8].into(),
    );
    let fault = check_header(&sealed, &parent(), &work, Some(NOW)).unwrap_err();
    assert_eq!(fault, HeaderFault::UnexpectedCommit { height: 5 });
}

#[test]
fn a_time_too_far_ahead_waits_and_is_no_fault() {
    let good = good();
    let verdict = |now| check_header(good.block().sealed_header(), &parent(), &rules(), now).unwrap();
    let until = NOW - MAX_AHEAD_MS;
    assert!(matches!(verdict(Some(until - 1)), HeaderVerdict::TooFarAhead { until_ms } if until_ms == until));
    assert!(matches!(verdict(Some(until)), HeaderVerdict::Checked(_)));
    assert!(
        matches!(verdict(None), HeaderVerdict::Checked(_)),
        "a decided block is not judged by our clock"
    );
}

#[test]
fn another_body_blames_who_sent_it_and_not_the_block() {
    let other = block_with(|header, _, _| header.timestamp_ms += 1);
    let checked = checked(good().block()).unwrap();
    let fault = verify_body(checked, other.clone(), |_| None).unwrap_err();
    assert_eq!(
        fault,
        BlockFault::OtherBlock {
            given: other.id(),
            expected: good().id()
        }
    );
    assert!(!fault.condemns_block());
}

#[test]
fn the_parents_certificate_must_prove_the_parent() {
    let commit = |certificate: CommitCertificate| block_with(|_, _, commit| *commit = certificate.encode());
    let parent = parent().id;
    let stranger = key(9).address();
    let malformed = block_with(|_, _, commit| *commit = Bytes::from_static(b"no certificate"));
    assert!(matches!(fault(&malformed), BlockFault::MalformedCommit(_)));
    let two = CertificateFault::TooLittlePower { signed: 2, total: 4 };
    assert_eq!(
        fault(&commit(certificate(4, parent, 1..=2))),
        BlockFault::Commit(two)
    );
    let unknown = CertificateFault::UnknownValidator(stranger);
    assert_eq!(
        fault(&commit(certificate(4, parent, 9..=9))),
        BlockFault::Commit(unknown)
    );
    for (height, id) in [(3, parent), (4, BlockId([9; 32]))] {
        let fault = fault(&commit(certificate(height, id, 1..=3)));
        assert_eq!(
            fault,
            BlockFault::CommitForOther {
                given: id,
                given_height: height,
                parent,
                height: 4
            }
        );
        assert!(fault.condemns_block());
    }
}

#[test]
fn one_false_signature_is_named_by_its_place() {
    let block = block_with(|_, transactions, _| {
        let mut signature = *transactions[1].signature();
        signature.0[0] ^= 1;
        transactions[1] = SignedTransaction::from_parts(transactions[1].payload(), signature).unwrap();
    });
    let BlockFault::Signature { index: 1, reason } = fault(&block) else {
        panic!("not by its place")
    };
    assert!(matches!(reason, UnverifiedError::BadSignature { .. }));
}

#[test]
fn a_look_up_saves_verification_only_for_the_same_bytes() {
    let block = block_with(|_, transactions, _| {
        let forged = Signature([1; 64]);
        transactions[0] = SignedTransaction::from_parts(transactions[0].payload(), forged).unwrap();
    });
    let honest = sign(1, &transfer(1, 0));
    assert_eq!(
        honest.id(),
        block.transactions()[0].id(),
        "the same payload, other signature bytes"
    );
    let lying = |_: &Hash| Some(honest.clone());
    let fault = verify_body(checked(&block).unwrap(), block.clone(), lying).unwrap_err();
    assert!(matches!(fault, BlockFault::Signature { index: 0, .. }), "{fault}");

    let good = good();
    let known: Vec<VerifiedTransaction> = vec![
        sign(1, &transfer(1, 0)),
        sign(1, &transfer(1, 1)),
        sign(3, &transfer(3, 0)),
    ];
    let mut asked = 0;
    let look_up = |leaf: &Hash| {
        asked += 1;
        known.iter().find(|known| known.leaf() == *leaf).cloned()
    };
    let verified = verify_body(checked(good.block()).unwrap(), good.block().clone(), look_up).unwrap();
    assert_eq!(asked, 3);
    assert!(execute(&state(), &NoCode, verified).is_ok());
}

#[test]
fn a_transaction_that_does_not_apply_is_named_with_its_reason() {
    let block = block_with(|_, transactions, _| transactions.swap(0, 1));
    let id = block.transactions()[0].id();
    let reason = Inapplicable::NonceTooHigh {
        given: 1,
        expected: 0,
    };
    assert_eq!(fault(&block), BlockFault::Transaction { index: 0, id, reason });
}

#[test]
fn every_figure_and_root_is_compared() {
    let good = good();
    let computed = good.header().clone();
    assert_eq!(
        fault(&block_with(|header, _, _| header.gas_used += 1)),
        BlockFault::GasUsed {
            given: computed.gas_used + 1,
            computed: computed.gas_used
        }
    );
    assert_eq!(
        fault(&block_with(|header, _, _| header.receipts_root = Hash([1; 32]))),
        BlockFault::ReceiptsRoot {
            given: Hash([1; 32]),
            computed: computed.receipts_root
        }
    );
    assert_eq!(
        fault(&block_with(|header, _, _| header.state_root = Hash([1; 32]))),
        BlockFault::StateRoot {
            given: Hash([1; 32]),
            computed: computed.state_root
        }
    );
    // Fees for somebody else: the header is consistent in itself, the state is not.
    let other = key(3).address();
    assert!(matches!(
        fault(&block_with(|header, _, _| header.proposer = other)),
        BlockFault::StateRoot { .. }
    ));
}

#[test]
fn a_wrong_view_or_a_broken_disk_condemns_nobody() {
    let good = good();
    let verified = || verify_body(checked(good.block()).unwrap(), good.block().clone(), |_| None).unwrap();
    let elsewhere = MemoryState::with([(Address([1; 20]), 1)]);
    let error = execute(&elsewhere, &NoCode, verified()).unwrap_err();
    assert!(
        matches!(error, ImportError::State(StateError::WrongView { height: 5, .. })),
        "{error}"
    );
    let broken = MemoryState {
        broken: Some(key(3).address()),
        ..state()
    };
    let error = execute(&broken, &NoCode, verified()).unwrap_err();
    assert!(
        matches!(error, ImportError::State(StateError::Unreadable(_))),
        "{error}"
    );
}

#[test]
fn the_first_differing_receipt_is_named() {
    let receipt = |id, failure| Receipt::plain(TransactionId([id; 32]), 21_000, Amount(5), failure);
    let refused = || Some(Failure::refused(RefusalCode::AmountZero));
    let one = [receipt(1, None), receipt(2, None), receipt(3, None)];
    let other = [receipt(1, None), receipt(2, refused()), receipt(3, refused())];
    assert_eq!(first_difference(&one, &one), None);
    let difference = first_difference(&one, &other).unwrap();
    assert_eq!(
        (difference.index, &difference.first, &difference.second),
        (1, &Some(one[1].clone()), &Some(other[1].clone()))
    );
    let sentence = difference.to_string();
    assert!(
        sentence.ends_with(
            ": the first time it succeeded with 21000 gas, the second time it failed with 21000 gas (the amount is zero; at least one base unit is needed)"
        ),
        "{sentence}"
    );
    let shorter = first_difference(&one[..1], &other).unwrap();
    assert_eq!((shorter.index, shorter.first), (1, None));
    let mut spoken = one.clone();
    spoken[2].return_data = Bytes::from_static(b"x");
    let difference = first_difference(&one, &spoken).unwrap();
    assert_eq!(difference.index, 2);
    assert!(difference.to_string().contains("return data or events differ"));
}

#[test]
fn receipts_are_given_whatever_the_header_says_of_them() {
    let good = good();
    let lying = block_with(|header, _, _| header.receipts_root = Hash([1; 32]));
    let lying = verify_body(checked(&lying).unwrap(), lying, |_| None).unwrap();
    assert!(matches!(
        execute(&state(), &NoCode, lying.clone()),
        Err(ImportError::Fault(BlockFault::ReceiptsRoot { .. }))
    ));
    assert_eq!(receipts(&state(), &NoCode, &lying).unwrap(), good.receipts()[..]);
}
