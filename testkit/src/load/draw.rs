//! What clients submit: transfers, contracts and, by engine, everything else that a transaction can do, allowed or not.

use aureon_types::{
    Action, Address, Amount, GenesisId, PublicKey, SecretKey, SignedTransaction, Transaction,
};

use super::{Load, Submission};
use crate::{
    cast::{COMMISSION, MIN_STAKE},
    random::Random,
    scenario::Engine,
};

/// Most transactions that one submission carries.
const MOST: u64 = 4;
/// Of a hundred actions so many are about contracts.
const CONTRACTS: u64 = 40;

/// An action, and the gas that its sender is willing to pay for.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub action: Action,
    pub gas_limit: u64,
}

impl From<Action> for Wanted {
    fn from(action: Action) -> Self {
        Self {
            gas_limit: action.gas(),
            action,
        }
    }
}

/// A step of a reserve node's life as a validator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// It bonds, or authorities vote it in.
    Enter,
    /// It takes its stake back, or authorities vote it out.
    Leave,
}

impl Load {
    /// Draws what a client submits next.
    pub fn draw(&mut self, random: &mut Random) -> Submission {
        let sender = random.below(self.senders.len());
        match random.between(0, 99) {
            0..60 => {
                let count = random.between(1, MOST);
                allowed((0..count).map(|_| self.next_of(sender, random)).collect())
            }
            60..70 => {
                let nonce = self.senders[sender].nonce + random.between(1, 3);
                let action = self.transfer(random);
                allowed(vec![self.signed(sender, nonce, 1, action.into())])
            }
            70..80 => allowed(vec![self.replacement(sender, random)]),
            80..85 => {
                let action = self.transfer(random);
                allowed(vec![self.signed(sender, 0, 3, action.into())])
            }
            85..90 => {
                let action = self.transfer(random);
                let transaction = self.transaction(&self.pauper, 0, 1, action.into());
                forbidden(transaction.sign(&self.pauper, &self.network))
            }
            90..95 => {
                let action = self.transfer(random);
                let Self { senders, .. } = self;
                let (key, nonce) = (senders[sender].key.clone(), senders[sender].nonce);
                let transaction = self.transaction(&key, nonce, 1, action.into());
                forbidden(transaction.sign(&key, &GenesisId([9; 32])))
            }
            _ => {
                let last = self.senders[sender].latest.values().next_back();
                allowed(last.cloned().into_iter().collect())
            }
        }
    }

    /// What makes `reserve` a validator, or ends that. `stake`: of a middling validator.
    pub fn step(
        &mut self,
        step: Step,
        reserve: &PublicKey,
        voters: &[Address],
        stake: u64,
    ) -> Vec<Submission> {
        let reserve_at = self.place_of(&reserve.address());
        let bonded = Amount(stake);
        let (signers, action) = match (self.engine, step) {
            (Engine::Pos, Step::Enter) => (
                reserve_at.into_iter().collect(),
                Action::Bond {
                    amount: bonded,
                    commission_basis_points: COMMISSION,
                },
            ),
            (Engine::Pos, Step::Leave) => (
                reserve_at.into_iter().collect(),
                Action::Unbond { amount: bonded },
            ),
            // There is nothing to join.
            (Engine::Pow, _) => return Vec::new(),
            (Engine::Poa, step) => {
                let signers = voters.iter().filter_map(|voter| self.place_of(voter));
                let key = |wanted| (step == wanted).then_some(*reserve);
                let action = Action::AuthorityVote {
                    add: key(Step::Enter),
                    remove: key(Step::Leave),
                };
                (signers.collect::<Vec<_>>(), action)
            }
        };
        let mut submissions = Vec::new();
        for signer in signers {
            submissions.push(allowed(vec![self.next_with(signer, 2, action.clone().into())]));
        }
        submissions
    }

    fn place_of(&self, address: &Address) -> Option<usize> {
        self.senders
            .iter()
            .position(|sender| sender.key.address() == *address)
    }

    fn next_of(&mut self, sender: usize, random: &mut Random) -> SignedTransaction {
        let nonce = self.senders[sender].nonce;
        let (price, wanted) = (random.between(1, 3), self.wanted(sender, nonce, random));
        self.next_with(sender, price, wanted)
    }

