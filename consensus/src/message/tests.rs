//! The forms of messages on the wire.

use aureon_types::{BlockId, CommitSignature, GenesisId, Proposal, SecretKey, Signature, Vote, VoteKind};

use super::*;

const GENESIS: GenesisId = GenesisId([7; 32]);
const BLOCK: BlockId = BlockId([5; 32]);

fn key(seed: u8) -> SecretKey {
    SecretKey::from_seed([seed; 32])
}

fn signature(seed: u8) -> CommitSignature {
    CommitSignature {
        validator: key(seed).address(),
        signature: Signature([seed; 64]),
    }
}

fn round_signature(seed: u8, block_id: Option<BlockId>) -> RoundSignature {
    let CommitSignature { validator, signature } = signature(seed);
    RoundSignature {
        kind: VoteKind::Precommit,
        block_id,
        validator,
        signature,
    }
}

fn messages() -> Vec<Message> {
    let vote = Vote {
        kind: VoteKind::Prevote,
        height: 3,
        round: 0,
        block_id: None,
    };
    let signatures = vec![round_signature(1, None), round_signature(2, Some(BLOCK))];
    vec![
        Message::Vote(SignedVote::sign(vote, &key(1), &GENESIS)),
        Message::Polka(PolkaCertificate::new(
            3,
            1,
            BLOCK,
            vec![signature(1), signature(2)],
        )),
        Message::Round(RoundCertificate::new(
            3,
            2,
            RoundCertificateKind::Skip,
            signatures,
        )),
    ]
}

#[test]
fn messages_come_back_with_their_attempt() {
    for message in messages() {
        for attempt in [0, 1, u16::MAX] {
            let bytes = message.encode(attempt).unwrap();
            assert_eq!(Message::decode(&bytes), Ok((message.clone(), attempt)));
        }
    }
}

#[test]
fn an_attempt_makes_other_bytes_and_the_same_message() {
    let [first, second] = [0, 1].map(|attempt| messages()[0].encode(attempt).unwrap());
    assert_ne!(first, second);
}

#[test]
fn proposals_travel_elsewhere() {
    let proposal = Proposal {
        height: 3,
        round: 0,
        block_id: BLOCK,
        valid_round: None,
    };
    assert_eq!(
        Message::Proposal(SignedProposal::sign(proposal, &key(1), &GENESIS)).encode(0),
        None
    );
}

#[test]
fn truncated_extended_and_oversized_bytes_are_refused() {
    for message in messages() {
        let bytes = message.encode(1).unwrap();
        for length in 0..bytes.len() {
            // What remains may be another well-formed message only if nothing was cut from it.
            let cut = Message::decode(&bytes[..length]);
            assert!(cut.map_or(true, |(_, attempt)| attempt == 0), "{length} bytes");
        }
        let mut longer = bytes.to_vec();
        longer.extend([0x72, 0]); // field 14, unknown
        assert!(matches!(
            Message::decode(&longer),
            Err(DecodeError::NotCanonical { .. })
        ));
    }
    let huge = vec![0; MAX_CONSENSUS_MESSAGE_BYTES + 1];
    assert!(matches!(
        Message::decode(&huge),
        Err(DecodeError::TooLarge { .. })
    ));
}

#[test]
fn a_certificate_has_one_encoding() {
    let Message::Polka(mut polka) = messages()[1].clone() else {
        unreachable!()
    };
    polka.signatures.reverse();
    let refused = |polka: &PolkaCertificate| {
        matches!(
            PolkaCertificate::from_proto(&polka.to_proto()),
            Err(DecodeError::Invalid {
                field: "signatures",
                ..
            })
        )
    };
    assert!(refused(&polka), "unsorted");
    polka.signatures[1] = polka.signatures[0];
    assert!(refused(&polka), "repeated");
}

#[test]
fn an_attempt_above_the_bound_and_an_unknown_type_are_refused() {
    let mut message = messages()[0].to_proto(0).unwrap();
    message.attempt = Some(65_536);
    assert!(matches!(
        Message::from_proto(&message),
        Err(DecodeError::Invalid { field: "attempt", .. })
    ));
    let Message::Round(certificate) = &messages()[2] else {
        unreachable!()
    };
    let mut certificate = certificate.to_proto();
    certificate.r#type = Some(3);
    assert!(RoundCertificate::from_proto(&certificate).is_err());
}
