//! Transactions, from bytes to verified.

use std::{fmt, sync::Arc};

use aureon_proto::v1 as proto;
use bytes::Bytes;
use prost::Message as _;

use crate::{
    Action, Address, Amount, DecodeError, GenesisId, Hash, PublicKey, SecretKey, Signature, TransactionId,
    hash::blake3,
    limits::MAX_TRANSACTION_BYTES,
    merkle,
    signature::{self, TRANSACTION_DOMAIN},
    strict,
};

const WHAT: &str = "transaction";

pub use crate::action::{
    BOND_GAS, CALL_GAS, CODE_BYTE_GAS, DEPLOY_GAS, EVIDENCE_GAS, INPUT_BYTE_GAS, SET_ADMIN_GAS, STAKING_GAS,
    TRANSFER_GAS, VOTE_GAS,
};

/// What a sender signs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    /// [`GenesisId::network_hint`] of the network.
    pub network: u64,
    /// The sender's key.
    pub public_key: PublicKey,
    /// Number of the sender's transactions included before, from 0.
    pub nonce: u64,
    /// Most gas the transaction may use.
    pub gas_limit: u64,
    /// Base units per unit of gas.
    pub gas_price: u64,
    /// Last height at which it may be included; `None`: no limit.
    pub last_valid_height: Option<u64>,
    /// What it does.
    pub action: Action,
}

impl Transaction {
    /// The one encoding.
    pub fn encode(&self) -> Bytes {
        proto::Transaction {
            network: Some(self.network),
            public_key: Some(Bytes::copy_from_slice(self.public_key.as_bytes())),
            nonce: Some(self.nonce),
            gas_limit: Some(self.gas_limit),
            gas_price: Some(self.gas_price),
            last_valid_height: self.last_valid_height,
            action: Some(self.action.to_proto()),
        }
        .encode_to_vec()
        .into()
    }

    /// Strict.
    pub fn decode(payload: &[u8]) -> Result<Self, DecodeError> {
        let message: proto::Transaction = strict::decode(WHAT, payload)?;
        let action = Action::from_proto(strict::required(WHAT, "action", message.action)?)?;
        Ok(Self {
            network: strict::required(WHAT, "network", message.network)?,
            public_key: PublicKey(strict::required_bytes(WHAT, "public_key", message.public_key)?),
            nonce: strict::required(WHAT, "nonce", message.nonce)?,
            gas_limit: strict::required(WHAT, "gas_limit", message.gas_limit)?,
            gas_price: strict::required(WHAT, "gas_price", message.gas_price)?,
            last_valid_height: message.last_valid_height,
            action,
        })
    }

    /// Signs. The key must be that of `public_key`, else nobody will accept it.
    pub fn sign(&self, key: &SecretKey, genesis_id: &GenesisId) -> SignedTransaction {
        let payload = self.encode();
        let signature = key.sign(&signature::message(TRANSACTION_DOMAIN, genesis_id, &payload));
        SignedTransaction::assemble(payload, signature, self.clone())
    }

    /// The most that the fee can be; `None` if the product does not fit in 64 bits.
    pub fn max_fee(&self) -> Option<Amount> {
        Amount::fee(self.gas_limit, self.gas_price)
    }

    /// The most that can leave the sender's account: highest fee and amount; `None` on overflow.
    pub fn max_cost(&self) -> Option<Amount> {
        self.max_fee()?.checked_add(self.action.amount())
    }
}

/// A well-formed transaction with a signature that nobody has checked yet.
#[derive(Clone, PartialEq, Eq)]
pub struct SignedTransaction {
    payload: Bytes,
    signature: Signature,
    transaction: Transaction,
    id: TransactionId,
    leaf: Hash,
    sender: Address,
}

impl SignedTransaction {
    /// From what travels. Strict; at most [`MAX_TRANSACTION_BYTES`].
    pub fn from_proto(message: &proto::SignedTransaction) -> Result<Self, DecodeError> {
        let payload = strict::required(WHAT, "payload", message.payload.as_ref())?;
        let signature = strict::required_bytes(WHAT, "signature", message.signature.as_ref())?;
        Self::from_parts(payload, Signature(signature))
    }

