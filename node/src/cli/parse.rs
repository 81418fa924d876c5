//! Values of the command line that are neither text nor numbers.

use std::time::Duration;

use aureon_types::{Address, Amount, EmptyBlocks, genesis::GenesisStake};

use crate::testnet::Engine;

/// A time span: `500ms`, `1s`, `2m`.
pub fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("\"{text}\" is not a time such as 500ms, 1s or 2m");
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: u64 = digits.parse().map_err(|_| wrong())?;
    let milliseconds = match &text[digits.len()..] {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        _ => return Err(wrong()),
    };
    number
        .checked_mul(milliseconds)
        .map(Duration::from_millis)
        .ok_or_else(wrong)
}

/// A balance: `0x<address>=<base units>`.
pub fn balance(text: &str) -> Result<(Address, Amount), String> {
    let (address, amount) = text
        .split_once('=')
        .ok_or_else(|| format!("\"{text}\" is not <address>=<base units>"))?;
    Ok((
        address
            .parse()
            .map_err(|error: aureon_types::AddressError| error.to_string())?,
        amount
            .parse()
            .map_err(|error: aureon_types::amount::AmountError| error.to_string())?,
    ))
}

/// A share as `10%` or `12.5%`, in hundredths of a percent.
pub fn basis_points(text: &str) -> Result<u32, String> {
    let wrong = || format!("\"{text}\" is no share such as 10% or 12.5%, from 0% to 100%");
    let digits = text.strip_suffix('%').ok_or_else(wrong)?;
    let (whole, rest) = digits.split_once('.').unwrap_or((digits, "0"));
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(whole) || !is_number(rest) || rest.len() > 2 {
        return Err(wrong());
    }
    let hundredths: u32 = format!("{rest:0<2}").parse().map_err(|_| wrong())?;
    let whole: u32 = whole.parse().map_err(|_| wrong())?;
    let points = whole
        .checked_mul(100)
        .and_then(|points| points.checked_add(hundredths));
    points.filter(|points| *points <= 10_000).ok_or_else(wrong)
}

/// A stake of a genesis: `0x<public key>=<base units>`, and `:2.5%` for a commission.
pub fn stake(text: &str) -> Result<GenesisStake, String> {
    let (key, rest) = text
        .split_once('=')
        .ok_or_else(|| format!("\"{text}\" is not <public key>=<base units>"))?;
    let (amount, commission) = match rest.split_once(':') {
        Some((amount, commission)) => (amount, basis_points(commission)?),
        None => (rest, 0),
    };
    Ok(GenesisStake {
        public_key: key
            .parse()
            .map_err(|error: aureon_types::KeyError| error.to_string())?,
        stake: amount
            .parse()
            .map_err(|error: aureon_types::amount::AmountError| error.to_string())?,
        commission_basis_points: commission,
    })
}

/// The name of an engine.
pub fn engine(text: &str) -> Result<&'static str, String> {
    Ok(text.parse::<Engine>()?.name())
}

/// When blocks without transactions are made.
pub fn empty_blocks(text: &str) -> Result<EmptyBlocks, String> {
    match text {
        "always" => Ok(EmptyBlocks::Always),
        "on-demand" | "on_demand" => Ok(EmptyBlocks::OnDemand),
        _ => Err(format!("\"{text}\" is neither \"always\" nor \"on-demand\"")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_need_a_unit() {
        for (text, milliseconds) in [("500ms", 500), ("1s", 1_000), ("2m", 120_000), ("0s", 0)] {
            assert_eq!(duration(text), Ok(Duration::from_millis(milliseconds)));
        }
        for wrong in [
            "",
            "1",
            "s",
            "1.5s",
            "-1s",
            "1h",
            "99999999999999999999s",
            "1 s",
            "18446744073709551615m",
        ] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn shares_are_percents_with_two_decimals() {
        for (text, points) in [
            ("0%", 0),
            ("10%", 1_000),
            ("12.5%", 1_250),
            ("0.05%", 5),
            ("100%", 10_000),
        ] {
            assert_eq!(basis_points(text), Ok(points));
        }
        for wrong in [
            "",
            "%",
            "10",
            "-1%",
            "100.01%",
            "1.234%",
            ".5%",
            "1.%",
            "+1%",
            "99999999999%",
        ] {
            assert!(basis_points(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_stake_is_a_key_an_amount_and_perhaps_a_commission() {
        let key = "0x8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c";
        let read = |rest: &str| {
            let stake = stake(&format!("{key}{rest}"))?;
            Ok::<_, String>((stake.stake, stake.commission_basis_points))
        };
        assert_eq!(read("=5"), Ok((Amount(5), 0)));
        assert_eq!(read("=5:2.5%"), Ok((Amount(5), 250)));
        for wrong in ["", "=", "=-1", "=5:", "=5:x", "=5:250", "=5:1%:1"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        assert!(stake("0x12=5").is_err());
    }

    #[test]
    fn balances_are_an_address_and_an_amount() {
        let text = "0x52908400098527886E0F7030069857D2E4169EE7";
        assert_eq!(
            balance(&format!("{text}=5")).map(|(_, amount)| amount),
            Ok(Amount(5))
        );
        for wrong in [
            text.to_owned(),
            format!("{text}="),
            format!("{text}=-1"),
            "0x12=5".to_owned(),
        ] {
            assert!(balance(&wrong).is_err(), "{wrong}");
        }
    }
}
