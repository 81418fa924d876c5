use std::time::{Duration, Instant};

use aureon_types::Hash;
use tokio::sync::mpsc;

use super::*;

const PATIENCE: Duration = Duration::from_secs(30);

fn work(byte: u8) -> MiningWork {
    MiningWork {
        template: Hash([byte; 32]),
        target: Target::EASIEST,
    }
}

/// Finds at once, if the header begins with an even byte; never else.
fn parity(header: &[u8; 32], _: &Target, nonces: Range<u64>) -> Option<u64> {
    header[0].is_multiple_of(2).then_some(nonces.start)
}

fn receive(found: &mut mpsc::UnboundedReceiver<Mined>) -> Mined {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Ok(found) = found.try_recv() {
            return found;
        }
        assert!(Instant::now() < deadline, "nothing was found");
        thread::yield_now();
    }
}

#[test]
fn one_nonce_is_found_for_each_work_however_many_threads_search() {
    let (sender, mut found) = mpsc::unbounded_channel();
    let miner = Miner::start(4, 7, parity, &sender).unwrap();
    for byte in [2, 4, 6] {
        miner.set(Some(work(byte)));
        assert_eq!(receive(&mut found).template, Hash([byte; 32]));
    }
    // All threads have ended, so nothing can come any more.
    drop(miner);
    assert_eq!(found.try_recv().ok(), None);
}

#[test]
fn new_work_replaces_a_search_without_end() {
    let (sender, mut found) = mpsc::unbounded_channel();
    let miner = Miner::start(2, 0, parity, &sender).unwrap();
    miner.set(Some(work(1)));
    let deadline = Instant::now() + PATIENCE;
    while miner.tried() == 0 {
        assert!(Instant::now() < deadline, "nobody searches");
        thread::yield_now();
    }
    miner.set(Some(work(2)));
    assert_eq!(receive(&mut found).template, Hash([2; 32]));
    miner.set(Some(work(3)));
    // Ends although the work has no end.
    drop(miner);
}

#[test]
fn threads_begin_at_different_places() {
    static PLACES: Mutex<Vec<u64>> = Mutex::new(Vec::new());
    fn note(_: &[u8; 32], _: &Target, nonces: Range<u64>) -> Option<u64> {
        PLACES.lock().unwrap().push(nonces.start);
        None
    }
    let (sender, _found) = mpsc::unbounded_channel();
    let miner = Miner::start(3, 5, note, &sender).unwrap();
    miner.set(Some(work(1)));
    let step = u64::MAX / 3;
    let begins = [5, 5 + step, 5 + 2 * step];
    let deadline = Instant::now() + PATIENCE;
    while !begins.iter().all(|begin| PLACES.lock().unwrap().contains(begin)) {
        assert!(Instant::now() < deadline, "a thread did not begin at its place");
        thread::yield_now();
    }
}
