//! Money kept between a buyer and a seller until the deal is done, or its time is over.
#![cfg_attr(not(test), no_std)]

/// Money kept between a buyer and a seller until the deal is done, or its time is over.
#[aureon::contract]
pub mod escrow {
    use aureon::prelude::*;

    const NEXT: Item<u64> = Item::new("next");
    const DEALS: Map<u64, Deal> = Map::new("deals");

    /// A deal that is open.
    #[data]
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Deal {
        pub buyer: Address,
        pub seller: Address,
        /// Who decides when the two do not agree.
        pub arbiter: Option<Address>,
        /// What is kept, in base units.
        pub amount: u64,
        /// From this block time on (milliseconds since 1970) the buyer can take the money back.
        pub deadline: u64,
    }

    /// Who got the money in the end.
    #[data]
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Outcome {
        Released,
        Refunded,
    }

    /// A buyer paid in.
    #[event]
    #[derive(Debug, PartialEq, Eq)]
    pub struct Opened {
        pub id: u64,
        pub buyer: Address,
        pub seller: Address,
        pub amount: u64,
        pub deadline: u64,
    }

    /// The money went out.
    #[event]
    #[derive(Debug, PartialEq, Eq)]
    pub struct Closed {
        pub id: u64,
        pub outcome: Outcome,
        pub by: Address,
        pub amount: u64,
    }

    /// Keeps the value that comes along for `seller`, and gives the deal's number. From `deadline` on
    /// (milliseconds since 1970) the caller can take it back.
    #[call(payable)]
    fn open(seller: Address, arbiter: Option<Address>, deadline: u64) -> Result<u64> {
        let (buyer, amount) = (context::caller(), context::value());
        ensure!(amount > 0, "send the amount of the deal along");
        ensure!(deadline > context::block_time(), "the deadline is over already");
        ensure!(seller != buyer, "buyer and seller are the same");
        ensure!(
            arbiter != Some(buyer) && arbiter != Some(seller),
            "the arbiter is neither buyer nor seller"
        );
        let id = NEXT.get().unwrap_or(1);
        NEXT.set(&id.plus(1));
        DEALS.set(
            &id,
            &Deal {
                buyer,
                seller,
                arbiter,
                amount,
                deadline,
            },
        );
        emit(&Opened {
            id,
            buyer,
            seller,
            amount,
            deadline,
        });
        Ok(id)
    }

    /// Pays the seller: by the buyer, who is content, or by the arbiter.
    #[call]
    fn release(id: u64) -> Result<()> {
        let deal = deal_of(id)?;
        let by = context::caller();
        ensure!(
            by == deal.buyer || deal.arbiter == Some(by),
            "only the buyer or the arbiter can release"
        );
        close(id, &deal, Outcome::Released)
    }

    /// Pays the buyer back: by the seller, who gives up, by the arbiter, or after the deadline by the buyer.
    #[call]
    fn refund(id: u64) -> Result<()> {
        let deal = deal_of(id)?;
        let by = context::caller();
        if by == deal.buyer {
            ensure!(
                context::block_time() >= deal.deadline,
                "the buyer can refund after the deadline only"
            );
        } else {
            ensure!(
                by == deal.seller || deal.arbiter == Some(by),
                "only the seller, the arbiter, or the buyer after the deadline can refund"
            );
        }
        close(id, &deal, Outcome::Refunded)
    }

    /// A deal that is open.
    #[query]
    fn deal(id: u64) -> Option<Deal> {
        DEALS.get(&id)
    }

    fn deal_of(id: u64) -> Result<Deal> {
        Ok(DEALS.get(&id).ok_or("there is no open deal of this number")?)
    }

    fn close(id: u64, deal: &Deal, outcome: Outcome) -> Result<()> {
        // First forget, then pay: whoever is paid cannot be paid twice.
        DEALS.remove(&id);
        let to = match outcome {
            Outcome::Released => deal.seller,
            Outcome::Refunded => deal.buyer,
        };
        transfer(&to, deal.amount)?;
        emit(&Closed {
            id,
            outcome,
            by: context::caller(),
            amount: deal.amount,
        });
        Ok(())
    }
}

#[cfg(test)]
mod chain;
#[cfg(test)]
mod tests;
