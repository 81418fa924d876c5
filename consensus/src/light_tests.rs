use aureon_types::{Address, CommitSignature, Header, SecretKey, SignedVote};

use super::*;

const GENESIS: GenesisId = GenesisId([7; 32]);

fn keys(seeds: std::ops::RangeInclusive<u8>) -> Vec<SecretKey> {
    seeds.map(|seed| SecretKey::from_seed([seed; 32])).collect()
}

fn set(keys: &[SecretKey]) -> ValidatorSet {
    ValidatorSet::new(
        keys.iter()
            .map(|key| Validator::new(key.public_key(), 1))
            .collect(),
    )
    .unwrap()
}

fn root() -> Trusted {
    Trusted {
        genesis_id: GENESIS,
        height: 0,
        block_id: BlockId(GENESIS.0),
        timestamp_ms: 1_000,
        state_root: None,
        next_validators: set(&keys(1..=4)),
    }
}

fn header(parent: &Trusted, next: &ValidatorSet) -> Header {
    Header {
        genesis_id: GENESIS,
        height: parent.height + 1,
        parent_id: parent.block_id,
        timestamp_ms: parent.timestamp_ms + 1_000,
        proposer: Address([1; 20]),
        transactions_root: Hash::ZERO,
        receipts_root: Hash::ZERO,
        state_root: Hash([parent.height as u8 + 1; 32]),
        gas_used: 0,
        gas_limit: 1,
        previous_commit_hash: Hash::ZERO,
        next_validators_hash: next.hash(),
        target: None,
    }
}

fn signed(header: Header, signers: &[SecretKey], genesis: &GenesisId) -> LightBlock {
    let header = SealedHeader::new(header, Bytes::new());
    let mut certificate = CommitCertificate::new(header.header().height, 0, header.id(), Vec::new());
    let sign = |key: &SecretKey| CommitSignature {
        validator: key.address(),
        signature: SignedVote::sign(certificate.vote(), key, genesis).signature,
    };
    certificate.signatures = signers.iter().map(sign).collect();
    certificate.signatures.sort_by_key(|commit| commit.validator);
    LightBlock {
        header,
        certificate,
        next_validators: None,
    }
}

/// Three blocks; with the second, validator 4 is replaced by 5.
fn chain() -> Vec<LightBlock> {
    let (old, new) = (keys(1..=4), keys(2..=5));
    let first = signed(header(&root(), &set(&old)), &old[..3], &GENESIS);
    let after = root().verify(&first).unwrap();
    let mut second = signed(header(&after, &set(&new)), &old[1..], &GENESIS);
    second.next_validators = Some(set(&new));
    let after = after.verify(&second).unwrap();
    let third = signed(header(&after, &set(&new)), &new[..3], &GENESIS);
    vec![first, second, third]
}

fn reason(trusted: &Trusted, block: &LightBlock) -> LightReason {
    trusted.verify(block).unwrap_err().reason
}

#[test]
fn a_chain_is_followed_through_a_change_of_validators() {
    let end = root().verify_all(&chain()).unwrap();
    assert_eq!((end.height, end.block_id), (3, chain()[2].header.id()));
    assert_eq!(end.state_root, Some(Hash([3; 32])));
    assert_eq!(end.next_validators, set(&keys(2..=5)));
}

#[test]
fn a_trusted_block_is_known_by_its_id_and_proves_its_next_validators() {
    let blocks = chain();
    let id = blocks[1].header.id();
    let trusted = Trusted::block(GENESIS, id, &blocks[1]).unwrap();
    assert_eq!(
        trusted.verify_all(&blocks[2..]).unwrap(),
        root().verify_all(&blocks).unwrap()
    );
    let other = Trusted::block(GENESIS, BlockId([1; 32]), &blocks[1]).unwrap_err();
    assert!(matches!(other.reason, LightReason::NotTrusted { .. }));
    let elsewhere = Trusted::block(GenesisId([8; 32]), id, &blocks[1]).unwrap_err();
    assert_eq!(elsewhere.reason, LightReason::Network(GENESIS));
    let without = Trusted::block(GENESIS, blocks[0].header.id(), &blocks[0]).unwrap_err();
    assert!(matches!(without.reason, LightReason::ValidatorsMissing(_)));
}