    /// From payload and signature. Strict; at most [`MAX_TRANSACTION_BYTES`].
    pub fn from_parts(payload: &[u8], signature: Signature) -> Result<Self, DecodeError> {
        strict::at_most(WHAT, payload.len().saturating_add(64), MAX_TRANSACTION_BYTES)?;
        let transaction = Transaction::decode(payload)?;
        // Copied: a slice would keep the whole message alive in which it came.
        Ok(Self::assemble(
            Bytes::copy_from_slice(payload),
            signature,
            transaction,
        ))
    }

    /// From the encoding of a `SignedTransaction` message. Strict.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        strict::at_most(WHAT, bytes.len(), MAX_TRANSACTION_BYTES)?;
        Self::from_proto(&strict::decode("signed transaction", bytes)?)
    }

    fn assemble(payload: Bytes, signature: Signature, transaction: Transaction) -> Self {
        Self {
            id: TransactionId(blake3(&[&payload])),
            leaf: merkle::leaf(&[&payload, &signature.0]),
            sender: transaction.public_key.address(),
            payload,
            signature,
            transaction,
        }
    }

    /// What travels.
    pub fn to_proto(&self) -> proto::SignedTransaction {
        proto::SignedTransaction {
            payload: Some(self.payload.clone()),
            signature: Some(Bytes::copy_from_slice(&self.signature.0)),
        }
    }

    /// The encoding of the `SignedTransaction` message.
    pub fn encode(&self) -> Vec<u8> {
        self.to_proto().encode_to_vec()
    }

    /// Bytes that the transaction takes in a block (payload and signature with their framing; an upper
    /// bound).
    pub fn size(&self) -> usize {
        self.payload.len().saturating_add(80)
    }

    /// The signed bytes.
    pub fn payload(&self) -> &Bytes {
        &self.payload
    }

    /// The signature.
    pub fn signature(&self) -> &Signature {
        &self.signature
    }

    /// What was signed.
    pub fn transaction(&self) -> &Transaction {
        &self.transaction
    }

    /// BLAKE3(payload).
    pub fn id(&self) -> TransactionId {
        self.id
    }

    /// The leaf of the transaction tree: names payload and signature bytes. A signature check may be
    /// skipped only for an equal leaf, never for an equal id.
    pub fn leaf(&self) -> Hash {
        self.leaf
    }

    /// The sender's address.
    pub fn sender(&self) -> Address {
        self.sender
    }

    fn item(&self, genesis_id: &GenesisId) -> signature::Item {
        let message = signature::message(TRANSACTION_DOMAIN, genesis_id, &self.payload);
        signature::Item::new(&self.transaction.public_key, &self.signature, &message)
    }
}

impl fmt::Debug for SignedTransaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SignedTransaction({}, {:?})", self.id, self.transaction)
    }
}

/// A transaction whose signature was verified for a network. Cheap to clone; it cannot be made
/// without verifying.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedTransaction(Arc<SignedTransaction>);

/// The signature of a transaction is not its sender's, or the transaction is for another network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnverifiedError {
    /// The network hint is another's.
    #[error("transaction {id} is for network {given:016x}, this network is {expected:016x}")]
    WrongNetwork {
        /// The transaction.
        id: TransactionId,
        /// Its network hint.
        given: u64,
        /// Ours.
        expected: u64,
    },
    /// The signature does not verify.
    #[error(
        "the signature of transaction {id} is not valid for key {key}: it must cover \"aureon/tx/1\", the genesis id and the payload"
    )]
    BadSignature {
        /// The transaction.
        id: TransactionId,
        /// The key it names.
        key: PublicKey,
    },
}

impl VerifiedTransaction {
    /// Verifies one transaction.
    pub fn verify(transaction: SignedTransaction, genesis_id: &GenesisId) -> Result<Self, UnverifiedError> {
        match Self::verify_all(vec![transaction], genesis_id).pop() {
            Some(verdict) => verdict,
            None => unreachable!("one in, one out"),
        }
    }

    /// Verifies many at once, answering for each in order. One forgery costs its neighbours nothing
    /// but time.
    pub fn verify_all(
        transactions: Vec<SignedTransaction>,
        genesis_id: &GenesisId,
    ) -> Vec<Result<Self, UnverifiedError>> {
        let expected = genesis_id.network_hint();
        let items: Vec<_> = transactions
            .iter()
            .map(|transaction| transaction.item(genesis_id))
            .collect();
        let verdicts = signature::verify_batch(&items);
        let judge = |(signed, holds): (SignedTransaction, bool)| {
            let (id, given) = (signed.id, signed.transaction.network);
            if given != expected {
                Err(UnverifiedError::WrongNetwork { id, given, expected })
            } else if !holds {
                Err(UnverifiedError::BadSignature {
                    id,
                    key: signed.transaction.public_key,
                })
            } else {
                Ok(Self(Arc::new(signed)))
            }
        };
        transactions.into_iter().zip(verdicts).map(judge).collect()
    }

