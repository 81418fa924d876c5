//! Reading the body of `POST /submit-tx`.
//!
//! | `Content-Type` | body |
//! | --- | --- |
//! | `application/json` | one transaction (an object) or several (an array); see [`super::transaction`]. Or the encoding itself: `{"payload": "0x..", "signature": "0x.."}` |
//! | `application/x-protobuf` | one `aureon.v1.SignedTransaction` |
//! | `application/x-protobuf; message=batch` | one `aureon.v1.TransactionBatch` |
//!
//! In a batch each transaction is judged alone: one that cannot be read spoils no other. A batch that is
//! no JSON array or no protobuf message is refused as a whole.

use aureon_proto::v1 as proto;
use aureon_types::{GenesisId, Signature, SignedTransaction};
use prost::Message as _;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{hex_bytes::HexBytes, problem::Problem, transaction::JsonTransaction};

/// Most transactions of one request. A batch of the smallest transactions that fills the largest body
/// would be about 170,000; answering for more would take longer than clients wait.
pub const MAX_BATCH: usize = 200_000;
/// Most parts of a body that is about one transaction: the largest input, as a list of single bytes, has 65,536.
const MAX_PARTS: usize = 100_000;
/// The fields of deployments and calls; no other field of a transaction has such a name.
const ACTION_FIELDS: [&str; 7] = [
    "code",
    "contract",
    "input",
    "function",
    "arguments",
    "upgradable",
    "value",
];
/// Fields of transactions that have their action elsewhere.
const OTHER_FORMS: [&str; 4] = ["action", "to", "amount", "payload"];
/// What is missing.
const UNSIGNED: &str = "there is no \"signature\"; /prepare-tx, /deploy-contract and /call-contract answer a \
                        transaction without one with the bytes to sign";
/// What a signature cannot cover.
const NAMED: &str = "a signed transaction has its \"input\" as bytes; send \"function\" and \"arguments\" without a \
                     \"signature\" to be told what to sign";

/// The form of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// An object or an array.
    Json,
    /// One message.
    Protobuf,
    /// A batch message.
    ProtobufBatch,
}

/// What a body held.
#[derive(Debug)]
pub enum Submission {
    /// One transaction: the answer is its outcome, a refusal is a problem.
    One(Box<Entry>),
    /// Several: the answer is a list of outcomes.
    Batch(Vec<Entry>),
}

/// A transaction, or why it cannot be one.
pub type Entry = Result<SignedTransaction, String>;

/// The form that a `Content-Type` names; `None` for one that is not served.
pub fn form(content_type: &str) -> Option<Form> {
    let mut parts = content_type.split(';').map(str::trim);
    let media_type = parts.next()?.to_ascii_lowercase();
    let batch = parts.any(|parameter| parameter.eq_ignore_ascii_case("message=batch"));
    match (media_type.as_str(), batch) {
        ("application/json", _) => Some(Form::Json),
        ("application/x-protobuf" | "application/protobuf", false) => Some(Form::Protobuf),
        ("application/x-protobuf" | "application/protobuf", true) => Some(Form::ProtobufBatch),
        _ => None,
    }
}

/// Reads a body. Takes as long as decoding megabytes takes: not for the threads of the runtime.
pub fn read(form: Form, body: &[u8], genesis_id: &GenesisId) -> Result<Submission, Problem> {
    match form {
        Form::Json => read_json(parse_json(body)?, genesis_id),
        Form::Protobuf => {
            let entry = SignedTransaction::decode(body).map_err(|error| error.to_string());
            Ok(Submission::One(Box::new(entry)))
        }
        Form::ProtobufBatch => read_batch(body),
    }
}

/// The value that a body is.
pub fn parse_json(body: &[u8]) -> Result<Value, Problem> {
    serde_json::from_slice(body)
        .map_err(|error| Problem::bad_request(format!("the body is not JSON: {error}")))
}

/// The value that a body is that is about one transaction or less. In memory JSON of many small parts is a hundred
/// times as large as its text: such text is refused unread.
pub fn parse_small(body: &[u8]) -> Result<Value, Problem> {
    let parts = body
        .iter()
        .filter(|byte| matches!(byte, b',' | b'[' | b'{'))
        .count();
    if parts > MAX_PARTS {
        return Err(Problem::bad_request(format!(
            "the body has {parts} commas and brackets; it may have at most {MAX_PARTS}"
        )));
    }
    parse_json(body)
}

/// One transaction, or several.
pub fn read_json(value: Value, genesis_id: &GenesisId) -> Result<Submission, Problem> {
    match value {
        Value::Array(entries) => {
            check_count(entries.len())?;
            let entries = entries.into_iter().map(|entry| read_entry(entry, genesis_id));
            Ok(Submission::Batch(entries.collect()))
        }
        entry @ Value::Object(_) => Ok(Submission::One(Box::new(read_entry(entry, genesis_id)))),
        _ => Err(Problem::bad_request(
            "the body must be a transaction (a JSON object) or an array of transactions",
        )),
    }
}

