//! What is signed, and verification by the rules of ZIP-215, alone and in batches.
//!
//! Every signature is over a domain string, the 32-byte genesis id and the payload, so that it is
//! worth nothing on another network or in another place. All verification goes through here: plain,
//! strict and batch verification of other libraries disagree on crafted signatures, which would split
//! a network; ZIP-215 defines one answer for both forms.

use std::convert::Infallible;

use ed25519_zebra::{VerificationKey, batch};
use rand_core::{TryCryptoRng, TryRng};

use crate::{GenesisId, PublicKey, Signature};

/// Domain of transaction signatures.
pub const TRANSACTION_DOMAIN: &str = "aureon/tx/1";
/// Domain of vote signatures.
pub const VOTE_DOMAIN: &str = "aureon/vote/1";
/// Domain of proposal signatures.
pub const PROPOSAL_DOMAIN: &str = "aureon/proposal/1";

/// A batch above this many signatures gains nothing more per signature.
pub const BATCH: usize = 256;

/// The message that a signature covers: domain, genesis id, payload.
pub fn message(domain: &str, genesis_id: &GenesisId, payload: &[u8]) -> Vec<u8> {
    let mut message = Vec::with_capacity(domain.len().saturating_add(32).saturating_add(payload.len()));
    message.extend_from_slice(domain.as_bytes());
    message.extend_from_slice(genesis_id.as_bytes());
    message.extend_from_slice(payload);
    message
}

/// Whether `signature` is `key`'s over `message` (ZIP-215). Keys of small order never verify.
pub fn verify(key: &PublicKey, signature: &Signature, message: &[u8]) -> bool {
    !key.is_small_order()
        && VerificationKey::try_from(key.0).is_ok_and(|key| key.verify(&signature.0.into(), message).is_ok())
}

/// One signature to check in a batch.
pub struct Item {
    item: batch::Item,
    small_order: bool,
    transcript: [u8; 32],
}

impl Item {
    /// Hashes the message; it need not be kept.
    pub fn new(key: &PublicKey, signature: &Signature, message: &[u8]) -> Self {
        Self {
            item: batch::Item::from((key.0.into(), signature.0.into(), message)),
            small_order: key.is_small_order(),
            transcript: crate::hash::blake3(&[&key.0, &signature.0, message]),
        }
    }
}

/// Checks all `items` and answers for each. Good items are checked together; where a batch fails it is
/// halved, so one forgery among `n` costs about `2 log2(n)` smaller batches.
pub fn verify_batch(items: &[Item]) -> Vec<bool> {
    let mut verdicts = vec![false; items.len()];
    for (items, verdicts) in items.chunks(BATCH).zip(verdicts.chunks_mut(BATCH)) {
        bisect(items, verdicts);
    }
    verdicts
}

fn bisect(items: &[Item], verdicts: &mut [bool]) {
    match items {
        [] => {}
        [single] => {
            verdicts.fill(!single.small_order && single.item.clone().verify_single().is_ok());
        }
        _ if all_hold(items) => verdicts.fill(true),
        _ => {
            let middle = items.len() / 2;
            let (left, right) = items.split_at(middle);
            let (left_verdicts, right_verdicts) = verdicts.split_at_mut(middle);
            bisect(left, left_verdicts);
            bisect(right, right_verdicts);
        }
    }
}

fn all_hold(items: &[Item]) -> bool {
    let mut verifier = batch::Verifier::new();
    let mut transcript = blake3::Hasher::new();
    for item in items {
        if item.small_order {
            return false;
        }
        transcript.update(&item.transcript);
        verifier.queue(item.item.clone());
    }
    verifier.verify(Transcript(transcript.finalize_xof())).is_ok()
}

/// The coefficients of the batch equation are drawn from a hash over everything in the batch (as
/// Fiat and Shamir did): whoever makes signatures cannot choose them with the coefficients known, and
/// this crate needs no source of randomness.
struct Transcript(blake3::OutputReader);

impl TryRng for Transcript {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes);
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.0.fill(bytes);
        Ok(())
    }
}

impl TryCryptoRng for Transcript {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SecretKey;

    fn bytes<const N: usize>(text: &str) -> [u8; N] {
        hex::decode(text).unwrap().try_into().unwrap()
    }

