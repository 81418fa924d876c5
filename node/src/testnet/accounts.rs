//! Three funded accounts for development.
//!
//! Their keys are the same in every test network and known to everybody who reads this file: worth
//! nothing anywhere else.

use aureon_types::{Amount, SecretKey, hash::blake3};

/// Base units of each account at the start.
pub const BALANCE: Amount = Amount(1_000_000_000_000_000);

/// How many there are.
pub const COUNT: u32 = 3;

/// The key of an account, from 1.
pub fn key(number: u32) -> SecretKey {
    SecretKey::from_seed(blake3(&[
        b"aureon development account",
        number.to_string().as_bytes(),
    ]))
}

/// All keys in order.
pub fn keys() -> impl Iterator<Item = SecretKey> {
    (1..=COUNT).map(key)
}

/// The file name of an account's key.
pub fn file_name(number: usize) -> String {
    format!("account-{number}.key")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_accounts_are_well_known() {
        // The root's genesis.json, documents and scripts name them: they must never change.
        let addresses: Vec<String> = keys().map(|key| key.address().to_string()).collect();
        assert_eq!(
            addresses,
            [
                "0xd3769eB03A692727B1cE3cFfAFcb98369E3966E4",
                "0xacB6DAC93cad411aD9cf630b945B9a7D07756Be8",
                "0xBA2cF37595d0589cD2d24F510A545b368093300a",
            ]
        );
    }
}
