//! The configuration of a node: defaults, then `config.toml`, then `AUREON_*` variables, then flags;
//! what comes later wins.
//!
//! A key that does not exist is refused with the nearest one, wherever it is written: a setting that is
//! silently ignored is worse than none. Relative paths are meant from the directory of the file, so that
//! a node's directory can be moved.

mod contradictions;
pub mod directory;
mod document;
mod environment;
mod error;
pub mod files;
pub mod keys;
mod resolve;
pub mod runtime;
pub mod suggest;
mod template;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use figment::{
    Figment, Provider as _,
    providers::{Format as _, Serialized, Toml},
    value::{Dict, Value},
};

pub use contradictions::contradictions;
pub use document::Document;
pub use environment::Environment;
pub use error::ConfigError;
pub use resolve::{Config, Consensus, Files, Mining, Network, bootstrap_peer, peer_of};
pub use template::template;

/// The name of the configuration in a node's directory.
pub const FILE_NAME: &str = "config.toml";

/// Where a configuration comes from.
#[derive(Clone, Debug)]
pub enum Source {
    /// A node's directory. Its `config.toml` may be absent: then the defaults hold.
    Directory(PathBuf),
    /// A file, which must exist; its directory is the node's.
    File(PathBuf),
}

impl Source {
    /// The directory against which relative paths are meant.
    pub fn base(&self) -> PathBuf {
        match self {
            Self::Directory(path) => path.clone(),
            Self::File(file) => match file.parent() {
                Some(parent) if parent != Path::new("") => parent.to_owned(),
                _ => PathBuf::from("."),
            },
        }
    }

    fn file(&self) -> Option<PathBuf> {
        match self {
            Self::Directory(path) => Some(path.join(FILE_NAME)).filter(|file| file.exists()),
            Self::File(file) => Some(file.clone()),
        }
    }
}

/// Values given on the command line, as `(section, name, value)`.
#[derive(Clone, Debug, Default)]
pub struct Overrides(Vec<(&'static str, &'static str, Value)>);

impl Overrides {
    /// Sets a key if there is a value. The key must be one of [`keys::KEYS`]; a test keeps it so.
    #[must_use]
    pub fn with(
        mut self,
        section: &'static str,
        name: &'static str,
        value: Option<impl Into<Value>>,
    ) -> Self {
        self.0.extend(value.map(|value| (section, name, value.into())));
        self
    }
}

/// Reads and checks the configuration. `variables` is the process's environment.
pub fn load(
    source: &Source,
    variables: impl IntoIterator<Item = (String, String)>,
    overrides: &Overrides,
) -> Result<Config, ConfigError> {
    let merged = merged(source, variables, overrides)?;
    let given = given(&merged);
    let config = Config::resolve(&extract(&merged)?, &source.base())?;
    Ok(Config { given, ..config })
}

/// The merged document with its values as they were written.
pub fn document(
    source: &Source,
    variables: impl IntoIterator<Item = (String, String)>,
    overrides: &Overrides,
) -> Result<Document, ConfigError> {
    extract(&merged(source, variables, overrides)?)
}

/// Everything but the defaults.
fn merged(
    source: &Source,
    variables: impl IntoIterator<Item = (String, String)>,
    overrides: &Overrides,
) -> Result<Figment, ConfigError> {
    let mut figment = Figment::new();
    if let Some(path) = source.file() {
        figment = figment.merge(checked_file(&path)?);
    }
    figment = figment.merge(Environment::read(variables)?);
    for (section, name, value) in &overrides.0 {
        figment = figment.merge(Serialized::default(&format!("{section}.{name}"), value));
    }
    Ok(figment)
}

fn extract(merged: &Figment) -> Result<Document, ConfigError> {
    Figment::from(Serialized::defaults(Document::default()))
        .merge(merged)
        .extract()
        .map_err(|error| ConfigError::Malformed(error.to_string()))
}

/// The keys that are set in `merged`, as `section.name`.
fn given(merged: &Figment) -> BTreeSet<String> {
    let set = |key: &&keys::Key| merged.contains(&key.path());
    keys::KEYS.iter().filter(set).map(keys::Key::path).collect()
}

/// The `AUREON_*` variables of this process. A value that is not Unicode is read with replacement
/// characters and fails where it is used.
pub fn process_variables() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().map(|(name, value)| {
        (
            name.to_string_lossy().into_owned(),
            value.to_string_lossy().into_owned(),
        )
    })
}

fn checked_file(path: &Path) -> Result<figment::providers::Data<Toml>, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    let malformed = |error: figment::Error| ConfigError::Malformed(format!("{}: {error}", path.display()));
    for entries in Toml::string(&text).data().map_err(malformed)?.values() {
        check_names(path, entries)?;
    }
    Ok(Toml::file_exact(path))
}

fn check_names(path: &Path, sections: &Dict) -> Result<(), ConfigError> {
    for (section, value) in sections {
        let known = keys::sections();
        let (true, Value::Dict(_, entries)) = (known.contains(&section.as_str()), value) else {
            return Err(ConfigError::UnknownSection {
                path: path.to_owned(),
                section: section.clone(),
                hint: section_hint(section),
            });
        };
        for name in entries.keys() {
            if keys::find(section, name).is_none() {
                return Err(ConfigError::UnknownKey {
                    path: path.to_owned(),
                    section: section.clone(),
                    name: name.clone(),
                    hint: key_hint(section, name),
                });
            }
        }
    }
    Ok(())
}

/// A key that stands outside its section is the usual slip.
fn section_hint(given: &str) -> String {
    match keys::KEYS.iter().find(|key| key.name == given) {
        Some(key) => format!("; \"{given}\" is a key of [{}]", key.section),
        None => suggest::hint(given, keys::sections()),
    }
}

fn key_hint(section: &str, given: &str) -> String {
    match keys::KEYS.iter().find(|key| key.name == given) {
        Some(key) => format!("; it is a key of [{}]", key.section),
        None => {
            let names = keys::KEYS.iter().filter(|key| key.section == section);
            suggest::hint(given, names.map(|key| key.name))
        }
    }
}
