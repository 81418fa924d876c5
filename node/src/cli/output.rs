//! Writing to stdout. A closed pipe (`aureon-node status | head -1`) ends the command quietly.

use std::{
    borrow::Cow,
    io::{self, Write as _},
};

use serde::Serialize;

use super::failure::{Exit, Failure};

/// Writes `text` and a line feed.
pub fn line(text: impl std::fmt::Display) -> Result<(), Failure> {
    written(writeln!(io::stdout(), "{}", printable(&text.to_string())))
}

/// Text in which contracts and nodes of strangers may have had a say, without what a terminal obeys.
pub fn printable(text: &str) -> Cow<'_, str> {
    let obeyed = |c: char| c.is_control() && c != '\n' && c != '\t';
    if !text.contains(obeyed) {
        return text.into();
    }
    let shown = text.chars().map(|c| match obeyed(c) {
        true => c.escape_default().to_string(),
        false => c.to_string(),
    });
    shown.collect::<String>().into()
}

/// Writes `text` as it is and shows it at once.
pub fn raw(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout();
    written(stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()))
}

/// Writes `value` as indented JSON.
pub fn json(value: &impl Serialize) -> Result<(), Failure> {
    line(serde_json::to_string_pretty(value).map_err(Failure::failed)?)
}

/// Writes to stderr, for remarks that are not the command's result.
pub fn remark(text: impl std::fmt::Display) {
    // Where stderr is closed there is nobody left to tell.
    let _ = writeln!(io::stderr(), "{}", printable(&text.to_string()));
}

fn written(result: io::Result<()>) -> Result<(), Failure> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(Failure::new(Exit::Quiet, error)),
        Err(error) => Err(Failure::failed(format!("cannot write to stdout: {error}"))),
        Ok(()) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminals_are_not_commanded() {
        assert_eq!(printable("two\nlines\tand \u{fc}"), "two\nlines\tand \u{fc}");
        assert_eq!(
            printable("a\u{1b}[2Jb\r\u{9b}c\u{7f}"),
            "a\\u{1b}[2Jb\\r\\u{9b}c\\u{7f}"
        );
    }
}