    fn next_with(&mut self, sender: usize, price: u64, wanted: Wanted) -> SignedTransaction {
        let nonce = self.senders[sender].nonce;
        let signed = self.signed(sender, nonce, price, wanted);
        self.senders[sender].nonce += 1;
        self.senders[sender].latest.insert(nonce, signed.clone());
        signed
    }

    /// Another transaction with the last nonce, at a price that displaces the first.
    fn replacement(&mut self, sender: usize, random: &mut Random) -> SignedTransaction {
        let Some(nonce) = self.senders[sender].nonce.checked_sub(1) else {
            return self.next_of(sender, random);
        };
        let wanted = self.wanted(sender, nonce, random);
        let signed = self.signed(sender, nonce, 9, wanted);
        self.senders[sender].latest.insert(nonce, signed.clone());
        signed
    }

    fn wanted(&mut self, sender: usize, nonce: u64, random: &mut Random) -> Wanted {
        if random.percent(CONTRACTS) {
            let owner = (sender, self.senders[sender].key.address());
            return self.contracts.draw(owner, nonce, &self.recipients, random);
        }
        self.action(sender, random).into()
    }

    fn action(&self, sender: usize, random: &mut Random) -> Action {
        if random.percent(50) {
            return self.transfer(random);
        }
        match (self.engine, self.senders[sender].validates) {
            (Engine::Pos, false) => self.delegator(random),
            (Engine::Pos, true) => self.validator(random),
            (Engine::Poa, false) => self.usurper(random),
            (Engine::Poa | Engine::Pow, true) => self.transfer(random),
            (Engine::Pow, false) => self.delegator(random),
        }
    }

    fn transfer(&self, random: &mut Random) -> Action {
        Action::Transfer {
            recipient: self.recipients[random.below(self.recipients.len())],
            amount: Amount(random.between(0, 5_000)),
        }
    }

    /// Somebody with money: lends it, takes it back, or becomes a validator that nobody runs a node for.
    fn delegator(&self, random: &mut Random) -> Action {
        let place = random.below(self.trusted.len());
        let validator = self.trusted.get(place).copied().unwrap_or_default();
        match random.between(0, 9) {
            0..5 => Action::Delegate {
                validator,
                amount: Amount(random.between(0, 3_000)),
            },
            5..7 => Action::Undelegate {
                validator,
                amount: Amount(random.between(1, 3_000)),
            },
            7 => Action::ClaimRewards { validator },
            8 => Action::Bond {
                amount: Amount(random.between(MIN_STAKE - 10, 2 * MIN_STAKE)),
                commission_basis_points: COMMISSION,
            },
            _ => Action::Unbond {
                amount: Amount(random.between(1, MIN_STAKE)),
            },
        }
    }

    /// A validator: a little more or less of its own, its rewards, and out of jail if it is in it.
    fn validator(&self, random: &mut Random) -> Action {
        match random.between(0, 5) {
            0 => Action::Bond {
                amount: Amount(random.between(1, 3_000)),
                commission_basis_points: COMMISSION,
            },
            1 => Action::Unbond {
                amount: Amount(random.between(1, 3_000)),
            },
            2 => Action::ClaimRewards {
                validator: self.trusted.first().copied().unwrap_or_default(),
            },
            _ => Action::Unjail,
        }
    }

    /// No authority, and votes all the same; or tries what another engine does.
    fn usurper(&self, random: &mut Random) -> Action {
        if random.percent(50) {
            return Action::Unjail;
        }
        Action::AuthorityVote {
            add: Some(self.pauper.public_key()),
            remove: None,
        }
    }

    fn signed(&self, sender: usize, nonce: u64, price: u64, wanted: Wanted) -> SignedTransaction {
        let key = &self.senders[sender].key;
        self.transaction(key, nonce, price, wanted)
            .sign(key, &self.network)
    }

    fn transaction(&self, key: &SecretKey, nonce: u64, gas_price: u64, wanted: Wanted) -> Transaction {
        Transaction {
            network: self.network.network_hint(),
            public_key: key.public_key(),
            nonce,
            gas_limit: wanted.gas_limit,
            gas_price,
            last_valid_height: None,
            action: wanted.action,
        }
    }
}

fn allowed(transactions: Vec<SignedTransaction>) -> Submission {
    Submission {
        transactions,
        forbidden: false,
    }
}

fn forbidden(transaction: SignedTransaction) -> Submission {
    Submission {
        transactions: vec![transaction],
        forbidden: true,
    }
}
