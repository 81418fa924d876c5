//! Why a transaction may not be in a block.

use aureon_types::{Address, Amount};

/// A transaction that no valid block can hold at this place: nobody could be charged for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Inapplicable {
    /// Its number was used before.
    #[error("nonce {given} was used before: next is {expected}")]
    NonceTooLow {
        /// The transaction's.
        given: u64,
        /// The account's.
        expected: u64,
    },
    /// An earlier transaction of the sender is missing.
    #[error("nonce {given} is not the sender's turn: next is {expected}")]
    NonceTooHigh {
        /// The transaction's.
        given: u64,
        /// The account's.
        expected: u64,
    },
    /// The last number there is; the account could not count on (EIP-2681).
    #[error("nonce {0} is the last there is and cannot be used")]
    NonceExhausted(u64),
    /// Contracts do not send (EIP-3607).
    #[error("the sender {0} is a contract; only accounts without code can send")]
    SenderHasCode(Address),
    /// The system account has no key; whoever found one for its address has found a flaw, not an account.
    #[error("the system account does not send")]
    SystemAccount,
    /// Its last valid height has passed.
    #[error("it was valid up to height {last_valid_height}, this is height {height}")]
    Expired {
        /// The transaction's.
        last_valid_height: u64,
        /// The block's.
        height: u64,
    },
    /// Below the network's minimum.
    #[error("gas price {given} is below the minimum of {minimum}")]
    Underpriced {
        /// The transaction's.
        given: u64,
        /// The network's.
        minimum: u64,
    },
    /// It may use more gas than the block has left.
    #[error("gas limit {gas_limit} is more than the {left} gas left in the block")]
    NoRoom {
        /// The transaction's.
        gas_limit: u64,
        /// Gas limit of the block less gas used before.
        left: u64,
    },
    /// Gas limit times price does not fit in 64 bits.
    #[error("gas limit {gas_limit} at price {gas_price} is a fee beyond 64 bits")]
    FeeOverflow {
        /// The transaction's.
        gas_limit: u64,
        /// The transaction's.
        gas_price: u64,
    },
    /// The receipts of a block may not grow for ever.
    #[error("with its receipt those of the block would have {bytes} bytes, at most {limit} are allowed")]
    ReceiptsFull {
        /// With the transaction's.
        bytes: usize,
        /// [`aureon_types::limits::MAX_RECEIPTS_BYTES`].
        limit: usize,
    },
    /// Nobody can say what it does. Found by who builds a block, who leaves it out.
    #[error("the contract machine failed on it")]
    MachineFailed,
    /// The sender could not pay the highest fee.
    #[error("the fee can be up to {max_fee} base units, the sender has {balance}")]
    CannotPayFee {
        /// Gas limit times price.
        max_fee: Amount,
        /// The sender's.
        balance: Amount,
    },
}
