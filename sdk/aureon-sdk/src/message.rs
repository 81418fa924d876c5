//! Messages from pieces, without the several kilobytes of code of `format!`.

use alloc::string::String;

use crate::Address;

/// What a message may contain.
pub trait Piece {
    /// Appends it as people read it.
    fn append(&self, text: &mut String);
}

impl Piece for str {
    fn append(&self, text: &mut String) {
        text.push_str(self);
    }
}

impl Piece for String {
    fn append(&self, text: &mut String) {
        text.push_str(self);
    }
}

impl<T: Piece + ?Sized> Piece for &T {
    fn append(&self, text: &mut String) {
        (**self).append(text);
    }
}

/// The decimal digits of the largest `u64` are 20.
impl Piece for u64 {
    fn append(&self, text: &mut String) {
        let mut digits = [0; 20];
        let mut rest = *self;
        let mut count = 0;
        for digit in digits.iter_mut().rev() {
            *digit = rest % 10;
            rest /= 10;
            count += 1;
            if rest == 0 {
                break;
            }
        }
        for digit in digits.iter().skip(digits.len() - count) {
            text.push(char::from_digit(u32::try_from(*digit).unwrap_or(0), 10).unwrap_or('?'));
        }
    }
}

impl Piece for u32 {
    fn append(&self, text: &mut String) {
        u64::from(*self).append(text);
    }
}

impl Piece for Address {
    fn append(&self, text: &mut String) {
        text.push_str("0x");
        for byte in self.0 {
            for digit in [byte >> 4, byte & 15] {
                text.push(char::from_digit(u32::from(digit), 16).unwrap_or('?'));
            }
        }
    }
}

/// A message of pieces: `message!("balance is ", balance, ", ", amount, " needed")`. A piece is a string, a
/// number (`u32`, `u64`) or an address.
#[macro_export]
macro_rules! message {
    ($($piece:expr),+ $(,)?) => {{
        let mut text = $crate::String::new();
        $($crate::Piece::append(&$piece, &mut text);)+
        text
    }};
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_read_as_their_formatted_selves() {
        for number in [0, 9, 10, 1_000_000, u64::MAX] {
            assert_eq!(message!(number), number.to_string());
        }
        let address = Address([0xa5; 20]);
        let number = u64::MAX;
        assert_eq!(
            message!("a ", number, " b ", 7u32, String::from("!"), address),
            format!("a {number} b 7!{address}")
        );
    }
}
