//! Whoever builds a block and whoever imports it come to the same state, receipts and next rules: random
//! transactions of every kind, under all three engines, through the shipped way of each.

use std::collections::BTreeMap;

use aureon_consensus::{Lineage, pow};
use aureon_types::{
    Action, Address, Amount, BlockId, CommitCertificate, CommitSignature, EngineKind, Evidence, Genesis,
    GenesisId, Header, SealedHeader, SignedVote, Transaction, ValidatorSet, VerifiedTransaction, Vote,
    VoteKind,
    genesis::{
        BftTimeouts, EmptyBlocks, GenesisStake, PoaParameters, PosParameters, PowParameters, RewardSchedule,
        VM_COST_TABLE,
    },
};
use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::{
    execution::{StateCommitment, StateReader, contracts::script::ScriptMachine},
    production::{self, BuildParams, Built, build},
    system::{genesis_state, schedule_after, schedule_at},
    testing::{MemoryState, NoCode, key, sign_for},
};

mod wishes;

use wishes::{candidates, kind};

const PEOPLE: std::ops::RangeInclusive<u8> = 1..=6;
const RICH: u64 = 1 << 40;

fn address(seed: u8) -> Address {
    key(seed).address()
}

fn genesis(engine: EngineKind) -> Genesis {
    Genesis {
        chain: "test".to_owned(),
        timestamp_ms: 1_000,
        engine,
        block_time_ms: 1_000,
        empty_blocks: EmptyBlocks::Always,
        gas_limit: 4_000_000,
        min_gas_price: 1,
        vm_cost_table: VM_COST_TABLE,
        timeouts: BftTimeouts::default(),
        balances: PEOPLE.map(|seed| (address(seed), Amount(RICH))).collect(),
    }
    .checked()
    .unwrap()
}

fn engines() -> [EngineKind; 3] {
    let reward = RewardSchedule {
        per_block: 1_001,
        halving_blocks: 7,
    };
    let stake = |seed| GenesisStake {
        public_key: key(seed).public_key(),
        stake: Amount(1_000),
        commission_basis_points: 1_000,
    };
    let stake = PosParameters {
        min_stake: 100,
        epoch_blocks: 4,
        unbonding_epochs: 1,
        jail_epochs: 1,
        reward,
        ..PosParameters::new((1..=4).map(stake).collect())
    };
    let work = PowParameters {
        difficulty: 0,
        reward,
        ..PowParameters::with_block_time(1_000)
    };
    let authority = PoaParameters {
        epoch_blocks: 4,
        vote_expiry_blocks: 9,
        ..PoaParameters::new((1..=4).map(|seed| key(seed).public_key()).collect())
    };
    [
        EngineKind::Pow(work),
        EngineKind::Pos(stake),
        EngineKind::Poa(authority),
    ]
}

/// A head, and what follows from it.
struct Tip {
    genesis: Genesis,
    id: GenesisId,
    parent: ParentInfo,
    certificate: Bytes,
    view: MemoryState,
    lineage: Lineage,
}

impl Tip {
    fn new(engine: EngineKind) -> Self {
        let genesis = genesis(engine);
        let view = MemoryState::default().apply(0, &genesis_state(&genesis)).unwrap();
        let lineage = match &genesis.engine {
            EngineKind::Pow(_) => Lineage::Work(Box::new(work(&genesis))),
            _ => Lineage::Voting(schedule_at(&genesis, 0, &view).unwrap()),
        };
        Self {
            id: genesis.id(),
            parent: ParentInfo::genesis(&genesis, view.root()),
            certificate: Bytes::new(),
            genesis,
            view,
            lineage,
        }
    }

    fn rules(&self) -> HeightRules {
        HeightRules::next(&self.genesis, self.id, &self.parent, &self.lineage).unwrap()
    }

    fn build(&self, rules: &HeightRules, candidates: Vec<VerifiedTransaction>) -> ExecutedBlock<MemoryState> {
        let height = self.parent.height + 1;
        let proposer = self.lineage.schedule().map_or(address(5), |schedule| {
            schedule.proposer(height, 0).unwrap().address
        });
        let params = BuildParams {
            parent: self.parent,
            previous_commit: self.certificate.clone(),
            rules: rules.clone(),
            timestamp_ms: 1_000 + height * 1_000,
            proposer,
            max_gas: u64::MAX,
            max_bytes: usize::MAX,
        };
        let Built { executed, .. } =
            build(&self.view, &ScriptMachine, &params, candidates, &mut || false).unwrap();
        match rules.engine.target() {
            Some(_) => {
                let mut sealed = (0_u64..).map(|nonce| production::seal(&executed, nonce.to_le_bytes()));
                sealed.find_map(Result::ok).unwrap()
            }
            None => executed,
        }
    }

    fn import(&self, rules: &HeightRules, built: &ExecutedBlock<MemoryState>) -> ExecutedBlock<MemoryState> {
        let header = built.block().sealed_header();
        let HeaderVerdict::Checked(checked) = check_header(header, &self.parent, rules, None).unwrap() else {
            unreachable!("without a clock no time is ahead")
        };
        // As it comes from a peer.
        let block = aureon_types::Block::decode(&built.block().encode()).unwrap();
        let verified = verify_body(*checked, block.into(), |_| None).unwrap();
        execute(&self.view, &ScriptMachine, verified).unwrap()
    }

