//! `AUREON_*` variables as a figment provider, by the table in [`super::keys`].

use figment::{
    Metadata, Profile, Provider,
    value::{Dict, Map, Value},
};

use super::{
    ConfigError,
    keys::{self, KEYS, Key, Kind},
    suggest,
};

/// What every variable of ours begins with.
const PREFIX: &str = "AUREON_";

/// Variables for others who look for this program: tests of contracts (`aureon::sandbox` in the SDK).
const NOT_OURS: [&str; 2] = ["AUREON_NODE", "AUREON_CONTRACTS"];

/// The variables that are set, checked against the table.
#[derive(Debug, Default)]
pub struct Environment {
    sections: Dict,
}

impl Environment {
    /// Takes those of `variables` that begin with `AUREON_`. Refuses one that is no key, a value that
    /// cannot be read, and two variables that give one key different values.
    pub fn read(variables: impl IntoIterator<Item = (String, String)>) -> Result<Self, ConfigError> {
        let mut environment = Self::default();
        let mut taken: Vec<(&'static Key, String, String)> = Vec::new();
        for (variable, text) in variables {
            if !variable.starts_with(PREFIX) || NOT_OURS.contains(&&*variable) {
                continue;
            }
            let key = keys::by_variable(&variable).ok_or_else(|| unknown(&variable))?;
            if let Some((_, other, before)) = taken.iter().find(|(known, ..)| std::ptr::eq(*known, key))
                && *before != text
            {
                return Err(ConfigError::Contradiction {
                    first: other.clone(),
                    second: variable,
                });
            }
            let value = parse(key.kind, &text).ok_or_else(|| ConfigError::Variable {
                variable: variable.clone(),
                text: text.clone(),
                expected: expected(key.kind),
            })?;
            environment.set(key, value);
            taken.push((key, variable, text));
        }
        Ok(environment)
    }

    fn set(&mut self, key: &Key, value: Value) {
        let section = self
            .sections
            .entry(key.section.to_owned())
            .or_insert_with(|| Value::from(Dict::new()));
        if let Value::Dict(_, entries) = section {
            entries.insert(key.name.to_owned(), value);
        }
    }
}

impl Provider for Environment {
    fn metadata(&self) -> Metadata {
        Metadata::named("AUREON_* environment variables").interpolater(|_, path| match path {
            [section, name, ..] => {
                keys::find(section, name).map_or_else(|| path.join("."), |key| key.variables[0].to_owned())
            }
            _ => path.join("."),
        })
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Profile::Default.collect(self.sections.clone()))
    }
}

fn unknown(variable: &str) -> ConfigError {
    let names = KEYS.iter().flat_map(|key| key.variables.iter().copied());
    ConfigError::UnknownVariable {
        variable: variable.to_owned(),
        hint: suggest::hint(variable, names),
    }
}

fn expected(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "text",
        Kind::Number => "a whole number, 0 or more",
        Kind::Flag => "\"true\" or \"false\"",
        Kind::List => "entries divided by commas",
        Kind::Map => "address=number entries divided by commas",
    }
}

fn parse(kind: Kind, text: &str) -> Option<Value> {
    let text = text.trim();
    Some(match kind {
        Kind::Text => Value::from(text),
        Kind::Number => Value::from(text.parse::<u64>().ok()?),
        Kind::Flag => Value::from(text.parse::<bool>().ok()?),
        Kind::List => Value::from(entries(text).map(str::to_owned).collect::<Vec<_>>()),
        Kind::Map => {
            let pair = |entry: &str| {
                let (name, number) = entry.split_once('=')?;
                Some((
                    name.trim().to_owned(),
                    Value::from(number.trim().parse::<u64>().ok()?),
                ))
            };
            Value::from(entries(text).map(pair).collect::<Option<Dict>>()?)
        }
    })
}

fn entries(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|entry| !entry.is_empty())
}
