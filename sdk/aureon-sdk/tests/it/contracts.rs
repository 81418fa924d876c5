//! Contracts that show one thing each.

#[aureon::contract]
pub mod probe {
    use aureon::prelude::*;

    const NUMBER: Item<u64> = Item::new("number");

    /// What a call sees.
    #[data]
    pub struct Seen {
        pub caller: Address,
        pub contract: Address,
        pub value: u64,
        pub balance: u64,
        pub height: u64,
        pub time: u64,
    }

    #[event]
    pub struct Set {
        pub number: u64,
    }

    #[call(payable)]
    fn look() -> Seen {
        Seen {
            caller: context::caller(),
            contract: context::self_address(),
            value: context::value(),
            balance: context::balance(&context::self_address()),
            height: context::block_height(),
            time: context::block_time(),
        }
    }

    #[call]
    fn set(number: u64) {
        NUMBER.set(&number);
        emit(&Set { number });
    }

    #[call(payable)]
    fn set_then_fail(number: u64) -> Result<()> {
        set(number);
        Err(message!("changed my mind about ", number).into())
    }

    #[call]
    fn add(number: u64) {
        NUMBER.set(&NUMBER.load().plus(number));
    }

    #[call]
    fn nest(depth: u32) -> Result<u32> {
        if depth == 0 {
            return Ok(0);
        }
        Ok(Client::at(context::self_address()).nest(depth - 1)? + 1)
    }

    #[query]
    fn divide(left: u64, right: u64) -> u64 {
        left / right
    }

    #[query]
    fn write_in_query() {
        NUMBER.set(&1);
    }

    #[query]
    fn get() -> Option<u64> {
        NUMBER.get()
    }

    #[cfg(not(target_arch = "wasm32"))]
    impl Client {
        /// As the admin does on the chain.
        pub fn upgrade_to_second(&self) {
            super::second::Client::at(self.address)
                .upgrade(|out| 2u64.encode(out))
                .unwrap();
        }
    }
}

/// The next version of `probe`.
#[aureon::contract]
pub mod second {
    use aureon::prelude::*;

    const NUMBER: Item<u64> = Item::new("number");

    #[migrate]
    fn multiply(by: u64) {
        NUMBER.set(&NUMBER.load().times(by));
    }

    #[call]
    fn doubled() -> u64 {
        NUMBER.load()
    }
}

/// A map that can be listed.
#[aureon::contract]
pub mod shelf {
    use aureon::prelude::*;

    const BOOKS: IndexedMap<String, u64> = IndexedMap::new("books");

    #[call]
    fn put(title: String, pages: u64) {
        BOOKS.set(&title, &pages);
    }

    #[call]
    fn take(title: String) {
        BOOKS.remove(&title);
    }

    #[query]
    fn count() -> u64 {
        BOOKS.len()
    }

    #[query]
    fn pages(title: String) -> Option<u64> {
        BOOKS.get(&title)
    }

    #[query]
    fn titles(from: u64, count: u64) -> Vec<String> {
        BOOKS.keys(from, count)
    }

    #[query]
    fn list(from: u64, count: u64) -> Vec<(String, u64)> {
        BOOKS.page(from, count)
    }
}

#[aureon::interface]
pub trait Store {
    #[call]
    fn set(number: u64);
    #[query]
    fn get() -> Option<u64>;
}

#[aureon::contract]
pub mod bank {
    use aureon::guard;
    use aureon::prelude::*;

    use super::probe;

    const NOTED: Item<u32> = Item::new("noted");

    #[call(payable)]
    fn put() {}

    #[call]
    fn pay(to: Address, amount: u64) -> Result<()> {
        transfer(&to, amount)
    }

    #[call]
    fn try_and_go_on(other: Address) -> String {
        NOTED.set(&7);
        let said = probe::Client::at(other)
            .set_then_fail(2)
            .map_err(|error| error.message);
        NOTED.set(&(NOTED.load() * 11));
        said.err().unwrap_or_default()
    }

    #[call]
    fn guarded_once() {
        let _guard = guard::enter();
    }

    #[call]
    fn guarded_loop() -> Result<()> {
        let _guard = guard::enter();
        Ok(Client::at(context::self_address()).guarded_loop()?)
    }

    #[query]
    fn noted() -> Option<u32> {
        NOTED.get()
    }
}

/// Goes as far as the machine allows, and one further.
#[aureon::contract]
pub mod heavy {
    use aureon::prelude::*;

    const TEXTS: Map<String, String> = Map::new("texts");

    #[event]
    pub struct Said {
        pub text: String,
    }

    #[call]
    fn keep(key: String, text: String) {
        TEXTS.set(&key, &text);
    }

    #[call]
    fn say(length: u32, times: u32) {
        for _ in 0..times {
            emit(&Said {
                text: "x".repeat(length as usize),
            });
        }
    }

    #[call]
    fn answer(length: u32) -> String {
        "x".repeat(length as usize)
    }

    #[call]
    fn pay(to: Address) -> Result<()> {
        transfer(&to, 0)
    }
}