    /// The transaction.
    pub fn signed(&self) -> &SignedTransaction {
        &self.0
    }
}

impl std::ops::Deref for VerifiedTransaction {
    type Target = SignedTransaction;

    fn deref(&self) -> &SignedTransaction {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GENESIS: GenesisId = GenesisId([9; 32]);

    fn transfer(key: &SecretKey, nonce: u64) -> Transaction {
        Transaction {
            network: GENESIS.network_hint(),
            public_key: key.public_key(),
            nonce,
            gas_limit: TRANSFER_GAS,
            gas_price: 1,
            last_valid_height: None,
            action: Action::Transfer {
                recipient: Address([2; 20]),
                amount: Amount(5),
            },
        }
    }

    #[test]
    fn the_encoding_is_pinned() {
        let key = SecretKey::from_seed([1; 32]);
        let payload = transfer(&key, 0).encode();
        assert_eq!(
            hex::encode(&payload),
            "090909090909090909\
             12208a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c\
             18002088a401280152180a1402020202020202020202020202020202020202021005"
        );
        assert_eq!(Transaction::decode(&payload), Ok(transfer(&key, 0)));
    }

    #[test]
    fn only_the_one_encoding_is_accepted() {
        let key = SecretKey::from_seed([1; 32]);
        let good = transfer(&key, 1).encode().to_vec();
        let mut trailing = good.clone();
        trailing.extend_from_slice(&[0xf8, 0x07, 0x01]); // field 127: unknown
        let repeated = [good.clone(), vec![0x18, 0x01]].concat(); // nonce again
        for bytes in [&trailing[..], &repeated] {
            assert_eq!(
                Transaction::decode(bytes),
                Err(DecodeError::NotCanonical { what: WHAT })
            );
        }
        for cut in 0..good.len() {
            assert!(Transaction::decode(&good[..cut]).is_err(), "cut at {cut}");
        }
        let mut absent: proto::Transaction = prost::Message::decode(&good[..]).unwrap();
        absent.gas_price = None;
        assert_eq!(
            Transaction::decode(&absent.encode_to_vec()),
            Err(DecodeError::Missing {
                what: WHAT,
                field: "gas_price"
            })
        );
    }

    #[test]
    fn verification_names_what_is_wrong() {
        let key = SecretKey::from_seed([1; 32]);
        let good = transfer(&key, 0).sign(&key, &GENESIS);
        assert!(VerifiedTransaction::verify(good.clone(), &GENESIS).is_ok());
        let other = GenesisId([8; 32]);
        assert!(matches!(
            VerifiedTransaction::verify(good.clone(), &other),
            Err(UnverifiedError::WrongNetwork { .. })
        ));
        // Right signature on other bytes.
        let moved = SignedTransaction::from_parts(&transfer(&key, 1).encode(), *good.signature()).unwrap();
        let thief = transfer(&key, 0).sign(&SecretKey::from_seed([2; 32]), &GENESIS);
        let verdicts = VerifiedTransaction::verify_all(vec![good.clone(), moved, thief], &GENESIS);
        let kinds: Vec<bool> = verdicts.iter().map(Result::is_ok).collect();
        assert_eq!(kinds, [true, false, false]);
    }

    #[test]
    fn another_signature_is_another_leaf_under_the_same_id() {
        let key = SecretKey::from_seed([1; 32]);
        let good = transfer(&key, 0).sign(&key, &GENESIS);
        let mut forged = *good.signature();
        forged.0[3] ^= 1;
        let forged = SignedTransaction::from_parts(good.payload(), forged).unwrap();
        assert_eq!(forged.id(), good.id());
        assert_ne!(forged.leaf(), good.leaf());
    }

    #[test]
    fn oversized_transactions_are_refused_before_they_are_read() {
        let bytes = vec![0; MAX_TRANSACTION_BYTES + 1];
        assert!(matches!(
            SignedTransaction::decode(&bytes),
            Err(DecodeError::TooLarge { .. })
        ));
    }
}
