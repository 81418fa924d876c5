//! The handlers of what is read of contracts. They are asked in [`super::ask_route`] and called through
//! [`super::send_route`].

use aureon_storage::StorageProof;
use aureon_types::{Address, limits::MAX_CONTRACT_KEY_BYTES};
use axum::extract::{RawQuery, State};
use bytes::Bytes;

use super::{
    Answer, Api,
    by_name::{self, no_contract},
    contract::{ContractView, InterfaceView, SlotProofView, SlotView},
    hex_bytes::HexBytes,
    problem::Problem,
    reads::{Text, parsed, text},
    views,
};
use crate::handle::{At, ContractAt, NodeHandle};

pub async fn contract(State(api): State<Api>, path: Text, RawQuery(query): RawQuery) -> Answer {
    let address: Address = parsed(&text(path)?)?;
    let without_code = flag(query.as_deref(), "meta")?;
    api.read(move |node| {
        let (at, found) = known(node, &address)?;
        let code_hash = found.account.code_hash;
        let bytecode = match without_code {
            true => None,
            false => Some(HexBytes(node.code(&code_hash)?.ok_or_else(|| {
                Problem::internal(&format!(
                    "the code {code_hash} of contract {address} is not there"
                ))
            })?)),
        };
        views::answer(&ContractView {
            address,
            code_hash,
            code_bytes: found.meta.code_bytes,
            bytecode,
            deployer: found.meta.deployer,
            admin: found.meta.admin,
            upgradable: found.meta.upgradable,
            balance: found.account.balance,
            height: at,
        })
    })
    .await
}

fn known(node: &NodeHandle, address: &Address) -> Result<(u64, ContractAt), Problem> {
    let At { height, found } = node.contract(address)?;
    match found {
        Some(contract) => Ok((height, contract)),
        None => Err(no_contract(address, height)),
    }
}

/// Whether the query says `name`, and nothing else.
fn flag(query: Option<&str>, name: &str) -> Result<bool, Problem> {
    match query.unwrap_or_default() {
        "" => Ok(false),
        given if given == name || given.strip_prefix(name) == Some("=true") => Ok(true),
        given if given.strip_prefix(name) == Some("=false") => Ok(false),
        given => Err(Problem::bad_request(format!(
            "\"?{given}\" is not known here; only \"?{name}\" is"
        ))),
    }
}

pub async fn storage(
    State(api): State<Api>,
    path: Result<axum::extract::Path<(String, String)>, axum::extract::rejection::PathRejection>,
    RawQuery(query): RawQuery,
) -> Answer {
    let axum::extract::Path((address, key)) =
        path.map_err(|rejection| Problem::bad_request(rejection.body_text()))?;
    let (address, key): (Address, Bytes) = (parsed(&address)?, storage_key(&key)?);
    let prove = flag(query.as_deref(), "proof")?;
    api.read(move |node| {
        known(node, &address)?;
        let at = node.contract_slot(&address, &key, prove)?;
        views::answer(&SlotView {
            contract: address,
            key: HexBytes(key),
            slot: at.slot,
            value: at.value.map(HexBytes),
            height: at.height,
            proof: at.proof.as_ref().map(proof_view),
        })
    })
    .await
}

/// `0x` and digits are bytes; everything else is the text itself.
fn storage_key(given: &str) -> Result<Bytes, Problem> {
    let key = match given.starts_with("0x") {
        true => parsed::<HexBytes>(given)?.0,
        false => Bytes::copy_from_slice(given.as_bytes()),
    };
    if !(1..=MAX_CONTRACT_KEY_BYTES).contains(&key.len()) {
        return Err(Problem::bad_request(format!(
            "the key has {} bytes; keys have 1 to {MAX_CONTRACT_KEY_BYTES}",
            key.len()
        )));
    }
    Ok(key)
}

fn proof_view(proof: &StorageProof) -> SlotProofView {
    let nodes = |nodes: &[Vec<u8>]| nodes.iter().map(|node| HexBytes(node.clone().into())).collect();
    SlotProofView {
        state_root: proof.account.root,
        storage_root: proof.account.account.unwrap_or_default().storage_root,
        account: nodes(&proof.account.nodes),
        storage: nodes(&proof.nodes),
    }
}

pub async fn interface(State(api): State<Api>, path: Text) -> Answer {
    let contract: Address = parsed(&text(path)?)?;
    let interfaces = api.interfaces.clone();
    api.read(move |node| {
        let At { height, found } = interfaces.of_contract(node, &contract)?;
        let found = found.ok_or_else(|| no_contract(&contract, height))?;
        let interface = by_name::readable(found.known, &format!("contract {contract}"))?;
        views::answer(&InterfaceView {
            contract,
            code_hash: found.code_hash,
            interface: interface.as_ref().clone(),
            height,
        })
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_of_the_query() {
        for (query, expected) in [
            (None, Some(false)),
            (Some(""), Some(false)),
            (Some("meta"), Some(true)),
            (Some("meta=true"), Some(true)),
            (Some("meta=false"), Some(false)),
            (Some("meta=1"), None),
            (Some("metal"), None),
            (Some("proof"), None),
        ] {
            assert_eq!(flag(query, "meta").ok(), expected, "{query:?}");
        }
    }

    #[test]
    fn keys_are_bytes_or_text() {
        assert_eq!(storage_key("0x00ff").unwrap(), &[0, 0xff][..]);
        assert_eq!(storage_key("count").unwrap(), &b"count"[..]);
        let long = "k".repeat(MAX_CONTRACT_KEY_BYTES + 1);
        for (wrong, said) in [("0x", "has 0 bytes"), ("0x0", "two"), (&long, "1 to 256")] {
            let problem = storage_key(wrong).unwrap_err();
            assert!(problem.detail.contains(said), "{}", problem.detail);
        }
    }
}
