//! Mining nodes in one process, on networks in memory.

use std::{
    collections::BTreeMap,
    path::Path,
    time::{Duration, Instant},
};

use aureon_chain::mempool;
use aureon_consensus::pow::{Target, search, work_hash};
use aureon_node::{
    core::{HeadChange, Mined, MiningOptions, SealRefusal, TemplateRefusal, TemplateView},
    handle::{HeadEvent, NodeHandle, TransactionStatus},
    run::{Node, Options, start},
};
use aureon_protocol::Multiaddr;
use aureon_types::{
    Action, Address, Amount, BlockId, EmptyBlocks, EngineKind, Genesis, SecretKey, SignedTransaction,
    Transaction,
    action::TRANSFER_GAS,
    genesis::{BftTimeouts, DEFAULT_GAS_LIMIT, PowParameters, RewardSchedule},
};

const PATIENCE: Duration = Duration::from_secs(90);

fn payer() -> SecretKey {
    SecretKey::from_seed([77; 32])
}

fn genesis(block_time_ms: u64, difficulty: u8, finality_depth: u64) -> Genesis {
    let parameters = PowParameters {
        difficulty,
        finality_depth,
        reward: RewardSchedule {
            per_block: 50,
            halving_blocks: 1_000,
        },
        ..PowParameters::with_block_time(block_time_ms)
    };
    let genesis = Genesis {
        chain: "mined".to_owned(),
        timestamp_ms: 1_790_000_000_000,
        engine: EngineKind::Pow(parameters),
        block_time_ms,
        empty_blocks: EmptyBlocks::Always,
        gas_limit: DEFAULT_GAS_LIMIT,
        min_gas_price: 1,
        vm_cost_table: aureon_types::genesis::VM_COST_TABLE,
        timeouts: BftTimeouts::default(),
        balances: BTreeMap::from([(payer().address(), Amount(1_000_000_000))]),
    };
    genesis.checked().unwrap()
}

async fn node(
    dir: &Path,
    seed: u8,
    genesis: &Genesis,
    mining: MiningOptions,
    bootstrap: Vec<Multiaddr>,
) -> Node {
    let options = Options {
        mempool: mempool::Config::new(genesis),
        genesis: genesis.clone(),
        node_key: [seed; 32],
        validator_key: None,
        database: dir.join(format!("node-{seed}")),
        cache_bytes: 8 << 20,
        listen: vec![aureon_protocol::memory_address(0)],
        bootstrap,
        mdns: false,
        mining,
    };
    start(options).await.unwrap()
}

fn miner(seed: u8) -> MiningOptions {
    MiningOptions {
        threads: 1,
        reward: Some(Address([seed; 20])),
    }
}

async fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "{what}: not within {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn agree(handles: &[&NodeHandle], height: u64) -> Option<()> {
    let id = handles[0].block_at(height).unwrap()?.id();
    handles
        .iter()
        .all(|handle| {
            handle
                .block_at(height)
                .unwrap()
                .is_some_and(|block| block.id() == id)
        })
        .then_some(())
}

/// Mines nothing by itself, and pays whom a miner outside names.
const BY_HAND: MiningOptions = MiningOptions {
    threads: 0,
    reward: None,
};

fn first_nonce(template: &TemplateView) -> u64 {
    let target = Target::from_bytes(&template.target).unwrap();
    search(&template.header_hash.0, &target, 0..u64::MAX).unwrap()
}

/// A miner outside finds the next block.
async fn mine(handle: &NodeHandle, reward: u8) -> BlockId {
    let template = handle.template(Some(Address([reward; 20]))).await.unwrap();
    let mined = Mined {
        template: template.header_hash,
        nonce: first_nonce(&template),
    };
    let (id, height) = handle.submit_seal(mined).await.unwrap();
    assert_eq!(
        (handle.head().id, handle.head().height),
        (id, height),
        "durable before it is told"
    );
    id
}

fn transfer(genesis: &Genesis, nonce: u64) -> SignedTransaction {
    let (key, id) = (payer(), genesis.id());
    Transaction {
        network: id.network_hint(),
        public_key: key.public_key(),
        nonce,
        gas_limit: TRANSFER_GAS,
        gas_price: 1,
        last_valid_height: None,
        action: Action::Transfer {
            recipient: Address([5; 20]),
            amount: Amount(10),
        },
    }
    .sign(&key, &id)
}

