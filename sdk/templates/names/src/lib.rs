//! Names for addresses, rented by the year.
#![cfg_attr(not(test), no_std)]

/// Names for addresses, rented by the year.
#[aureon::contract]
pub mod names {
    use aureon::prelude::*;

    /// 365 days in milliseconds.
    pub const YEAR: u64 = 365 * 24 * 3_600 * 1_000;
    /// How long after its end an entry can still be renewed and not be taken: 30 days.
    pub const GRACE: u64 = 30 * 24 * 3_600 * 1_000;
    /// The most years that can be paid in advance.
    pub const MAX_YEARS: u64 = 10;

    const SETTINGS: Item<Settings> = Item::new("settings");
    const ENTRIES: Map<String, Entry> = Map::new("entries");

    /// What the keeper of the registry sets.
    #[data]
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Settings {
        /// Who sets the price and takes the money.
        pub keeper: Address,
        /// In base units, for a year.
        pub price: u64,
    }

    /// A name that is taken.
    #[data]
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Entry {
        pub owner: Address,
        /// What the name stands for.
        pub target: Address,
        /// Until when, in milliseconds since 1970.
        pub until: u64,
    }

    /// Somebody rents a name, or rents it for longer.
    #[event]
    #[derive(Debug, PartialEq, Eq)]
    pub struct Rented {
        pub name: String,
        pub owner: Address,
        pub until: u64,
    }

    /// A name stands for another address, or has another owner.
    #[event]
    #[derive(Debug, PartialEq, Eq)]
    pub struct Changed {
        pub name: String,
        pub owner: Address,
        pub target: Address,
    }

    /// A name is free again.
    #[event]
    #[derive(Debug, PartialEq, Eq)]
    pub struct Released {
        pub name: String,
    }

    /// Opens the registry; the deployer keeps it.
    #[init]
    fn create(price: u64) {
        SETTINGS.set(&Settings {
            keeper: context::caller(),
            price,
        });
    }

    /// Rents a free name for some years; it stands for the caller at first. The value is the price.
    #[call(payable)]
    fn register(name: String, years: u64) -> Result<u64> {
        check_name(&name)?;
        let now = context::block_time();
        if let Some(entry) = ENTRIES.get(&name) {
            ensure!(now >= entry.until.plus(GRACE), "the name is taken");
        }
        check_price(years)?;
        let owner = context::caller();
        rent(
            name,
            Entry {
                owner,
                target: owner,
                until: now,
            },
            years,
        )
    }

    /// Rents a name for longer, whoever pays; up to 30 days after its end.
    #[call(payable)]
    fn renew(name: String, years: u64) -> Result<u64> {
        let entry = entry_of(&name)?;
        ensure!(
            context::block_time() < entry.until.plus(GRACE),
            "the name is free: register it"
        );
        check_price(years)?;
        rent(name, entry, years)
    }

    /// Lets a name stand for another address.
    #[call]
    fn set_target(name: String, target: Address) -> Result<()> {
        let entry = owned(&name)?;
        change(name, Entry { target, ..entry });
        Ok(())
    }

    /// Gives a name to somebody else.
    #[call]
    fn give(name: String, owner: Address) -> Result<()> {
        let entry = owned(&name)?;
        change(name, Entry { owner, ..entry });
        Ok(())
    }

    /// Gives a name up.
    #[call]
    fn release(name: String) -> Result<()> {
        owned(&name)?;
        ENTRIES.remove(&name);
        emit(&Released { name });
        Ok(())
    }

    /// Sets the price of a year; only the keeper.
    #[call]
    fn set_price(price: u64) -> Result<()> {
        let settings = keeper()?;
        SETTINGS.set(&Settings { price, ..settings });
        Ok(())
    }

    /// Pays what has come in to an account, and gives the amount; only the keeper.
    #[call]
    fn withdraw(to: Address) -> Result<u64> {
        keeper()?;
        let amount = context::balance(&context::self_address());
        transfer(&to, amount)?;
        Ok(amount)
    }

    /// What a name stands for; nothing if it is free or its time is over.
    #[query]
    fn resolve(name: String) -> Option<Address> {
        let entry = ENTRIES.get(&name)?;
        (context::block_time() < entry.until).then_some(entry.target)
    }

    /// All about a name, also when its time is over and nobody has taken it since.
    #[query]
    fn entry(name: String) -> Option<Entry> {
        ENTRIES.get(&name)
    }

    /// Keeper and price.
    #[query]
    fn settings() -> Settings {
        SETTINGS.load()
    }

    /// 3 to 32 of a to z, 0 to 9 and `-`, which stands only between others: no capitals, no accents.
    fn check_name(name: &str) -> Result<()> {
        ensure!(
            name.len() >= 3 && name.len() <= 32,
            "a name has 3 to 32 characters"
        );
        let fits = name
            .bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
        ensure!(fits, "a name consists of a to z, 0 to 9 and -");
        ensure!(
            !name.starts_with('-') && !name.ends_with('-'),
            "a name does not begin or end with -"
        );
        Ok(())
    }

    fn check_price(years: u64) -> Result<()> {
        ensure!((1..=MAX_YEARS).contains(&years), "rent for 1 to 10 years");
        let price = SETTINGS.load().price.times(years);
        ensure!(
            context::value() == price,
            "the price is ",
            price,
            ", ",
            context::value(),
            " came"
        );
        Ok(())
    }

    fn rent(name: String, entry: Entry, years: u64) -> Result<u64> {
        let until = entry.until.plus(years.times(YEAR));
        ensure!(
            until <= context::block_time().plus(MAX_YEARS.times(YEAR)),
            "paid for 10 years in advance already"
        );
        ENTRIES.set(
            &name,
            &Entry {
                until,
                ..entry.clone()
            },
        );
        emit(&Rented {
            name,
            owner: entry.owner,
            until,
        });
        Ok(until)
    }

    fn change(name: String, entry: Entry) {
        ENTRIES.set(&name, &entry);
        emit(&Changed {
            name,
            owner: entry.owner,
            target: entry.target,
        });
    }

    fn entry_of(name: &String) -> Result<Entry> {
        Ok(ENTRIES.get(name).ok_or("nobody has this name")?)
    }

    fn owned(name: &String) -> Result<Entry> {
        let entry = entry_of(name)?;
        ensure!(
            entry.owner == context::caller(),
            "only the owner of the name may do this"
        );
        ensure!(
            context::block_time() < entry.until,
            "the name's time is over: renew it"
        );
        Ok(entry)
    }

    fn keeper() -> Result<Settings> {
        let settings = SETTINGS.load();
        ensure!(
            settings.keeper == context::caller(),
            "only the keeper of the registry may do this"
        );
        Ok(settings)
    }
}

#[cfg(test)]
mod chain;
#[cfg(test)]
mod tests;