/// A JSON transaction whose action's fields may stand beside the others, instead of in `"action": {"call":
/// {..}}`; `action` is its name. What is no such object is left to [`read_json`] to refuse.
pub fn nested(value: Value, action: &str) -> Value {
    let Value::Object(mut fields) = value else {
        return value;
    };
    if OTHER_FORMS.iter().any(|name| fields.contains_key(*name)) {
        return Value::Object(fields);
    }
    let mut own = Map::new();
    for name in ACTION_FIELDS {
        if let Some(value) = fields.remove(name) {
            own.insert(name.to_owned(), value);
        }
    }
    fields.insert("action".to_owned(), json!({ action: own }));
    Value::Object(fields)
}

/// The encoding of a transaction, and its signature.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Encoded {
    payload: HexBytes,
    #[serde(with = "super::transaction::signature")]
    signature: Signature,
}

fn read_entry(entry: Value, genesis_id: &GenesisId) -> Entry {
    if entry.get("payload").is_some() {
        let encoded: Encoded = serde_json::from_value(entry).map_err(|error| error.to_string())?;
        return SignedTransaction::from_parts(&encoded.payload.0, encoded.signature)
            .map_err(|error| error.to_string());
    }
    if entry.get("signature").is_none() {
        return Err(UNSIGNED.to_owned());
    }
    let action = entry.get("action").and_then(Value::as_object);
    let mut inner = action.into_iter().flat_map(Map::values);
    if inner.any(|fields| fields.get("function").or(fields.get("arguments")).is_some()) {
        return Err(NAMED.to_owned());
    }
    let json: JsonTransaction = serde_json::from_value(entry).map_err(|error| error.to_string())?;
    json.rebuild(genesis_id).map_err(|error| error.to_string())
}

fn read_batch(body: &[u8]) -> Result<Submission, Problem> {
    let batch = proto::TransactionBatch::decode(body).map_err(|error| {
        Problem::bad_request(format!("the body is not an aureon.v1.TransactionBatch: {error}"))
    })?;
    check_count(batch.transactions.len())?;
    let entries = batch
        .transactions
        .iter()
        .map(|message| SignedTransaction::from_proto(message).map_err(|error| error.to_string()));
    Ok(Submission::Batch(entries.collect()))
}

