//! Names of fixed length: addresses, hashes, keys, signatures.

use alloc::vec::Vec;
use core::fmt;

use crate::codec::{Decode, DecodeError, Encode, Reader};

macro_rules! fixed {
    ($(#[$docs:meta])* $name:ident, $length:literal) => {
        $(#[$docs])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $length]);

        impl $name {
            /// How many bytes it has.
            pub const LENGTH: usize = $length;

            /// All zero.
            pub const ZERO: Self = Self([0; $length]);
        }

        impl Encode for $name {
            fn encode(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.0);
            }
        }

        impl Decode for $name {
            fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
                input.array().map(Self)
            }
        }

        impl AsRef<[u8]> for $name {
            fn as_ref(&self) -> &[u8] {
                &self.0
            }
        }

        /// `0x` and lower-case hexadecimal digits.
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("0x")?;
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

fixed!(
    /// An account or a contract: the last 20 bytes of Keccak-256 of a key, or of a contract's SHA-256.
    Address,
    20
);
fixed!(
    /// A hash of 32 bytes.
    Hash,
    32
);
fixed!(
    /// An Ed25519 public key.
    PublicKey,
    32
);
fixed!(
    /// An Ed25519 signature.
    Signature,
    64
);
