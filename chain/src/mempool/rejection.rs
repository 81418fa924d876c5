//! Why the pool does not take a transaction. `Display` is the sentence that users read.

use aureon_types::{Address, Amount, TransactionId};

/// A transaction was not admitted, and the pool is as it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// It is here. No error to who submits it again; see [`super::Mempool::announce_again`].
    #[error("transaction {0} is already in the pool")]
    AlreadyKnown(TransactionId),
    /// For another network.
    #[error("the transaction is for network {given:016x}, this network is {expected:016x}")]
    WrongNetwork {
        /// The transaction's hint.
        given: u64,
        /// Ours.
        expected: u64,
    },
    /// The action cannot be done with so little gas.
    #[error("gas limit {given} is too low: this transaction needs {required}")]
    GasLimitTooLow {
        /// The transaction's.
        given: u64,
        /// What its action uses.
        required: u64,
    },
    /// No block could hold it.
    #[error("gas limit {given} is too high: a block has {maximum}")]
    GasLimitTooHigh {
        /// The transaction's.
        given: u64,
        /// A block's.
        maximum: u64,
    },
    /// Below the network's minimum.
    #[error("gas price {given} is too low: this network's minimum is {minimum}")]
    Underpriced {
        /// The transaction's.
        given: u64,
        /// The network's.
        minimum: u64,
    },
    /// The highest cost does not fit in 64 bits.
    #[error(
        "gas limit {gas_limit} at price {gas_price} and the amount {amount} are more base units than can exist"
    )]
    CostOverflow {
        /// The transaction's.
        gas_limit: u64,
        /// The transaction's.
        gas_price: u64,
        /// The transaction's.
        amount: Amount,
    },
    /// Too late.
    #[error("the transaction was valid up to height {last_valid_height}, the next block is {next_height}")]
    Expired {
        /// The transaction's.
        last_valid_height: u64,
        /// The chain's.
        next_height: u64,
    },
    /// The sender is a contract.
    #[error("the sender {0} is a contract; only accounts without code can send")]
    SenderHasCode(Address),
    /// Included before, this one or another with its nonce.
    #[error("nonce {nonce} is too low: next is {next}")]
    NonceTooLow {
        /// The transaction's.
        nonce: u64,
        /// The sender's first nonce that is neither included nor here.
        next: u64,
    },
    /// Beyond what is parked.
    #[error("nonce {nonce} is too far ahead: next is {next}, at most {ahead} ahead")]
    NonceTooFarAhead {
        /// The transaction's.
        nonce: u64,
        /// The first missing one.
        next: u64,
        /// The bound.
        ahead: u64,
    },
    /// The nonce is taken, and the price is not high enough to take it over.
    #[error(
        "nonce {nonce} is taken by a transaction of gas price {current}: a replacement needs at least {needed}, this one has {given}"
    )]
    ReplacementUnderpriced {
        /// The contested nonce.
        nonce: u64,
        /// Price of the transaction that is here.
        current: u64,
        /// The lowest price that replaces it.
        needed: u64,
        /// The transaction's.
        given: u64,
    },
    /// The balance does not cover everything the sender has here.
    #[error(
        "the sender has {balance} base units, {queued} are spoken for by its waiting transactions, this one can cost {cost}"
    )]
    InsufficientBalance {
        /// The account's.
        balance: Amount,
        /// Highest cost of the sender's other transactions here.
        queued: Amount,
        /// Highest cost of this one: gas limit times price, and the amount.
        cost: Amount,
    },
    /// The sender has as much waiting as it may.
    #[error("the sender has {count} transactions waiting, no more are taken until some are included")]
    SenderFull {
        /// How many, and the bound.
        count: usize,
    },
    /// Full of dearer transactions.
    #[error(
        "the pool is full ({count} transactions, {bytes} bytes) and gas price {given} is not above the lowest there, {lowest}"
    )]
    PoolFull {
        /// Transactions in the pool.
        count: usize,
        /// Their bytes.
        bytes: usize,
        /// The transaction's price.
        given: u64,
        /// The lowest price that could make room.
        lowest: u64,
    },
    /// Full, and the transaction could not be included yet.
    #[error(
        "the pool is full ({count} transactions, {bytes} bytes) and nonce {nonce} would wait for nonce {next}"
    )]
    PoolFullForParked {
        /// Transactions in the pool.
        count: usize,
        /// Their bytes.
        bytes: usize,
        /// The transaction's.
        nonce: u64,
        /// The first missing one.
        next: u64,
    },
}
