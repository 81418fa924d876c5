//! The process of the node, and the modules that it is to run.

use core::fmt;
use std::env;
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::Value;

use super::{CONTRACTS, NODE, fail};
use crate::mock::Code;
use crate::{String, Vec};

/// Longest answer: a block of receipts is far shorter.
const MAX_ANSWER_BYTES: u64 = 64 << 20;

/// Why there is no node to talk to.
#[derive(Debug)]
pub struct StartError {
    program: PathBuf,
    source: io::Error,
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "cannot start `{} contract sandbox`: {}. This test runs on the node's own machine: run it by \
             `aureon-node contract test`, or set {NODE} to the binary",
            self.program.display(),
            self.source
        )
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

/// A running `contract sandbox`.
pub struct Link {
    child: Child,
    requests: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Link {
    pub fn start(options: &[&str]) -> Result<Self, StartError> {
        let program = env::var_os(NODE).map_or_else(|| PathBuf::from("aureon-node"), PathBuf::from);
        let failed = |source| StartError {
            program: program.clone(),
            source,
        };
        let mut child = Command::new(&program)
            .args(["contract", "sandbox"])
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        let (Some(requests), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(failed(io::ErrorKind::BrokenPipe.into()));
        };
        Ok(Self {
            child,
            requests: Some(requests),
            answers: BufReader::new(answers),
        })
    }

    /// The answer, or why there is none: then the process is gone.
    pub fn ask(&mut self, request: &Value) -> Result<Result<Value, String>, String> {
        let line = self.exchange(request).map_err(|error| {
            std::format!(
                "`aureon-node contract sandbox` has ended ({error}); what it said is above. Is it of the same version \
                 as the SDK?"
            )
        })?;
        let mut answer: Value = serde_json::from_slice(&line)
            .map_err(|error| std::format!("`aureon-node contract sandbox` answers no JSON: {error}"))?;
        Ok(match answer.get("error") {
            Some(error) => Err(error.as_str().unwrap_or("an error without words").into()),
            None => Ok(answer["ok"].take()),
        })
    }

    fn exchange(&mut self, request: &Value) -> io::Result<Vec<u8>> {
        let ended = || io::Error::from(io::ErrorKind::UnexpectedEof);
        let requests = self.requests.as_mut().ok_or_else(ended)?;
        writeln!(requests, "{request}")?;
        requests.flush()?;
        let mut line = Vec::new();
        let mut answers = self.answers.by_ref().take(MAX_ANSWER_BYTES);
        match answers.read_until(b'\n', &mut line)? {
            0 => Err(ended()),
            _ => Ok(line),
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        // It ends with its input. If it has ended already, or cannot be waited for, nothing is left to do.
        self.requests = None;
        let _ = self.child.wait();
    }
}

/// The file of the module that was built of a contract's crate; fails the test if it is not there, or is not this contract.
pub fn module(contract: &Code) -> PathBuf {
    let how = "run these tests by `aureon-node contract test`, which builds it first";
    let Some(folder) = env::var_os(CONTRACTS) else {
        fail(&std::format!(
            "{CONTRACTS}, the folder of the built contracts, is not set: {how}"
        ));
    };
    let name = contract.path.split("::").next().unwrap_or_default();
    let file = Path::new(&folder).join(std::format!("{name}.wasm"));
    let code = fs::read(&file)
        .unwrap_or_else(|error| fail(&std::format!("cannot read {}: {error}; {how}", file.display())));
    if !holds(&code, contract.interface.as_bytes()) {
        fail(&std::format!(
            "{} was built of another contract than {}, or before it was changed: {how}",
            file.display(),
            contract.path
        ));
    }
    file
}

/// Whether the module carries this interface, which stands in it as it is.
fn holds(code: &[u8], interface: &[u8]) -> bool {
    code.windows(interface.len().max(1)).any(|part| part == interface)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interface_is_found_in_a_module() {
        assert!(holds(b"xx{\"a\":1}yy", b"{\"a\":1}"));
        assert!(!holds(b"xx{\"a\":2}yy", b"{\"a\":1}"));
        assert!(!holds(b"{", b"{\"a\":1}"));
    }
}
