//! The text of an attack's file, shared with the tests that send the corpus through ledgers.

/// `{{N:text}}` stands for N times the text, in which there may be more of the kind; the innermost come first.
pub fn expand(text: &str) -> String {
    let mut text = text.to_string();
    while let Some(end) = text.find("}}") {
        let start = text[..end].rfind("{{").unwrap();
        let (count, repeated) = text[start + 2..end].split_once(':').unwrap();
        let repeated = repeated.repeat(count.parse().unwrap());
        text.replace_range(start..end + 2, &repeated);
    }
    text
}
