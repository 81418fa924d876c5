//! The nouns of Aureon: hashes, addresses, amounts, keys, transactions, blocks, receipts, genesis.
//!
//! Pure: no I/O, no clock, no randomness. Everything a peer or a user sends is bytes until it has been
//! parsed into one of these types, and a value of such a type keeps the promise its name makes: a
//! [`SignedTransaction`] is well formed, a [`VerifiedTransaction`] has a valid signature.
//!
//! *Carried as signed.* What was signed or hashed is kept as the bytes that were signed or hashed
//! (see [`strict`]); nothing is encoded again in order to verify it.

pub mod account;
pub mod action;
pub mod address;
pub mod amount;
pub mod block;
pub mod certificate;
pub mod contract;
pub mod evidence;
pub mod genesis;
pub mod hash;
pub mod keys;
pub mod limits;
pub mod merkle;
pub mod receipt;
mod refusal;
pub mod signature;
pub mod strict;
pub mod transaction;
pub mod validators;
pub mod vote;

pub use account::{Account, SYSTEM_ADDRESS, SlotChanges, StateChanges};
pub use action::Action;
pub use address::{Address, AddressError};
pub use amount::Amount;
pub use block::{Block, Header, SealedHeader};
pub use certificate::{CertificateFault, CertifiedBlock, CommitCertificate, CommitSignature};
pub use contract::{ContractFault, ContractMeta, Event, TrapCode};
pub use evidence::Evidence;
pub use genesis::{EmptyBlocks, EngineKind, Genesis, GenesisError};
pub use hash::{BlockId, GenesisId, Hash, TransactionId};
pub use keys::{KeyError, PublicKey, SecretKey, Signature};
pub use receipt::{Failure, Receipt, RefusalCode};
pub use strict::DecodeError;
pub use transaction::{SignedTransaction, Transaction, VerifiedTransaction};
pub use validators::{Validator, ValidatorSet};
pub use vote::{Proposal, SignedProposal, SignedVote, Vote, VoteKind};
