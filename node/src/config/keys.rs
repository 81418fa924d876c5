//! Every key of `config.toml`, in one table: its section, its name, its kind, the environment variables
//! that set it, and what it means.
//!
//! The table is what is checked against: a key in a file or an `AUREON_*` variable that is not here is
//! refused. It also writes the comments of the file that `init` makes, so they cannot disagree.

/// What an environment variable's text is read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Taken as it is.
    Text,
    /// A whole number, 0 or more.
    Number,
    /// `true` or `false`.
    Flag,
    /// Entries divided by commas.
    List,
    /// `key=number` entries divided by commas.
    Map,
}

/// A key of the configuration.
#[derive(Debug)]
pub struct Key {
    /// The table in the file.
    pub section: &'static str,
    /// The name in the table.
    pub name: &'static str,
    /// How its variable is read.
    pub kind: Kind,
    /// The variables that set it; the first is the one that help texts name.
    pub variables: &'static [&'static str],
    /// For people; becomes the comment in the file that `init` writes.
    pub meaning: &'static str,
}

impl Key {
    /// `section.name`.
    pub fn path(&self) -> String {
        format!("{}.{}", self.section, self.name)
    }
}

macro_rules! key {
    ($section:literal, $name:literal, $kind:ident, [$($variable:literal),+], $meaning:literal) => {
        Key { section: $section, name: $name, kind: Kind::$kind, variables: &[$($variable),+], meaning: $meaning }
    };
}

/// All keys, in the order in which they are written.
///
/// A variable is `AUREON_`, the section and the name. The three engine parameters already name their
/// engine, so their section may be left out.
pub const KEYS: &[Key] = &[
    key!(
        "consensus",
        "engine",
        Text,
        ["AUREON_CONSENSUS_ENGINE"],
        "Engine of a new genesis: \"pow\", \"pos\" or \"poa\". This section serves `init` and `genesis new`; a running node obeys its genesis, and says so where the two differ."
    ),
    key!(
        "consensus",
        "pow_difficulty",
        Number,
        ["AUREON_POW_DIFFICULTY", "AUREON_CONSENSUS_POW_DIFFICULTY"],
        "Proof of work: leading zero bytes of the first target, 0 to 31."
    ),
    key!(
        "consensus",
        "pos_min_stake",
        Number,
        ["AUREON_POS_MIN_STAKE", "AUREON_CONSENSUS_POS_MIN_STAKE"],
        "Proof of stake: least stake of a validator, in base units."
    ),
    key!(
        "consensus",
        "poa_authorities",
        List,
        ["AUREON_POA_AUTHORITIES", "AUREON_CONSENSUS_POA_AUTHORITIES"],
        "Proof of authority: public keys (0x and 64 digits) of the first authorities."
    ),
    key!(
        "mining",
        "enabled",
        Flag,
        ["AUREON_MINING_ENABLED"],
        "Make blocks by proof of work; only on a network with that engine."
    ),
    key!(
        "mining",
        "threads",
        Number,
        ["AUREON_MINING_THREADS"],
        "Threads that mine, 1 to 1024; 0: one fewer than the machine has cores."
    ),
    key!(
        "mining",
        "reward_address",
        Text,
        ["AUREON_MINING_REWARD_ADDRESS"],
        "Account that receives rewards and fees, also of miners that ask this node for work; empty: that of the validator key."
    ),
    key!(
        "network",
        "host",
        Text,
        ["AUREON_NETWORK_HOST"],
        "Address on which peers are heard. mDNS needs a real interface: 0.0.0.0 is all of them."
    ),
    key!(
        "network",
        "p2p_port",
        Number,
        ["AUREON_NETWORK_P2P_PORT"],
        "TCP and UDP (QUIC) port for peers; 0: the system chooses."
    ),
    key!(
        "network",
        "bootstrap_peers",
        List,
        ["AUREON_NETWORK_BOOTSTRAP_PEERS"],
        "Multiaddrs of peers to join by, each ending in /p2p/<peer id>."
    ),
    key!(
        "network",
        "mdns",
        Flag,
        ["AUREON_NETWORK_MDNS"],
        "Find peers of the same genesis on the local network by multicast DNS."
    ),
    key!(
        "api",
        "host",
        Text,
        ["AUREON_API_HOST"],
        "Address of the REST API. It has no authentication: 127.0.0.1 keeps it on this machine."
    ),
    key!(
        "api",
        "port",
        Number,
        ["AUREON_API_PORT"],
        "TCP port of the REST API; 0: the system chooses."
    ),
    key!(
        "database",
        "path",
        Text,
        ["AUREON_DATABASE_PATH"],
        "Directory of the database, relative to the directory of this file."
    ),
    key!(
        "database",
        "cache_size_mb",
        Number,
        ["AUREON_DATABASE_CACHE_SIZE_MB"],
        "Memory for the database's cache in MiB, 16 to 1048576."
    ),
    key!(
        "state",
        "initial_balances",
        Map,
        ["AUREON_STATE_INITIAL_BALANCES"],
        "Balances of a new genesis in base units; serves `init` and `genesis new` only."
    ),
    key!(
        "mempool",
        "max_transactions",
        Number,
        ["AUREON_MEMPOOL_MAX_TRANSACTIONS"],
        "Most transactions waiting for a block, 1000 to 10000000."
    ),
    key!(
        "mempool",
        "max_size_mb",
        Number,
        ["AUREON_MEMPOOL_MAX_SIZE_MB"],
        "Most bytes of waiting transactions in MiB, 1 to 65536."
    ),
    key!(
        "log",
        "filter",
        Text,
        ["AUREON_LOG_FILTER"],
        "What is logged to stderr: a level (error, warn, info, debug, trace; up to info, libraries are kept quieter) or `target=level` entries divided by commas."
    ),
    key!(
        "node",
        "genesis",
        Text,
        ["AUREON_NODE_GENESIS"],
        "The genesis document, relative to the directory of this file."
    ),
    key!(
        "node",
        "genesis_id",
        Text,
        ["AUREON_NODE_GENESIS_ID"],
        "If not empty: the only genesis id with which this node starts."
    ),
    key!(
        "node",
        "node_key",
        Text,
        ["AUREON_NODE_NODE_KEY"],
        "The key that makes the peer id; created at the first start."
    ),
    key!(
        "node",
        "validator_key",
        Text,
        ["AUREON_NODE_VALIDATOR_KEY"],
        "The key that signs blocks and votes; without the file the node only follows."
    ),
];

