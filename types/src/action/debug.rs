//! Actions in logs and in the messages of failing tests: code and input as their length and hash, since they may
//! be half a megabyte.

use std::fmt;

use super::Action;
use crate::{Hash, hash::sha256};

/// Bytes by their length and their SHA-256, which is the name of code.
struct Brief<'a>(&'a [u8]);

impl fmt::Debug for Brief<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("0 bytes");
        }
        write!(f, "{} bytes, SHA-256 {}", self.0.len(), Hash(sha256(&[self.0])))
    }
}

impl fmt::Debug for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        macro_rules! fields {
            ($name:literal, $($field:ident),*) => {
                f.debug_struct($name)$(.field(stringify!($field), $field))*.finish()
            };
        }
        match self {
            Self::Transfer { recipient, amount } => fields!("Transfer", recipient, amount),
            Self::Bond {
                amount,
                commission_basis_points,
            } => fields!("Bond", amount, commission_basis_points),
            Self::Unbond { amount } => fields!("Unbond", amount),
            Self::Delegate { validator, amount } => fields!("Delegate", validator, amount),
            Self::Undelegate { validator, amount } => fields!("Undelegate", validator, amount),
            Self::Unjail => f.write_str("Unjail"),
            Self::AuthorityVote { add, remove } => fields!("AuthorityVote", add, remove),
            Self::Evidence(evidence) => f.debug_tuple("Evidence").field(evidence).finish(),
            Self::ClaimRewards { validator } => fields!("ClaimRewards", validator),
            Self::Deploy {
                code,
                input,
                upgradable,
                value,
            } => {
                let (code, input) = (&Brief(code), &Brief(input));
                fields!("Deploy", code, input, upgradable, value)
            }
            Self::Call {
                contract,
                input,
                value,
            } => {
                let input = &Brief(input);
                fields!("Call", contract, input, value)
            }
            Self::Upgrade {
                contract,
                code,
                input,
            } => {
                let (code, input) = (&Brief(code), &Brief(input));
                fields!("Upgrade", contract, code, input)
            }
            Self::SetAdmin { contract, admin } => fields!("SetAdmin", contract, admin),
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::Amount;

    #[test]
    fn code_is_shown_by_length_and_hash() {
        let code = Bytes::from(vec![7; 100_000]);
        let hash = crate::contract::code_hash(&code).to_string();
        let action = Action::Deploy {
            code,
            input: Bytes::new(),
            upgradable: true,
            value: Amount(5),
        };
        assert_eq!(
            format!("{action:?}"),
            format!(
                "Deploy {{ code: 100000 bytes, SHA-256 {hash}, input: 0 bytes, upgradable: true, value: {:?} }}",
                Amount(5)
            )
        );
        assert_eq!(format!("{:?}", Action::Unjail), "Unjail");
    }
}
