//! In what two genesis documents differ, by the names of their fields.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use super::{EngineKind, Genesis, GenesisStake};

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
        let (ours, others) = (self.single_fields(), theirs.single_fields());
        let absent = || "absent".to_owned();
        let find = |fields: &[(&str, String)], name: &str| {
            let found = fields.iter().find(|(field, _)| *field == name);
            found.map_or_else(absent, |(_, value)| value.clone())
        };
        let names = ours.iter().chain(
            others
                .iter()
                .filter(|(name, _)| !ours.iter().any(|(ours, _)| ours == name)),
        );
        for (name, _) in names {
            let (ours, theirs) = (find(&ours, name), find(&others, name));
            if ours != theirs {
                differences.push(Difference {
                    field: (*name).to_owned(),
                    ours,
                    theirs,
                });
            }
        }
        for name in ["authorities", "validators", "balances"] {
            push_entries(&mut differences, name, &self.entries(name), &theirs.entries(name));
        }
        differences
    }

    /// Every field that has one value, with its name in `genesis.json`.
    fn single_fields(&self) -> Vec<(&'static str, String)> {
        let mut fields = vec![
            ("chain", self.chain.clone()),
            ("timestamp_ms", self.timestamp_ms.to_string()),
            ("engine", self.engine.name().to_owned()),
            ("block_time_ms", self.block_time_ms.to_string()),
            ("empty_blocks", format!("{:?}", self.empty_blocks)),
            ("gas_limit", self.gas_limit.to_string()),
            ("min_gas_price", self.min_gas_price.to_string()),
            ("vm_cost_table", self.vm_cost_table.to_string()),
        ];
        if !matches!(self.engine, EngineKind::Pow(_)) {
            fields.extend([
                ("timeouts.propose_ms", self.timeouts.propose_ms.to_string()),
                ("timeouts.vote_ms", self.timeouts.vote_ms.to_string()),
                ("timeouts.increment_ms", self.timeouts.increment_ms.to_string()),
                ("timeouts.ceiling_ms", self.timeouts.ceiling_ms.to_string()),
            ]);
        }
        let parameters: Vec<(&'static str, u64)> = match &self.engine {
            EngineKind::Pow(pow) => vec![
                ("pow.difficulty", pow.difficulty.into()),
                ("pow.half_life_ms", pow.half_life_ms),
                ("pow.finality_depth", pow.finality_depth),
                ("pow.reward.per_block", pow.reward.per_block),
                ("pow.reward.halving_blocks", pow.reward.halving_blocks),
            ],
            EngineKind::Pos(pos) => vec![
                ("pos.min_stake", pos.min_stake),
                ("pos.epoch_blocks", pos.epoch_blocks),
                ("pos.unbonding_epochs", pos.unbonding_epochs),
                ("pos.max_validators", pos.max_validators.into()),
                ("pos.slash_basis_points", pos.slash_basis_points.into()),
                ("pos.max_missed_basis_points", pos.max_missed_basis_points.into()),
                ("pos.jail_epochs", pos.jail_epochs),
                ("pos.reward.per_block", pos.reward.per_block),
                ("pos.reward.halving_blocks", pos.reward.halving_blocks),
            ],
            EngineKind::Poa(poa) => vec![
                ("poa.epoch_blocks", poa.epoch_blocks),
                ("poa.vote_expiry_blocks", poa.vote_expiry_blocks),
            ],
        };
        let text = parameters
            .into_iter()
            .map(|(name, value)| (name, value.to_string()));
        fields.extend(text);
        fields
    }

    /// The entries of a map or list, by key.
    fn entries(&self, name: &str) -> BTreeMap<String, String> {
        match (name, &self.engine) {
            ("authorities", EngineKind::Poa(poa)) => {
                let keys = poa.authorities.iter();
                keys.map(|key| (key.to_string(), "present".to_owned())).collect()
            }
            ("validators", EngineKind::Pos(pos)) => {
                let validators = pos.validators.iter();
                let text = |validator: &GenesisStake| {
                    let (stake, commission) = (validator.stake, validator.commission_basis_points);
                    format!("stake {stake}, commission {commission} basis points")
                };
                validators
                    .map(|validator| (validator.public_key.to_string(), text(validator)))
                    .collect()
            }
            ("balances", _) => {
                let balances = self.balances.iter();
                balances
                    .map(|(address, balance)| (address.to_string(), balance.to_string()))
                    .collect()
            }
            _ => BTreeMap::new(),
        }
    }
}

fn push_entries(
    differences: &mut Vec<Difference>,
    name: &str,
    ours: &BTreeMap<String, String>,
    theirs: &BTreeMap<String, String>,
) {
    let keys: BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
    let value = |entries: &BTreeMap<String, String>, key| {
        entries.get(key).cloned().unwrap_or_else(|| "absent".to_owned())
    };
    let mut more = 0_usize;
    let different = keys
        .into_iter()
        .map(|key| (key, value(ours, key), value(theirs, key)))
        .filter(|(_, ours, theirs)| ours != theirs);
    for (count, (key, ours, theirs)) in different.enumerate() {
        if count < MAX_ENTRIES {
            let field = format!("{name}[{key}]");
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
