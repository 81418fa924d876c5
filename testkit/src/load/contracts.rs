//! Contracts in the load: few and tiny, and between them they do whatever the ledger must keep, undo or refuse.
//!
//! All of them tell what they write: an event with the key as its topic, and with the new value and what was added to
//! the one before as its data, 8 bytes each, little-endian; no data: the key is gone. So a reader of receipts knows what
//! their storage must hold.

use std::sync::LazyLock;

use aureon_types::{Action, Address, Amount, Hash, contract};
use bytes::Bytes;

use super::draw::Wanted;
use crate::random::Random;

/// Contracts that are deployed, at most. Then there are only calls.
const MOST: usize = 8;
/// Gas beside that of the action: enough for everything that ends.
const PLENTY: u64 = 500_000;

/// Which contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Counter,
    Relay,
    Rogue,
}

/// Code, ready to be deployed.
struct Modules {
    counter: Bytes,
    /// The counter, counting double.
    doubler: Bytes,
    relay: Bytes,
    rogue: Bytes,
}

static MODULES: LazyLock<Modules> = LazyLock::new(|| {
    let counter = include_str!("contracts/counter.wat");
    Modules {
        counter: assembled(&counter.replace("FACTOR", "1")),
        doubler: assembled(&counter.replace("FACTOR", "2")),
        relay: assembled(include_str!("contracts/relay.wat")),
        rogue: assembled(include_str!("contracts/rogue.wat")),
    }
});

/// The text is ours: if it were wrong no code would be valid, and the tests of the simulation would say so.
fn assembled(text: &str) -> Bytes {
    wat::parse_str(text).unwrap_or_default().into()
}

/// A contract that was deployed, or will never be: its transaction may fail or be displaced.
#[derive(Clone, Copy, Debug)]
struct Deployed {
    address: Address,
    kind: Kind,
    deployer: usize,
}

/// What the load knows of contracts.
#[derive(Default)]
pub(super) struct Contracts {
    deployed: Vec<Deployed>,
}

impl Contracts {
    /// Where contracts may stand.
    pub fn addresses(&self) -> impl Iterator<Item = Address> + '_ {
        self.deployed.iter().map(|deployed| deployed.address)
    }

    /// What `sender` wants of contracts, with its transaction number `nonce`. `others`: who may become an admin.
    pub fn draw(
        &mut self,
        (sender, address): (usize, Address),
        nonce: u64,
        others: &[Address],
        random: &mut Random,
    ) -> Wanted {
        let few = self.deployed.len() < 2;
        match random.between(0, 99) {
            _ if few => self.deploy(sender, &address, nonce, random),
            0..15 if self.deployed.len() < MOST => self.deploy(sender, &address, nonce, random),
            0..25 => self.upgrade(sender, random),
            25..32 => self.set_admin(sender, others, random),
            _ => self.call(random),
        }
    }

    fn deploy(&mut self, sender: usize, address: &Address, nonce: u64, random: &mut Random) -> Wanted {
        let modules = &*MODULES;
        let (kind, code, input) = match random.between(0, 5) {
            0..3 => (Kind::Counter, &modules.counter, number(random)),
            3..5 => (Kind::Relay, &modules.relay, Bytes::new()),
            _ => (Kind::Rogue, &modules.rogue, Bytes::new()),
        };
        self.deployed.push(Deployed {
            address: contract::address(address, nonce, &contract::code_hash(code)),
            kind,
            deployer: sender,
        });
        let deploy = Action::Deploy {
            code: code.clone(),
            input,
            upgradable: random.percent(75),
            value: Amount(random.between(0, 5_000)),
        };
        with_gas(deploy, random)
    }

    /// Most often by who may.
    fn upgrade(&self, sender: usize, random: &mut Random) -> Wanted {
        let code = if random.percent(70) {
            MODULES.doubler.clone()
        } else {
            MODULES.counter.clone()
        };
        let upgrade = Action::Upgrade {
            contract: self.of(sender, random),
            code,
            input: Bytes::new(),
        };
        with_gas(upgrade, random)
    }

    fn set_admin(&self, sender: usize, others: &[Address], random: &mut Random) -> Wanted {
        let admin = others.get(random.below(others.len())).copied();
        let change = Action::SetAdmin {
            contract: self.of(sender, random),
            admin: admin.filter(|_| random.percent(80)),
        };
        with_gas(change, random)
    }

    fn call(&self, random: &mut Random) -> Wanted {
        let deployed = self.deployed.get(random.below(self.deployed.len()));
        let (contract, kind) =
            deployed.map_or((Address::default(), Kind::Rogue), |one| (one.address, one.kind));
        let input = match kind {
            Kind::Counter => number(random),
            Kind::Relay => self.errand(random),
            Kind::Rogue => whim(random),
        };
        let call = Action::Call {
            contract,
            input,
            value: Amount(random.between(0, 2_000)),
        };
        with_gas(call, random)
    }

    /// What a relay is to do: call another, or itself, with something that fits or not.
    fn errand(&self, random: &mut Random) -> Bytes {
        let target = self.any(random);
        let amount = random.between(0, 3_000).to_le_bytes();
        let words = if random.percent(60) {
            number(random)
        } else {
            whim(random)
        };
        [target.0.as_slice(), amount.as_slice(), &words].concat().into()
    }

    /// A contract of `sender`, if it has one.
    fn of(&self, sender: usize, random: &mut Random) -> Address {
        let own: Vec<_> = self
            .deployed
            .iter()
            .filter(|one| one.deployer == sender)
            .collect();
        let own = own.get(random.below(own.len())).map(|one| one.address);
        own.unwrap_or_else(|| self.any(random))
    }

    fn any(&self, random: &mut Random) -> Address {
        let any = self.deployed.get(random.below(self.deployed.len()));
        any.map_or(Address::default(), |one| one.address)
    }
}

/// Whether the code is a counter's, which can be asked for its total.
pub(crate) fn counts(code_hash: &Hash) -> bool {
    let counters = [&MODULES.counter, &MODULES.doubler];
    counters
        .iter()
        .any(|code| contract::code_hash(code) == *code_hash)
}

/// For a counter: most often a number that it takes, also 0.
fn number(random: &mut Random) -> Bytes {
    let number = match random.between(0, 9) {
        0..2 => 0,
        2..9 => random.between(1, 1_000),
        _ => random.between(1_001, u64::MAX),
    };
    number.to_le_bytes().to_vec().into()
}

/// For a rogue: one of its ways.
fn whim(random: &mut Random) -> Bytes {
    vec![random.between(0, 6).to_be_bytes()[7]].into()
}

/// Most often enough; sometimes it runs out somewhere.
fn with_gas(action: Action, random: &mut Random) -> Wanted {
    let more = if random.percent(85) {
        PLENTY
    } else {
        random.between(0, 40_000)
    };
    Wanted {
        gas_limit: action.gas().saturating_add(more),
        action,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_module_is_one_that_the_machine_takes() {
        let scenario = crate::Scenario::new(crate::Engine::Poa, crate::Kind::Calm, 0);
        let cast = crate::cast::Cast::new(&scenario).unwrap();
        let machine = crate::machine::shared(&cast.chain.genesis).unwrap();
        for code in [&MODULES.counter, &MODULES.doubler, &MODULES.relay, &MODULES.rogue] {
            assert!((100..1_500).contains(&code.len()), "{} bytes", code.len());
            machine.check(code).unwrap();
        }
        assert!(
            counts(&contract::code_hash(&MODULES.doubler)) && !counts(&contract::code_hash(&MODULES.relay))
        );
    }
}
