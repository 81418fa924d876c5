//! Why a transaction is refused, in words and in a stable name.

use aureon_chain::mempool;
use aureon_types::transaction::UnverifiedError;

/// Why a transaction is not in the mempool.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// Its signature or network is wrong.
    #[error(transparent)]
    Unverified(#[from] UnverifiedError),
    /// The mempool does not take it.
    #[error(transparent)]
    Pool(#[from] mempool::Rejection),
}

impl Rejection {
    /// A stable name for scripts.
    pub fn code(&self) -> &'static str {
        use mempool::Rejection as Pool;
        match self {
            Self::Unverified(UnverifiedError::BadSignature { .. }) => "bad-signature",
            Self::Unverified(UnverifiedError::WrongNetwork { .. })
            | Self::Pool(Pool::WrongNetwork { .. }) => "wrong-network",
            Self::Pool(rejection) => pool_code(rejection),
        }
    }

    /// Whether the transaction is in the pool all the same.
    pub fn is_known(&self) -> bool {
        matches!(self, Self::Pool(mempool::Rejection::AlreadyKnown(_)))
    }
}

fn pool_code(rejection: &mempool::Rejection) -> &'static str {
    use mempool::Rejection as Pool;
    match rejection {
        Pool::AlreadyKnown(_) => "already-known",
        Pool::WrongNetwork { .. } => "wrong-network",
        Pool::GasLimitTooLow { .. } => "gas-limit-too-low",
        Pool::GasLimitTooHigh { .. } => "gas-limit-too-high",
        Pool::Underpriced { .. } => "underpriced",
        Pool::CostOverflow { .. } => "cost-overflow",
        Pool::Expired { .. } => "expired",
        Pool::SenderHasCode(_) => "sender-has-code",
        Pool::NonceTooLow { .. } => "nonce-too-low",
        Pool::NonceTooFarAhead { .. } => "nonce-too-far-ahead",
        Pool::ReplacementUnderpriced { .. } => "replacement-underpriced",
        Pool::InsufficientBalance { .. } => "insufficient-balance",
        Pool::SenderFull { .. } => "sender-full",
        _ => "pool-full",
    }
}
