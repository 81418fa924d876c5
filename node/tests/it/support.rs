//! Running the binary.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use aureon_node::{client::Client, config::runtime::Runtime};

/// How long anything may take on a busy machine; nothing waits longer than it must.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// The binary without any configuration of the environment.
pub fn binary() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_aureon-node"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("AUREON_") {
            command.env_remove(name);
        }
    }
    command.stdin(Stdio::null());
    command
}

/// Runs a command to its end.
pub fn run(arguments: &[&str]) -> Output {
    binary().args(arguments).output().unwrap()
}

/// Runs a command that must succeed, and gives its stdout.
pub fn succeed(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
    String::from_utf8(output.stdout).unwrap()
}

/// Runs a command that must fail with `code`, and gives its one line of error.
pub fn fail(code: i32, arguments: &[&str]) -> String {
    let output = run(arguments);
    let error = stderr(&output);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {error}");
    assert!(!error.contains("panicked"), "{error}");
    error
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

pub fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Asks until there is an answer.
pub fn eventually<T>(what: &str, ask: impl FnMut() -> Option<T>) -> T {
    eventually_within(PATIENCE, what, ask)
}

/// The same with another patience.
pub fn eventually_within<T>(patience: Duration, what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "{what}: not within {patience:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A lone authority with a fast chain, ended when it is dropped.
pub struct Node {
    child: Child,
    pub dir: PathBuf,
    pub runtime: Runtime,
}

impl Node {
    /// Makes the directory and starts the node. `balance` is `address=amount`.
    pub fn lone(dir: &Path, balance: &str) -> Self {
        let arguments = [
            "init",
            "--dir",
            text(dir),
            "--p2p-port",
            "0",
            "--api-port",
            "0",
            "--block-time",
            "100ms",
            "--balance",
            balance,
        ];
        succeed(&arguments);
        Self::start(dir)
    }

    /// Starts the node in `dir`.
    pub fn start(dir: &Path) -> Self {
        let mut child = binary()
            .args(["run", "--no-mdns", "--log", "warn", "--dir", text(dir)])
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let runtime = eventually("the node tells where it listens", || {
            assert!(child.try_wait().unwrap().is_none(), "the node ended");
            Runtime::read(dir).filter(|runtime| runtime.pid == child.id())
        });
        Self {
            child,
            dir: dir.to_owned(),
            runtime,
        }
    }

    pub fn client(&self) -> Client {
        Client::new(&self.runtime.api)
    }

    /// Asks it to end, and gives its exit code.
    pub fn stop(mut self) -> Option<i32> {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        let status = eventually("the node ends", || self.child.try_wait().unwrap());
        status.code()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // Already ended in most tests.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
