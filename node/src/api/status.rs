//! `/status` and `/health`: what the node is doing, and why it is not well if it is not.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use aureon_chain::sync::Phase;
use aureon_consensus::{ConsensusStatus, Drops, Signing, ValidatorVotes, pow};
use aureon_types::{EmptyBlocks, EngineKind, Genesis, Hash};

use super::{
    model::{ConsensusView, StatusView, SyncView, ValidatorView, WorkStatusView, WorkView},
    staking_route, views,
};
use crate::{core::NodeStatus, handle::NodeHandle};

/// So many block times may pass without a block, beside the longest round, before a chain counts as
/// stalled.
const PATIENCE_BLOCKS: u64 = 3;
/// The same under proof of work, where blocks come by chance: a pause of thirty block times happens once
/// in ten million million blocks, unless most of the miners have gone.
const PATIENCE_MINED_BLOCKS: u64 = 30;

/// The view of a node that has been up for `uptime`.
pub fn view(node: &NodeHandle, uptime: Duration) -> StatusView {
    let (status, network) = (node.status(), node.network());
    StatusView {
        chain: status.chain.clone(),
        genesis_id: status.genesis_id,
        engine: status.consensus.engine.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        height: status.height,
        head: status.head,
        head_timestamp_ms: status.head_timestamp_ms,
        peer_id: network.local_peer.to_string(),
        multiaddrs: views::multiaddrs(&network),
        peers: status.peers,
        mempool: status.mempool.count,
        transactions_per_second: status.transactions_per_second,
        final_height: node.final_height(),
        work: work_status(node, &status),
        consensus: consensus(node, &status),
        sync: SyncView {
            synced: status.sync.phase == Phase::Synced,
            target: status.sync.target,
            waiting_for: status.sync.waiting_for.clone(),
        },
        disk_bytes: node.disk_bytes(),
        uptime_seconds: uptime.as_secs(),
    }
}

/// Work and difficulty of the chain; `None` where validators vote.
pub fn work(node: &NodeHandle) -> Option<WorkView> {
    let status = node.status();
    status
        .consensus
        .work
        .as_ref()
        .map(|work| work_view(node.genesis(), work))
}

fn work_view(genesis: &Genesis, work: &pow::WorkStatus) -> WorkView {
    WorkView {
        total: Hash(work.head_work.to_bytes()),
        target: Hash(work.target.to_bytes()),
        // Rounded, for people.
        difficulty: work.difficulty.to_u128() as f64,
        finality_depth: match &genesis.engine {
            EngineKind::Pow(parameters) => parameters.finality_depth,
            EngineKind::Pos(_) | EngineKind::Poa(_) => 0,
        },
    }
}

fn work_status(node: &NodeHandle, status: &NodeStatus) -> Option<WorkStatusView> {
    let work = status.consensus.work.as_ref()?;
    let mining = status.mining?;
    Some(WorkStatusView {
        chain: work_view(node.genesis(), work),
        // Rounded, for people.
        network_hash_rate: work.hash_rate as f64,
        best_height: work.best_height,
        branches: work.branches,
        mining_threads: mining.threads,
        hash_rate: mining.hash_rate,
        reward_address: mining.reward,
    })
}

fn consensus(node: &NodeHandle, status: &NodeStatus) -> ConsensusView {
    let consensus = &status.consensus;
    ConsensusView {
        height: consensus.height,
        round: consensus.round,
        step: consensus.step.name().to_owned(),
        waiting_for: consensus.waiting_for.clone(),
        validator: status.validator,
        signing: signs(consensus) && status.signing_stopped.is_none(),
        signing_explained: status
            .signing_stopped
            .clone()
            .unwrap_or_else(|| signing_explained(node, status)),
        proposer: consensus.proposer,
        validators: consensus.validators.iter().map(validator).collect(),
        dropped: dropped(&consensus.drops),
    }
}

/// Whether the status needs the state, which may be on the disk: why a key is in no set stands there.
pub fn reads_the_state(node: &NodeHandle) -> bool {
    let status = node.status();
    status.consensus.signing == Signing::NotAValidator && status.validator.is_some()
}

