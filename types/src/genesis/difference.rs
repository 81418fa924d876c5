//! In what two genesis documents differ, by the names of their fields.

use std::fmt;

use super::{EngineKind, Genesis};

/// One field that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The field's name in `genesis.json`; an entry of a map or list is named with its key.
    pub field: String,
    /// Our value, or "absent".
    pub ours: String,
    /// Their value, or "absent".
    pub theirs: String,
}

/// Entries of maps and lists that are named one by one; the rest is counted.
const MAX_ENTRIES: usize = 8;

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ours {}, theirs {}", self.field, self.ours, self.theirs)
    }
}

impl Genesis {
    /// The fields in which `theirs` differs; empty if and only if the ids are equal.
    pub fn differences(&self, theirs: &Self) -> Vec<Difference> {
        let mut differences = Vec::new();
        let mut compare = |field: &str, ours: String, theirs: String| {
            if ours != theirs {
                differences.push(Difference {
                    field: field.to_owned(),
                    ours,
                    theirs,
                });
            }
        };
        compare("chain", self.chain.clone(), theirs.chain.clone());
        compare(
            "timestamp_ms",
            self.timestamp_ms.to_string(),
            theirs.timestamp_ms.to_string(),
        );
        compare(
            "engine",
            self.engine.name().to_owned(),
            theirs.engine.name().to_owned(),
        );
        compare(
            "block_time_ms",
            self.block_time_ms.to_string(),
            theirs.block_time_ms.to_string(),
        );
        compare(
            "empty_blocks",
            format!("{:?}", self.empty_blocks),
            format!("{:?}", theirs.empty_blocks),
        );
        compare(
            "gas_limit",
            self.gas_limit.to_string(),
            theirs.gas_limit.to_string(),
        );
        compare(
            "min_gas_price",
            self.min_gas_price.to_string(),
            theirs.min_gas_price.to_string(),
        );
        let (a, b) = (&self.timeouts, &theirs.timeouts);
        compare(
            "timeouts.propose_ms",
            a.propose_ms.to_string(),
            b.propose_ms.to_string(),
        );
        compare("timeouts.vote_ms", a.vote_ms.to_string(), b.vote_ms.to_string());
        compare(
            "timeouts.increment_ms",
            a.increment_ms.to_string(),
            b.increment_ms.to_string(),
        );
        compare(
            "timeouts.ceiling_ms",
            a.ceiling_ms.to_string(),
            b.ceiling_ms.to_string(),
        );
        let (EngineKind::Poa { authorities: a }, EngineKind::Poa { authorities: b }) =
            (&self.engine, &theirs.engine);
        let keys = a.iter().chain(b.iter().filter(|key| !a.contains(key)));
        let present = |list: &[_], key| if list.contains(key) { "present" } else { "absent" }.to_owned();
        let authorities = keys.map(|key| (format!("authorities[{key}]"), present(a, key), present(b, key)));
        push_entries(&mut differences, "authorities", authorities);
        let addresses = self
            .balances
            .keys()
            .chain(theirs.balances.keys().filter(|a| !self.balances.contains_key(a)));
        let balance = |genesis: &Self, address| {
            genesis
                .balances
                .get(address)
                .map_or_else(|| "absent".to_owned(), ToString::to_string)
        };
        let balances = addresses.map(|address| {
            (
                format!("balances[{address}]"),
                balance(self, address),
                balance(theirs, address),
            )
        });
        push_entries(&mut differences, "balances", balances);
        differences
    }
}

fn push_entries(
    differences: &mut Vec<Difference>,
    name: &str,
    entries: impl Iterator<Item = (String, String, String)>,
) {
    let mut more = 0_usize;
    for (count, (field, ours, theirs)) in entries.filter(|(_, ours, theirs)| ours != theirs).enumerate() {
        if count < MAX_ENTRIES {
            differences.push(Difference { field, ours, theirs });
        } else {
            more = more.saturating_add(1);
        }
    }
    if more > 0 {
        let (ours, theirs) = (format!("{more} more entries"), "different".to_owned());
        differences.push(Difference {
            field: name.to_owned(),
            ours,
            theirs,
        });
    }
}