fn check_count(count: usize) -> Result<(), Problem> {
    match count {
        0 => Err(Problem::bad_request("the batch is empty")),
        1..=MAX_BATCH => Ok(()),
        _ => Err(Problem::bad_request(format!(
            "the batch has {count} transactions, at most {MAX_BATCH} are allowed; send several batches"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use aureon_types::{Action, Address, Amount, SecretKey, Transaction, transaction::TRANSFER_GAS};
    use bytes::Bytes;

    use super::*;

    const GENESIS: GenesisId = GenesisId([9; 32]);

    fn signed(nonce: u64) -> SignedTransaction {
        let key = SecretKey::from_seed([1; 32]);
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
        .sign(&key, &GENESIS)
    }

    #[test]
    fn forms() {
        for (content_type, expected) in [
            ("application/json", Some(Form::Json)),
            ("Application/JSON; charset=utf-8", Some(Form::Json)),
            ("application/x-protobuf", Some(Form::Protobuf)),
            ("application/x-protobuf;message=batch", Some(Form::ProtobufBatch)),
            ("application/protobuf; Message=Batch", Some(Form::ProtobufBatch)),
            ("text/plain", None),
            ("", None),
        ] {
            assert_eq!(form(content_type), expected, "{content_type}");
        }
    }

    #[test]
    fn one_in_every_form() {
        let json = serde_json::to_vec(&JsonTransaction::of(&signed(1))).unwrap();
        for (form, body) in [(Form::Json, json), (Form::Protobuf, signed(1).encode())] {
            match read(form, &body, &GENESIS) {
                Ok(Submission::One(entry)) => assert_eq!(*entry, Ok(signed(1))),
                other => panic!("{form:?}: {other:?}"),
            }
        }
    }

    #[test]
    fn the_fields_of_a_call_may_stand_beside_the_others() {
        let key = SecretKey::from_seed([1; 32]);
        let signed = Transaction {
            network: GENESIS.network_hint(),
            public_key: key.public_key(),
            nonce: 7,
            gas_limit: 50_000,
            gas_price: 1,
            last_valid_height: None,
            action: Action::Call {
                contract: Address([2; 20]),
                input: Bytes::from_static(b"x"),
                value: Amount(5),
            },
        }
        .sign(&key, &GENESIS);
        let whole = serde_json::to_value(JsonTransaction::of(&signed)).unwrap();
        let mut flat = whole.as_object().unwrap().clone();
        let action = flat.remove("action").unwrap();
        flat.extend(action["call"].as_object().unwrap().clone());
        for body in [whole, Value::Object(flat.clone())] {
            match read_json(nested(body, "call"), &GENESIS) {
                Ok(Submission::One(entry)) => assert_eq!(*entry, Ok(signed.clone())),
                other => panic!("{other:?}"),
            }
        }
        flat.insert("upgradable".to_owned(), json!(true));
        match read_json(nested(Value::Object(flat), "call"), &GENESIS) {
            Ok(Submission::One(entry)) => assert!(entry.unwrap_err().contains("unknown field `upgradable`")),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn text_of_many_parts_is_refused_unread() {
        let list = |length: usize| format!("[{}0]", "0,".repeat(length)).into_bytes();
        assert!(parse_small(&list(65_536)).is_ok());
        let refused = parse_small(&list(MAX_PARTS)).unwrap_err();
        assert!(refused.detail.contains("100001 commas"), "{}", refused.detail);
        let objects = format!("[{}", r#"{"a":0},"#.repeat(60_000)).into_bytes();
        assert!(
            parse_small(&objects)
                .unwrap_err()
                .detail
                .contains("at most 100000")
        );
    }

    #[test]
    fn an_encoding_is_a_transaction() {
        let hex = |bytes: &[u8]| format!("0x{}", hex::encode(bytes));
        let whole =
            json!({"payload": hex(signed(1).payload()), "signature": signed(1).signature().to_string()});
        let read = |value: Value| match read_json(value, &GENESIS) {
            Ok(Submission::One(entry)) => *entry,
            other => panic!("{other:?}"),
        };
        assert_eq!(read(whole.clone()), Ok(signed(1)));
        for (field, value, expected) in [
            ("payload", json!("12"), "0x"),
            ("payload", json!("0x12"), "transaction"),
            ("signature", json!("0x12"), "128 hexadecimal digits"),
            ("nonce", json!(1), "unknown field `nonce`"),
        ] {
            let mut wrong = whole.clone();
            wrong[field] = value;
            let error = read(wrong).unwrap_err();
            assert!(error.contains(expected), "{field}: {error}");
        }
        assert!(
            read(json!({"payload": "0x"}))
                .unwrap_err()
                .contains("missing field `signature`")
        );
    }

    #[test]
    fn what_cannot_be_signed_says_what_can() {
        let read = |value: Value| match read_json(value, &GENESIS) {
            Ok(Submission::One(entry)) => entry.unwrap_err(),
            other => panic!("{other:?}"),
        };
        assert!(read(json!({"from": Address([1; 20])})).contains("/prepare-tx"));
        let named = json!({"signature": "0x", "action": {"call": {"function": "f"}}});
        assert!(read(named).contains("\"input\" as bytes"));
    }

    #[test]
    fn in_a_batch_each_is_judged_alone() {
        let mut bad = signed(2).to_proto();
        bad.signature = None;
        let batch = proto::TransactionBatch {
            transactions: vec![signed(1).to_proto(), bad, signed(3).to_proto()],
            attempt: None,
        };
        let json = serde_json::json!([JsonTransaction::of(&signed(1)), {"from": 1}, JsonTransaction::of(&signed(3))]);
        for (form, body) in [
            (Form::ProtobufBatch, batch.encode_to_vec()),
            (Form::Json, serde_json::to_vec(&json).unwrap()),
        ] {
            let Ok(Submission::Batch(entries)) = read(form, &body, &GENESIS) else {
                panic!("{form:?}");
            };
            let good: Vec<bool> = entries.iter().map(Result::is_ok).collect();
            assert_eq!(good, [true, false, true], "{form:?}");
        }
    }

    #[test]
    fn bodies_that_are_nothing_are_refused_in_words() {
        for (form, body, expected) in [
            (Form::Json, &b"{"[..], "is not JSON"),
            (Form::Json, b"7", "must be a transaction"),
            (Form::Json, b"[]", "empty"),
            (Form::Json, b"\xff\xfe", "is not JSON"),
            (
                Form::ProtobufBatch,
                b"\xff",
                "is not an aureon.v1.TransactionBatch",
            ),
            (Form::ProtobufBatch, b"", "empty"),
        ] {
            let problem = read(form, body, &GENESIS).unwrap_err();
            assert_eq!(problem.status, 400);
            assert!(problem.detail.contains(expected), "{}", problem.detail);
        }
        for body in [&b""[..], b"\xff", &signed(1).encode()[..40]] {
            let Ok(Submission::One(entry)) = read(Form::Protobuf, body, &GENESIS) else {
                panic!("one message is one entry");
            };
            assert!(entry.is_err());
        }
    }
}