/// Whether this node signs, and if not why. The engine knows that a key is in no set; the state knows why.
fn signing_explained(node: &NodeHandle, status: &NodeStatus) -> String {
    let signing = &status.consensus.signing;
    let why = match (signing, &status.validator) {
        (Signing::NotAValidator, Some(address)) => staking_route::why_not_in_the_set(node, address),
        _ => None,
    };
    why.unwrap_or_else(|| signing.explain())
}

fn dropped(drops: &Drops) -> BTreeMap<String, u64> {
    let counts = drops.named().into_iter().filter(|(_, count)| *count > 0);
    counts.map(|(reason, count)| (reason.to_owned(), count)).collect()
}

/// A validator that waits for its sign-mark to be passed will sign by itself.
fn signs(consensus: &ConsensusStatus) -> bool {
    consensus.signing == Signing::Yes
}

fn validator(votes: &ValidatorVotes) -> ValidatorView {
    ValidatorView {
        address: votes.address,
        power: votes.power,
        prevoted: votes.prevote.is_some(),
        precommitted: votes.precommit.is_some(),
    }
}

/// Why the node is not well: it stopped signing, it cannot catch up, or the chain makes no blocks.
pub fn unwell(node: &NodeHandle, uptime: Duration) -> Option<String> {
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    judge(&node.status(), node.genesis(), wall, uptime)
}

fn judge(status: &NodeStatus, genesis: &Genesis, wall: Duration, uptime: Duration) -> Option<String> {
    if let Some(reason) = &status.signing_stopped {
        return Some(format!("this validator does not sign any more: {reason}"));
    }
    if matches!(status.sync.phase, Phase::Starved | Phase::Paused) {
        let (height, target) = (status.height, status.sync.target);
        let reason = &status.sync.waiting_for;
        return Some(format!(
            "this node is at height {height}, its peers at {target}: waiting for {reason}"
        ));
    }
    let quiet = wall
        .saturating_sub(Duration::from_millis(status.head_timestamp_ms))
        .min(uptime);
    // While blocks are on their way, an old head is what one expects.
    let following = matches!(status.sync.phase, Phase::Synced | Phase::Grace);
    let due = genesis.empty_blocks == EmptyBlocks::Always || status.mempool.ready > 0;
    (following && due && quiet > patience(genesis)).then(|| {
        format!(
            "no block for {} s at height {}: {} ({} peers)",
            quiet.as_secs(),
            status.height,
            status.consensus.waiting_for,
            status.peers
        )
    })
}

