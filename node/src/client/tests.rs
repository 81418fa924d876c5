//! What is said about answers that are none.

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
};

use super::*;

/// Answers one request with `answer` as it is.
fn answering(answer: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 4_096]);
        stream.write_all(answer.as_bytes()).unwrap();
    });
    format!("http://{address}/")
}

#[test]
fn a_problem_is_told_in_the_node_s_words() {
    let body = r#"{"type":"urn:aureon:problem:stalled","title":"t","status":503,"detail":"no quorum"}"#;
    let client = Client::new(&answering(format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )));
    let error = client.health().unwrap_err();
    assert_eq!(error.to_string(), "no quorum");
    assert_eq!(error.problem().map(Problem::code), Some("stalled"));
}

#[test]
fn what_is_no_node_is_said_so() {
    for answer in [
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello",
        "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n",
        "SSH-2.0-OpenSSH\r\n\r\n",
    ] {
        let error = Client::new(&answering(answer.to_owned())).head().unwrap_err();
        assert!(
            matches!(error, ClientError::Unexpected { .. }),
            "{answer}: {error}"
        );
    }
}

#[test]
fn nobody_there_is_unreachable() {
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    for base in [
        format!("http://127.0.0.1:{port}"),
        "nonsense".to_owned(),
        "ftp://x".to_owned(),
    ] {
        let error = Client::new(&base).head().unwrap_err();
        assert!(!matches!(error, ClientError::Refused(_)), "{base}: {error}");
        assert!(error.to_string().contains(&base), "{error}");
    }
}