#[test]
fn what_does_not_follow_is_refused_by_name() {
    let (blocks, root) = (chain(), root());
    assert_eq!(
        reason(&root, &blocks[1]),
        LightReason::Height { expected: 1 },
        "a skipped height"
    );
    let old = keys(1..=4);
    let change = |change: fn(&mut Header)| {
        let mut header = header(&root, &set(&old));
        change(&mut header);
        reason(&root, &signed(header, &old, &GENESIS))
    };
    assert!(matches!(
        change(|header| header.parent_id = BlockId([9; 32])),
        LightReason::Parent { .. }
    ));
    assert!(matches!(
        change(|header| header.timestamp_ms = 1_000),
        LightReason::Time { .. }
    ));
    assert!(matches!(
        change(|header| header.target = Some([1; 32])),
        LightReason::Mined
    ));
    assert_eq!(
        change(|header| header.genesis_id = GenesisId([8; 32])),
        LightReason::Network(GenesisId([8; 32]))
    );
}

#[test]
fn certificates_must_hold_against_the_set_of_the_height() {
    use CertificateFault as Fault;
    let (root, all) = (root(), keys(1..=5));
    let fault = |block: &LightBlock| match reason(&root, block) {
        LightReason::Certificate(fault) => fault,
        other => panic!("{other}"),
    };
    let good = header(&root, &set(&all[..4]));
    let weak = signed(good.clone(), &all[..2], &GENESIS);
    assert_eq!(fault(&weak), Fault::TooLittlePower { signed: 2, total: 4 });
    let stranger = signed(good.clone(), &all, &GENESIS);
    assert_eq!(fault(&stranger), Fault::UnknownValidator(all[4].address()));
    let elsewhere = signed(good.clone(), &all[..3], &GenesisId([8; 32]));
    assert!(
        matches!(fault(&elsewhere), Fault::BadSignature(_)),
        "signed for another network"
    );
    let mut forged = signed(good.clone(), &all[..4], &GENESIS);
    forged.certificate.signatures[3].signature.0[0] ^= 1;
    assert!(
        matches!(fault(&forged), Fault::BadSignature(_)),
        "also beyond the quorum"
    );
    let mut other = signed(good, &all[..4], &GENESIS);
    other.certificate.block_id = BlockId([9; 32]);
    assert!(matches!(fault(&other), Fault::WrongBlock { .. }));
    // The set before the change does not decide after it.
    let blocks = chain();
    let after = root.verify_all(&blocks[..2]).unwrap();
    let late = signed(header(&after, &after.next_validators), &all[..3], &GENESIS);
    assert_eq!(
        reason(&after, &late),
        LightReason::Certificate(Fault::UnknownValidator(all[0].address()))
    );
}

#[test]
fn changed_validators_must_be_given_and_be_those_of_the_header() {
    let (root, mut blocks) = (root(), chain());
    let after = root.verify(&blocks[0]).unwrap();
    blocks[1].next_validators = None;
    assert_eq!(
        reason(&after, &blocks[1]),
        LightReason::ValidatorsMissing(set(&keys(2..=5)).hash())
    );
    blocks[1].next_validators = Some(set(&keys(3..=6)));
    assert!(matches!(
        reason(&after, &blocks[1]),
        LightReason::WrongValidators { .. }
    ));
    let mut first = blocks[0].clone();
    first.next_validators = Some(set(&keys(1..=4)));
    assert!(
        root.verify(&first).is_ok(),
        "given although they stay: they are the header's"
    );
}

#[test]
fn the_file_is_strict_and_no_changed_byte_goes_unnoticed() {
    let chain = LightChain { blocks: chain() };
    let bytes = chain.encode();
    assert_eq!(LightChain::decode(&bytes), Ok(chain));
    for length in 1..bytes.len() {
        let decoded = LightChain::decode(&bytes[..length]);
        assert!(
            decoded.is_err() || decoded.unwrap().blocks.len() < 3,
            "cut to {length}"
        );
    }
    for position in 0..bytes.len() {
        let mut changed = bytes.to_vec();
        changed[position] ^= 1;
        let believed =
            LightChain::decode(&changed).is_ok_and(|chain| root().verify_all(&chain.blocks).is_ok());
        assert!(!believed, "byte {position}");
    }
    assert!(LightChain::decode(&[&bytes[..], &[0]].concat()).is_err());
}
