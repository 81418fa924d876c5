//! The fields of a JSON object, one by one: what is wrong with one is said with its name.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{problem::Problem, transaction::Number};

/// Fields that were not looked at yet.
pub struct Fields {
    rest: Map<String, Value>,
    known: Vec<&'static str>,
}

impl From<Map<String, Value>> for Fields {
    fn from(rest: Map<String, Value>) -> Self {
        Self {
            rest,
            known: Vec::new(),
        }
    }
}

impl Fields {
    /// The field, if it is there and not `null`.
    pub fn optional<T: DeserializeOwned>(&mut self, name: &'static str) -> Result<Option<T>, Problem> {
        self.known.push(name);
        match self.rest.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => parsed(name, value).map(Some),
        }
    }

    /// The field, which must be there.
    pub fn required<T: DeserializeOwned>(&mut self, name: &'static str) -> Result<T, Problem> {
        match self.optional(name)? {
            Some(value) => Ok(value),
            // A field that is there and not looked at may be this one, mistyped.
            None => Err(Problem::bad_request(match self.rest.keys().next() {
                None => format!("the field \"{name}\" is missing"),
                Some(other) => format!("the field \"{name}\" is missing; there is \"{}\"", shown(other)),
            })),
        }
    }

    /// A whole number, or its digits in a string.
    pub fn number(&mut self, name: &'static str) -> Result<Option<u64>, Problem> {
        let number: Option<Number> = self.optional(name)?;
        number
            .map(|number| number.get::<serde_json::Error>())
            .transpose()
            .map_err(|error| wrong(name, &error))
    }

    /// That there is nothing else.
    pub fn end(self) -> Result<(), Problem> {
        match self.rest.keys().next() {
            None => Ok(()),
            Some(name) => Err(Problem::bad_request(format!(
                "the field \"{}\" is not known here; there are: {}",
                shown(name),
                self.known.join(", ")
            ))),
        }
    }
}

/// A name in a message.
fn shown(name: &str) -> String {
    name.chars().take(64).collect()
}

/// A field's value.
pub fn parsed<T: DeserializeOwned>(name: &str, value: Value) -> Result<T, Problem> {
    serde_json::from_value(value).map_err(|error| wrong(name, &error))
}

fn wrong(name: &str, error: &serde_json::Error) -> Problem {
    Problem::bad_request(format!("\"{name}\": {error}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fields(value: Value) -> Fields {
        value.as_object().cloned().unwrap_or_default().into()
    }

    #[test]
    fn numbers_may_be_digits() {
        for (value, expected) in [
            (json!(7), Ok(Some(7))),
            (json!("7"), Ok(Some(7))),
            (json!(null), Ok(None)),
            (json!("x"), Err("\"n\": \"x\" is not a whole number")),
            (json!(-1), Err("\"n\": expected a whole number")),
        ] {
            let given = fields(json!({"n": value})).number("n");
            match expected {
                Ok(number) => assert_eq!(given, Ok(number)),
                Err(words) => assert!(given.unwrap_err().detail.starts_with(words), "{value}"),
            }
        }
    }

    #[test]
    fn what_is_wrong_has_a_name() {
        let mut given = fields(json!({"a": 1, "b": 2}));
        assert!(
            given
                .required::<String>("a")
                .unwrap_err()
                .detail
                .starts_with("\"a\": ")
        );
        assert!(
            given
                .required::<u64>("c")
                .unwrap_err()
                .detail
                .contains("\"c\" is missing")
        );
        let unknown = given.end().unwrap_err().detail;
        assert!(unknown.contains("\"b\"") && unknown.contains("a, c"), "{unknown}");
    }
}
