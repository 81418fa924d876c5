//! Aureon's nouns in the shape that Malachite's core asks for: the `Context` trait and its types.
//!
//! They wrap the types of `aureon_types` (a foreign trait cannot be implemented for them directly) and
//! add nothing. `Value` is the block id: the core never sees more of a block. The core clones the
//! validator set for every height and certificate and asks for its total power per vote: the set is
//! shared and its power cached.

use std::{fmt, sync::Arc};

use arc_malachitebft_core_types::{
    self as core, Context, LinearTimeouts, NilOrVal, Round, SignedExtension, VoteType, VotingPower,
};
use aureon_types::{Address, BlockId, PublicKey, Signature, Validator, VoteKind};

use crate::Epoch;

/// Selects the types; has no content.
#[derive(Clone, Debug)]
pub(super) struct Chain;

#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Height(pub u64);

#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Who(pub Address);

#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Value(pub BlockId);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Member {
    who: Who,
    key: PublicKey,
    power: VotingPower,
}

/// The validators of a height, in the order of [`aureon_types::ValidatorSet`], and who proposes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Members(Arc<Inner>);

#[derive(Debug, PartialEq, Eq)]
struct Inner {
    epoch: Epoch,
    all: Vec<Member>,
    /// Stands for the proposer of an empty set, which there is not; it can sign nothing.
    nobody: Member,
    /// Positions in `all`, by address.
    by_address: Vec<(Address, usize)>,
    total: VotingPower,
}

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) struct Vote {
    pub vote: aureon_types::Vote,
    pub value: NilOrVal<Value>,
    pub signer: Who,
}

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) struct Proposal {
    pub height: Height,
    pub round: Round,
    pub value: Value,
    pub valid_round: Round,
    pub proposer: Who,
}

/// Bodies travel whole or by block id, never as parts of the core.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NoPart;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ed25519;

impl Members {
    pub(super) fn new(epoch: Epoch) -> Self {
        let total = epoch.set().total_power();
        let all: Vec<Member> = epoch.set().iter().map(Member::new).collect();
        let mut by_address: Vec<(Address, usize)> = all
            .iter()
            .enumerate()
            .map(|(position, member)| (member.who.0, position))
            .collect();
        by_address.sort_unstable();
        let nobody = Member {
            who: Who(Address::default()),
            key: PublicKey([0; 32]),
            power: 0,
        };
        Self(Arc::new(Inner {
            epoch,
            all,
            nobody,
            by_address,
            total,
        }))
    }

    fn member(&self, address: &Address) -> Option<&Member> {
        let by_address = &self.0.by_address;
        let found = by_address.binary_search_by_key(address, |(address, _)| *address);
        self.0.all.get(by_address.get(found.ok()?)?.1)
    }
}

impl Member {
    fn new(validator: &Validator) -> Self {
        Self {
            who: Who(validator.address),
            key: validator.public_key,
            power: validator.power,
        }
    }
}

impl Vote {
    pub(super) fn new(vote: aureon_types::Vote, signer: Address) -> Self {
        let value = vote.block_id.map_or(NilOrVal::Nil, |id| NilOrVal::Val(Value(id)));
        Self {
            vote,
            value,
            signer: Who(signer),
        }
    }
}

/// The core's round as a number. `Nil` (before the first round) counts as 0.
pub(super) fn number(round: Round) -> u32 {
    round.as_u32().unwrap_or(0)
}

fn vote(kind: VoteKind, height: Height, round: Round, value: NilOrVal<Value>, signer: Who) -> Vote {
    let block_id = match value {
        NilOrVal::Nil => None,
        NilOrVal::Val(value) => Some(value.0),
    };
    Vote {
        vote: aureon_types::Vote {
            kind,
            height: height.0,
            round: number(round),
            block_id,
        },
        value,
        signer,
    }
}

impl Context for Chain {
    type Address = Who;
    type Height = Height;
    type ProposalPart = NoPart;
    type Proposal = Proposal;
    type Validator = Member;
    type ValidatorSet = Members;
    type Timeouts = LinearTimeouts;
    type Value = Value;
    type Vote = Vote;
    type Extension = ();
    type SigningScheme = Ed25519;