async fn address(node: &Node) -> Multiaddr {
    until("an address", || node.handle().network().listen.first().cloned()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_mine_and_agree() {
    let temp = tempfile::tempdir().unwrap();
    let genesis = genesis(300, 1, 8);
    let first = node(temp.path(), 1, &genesis, miner(1), Vec::new()).await;
    let known = vec![address(&first).await];
    let second = node(temp.path(), 2, &genesis, miner(2), known.clone()).await;
    let third = node(temp.path(), 3, &genesis, MiningOptions::default(), known).await;
    let handles = [first.handle(), second.handle(), third.handle()];
    let all: Vec<&NodeHandle> = handles.iter().collect();
    for height in [1, 5, 12, 20] {
        until("agreement", || agree(&all, height)).await;
    }
    until("final blocks", || (handles[2].final_height() > 5).then_some(())).await;
    assert!(
        handles[0]
            .status()
            .mining
            .is_some_and(|mining| mining.hash_rate > 0.0)
    );
    for node in [first, second, third] {
        node.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_miner_outside_is_told_what_is_wrong_and_what_has_become_of_its_work() {
    let temp = tempfile::tempdir().unwrap();
    let node = node(temp.path(), 1, &genesis(1_000, 1, 8), BY_HAND, Vec::new()).await;
    let handle = node.handle();
    assert_eq!(handle.template(None).await, Err(TemplateRefusal::NoReward));
    let template = handle.template(Some(Address([1; 20]))).await.unwrap();
    let weak = (0..)
        .find(|nonce| work_hash(&template.header_hash.0, *nonce) > template.target)
        .unwrap();
    let mined = |nonce| Mined {
        template: template.header_hash,
        nonce,
    };
    let refused = handle.submit_seal(mined(weak)).await.unwrap_err();
    assert!(
        matches!(refused, SealRefusal::Insufficient { nonce, .. } if nonce == weak),
        "{refused}"
    );
    assert_eq!(handle.head().height, 0);
    let good = mined(first_nonce(&template));
    let (id, height) = handle.submit_seal(good).await.unwrap();
    assert_eq!((id, height), (handle.head().id, 1));
    assert_eq!(
        handle.block_at(1).unwrap().unwrap().header().proposer,
        Address([1; 20])
    );
    let refused = handle.submit_seal(good).await.unwrap_err();
    assert!(
        matches!(refused, SealRefusal::Stale { head, height: 1, .. } if head == id),
        "{refused}"
    );
    node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_heavier_branch_wins_and_what_was_undone_is_included_again() {
    let temp = tempfile::tempdir().unwrap();
    // So hard that both branches have equal targets at equal heights: the longer one is the heavier.
    let genesis = genesis(10_000, 1, 8);
    let first = node(temp.path(), 1, &genesis, BY_HAND, Vec::new()).await;
    let known = vec![address(&first).await];
    let first_handle = first.handle();
    let mut changes = first_handle.head_changes();
    let paid = transfer(&genesis, 0);
    first_handle.submit(vec![paid.clone()]).await.unwrap()[0]
        .as_ref()
        .unwrap();
    let mut losing = vec![mine(&first_handle, 1).await, mine(&first_handle, 1).await];
    assert!(first_handle.included(&paid.id()).unwrap().is_some());

    // The other half of the network, which the first one cannot hear.
    let second = node(temp.path(), 2, &genesis, BY_HAND, Vec::new()).await;
    let mut winning = Vec::new();
    for _ in 0..3 {
        winning.push(mine(&second.handle(), 2).await);
    }
    second.shutdown().await;

    // They meet.
    let second = node(temp.path(), 2, &genesis, BY_HAND, known).await;
    assert_eq!(
        second.handle().head().id,
        winning[2],
        "it comes back with its branch"
    );
    until("the heavier branch", || {
        (first_handle.head().id == winning[2]).then_some(())
    })
    .await;
    let mut heard = Vec::new();
    while heard.last() != Some(&winning[2]) {
        match changes.next().await {
            Some(HeadEvent::Changed(change)) => {
                let HeadChange { undone, applied } = &*change;
                for (_, id) in undone {
                    assert_eq!(Some(*id), heard.pop(), "undone from the head down");
                }
                heard.extend(applied.iter().map(|(_, id)| *id));
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(heard, winning);

    // The transfer is out of the chain, waits again, and comes into the next block of whoever mines.
    assert!(first_handle.included(&paid.id()).unwrap().is_none());
    until("the transfer waits at both", || {
        let waits = |handle: &NodeHandle| handle.mempool().ready == 1;
        (waits(&first_handle) && waits(&second.handle())).then_some(())
    })
    .await;
    let next = mine(&second.handle(), 2).await;
    until("the first has it too", || {
        (first_handle.head().id == next).then_some(())
    })
    .await;
    let Some(TransactionStatus::Included { height: 4, .. }) = first_handle.included(&paid.id()).unwrap()
    else {
        panic!("the transfer is not in block 4");
    };
    // The block that lost can still be read, as one that is not part of the chain.
    let (block, decided) = first_handle.block(&losing.remove(0)).unwrap().unwrap();
    assert!(!decided && block.header().height == 1);
    first.shutdown().await;
    second.shutdown().await;
}
