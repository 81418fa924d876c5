//! What verifying a transfer's signature costs: ed25519-zebra (ZIP-215, what this node uses) beside
//! ed25519-dalek, one by one and in batches.
//!
//! ```text
//! cargo bench -p aureon-types
//! ```
//!
//! takes about a minute on one core. Every variant begins with the bytes as they arrive (key, signature,
//! message) and ends with the verdict, so that decompressing keys and hashing messages count everywhere.
//! "elements" are signatures.
//!
//! dalek is measured for comparison only. Its plain, strict and batch verification disagree with each
//! other on crafted signatures, so a network whose nodes choose freely among them can be split; ZIP-215
//! gives one answer for both forms.

#![expect(clippy::unwrap_used, reason = "a benchmark that fails should say where")]

use std::{hint::black_box, time::Duration};

use aureon_types::{
    GenesisId, PublicKey, SecretKey, Signature,
    hash::blake3,
    signature::{self, BATCH, Item, TRANSACTION_DOMAIN},
};
use criterion::{BenchmarkId, Criterion, Throughput};
use ed25519_dalek::{Verifier as _, VerifyingKey};

/// Small batches, as gossip brings them, up to four times what the node verifies together.
const SIZES: [usize; 5] = [8, 32, 64, BATCH, 4 * BATCH];
/// Bytes of a transfer's payload.
const PAYLOAD_BYTES: usize = 86;

/// A signature as it arrives.
struct Signed {
    key: PublicKey,
    signature: Signature,
    message: Vec<u8>,
}

/// Each by a key of its own: transfers of one block rarely share a sender.
fn signed(count: usize) -> Vec<Signed> {
    let sign = |number: usize| {
        let seed = blake3(&[b"signature benchmark", &number.to_le_bytes()]);
        let payload = &seed.repeat(3)[..PAYLOAD_BYTES];
        let key = SecretKey::from_seed(seed);
        let message = signature::message(TRANSACTION_DOMAIN, &GenesisId([3; 32]), payload);
        Signed {
            key: key.public_key(),
            signature: key.sign(&message),
            message,
        }
    };
    (0..count).map(sign).collect()
}

fn zebra(signed: &Signed) -> bool {
    signature::verify(&signed.key, &signed.signature, &signed.message)
}

fn zebra_batch(signed: &[Signed]) -> bool {
    let items: Vec<Item> = signed
        .iter()
        .map(|signed| Item::new(&signed.key, &signed.signature, &signed.message))
        .collect();
    signature::verify_batch(&items).into_iter().all(|good| good)
}

fn dalek(signed: &Signed) -> bool {
    let key = VerifyingKey::from_bytes(&signed.key.0).unwrap();
    key.verify(&signed.message, &signed.signature.0.into()).is_ok()
}

fn dalek_strict(signed: &Signed) -> bool {
    let key = VerifyingKey::from_bytes(&signed.key.0).unwrap();
    key.verify_strict(&signed.message, &signed.signature.0.into())
        .is_ok()
}

fn dalek_batch(signed: &[Signed]) -> bool {
    let messages: Vec<&[u8]> = signed.iter().map(|signed| &signed.message[..]).collect();
    let signatures: Vec<_> = signed.iter().map(|signed| signed.signature.0.into()).collect();
    let keys: Vec<_> = signed
        .iter()
        .map(|signed| VerifyingKey::from_bytes(&signed.key.0).unwrap())
        .collect();
    ed25519_dalek::verify_batch(&messages, &signatures, &keys).is_ok()
}

/// A way to verify many at once.
type Batch = fn(&[Signed]) -> bool;
/// A way to verify one.
type Single = fn(&Signed) -> bool;

fn singles(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("single");
    group.throughput(Throughput::Elements(1));
    let signed = signed(1).remove(0);
    let ways: [(&str, Single); 3] = [
        ("zebra (ZIP-215)", zebra),
        ("dalek", dalek),
        ("dalek strict", dalek_strict),
    ];
    for (name, verify) in ways {
        assert!(verify(&signed), "{name} must accept what is measured");
        group.bench_function(name, |bencher| bencher.iter(|| verify(black_box(&signed))));
    }
    group.finish();
}

fn batches(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("batch");
    let ways: [(&str, Batch); 2] = [("zebra (ZIP-215)", zebra_batch), ("dalek", dalek_batch)];
    for size in SIZES {
        let signed = signed(size);
        group.throughput(Throughput::Elements(size as u64));
        for (name, verify) in ways {
            assert!(verify(&signed), "{name} must accept what is measured");
            group.bench_with_input(BenchmarkId::new(name, size), &signed, |bencher, signed| {
                bencher.iter(|| verify(black_box(signed)));
            });
        }
    }
    group.finish();
}

fn main() {
    let criterion = Criterion::default()
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(3));
    let mut criterion = criterion.configure_from_args();
    singles(&mut criterion);
    batches(&mut criterion);
    criterion.final_summary();
}