    /// Builds, imports, compares, and goes on.
    fn step(&mut self, candidates: Vec<VerifiedTransaction>, absent: &[u8]) {
        let rules = self.rules();
        let built = self.build(&rules, candidates);
        let imported = self.import(&rules, &built);
        assert_eq!(imported.view_after(), built.view_after());
        assert_eq!(imported.changes(), built.changes());
        assert_eq!(imported.encoded_receipts(), built.encoded_receipts());
        assert_eq!(imported.senders(), built.senders());
        assert_eq!(imported.id(), built.id());
        let height = built.header().height;
        let supply = built.view_after().supply();
        assert_eq!(supply, u128::from(self.genesis.supply_at(height).0));
        if let Some(set) = self.lineage.validators(height) {
            self.certificate = certificate(set, height, built.id(), &self.id, absent);
        }
        self.lineage = match &self.lineage {
            Lineage::Voting(schedule) => {
                Lineage::Voting(schedule_after(schedule, height, imported.view_after()).unwrap())
            }
            Lineage::Work(chain) => {
                chain.check(built.header()).unwrap();
                Lineage::Work(Box::new(chain.child(built.block().sealed_header())))
            }
        };
        self.parent = imported.as_parent();
        self.view = imported.view_after().clone();
    }
}

fn work(genesis: &Genesis) -> pow::WorkChain {
    let EngineKind::Pow(parameters) = &genesis.engine else {
        unreachable!()
    };
    pow::WorkChain::genesis(pow::Rules {
        genesis_id: genesis.id(),
        genesis_timestamp_ms: genesis.timestamp_ms,
        first_target: pow::Target::from_zero_bytes(parameters.difficulty),
        block_time_ms: genesis.block_time_ms,
        half_life_ms: parameters.half_life_ms,
        finality_depth: parameters.finality_depth,
    })
}

/// Signed by all of the set but those who are absent; by all if that is no quorum.
fn certificate(set: &ValidatorSet, height: u64, id: BlockId, network: &GenesisId, absent: &[u8]) -> Bytes {
    let vote = Vote {
        kind: VoteKind::Precommit,
        height,
        round: 0,
        block_id: Some(id),
    };
    let members: Vec<u8> = PEOPLE.filter(|seed| set.get(&address(*seed)).is_some()).collect();
    let power = |seed: &u8| set.get(&address(*seed)).map_or(0, |member| member.power);
    let present = |seed: &u8| !absent.contains(seed);
    let is_quorum = set.is_quorum(members.iter().filter(|seed| present(seed)).map(power).sum());
    let signature = |seed: &u8| CommitSignature {
        validator: address(*seed),
        signature: SignedVote::sign(vote, &key(*seed), network).signature,
    };
    let signers = members.iter().filter(|seed| !is_quorum || present(seed));
    CommitCertificate::new(height, 0, id, signers.map(signature).collect()).encode()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn builder_and_importer_agree(
        blocks in prop::collection::vec(
            (
                prop::collection::vec((PEOPLE, kind(), 0..3_u64, prop_oneof![9 => Just(0), 1 => 1..30_000_u64]), 0..8),
                prop::collection::vec(PEOPLE, 0..3),
            ),
            1..18,
        ),
    ) {
        for engine in engines() {
            let mut tip = Tip::new(engine);
            for (wishes, absent) in &blocks {
                let candidates = candidates(&tip, wishes);
                tip.step(candidates, absent);
            }
        }
    }
}

#[test]
fn work_may_be_older_than_its_parent_and_not_than_the_median() {
    let mut tip = Tip::new(engines()[0].clone());
    for _ in 0..12 {
        tip.step(Vec::new(), &[]);
    }
    let rules = tip.rules();
    assert_eq!(
        rules.time.after_ms,
        tip.parent.timestamp_ms - 5_000,
        "the sixth of eleven, a second apart"
    );
    assert_eq!(rules.time.max_ahead_ms, 2_000);
    let block = tip.build(&rules, Vec::new());
    for (later, allowed) in [(0, false), (1, true)] {
        let header = Header {
            timestamp_ms: rules.time.after_ms + later,
            ..block.header().clone()
        };
        let header = SealedHeader::new(header, vec![0; 8].into());
        assert_eq!(check_header(&header, &tip.parent, &rules, None).is_ok(), allowed);
    }
}

#[test]
fn work_that_is_not_done_is_not_imported() {
    let mut tip = Tip::new(engines()[0].clone());
    tip.step(Vec::new(), &[]);
    let mut rules = tip.rules();
    rules.engine = HeightEngine::Work { target: [0x0f; 32] };
    let params = BuildParams {
        parent: tip.parent,
        previous_commit: Bytes::new(),
        rules: rules.clone(),
        timestamp_ms: 9_000,
        proposer: address(1),
        max_gas: u64::MAX,
        max_bytes: usize::MAX,
    };
    let template = build(&tip.view, &NoCode, &params, [], &mut || false)
        .unwrap()
        .executed;
    let nonce = |done| {
        (0_u64..)
            .find(|nonce| production::seal(&template, nonce.to_le_bytes()).is_ok() == done)
            .unwrap()
    };
    for (nonce, done) in [(nonce(true), true), (nonce(false), false)] {
        let block = template
            .block()
            .with_seal(Bytes::copy_from_slice(&nonce.to_le_bytes()));
        let verdict = check_header(block.sealed_header(), &tip.parent, &rules, None).unwrap();
        let HeaderVerdict::Checked(checked) = verdict else {
            unreachable!()
        };
        let result = verify_body(*checked, block.into(), |_| None);
        assert_eq!(result.is_ok(), done);
        assert!(done || matches!(result, Err(BlockFault::Work(_))));
    }
}
