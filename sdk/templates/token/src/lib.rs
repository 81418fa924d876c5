//! A fungible token with allowances.
#![cfg_attr(not(test), no_std)]

/// A fungible token with allowances.
#[aureon::contract]
pub mod token {
    use aureon::prelude::*;

    const BALANCES: Map<Address, u64> = Map::new("balances");
    const ALLOWANCES: Map<(Address, Address), u64> = Map::new("allowances");
    const SUPPLY: Item<u64> = Item::new("supply");
    const OWNER: Item<Option<Address>> = Item::new("owner");
    const DETAILS: Item<Details> = Item::new("details");

    /// What people see.
    #[data]
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Details {
        pub name: String,
        pub symbol: String,
        pub decimals: u8,
    }

    /// Tokens went from one holder to another; from or to zero they were made or destroyed.
    #[event]
    #[derive(Debug, PartialEq, Eq)]
    pub struct Transferred {
        pub from: Address,
        pub to: Address,
        pub amount: u64,
    }

    /// A holder lets somebody spend up to an amount.
    #[event]
    #[derive(Debug, PartialEq, Eq)]
    pub struct Approved {
        pub owner: Address,
        pub spender: Address,
        pub amount: u64,
    }

    /// Somebody else may mint now, or nobody.
    #[event]
    #[derive(Debug, PartialEq, Eq)]
    pub struct OwnerChanged {
        pub owner: Option<Address>,
    }

    /// Makes the token; the whole supply is the deployer's.
    #[init]
    fn create(name: String, symbol: String, decimals: u8, supply: u64) -> Result<()> {
        ensure!(!name.is_empty() && name.len() <= 64, "the name has 1 to 64 bytes");
        ensure!(
            !symbol.is_empty() && symbol.len() <= 12,
            "the symbol has 1 to 12 bytes"
        );
        ensure!(decimals <= 19, "decimals are at most 19");
        DETAILS.set(&Details {
            name,
            symbol,
            decimals,
        });
        OWNER.set(&Some(context::caller()));
        SUPPLY.set(&0);
        create_tokens(context::caller(), supply)
    }

    /// Moves tokens of the caller.
    #[call]
    fn transfer(to: Address, amount: u64) -> Result<()> {
        pay(context::caller(), to, amount)
    }

    /// Lets `spender` spend up to `amount` of the caller's tokens, instead of what was allowed before.
    #[call]
    fn approve(spender: Address, amount: u64) {
        let owner = context::caller();
        set_or_remove(&ALLOWANCES, &(owner, spender), amount);
        emit(&Approved {
            owner,
            spender,
            amount,
        });
    }

    /// Moves tokens of `from`, who has allowed the caller to.
    #[call]
    fn transfer_from(from: Address, to: Address, amount: u64) -> Result<()> {
        let key = (from, context::caller());
        let allowed = ALLOWANCES.get(&key).unwrap_or(0);
        ensure!(
            amount <= allowed,
            "the allowance is ",
            allowed,
            ", ",
            amount,
            " needed"
        );
        set_or_remove(&ALLOWANCES, &key, allowed.minus(amount));
        pay(from, to, amount)
    }

    /// Makes new tokens; only the owner.
    #[call]
    fn mint(to: Address, amount: u64) -> Result<()> {
        require_owner()?;
        create_tokens(to, amount)
    }

    /// Destroys tokens of the caller.
    #[call]
    fn burn(amount: u64) -> Result<()> {
        let from = context::caller();
        take(from, amount)?;
        SUPPLY.set(&SUPPLY.load().minus(amount));
        emit(&Transferred {
            from,
            to: Address::ZERO,
            amount,
        });
        Ok(())
    }

    /// Hands the right to mint on; nobody ends it for ever.
    #[call]
    fn set_owner(owner: Option<Address>) -> Result<()> {
        require_owner()?;
        OWNER.set(&owner);
        emit(&OwnerChanged { owner });
        Ok(())
    }

    /// The tokens of a holder.
    #[query]
    fn balance_of(owner: Address) -> u64 {
        BALANCES.get(&owner).unwrap_or(0)
    }

    /// What `spender` may still spend of the tokens of `owner`.
    #[query]
    fn allowance(owner: Address, spender: Address) -> u64 {
        ALLOWANCES.get(&(owner, spender)).unwrap_or(0)
    }

    /// All tokens there are.
    #[query]
    fn supply() -> u64 {
        SUPPLY.load()
    }

    /// Who may mint.
    #[query]
    fn owner() -> Option<Address> {
        OWNER.load()
    }

    /// Name, symbol and decimals.
    #[query]
    fn details() -> Details {
        DETAILS.load()
    }

    fn require_owner() -> Result<()> {
        ensure!(
            OWNER.load() == Some(context::caller()),
            "only the owner of the token may do this"
        );
        Ok(())
    }

    fn pay(from: Address, to: Address, amount: u64) -> Result<()> {
        take(from, amount)?;
        give(to, amount)?;
        emit(&Transferred { from, to, amount });
        Ok(())
    }

    fn create_tokens(to: Address, amount: u64) -> Result<()> {
        let supply = SUPPLY
            .load()
            .checked_add(amount)
            .ok_or("the supply would be too large")?;
        SUPPLY.set(&supply);
        give(to, amount)?;
        emit(&Transferred {
            from: Address::ZERO,
            to,
            amount,
        });
        Ok(())
    }

    fn take(from: Address, amount: u64) -> Result<()> {
        let balance = balance_of(from);
        ensure!(
            amount <= balance,
            "the balance is ",
            balance,
            ", ",
            amount,
            " needed"
        );
        set_or_remove(&BALANCES, &from, balance.minus(amount));
        Ok(())
    }

    fn give(to: Address, amount: u64) -> Result<()> {
        ensure!(
            to != Address::ZERO,
            "nobody has the zero address; burn tokens to destroy them"
        );
        set_or_remove(&BALANCES, &to, balance_of(to).plus(amount));
        Ok(())
    }

    /// Zero is stored as nothing, so that its deposit comes back.
    fn set_or_remove<K: Encode>(map: &Map<K, u64>, key: &K, amount: u64) {
        match amount {
            0 => map.remove(key),
            amount => map.set(key, &amount),
        }
    }
}

#[cfg(test)]
mod chain;
#[cfg(test)]
mod tests;
