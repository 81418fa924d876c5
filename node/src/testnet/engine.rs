//! The engines that a network for development can run.

use std::{str::FromStr, time::Duration};

/// An engine by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// Proof of work: every node mines.
    Pow,
    /// Proof of stake: every node is a validator with a stake.
    Pos,
    /// Proof of authority: every node is an authority.
    Poa,
}

impl Engine {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Pow, Self::Pos, Self::Poa];

    /// The name in `genesis.json`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pow => "pow",
            Self::Pos => "pos",
            Self::Poa => "poa",
        }
    }

    /// Time between blocks if nothing is said. Proof of stake is quicker here than elsewhere, so that an
    /// epoch takes less than a minute.
    pub fn block_time(self) -> Duration {
        match self {
            Self::Pow => Duration::from_secs(5),
            Self::Pos => Duration::from_secs(2),
            Self::Poa => Duration::from_secs(1),
        }
    }
}

impl FromStr for Engine {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|engine| engine.name() == text);
        found.ok_or_else(|| {
            let hint = crate::config::suggest::hint(text, Self::ALL.map(Self::name));
            format!("\"{text}\" is not an engine; there are \"pow\", \"pos\" and \"poa\"{hint}")
        })
    }
}