/// How long a well network may take for a block: a few block times, and a round that lasts as long as
/// rounds can with its three timeouts; under proof of work, what chance does not explain.
fn patience(genesis: &Genesis) -> Duration {
    if matches!(genesis.engine, EngineKind::Pow(_)) {
        return Duration::from_millis(genesis.block_time_ms.saturating_mul(PATIENCE_MINED_BLOCKS));
    }
    let blocks = genesis.block_time_ms.saturating_mul(PATIENCE_BLOCKS);
    Duration::from_millis(blocks.saturating_add(genesis.timeouts.ceiling_ms.saturating_mul(3)))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use aureon_chain::sync;
    use aureon_consensus::Step;
    use aureon_types::{
        Address, BlockId, EngineKind, GenesisId, SecretKey,
        genesis::{BftTimeouts, PoaParameters},
    };

    use super::*;
    use crate::core::MempoolNumbers;

    const SECOND: Duration = Duration::from_secs(1);
    const NOW: Duration = Duration::from_secs(1_000);

    fn genesis(empty_blocks: EmptyBlocks) -> Genesis {
        Genesis {
            chain: "test".to_owned(),
            timestamp_ms: 0,
            engine: EngineKind::Poa(PoaParameters::new(vec![
                SecretKey::from_seed([1; 32]).public_key(),
            ])),
            block_time_ms: 1_000,
            empty_blocks,
            gas_limit: 2_100_000,
            min_gas_price: 1,
            vm_cost_table: aureon_types::genesis::VM_COST_TABLE,
            timeouts: BftTimeouts::default(),
            balances: std::collections::BTreeMap::new(),
        }
    }

    /// A node that follows the head, whose last block is `age` old.
    fn node(age: Duration) -> NodeStatus {
        NodeStatus {
            chain: "test".to_owned(),
            genesis_id: GenesisId::ZERO,
            height: 7,
            head: BlockId::ZERO,
            head_timestamp_ms: u64::try_from((NOW - age).as_millis()).unwrap(),
            peers: 1,
            consensus: ConsensusStatus {
                engine: "poa",
                height: 8,
                round: 3,
                step: Step::Prevote,
                proposer: Some(Address([1; 20])),
                validators: Vec::new(),
                total_power: 4,
                quorum_power: 3,
                signing: Signing::Yes,
                waiting_for: "prevotes of 2 more validators".to_owned(),
                drops: aureon_consensus::Drops::default(),
                work: None,
            },
            sync: sync::Status {
                phase: Phase::Synced,
                height: 7,
                target: 7,
                peers: 1,
                disagreeing: 0,
                requests: 0,
                buffered_bytes: 0,
                waiting_for: String::new(),
            },
            final_height: 7,
            mining: None,
            validator: None,
            signing_stopped: None,
            evidence: Arc::default(),
            mempool: MempoolNumbers::default(),
            transactions_per_second: 0.0,
        }
    }

    #[test]
    fn a_chain_without_blocks_is_stalled_and_says_what_it_waits_for() {
        let always = genesis(EmptyBlocks::Always);
        assert_eq!(judge(&node(20 * SECOND), &always, NOW, NOW), None);
        let reason = judge(&node(60 * SECOND), &always, NOW, NOW).unwrap();
        assert!(
            reason.contains("no block for 60 s at height 7: prevotes of 2 more"),
            "{reason}"
        );
        // A node that has just started has not waited yet.
        assert_eq!(judge(&node(60 * SECOND), &always, NOW, 5 * SECOND), None);
    }

    #[test]
    fn a_mined_chain_may_pause_by_chance_but_not_for_ever() {
        let mut mined = genesis(EmptyBlocks::Always);
        mined.engine = EngineKind::Pow(aureon_types::genesis::PowParameters::with_block_time(1_000));
        assert_eq!(judge(&node(29 * SECOND), &mined, NOW, NOW), None);
        assert!(judge(&node(31 * SECOND), &mined, NOW, NOW).is_some());
    }

    #[test]
    fn blocks_on_demand_are_due_only_when_something_waits() {
        let on_demand = genesis(EmptyBlocks::OnDemand);
        let mut status = node(500 * SECOND);
        assert_eq!(judge(&status, &on_demand, NOW, NOW), None);
        status.mempool.ready = 1;
        assert!(judge(&status, &on_demand, NOW, NOW).is_some());
    }

    #[test]
    fn catching_up_is_well_and_starving_is_not() {
        let always = genesis(EmptyBlocks::Always);
        let mut status = node(500 * SECOND);
        status.sync.target = 90;
        status.sync.phase = Phase::Downloading;
        assert_eq!(judge(&status, &always, NOW, NOW), None);
        status.sync.phase = Phase::Starved;
        status.sync.waiting_for = "a peer that has block 8".to_owned();
        let reason = judge(&status, &always, NOW, NOW).unwrap();
        assert!(
            reason.contains("at height 7, its peers at 90: waiting for a peer"),
            "{reason}"
        );
    }

    #[test]
    fn a_validator_that_stopped_signing_is_not_well() {
        let mut status = node(SECOND);
        status.signing_stopped = Some("a vote under its key came from elsewhere".to_owned());
        let reason = judge(&status, &genesis(EmptyBlocks::Always), NOW, NOW).unwrap();
        assert!(reason.contains("came from elsewhere"), "{reason}");
    }
}
