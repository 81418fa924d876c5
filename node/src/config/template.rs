//! The `config.toml` that `init` writes: every key with its meaning, its variable and its value.

use super::{
    document::Document,
    keys::{self, KEYS},
};

/// `document` as commented TOML.
pub fn template(document: &Document) -> Result<String, serde_json::Error> {
    let values = serde_json::to_value(document)?;
    let mut text = String::from(
        "# Configuration of an Aureon node. Each key can be set by the environment variable named beside it,\n\
         # which wins over this file; flags of the command line win over both.\n",
    );
    for section in keys::sections() {
        text.push_str(&format!("\n[{section}]\n"));
        for key in KEYS.iter().filter(|key| key.section == section) {
            let value = &values[section][key.name];
            text.push_str(&format!("# {} ({})\n", key.meaning, key.variables[0]));
            text.push_str(&format!("{} = {}\n", key.name, toml_value(value)));
        }
    }
    Ok(text)
}

/// Strings, numbers, booleans, lists of strings and maps of numbers: their JSON forms are TOML, except
/// for the `:` of a map.
fn toml_value(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::Object(entries) if entries.is_empty() => "{}".to_owned(),
        serde_json::Value::Object(entries) => {
            let entries: Vec<String> = entries
                .iter()
                .map(|(name, value)| format!("{} = {value}", serde_json::Value::from(name.as_str())))
                .collect();
            format!("{{ {} }}", entries.join(", "))
        }
        other => other.to_string(),
    }
}