    fn select_proposer<'a>(&self, set: &'a Members, height: Height, round: Round) -> &'a Member {
        let proposer = set.0.epoch.proposer(height.0, number(round));
        set.member(&proposer.address).unwrap_or(&set.0.nobody)
    }

    fn new_proposal(
        &self,
        height: Height,
        round: Round,
        value: Value,
        valid_round: Round,
        proposer: Who,
    ) -> Proposal {
        Proposal {
            height,
            round,
            value,
            valid_round,
            proposer,
        }
    }

    fn new_prevote(&self, height: Height, round: Round, value: NilOrVal<Value>, signer: Who) -> Vote {
        vote(VoteKind::Prevote, height, round, value, signer)
    }

    fn new_precommit(&self, height: Height, round: Round, value: NilOrVal<Value>, signer: Who) -> Vote {
        vote(VoteKind::Precommit, height, round, value, signer)
    }
}

impl core::Height for Height {
    const ZERO: Self = Self(0);
    const INITIAL: Self = Self(1);

    fn increment_by(&self, n: u64) -> Self {
        Self(self.0.saturating_add(n))
    }

    fn decrement_by(&self, n: u64) -> Option<Self> {
        self.0.checked_sub(n).map(Self)
    }

    fn as_u64(&self) -> u64 {
        self.0
    }
}

impl core::Address for Who {}

impl core::Value for Value {
    type Id = Self;

    fn id(&self) -> Self {
        *self
    }
}

impl core::ProposalPart<Chain> for NoPart {
    fn is_first(&self) -> bool {
        true
    }

    fn is_last(&self) -> bool {
        true
    }
}

impl core::Validator<Chain> for Member {
    fn address(&self) -> &Who {
        &self.who
    }

    fn public_key(&self) -> &PublicKey {
        &self.key
    }

    fn voting_power(&self) -> VotingPower {
        self.power
    }
}

impl core::ValidatorSet<Chain> for Members {
    fn count(&self) -> usize {
        self.0.all.len()
    }

    fn total_voting_power(&self) -> VotingPower {
        self.0.total
    }

    fn get_by_address(&self, address: &Who) -> Option<&Member> {
        self.member(&address.0)
    }

    fn get_by_index(&self, index: usize) -> Option<&Member> {
        self.0.all.get(index)
    }
}

impl core::Vote<Chain> for Vote {
    fn height(&self) -> Height {
        Height(self.vote.height)
    }

    fn round(&self) -> Round {
        Round::new(self.vote.round)
    }

    fn value(&self) -> &NilOrVal<Value> {
        &self.value
    }

    fn take_value(self) -> NilOrVal<Value> {
        self.value
    }

    fn vote_type(&self) -> VoteType {
        match self.vote.kind {
            VoteKind::Prevote => VoteType::Prevote,
            VoteKind::Precommit => VoteType::Precommit,
        }
    }

    fn validator_address(&self) -> &Who {
        &self.signer
    }

    fn extension(&self) -> Option<&SignedExtension<Chain>> {
        None
    }

    fn take_extension(&mut self) -> Option<SignedExtension<Chain>> {
        None
    }

    fn extend(self, _: SignedExtension<Chain>) -> Self {
        self // vote extensions are disabled at every height
    }
}

impl core::Proposal<Chain> for Proposal {
    fn height(&self) -> Height {
        self.height
    }

    fn round(&self) -> Round {
        self.round
    }

    fn value(&self) -> &Value {
        &self.value
    }

    fn take_value(self) -> Value {
        self.value
    }

    fn pol_round(&self) -> Round {
        self.valid_round
    }

    fn validator_address(&self) -> &Who {
        &self.proposer
    }
}

/// The core only carries keys and signatures. It is never asked to decode any: what enters it was
/// decoded by `aureon_types`.
impl core::SigningScheme for Ed25519 {
    type DecodingError = &'static str;
    type Signature = Signature;
    type PublicKey = PublicKey;
    type PrivateKey = ();

    fn decode_signature(bytes: &[u8]) -> Result<Signature, &'static str> {
        bytes
            .try_into()
            .map(Signature)
            .map_err(|_| "a signature has 64 bytes")
    }

    fn encode_signature(signature: &Signature) -> Vec<u8> {
        signature.0.to_vec()
    }

    fn decode_public_key(bytes: &[u8]) -> Result<PublicKey, &'static str> {
        bytes
            .try_into()
            .map(PublicKey)
            .map_err(|_| "a public key has 32 bytes")
    }

    fn encode_public_key(key: &PublicKey) -> Vec<u8> {
        key.0.to_vec()
    }
}

impl fmt::Display for Height {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.short())
    }
}
