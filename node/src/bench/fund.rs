//! Funding the accounts on a network that runs already: one payer sends to each. Not timed.

use std::{
    thread,
    time::{Duration, Instant},
};

use aureon_types::{Address, Amount, SecretKey, transaction::TRANSFER_GAS};

use super::{
    BenchError,
    offer::{self, Gate},
    workload::{self, Batch, Terms},
};
use crate::{client::Client, testnet::StopFlag};

/// Transfers per request: well below what a pool keeps of one sender.
const BATCH: usize = 250;
/// How long the last of them may take.
const PATIENCE: Duration = Duration::from_secs(300);
/// Between two looks at the payer's account.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// Sends `each` base units from `payer` to every address and waits until all are included.
pub fn fan_out(
    client: &Client,
    payer: &SecretKey,
    addresses: &[Address],
    each: u64,
    terms: &Terms,
    stop: &StopFlag,
) -> Result<(), BenchError> {
    let account = client.balance(&payer.address())?;
    check_balance(payer, account.balance, addresses.len(), each, terms)?;
    let first = account.pending.next_nonce;
    let end = first.saturating_add(addresses.len() as u64);
    let gate = Gate::new(usize::MAX);
    thread::scope(|scope| {
        let offering = scope.spawn(|| {
            let transfers = (first..).zip(addresses);
            let signed: Vec<_> = transfers
                .map(|(nonce, address)| workload::transfer(terms, payer, nonce, *address, Amount(each)))
                .collect();
            offer::offer(client, signed.chunks(BATCH).map(Batch::of).collect(), &gate)
        });
        let waited = wait(client, &payer.address(), end, stop, || offering.is_finished());
        gate.stop();
        match offering.join() {
            // What the node refused says more than that nothing came.
            Ok(Err(error)) => Err(error),
            Ok(Ok(_)) => waited,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

fn check_balance(
    payer: &SecretKey,
    balance: Amount,
    accounts: usize,
    each: u64,
    terms: &Terms,
) -> Result<(), BenchError> {
    let fee = TRANSFER_GAS.saturating_mul(terms.gas_price);
    let needed = each.saturating_add(fee).saturating_mul(accounts as u64);
    if balance.0 < needed {
        return Err(BenchError::TooPoor {
            payer: payer.address(),
            balance,
            accounts,
            each,
            needed,
        });
    }
    Ok(())
}

/// Until the payer's next nonce is `end`. The patience counts from the last progress.
fn wait(
    client: &Client,
    payer: &Address,
    end: u64,
    stop: &StopFlag,
    offered: impl Fn() -> bool,
) -> Result<(), BenchError> {
    let (mut nonce, mut since) = (0, Instant::now());
    loop {
        let now = client.balance(payer)?.nonce;
        if now >= end {
            return Ok(());
        }
        if now > nonce {
            (nonce, since) = (now, Instant::now());
        }
        if stop.is_set() {
            return Err(BenchError::Interrupted);
        }
        if offered() && since.elapsed() > PATIENCE {
            return Err(BenchError::NotFunded { patience: PATIENCE });
        }
        thread::sleep(LOOK_AGAIN);
    }
}

#[cfg(test)]
mod tests {
    use aureon_types::GenesisId;

    use super::*;

    #[test]
    fn a_payer_that_has_too_little_is_told_how_much_it_takes() {
        let (payer, terms) = (
            SecretKey::from_seed([1; 32]),
            Terms {
                genesis_id: GenesisId([1; 32]),
                gas_price: 2,
            },
        );
        assert!(check_balance(&payer, Amount(84_020), 2, 10, &terms).is_ok());
        let error = check_balance(&payer, Amount(84_019), 2, 10, &terms)
            .unwrap_err()
            .to_string();
        assert!(error.contains("84019") && error.contains("84020"), "{error}");
        assert!(check_balance(&payer, Amount(u64::MAX - 1), 2, u64::MAX, &terms).is_err());
    }
}