    /// RFC 8032, section 7.1, tests 1 to 3 and "1024"'s key with our own check of signing.
    const RFC8032: [(&str, &str, &str, &str); 3] = [
        (
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
        ),
        (
            "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "72",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        ),
        (
            "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
            "af82",
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
        ),
    ];

    #[test]
    fn rfc8032_vectors() {
        for (secret, public, message, signature) in RFC8032 {
            let key = SecretKey::from_seed(bytes(secret));
            let message = hex::decode(message).unwrap();
            assert_eq!(key.public_key(), PublicKey(bytes(public)));
            assert_eq!(key.sign(&message), Signature(bytes(signature)));
            assert!(verify(&key.public_key(), &key.sign(&message), &message));
            assert!(!verify(&key.public_key(), &key.sign(&message), b"other"));
        }
    }

    fn items(count: usize, forged: &[usize]) -> Vec<Item> {
        (0..count)
            .map(|i| {
                let key = SecretKey::from_seed([i as u8; 32]);
                let mut signature = key.sign(b"message");
                if forged.contains(&i) {
                    signature.0[0] ^= 1;
                }
                Item::new(&key.public_key(), &signature, b"message")
            })
            .collect()
    }

    #[test]
    fn a_batch_names_its_forgeries() {
        for forged in [vec![], vec![0], vec![6], vec![1, 2, 5]] {
            let verdicts = verify_batch(&items(7, &forged));
            let bad: Vec<usize> = verdicts
                .iter()
                .enumerate()
                .filter(|(_, ok)| !**ok)
                .map(|(i, _)| i)
                .collect();
            assert_eq!(bad, forged);
        }
    }

    #[test]
    fn small_order_keys_never_verify() {
        // With A the identity, R = B * s verifies for any message by the plain equation.
        let mut identity = [0; 32];
        identity[0] = 1;
        let mut signature = [0; 64];
        signature[0] = 1;
        let (key, signature) = (PublicKey(identity), Signature(signature));
        assert!(
            VerificationKey::try_from(key.0)
                .unwrap()
                .verify(&signature.0.into(), b"x")
                .is_ok()
        );
        assert!(!verify(&key, &signature, b"x"));
        let mut batch = items(3, &[]);
        batch.push(Item::new(&key, &signature, b"x"));
        assert_eq!(verify_batch(&batch), [true, true, true, false]);
    }

    /// The vectors of ZIP-215: every pair of the fourteen encodings of points of small order (canonical or
    /// not) as key and as R, with s = 0 and the message "Zcash". All 196 are valid by its rules, alone and
    /// in a batch; libraries that follow other rules refuse most of them.
    #[test]
    fn zip215_vectors() {
        let encodings: Vec<[u8; 32]> = crate::keys::SMALL_ORDER
            .iter()
            .flat_map(|y| {
                [0, 0x80].map(|sign| {
                    let mut point = *y;
                    point[31] |= sign;
                    point
                })
            })
            .collect();
        let (mut batch, mut count) = (batch::Verifier::new(), 0);
        for key in &encodings {
            for r in &encodings {
                let mut signature = [0; 64];
                signature[..32].copy_from_slice(r);
                let point = VerificationKey::try_from(*key).unwrap();
                assert!(
                    point.verify(&signature.into(), b"Zcash").is_ok(),
                    "{} {}",
                    hex::encode(key),
                    hex::encode(r)
                );
                batch.queue(((*key).into(), signature.into(), b"Zcash"));
                // Our own rule on top: nobody may use such a key.
                assert!(!verify(&PublicKey(*key), &Signature(signature), b"Zcash"));
                count += 1;
            }
        }
        assert!(
            batch
                .verify(Transcript(blake3::Hasher::new().finalize_xof()))
                .is_ok()
        );
        assert_eq!(count, 196);
    }

    /// A good key with an R of small order, and one whose s is not below the order of the group: accepted
    /// and refused by ZIP-215, by both forms of verification alike.
    #[test]
    fn single_and_batch_agree_on_crafted_signatures() {
        let key = SecretKey::from_seed([3; 32]);
        let good = key.sign(b"message");
        let mut unreduced = good;
        // s + l, little-endian: the same signature to a verifier that does not check.
        const L: [u8; 32] = [
            0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
            0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
        ];
        let mut carry = 0_u16;
        for (byte, order) in unreduced.0[32..].iter_mut().zip(L) {
            let sum = u16::from(*byte) + u16::from(order) + carry;
            *byte = (sum & 0xff) as u8;
            carry = sum >> 8;
        }
        let public = key.public_key();
        for (signature, holds) in [(good, true), (unreduced, false)] {
            assert_eq!(verify(&public, &signature, b"message"), holds);
            let mut batch = items(3, &[]);
            batch.push(Item::new(&public, &signature, b"message"));
            assert_eq!(verify_batch(&batch), [true, true, true, holds]);
        }
    }

    #[test]
    fn domains_and_networks_are_apart() {
        let key = SecretKey::from_seed([1; 32]);
        let signature = key.sign(&message(VOTE_DOMAIN, &GenesisId([1; 32]), b"payload"));
        let holds = |domain, genesis| {
            verify(
                &key.public_key(),
                &signature,
                &message(domain, &GenesisId([genesis; 32]), b"payload"),
            )
        };
        assert!(holds(VOTE_DOMAIN, 1));
        assert!(!holds(VOTE_DOMAIN, 2));
        assert!(!holds(PROPOSAL_DOMAIN, 1));
    }
}
