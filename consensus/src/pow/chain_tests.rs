//! What a chain of work asks of the next header.

use aureon_types::{BlockId, GenesisId, SealedHeader};

use super::{
    HeaderFault, MEDIAN_BLOCKS, Target, WorkChain, asert, check_work, header_hash,
    testing::{draft, line, mine, rules, seal},
    work_hash,
};
use crate::{Fault, Lineage, Message, verify, verify_header};

fn start() -> WorkChain {
    WorkChain::genesis(rules(64))
}

fn follow(chain: &WorkChain, headers: &[SealedHeader]) -> WorkChain {
    headers.iter().fold(chain.clone(), |chain, header| {
        assert_eq!(chain.check(header.header()), Ok(()));
        chain.child(header)
    })
}

#[test]
fn the_first_two_blocks_have_the_first_target_and_then_the_time_of_each_decides() {
    let genesis = start();
    let first = mine(&genesis, 1_000_000, 1);
    let chain = genesis.child(&first);
    assert_eq!(
        chain.next_target(),
        rules(64).first_target,
        "years after the genesis"
    );
    let second = mine(&chain, 3_000, 1);
    let chain = chain.child(&second);
    let expected = asert::next_target(rules(64).first_target, 3_000, 1_000, 10_000);
    assert_eq!(chain.next_target(), expected);
    assert!(
        expected > rules(64).first_target,
        "it was slow, so the next is easier"
    );
    assert_eq!(
        chain.work(),
        rules(64).first_target.work().plus(rules(64).first_target.work())
    );
}

#[test]
fn each_rule_is_named_when_it_is_broken() {
    let chain = follow(&start(), &line(&start(), 3, 1_000, 1));
    let good = draft(&chain, chain.timestamp_ms() + 1, 1);
    assert_eq!(chain.check(&good), Ok(()));
    let fault = |change: &dyn Fn(&mut aureon_types::Header)| {
        let mut header = good.clone();
        change(&mut header);
        chain.check(&header).unwrap_err().to_string()
    };
    for (expected, given) in [
        ("network", fault(&|h| h.genesis_id = GenesisId([8; 32]))),
        ("followed by 4", fault(&|h| h.height = 5)),
        ("names parent", fault(&|h| h.parent_id = BlockId([1; 32]))),
        ("names target", fault(&|h| h.target = Some([0x7f; 32]))),
        ("no header of proof of work", fault(&|h| h.target = None)),
        ("no header of proof of work", fault(&|h| h.target = Some([0; 32]))),
        ("median", fault(&|h| h.timestamp_ms = chain.median_time_ms())),
    ] {
        assert!(given.contains(expected), "{expected}: {given}");
    }
}

#[test]
fn a_block_may_be_older_than_its_parent_but_not_than_the_median() {
    let mut chain = start();
    assert_eq!(chain.median_time_ms(), 1_000_000);
    for _ in 0..20 {
        chain = chain.child(&mine(&chain, 1_000, 1));
    }
    assert_eq!(
        chain.median_time_ms(),
        chain.timestamp_ms() - 5_000,
        "the sixth of the last eleven"
    );
    let back = draft(&chain, chain.median_time_ms() + 1, 1);
    assert_eq!(chain.check(&back), Ok(()));
    let (after, lie) = (chain.child(&seal(back.clone())), back.timestamp_ms);
    assert_eq!(
        after.median_time_ms(),
        lie,
        "a lie moves the median by less than one place"
    );
}

#[test]
fn a_chain_comes_back_from_its_last_headers() {
    let headers = line(&start(), 30, 900, 1);
    let whole = follow(&start(), &headers);
    for kept in [MEDIAN_BLOCKS, 12, 30] {
        let resumed = WorkChain::resume(rules(64), whole.work(), &headers[30 - kept..]).unwrap();
        let (next, expected) = (
            resumed.child(&mine(&whole, 700, 2)),
            whole.child(&mine(&whole, 700, 2)),
        );
        assert_eq!(
            (next.next_target(), next.median_time_ms()),
            (expected.next_target(), expected.median_time_ms())
        );
        assert_eq!(
            (resumed.work(), resumed.block_id()),
            (whole.work(), whole.block_id())
        );
        assert_eq!(resumed.next_target(), whole.next_target());
    }
    let few = follow(&start(), &headers[..4]);
    assert_eq!(WorkChain::resume(rules(64), few.work(), &headers[..4]), Some(few));
    let too_few = &headers[30 - MEDIAN_BLOCKS + 1..];
    assert_eq!(WorkChain::resume(rules(64), whole.work(), too_few), None);
    let mut gap = headers.clone();
    gap.remove(20);
    assert_eq!(WorkChain::resume(rules(64), whole.work(), &gap), None);
    assert_eq!(WorkChain::resume(rules(64), whole.work(), &[]), None);
}

/// Miners written by others must hash exactly this.
#[test]
fn the_hash_is_pinned() {
    // BLAKE3's official vector for no input.
    let empty = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262";
    assert_eq!(hex::encode(header_hash(&[])), empty);
    for (nonce, expected) in PINNED {
        assert_eq!(
            hex::encode(work_hash(&[0xab; 32], nonce)),
            expected,
            "nonce {nonce}"
        );
    }
}

/// SHA-256 twice over 32 bytes 0xab and the nonce in little-endian; made with Python's hashlib.
const PINNED: [(u64, &str); 3] = [
    (
        0,
        "7a3ba532f2f935955cb9b089104438fec5dfbc91593d03247d8e9843ffa2e43a",
    ),
    (
        1,
        "671616e78d2eb5becc191474661b5cc9dc4864f7ac2d6fd9834e321ab83aadb3",
    ),
    (
        0x0102_0304_0506_0708,
        "184a3d44bceaeddb8871d4f01cf11ffbb060ff446908200778d570be4c2590b4",
    ),
];

#[test]
fn work_that_is_not_done_is_seen() {
    let header = mine(&start(), 1_000, 1);
    assert_eq!(check_work(&header), Ok(()));
    let hard = Target::from_zero_bytes(20);
    let mut forged = header.header().clone();
    forged.target = Some(hard.to_bytes());
    let forged = SealedHeader::new(forged, header.seal().clone());
    assert_eq!(
        check_work(&forged),
        Err(HeaderFault::WorkNotDone { target: hard })
    );
    let lineage = Lineage::Work(Box::new(start()));
    let network = start().rules().genesis_id;
    let by_message = |header: SealedHeader| verify(Message::Work(Box::new(header)), &lineage, &network);
    assert!(by_message(header.clone()).is_ok_and(|verified| verified.message().height() == 1));
    assert!(matches!(by_message(forged.clone()), Err(Fault::Work(_))));
    assert!(verify_header(forged).is_err());
    let unsealed = SealedHeader::new(header.header().clone(), Default::default());
    assert_eq!(check_work(&unsealed), Err(HeaderFault::NoWork));
    let another = SealedHeader::new(
        aureon_types::Header {
            timestamp_ms: 5,
            target: Some(hard.to_bytes()),
            ..header.header().clone()
        },
        header.seal().clone(),
    );
    assert!(
        check_work(&another).is_err(),
        "the nonce of one header is not another's"
    );
}
