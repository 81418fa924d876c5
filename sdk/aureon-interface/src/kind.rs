//! Types by their names in an interface.

use std::fmt;

use crate::MAX_DEPTH;
use crate::error::cut;

/// A type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `bool`.
    Bool,
    /// `u8` to `u128`: how many bits.
    Unsigned(u32),
    /// `i8` to `i128`: how many bits.
    Signed(u32),
    /// `string`: UTF-8.
    String,
    /// `bytes`.
    Bytes,
    /// `address`: 20 bytes.
    Address,
    /// `bytesN`, and `hash`, `public_key` (32) and `signature` (64).
    Fixed(usize),
    /// `list<T>`.
    List(Box<Kind>),
    /// `option<T>`.
    Option(Box<Kind>),
    /// `(A,B)`.
    Tuple(Vec<Kind>),
    /// One of the interface's own types.
    Named(String),
}

impl Kind {
    /// Reads a name; what is wrong with it otherwise.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut parser = Parser { rest: text };
        match parser.kind(MAX_DEPTH) {
            Some(kind) if parser.rest.is_empty() => Ok(kind),
            _ => Err(text.chars().take(64).collect()),
        }
    }

    /// As people read it in a message.
    pub(crate) fn short(&self) -> String {
        cut(&self.to_string())
    }
}

struct Parser<'a> {
    rest: &'a str,
}

impl Parser<'_> {
    fn kind(&mut self, depth: usize) -> Option<Kind> {
        let depth = depth.checked_sub(1)?;
        if self.skip("list<") {
            return self.closed(depth).map(|inside| Kind::List(Box::new(inside)));
        }
        if self.skip("option<") {
            return self.closed(depth).map(|inside| Kind::Option(Box::new(inside)));
        }
        if self.skip("(") {
            return self.tuple(depth);
        }
        let end = self
            .rest
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        plain(word)
    }

    fn skip(&mut self, prefix: &str) -> bool {
        match self.rest.strip_prefix(prefix) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn closed(&mut self, depth: usize) -> Option<Kind> {
        let inside = self.kind(depth)?;
        self.skip(">").then_some(inside)
    }

    fn tuple(&mut self, depth: usize) -> Option<Kind> {
        let mut parts = vec![self.kind(depth)?];
        while self.skip(",") {
            parts.push(self.kind(depth)?);
        }
        self.skip(")").then_some(Kind::Tuple(parts))
    }
}

fn plain(word: &str) -> Option<Kind> {
    Some(match word {
        "bool" => Kind::Bool,
        "u8" | "u16" | "u32" | "u64" | "u128" => Kind::Unsigned(word[1..].parse().ok()?),
        "i8" | "i16" | "i32" | "i64" | "i128" => Kind::Signed(word[1..].parse().ok()?),
        "string" => Kind::String,
        "bytes" => Kind::Bytes,
        "address" => Kind::Address,
        "hash" | "public_key" => Kind::Fixed(32),
        "signature" => Kind::Fixed(64),
        _ => match word.strip_prefix("bytes").map(str::parse::<u16>) {
            Some(Ok(length)) => Kind::Fixed(usize::from(length)),
            _ if word.starts_with(|c: char| c.is_ascii_uppercase()) => Kind::Named(word.to_owned()),
            _ => return None,
        },
    })
}

/// As people read it.
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool => f.write_str("bool"),
            Self::Unsigned(bits) => write!(f, "u{bits}"),
            Self::Signed(bits) => write!(f, "i{bits}"),
            Self::String => f.write_str("string"),
            Self::Bytes => f.write_str("bytes"),
            Self::Address => f.write_str("address"),
            Self::Fixed(length) => write!(f, "bytes{length}"),
            Self::List(inside) => write!(f, "list<{inside}>"),
            Self::Option(inside) => write!(f, "option<{inside}>"),
            Self::Tuple(parts) => {
                let parts: Vec<String> = parts.iter().map(ToString::to_string).collect();
                write!(f, "({})", parts.join(","))
            }
            Self::Named(name) => f.write_str(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_written() {
        for name in [
            "u8",
            "i128",
            "bytes",
            "bytes7",
            "list<option<(u64,Vote)>>",
            "(bool)",
        ] {
            assert_eq!(
                Kind::parse(name).map(|kind| kind.to_string()),
                Ok(name.to_owned())
            );
        }
        assert_eq!(Kind::parse("hash"), Ok(Kind::Fixed(32)));
        let deep = format!("{}u8{}", "list<".repeat(MAX_DEPTH), ">".repeat(MAX_DEPTH));
        for wrong in [
            "",
            "u7",
            "f64",
            "list<u8",
            "list<u8>>",
            "()",
            "(u8,)",
            "a b",
            "bytes99999",
            &deep,
        ] {
            assert!(Kind::parse(wrong).is_err(), "{wrong}");
        }
    }
}
