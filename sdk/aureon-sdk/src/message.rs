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

impl Piece for u64 {
    fn append(&self, text: &mut String) {
        if *self > 9 {
            (self / 10).append(text);
        }
        digit(self % 10, text);
    }
}

/// A digit below 16.
fn digit(value: u64, text: &mut String) {
    let all = b"0123456789abcdef";
    let one = usize::try_from(value).ok().and_then(|index| all.get(index));
    text.push(char::from(*one.unwrap_or(&b'?')));
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
            digit(u64::from(byte >> 4), text);
            digit(u64::from(byte & 15), text);
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