/// The sections in the order of the table.
pub fn sections() -> Vec<&'static str> {
    let mut sections: Vec<&str> = KEYS.iter().map(|key| key.section).collect();
    sections.dedup();
    sections
}

/// The key of a section by its name.
pub fn find(section: &str, name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.section == section && key.name == name)
}

/// The key that a variable sets.
pub fn by_variable(variable: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.variables.contains(&variable))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_key_has_the_variable_that_its_path_gives() {
        for key in KEYS {
            let name = format!("AUREON_{}_{}", key.section, key.name).to_uppercase();
            assert!(key.variables.contains(&name.as_str()), "{name}");
        }
    }

    #[test]
    fn no_variable_and_no_path_is_used_twice() {
        let mut seen = BTreeSet::new();
        for key in KEYS {
            assert!(seen.insert(key.path()));
            for variable in key.variables {
                assert!(seen.insert((*variable).to_owned()), "{variable}");
            }
        }
    }

    #[test]
    fn the_promised_variables_are_there() {
        for (variable, path) in [
            ("AUREON_CONSENSUS_ENGINE", "consensus.engine"),
            ("AUREON_POW_DIFFICULTY", "consensus.pow_difficulty"),
            ("AUREON_NETWORK_P2P_PORT", "network.p2p_port"),
            ("AUREON_DATABASE_PATH", "database.path"),
        ] {
            assert_eq!(by_variable(variable).map(Key::path).as_deref(), Some(path));
        }
    }
}
