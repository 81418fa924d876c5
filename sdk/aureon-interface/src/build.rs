//! Compiling a contract's project to wasm, by the author's own cargo.
//!
//! The target `wasm32-unknown-unknown` is added with rustup if it is missing. Paths of this machine are kept out of the
//! code, so that they neither cost bytes nor say where it was built.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

/// What contracts are compiled to.
pub const TARGET: &str = "wasm32-unknown-unknown";

/// A contract, compiled.
#[derive(Clone, Debug)]
pub struct Built {
    /// The name of its package.
    pub name: String,
    /// Where the module is.
    pub path: PathBuf,
    /// The module.
    pub code: Vec<u8>,
}

/// Why there is no module.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A program that does not start.
    #[error("cannot run `{program}`: {source}; Rust comes from https://rustup.rs")]
    Start {
        /// Which.
        program: String,
        /// Why.
        source: std::io::Error,
    },
    /// A program that says no; it has said why on the standard error stream.
    #[error("`{0}` failed, see above")]
    Failed(String),
    /// The target is missing and stays so.
    #[error("the Rust target {TARGET} is missing and `rustup target add {TARGET}` failed: {0}")]
    Target(String),
    /// Cargo speaks, but not as expected.
    #[error("cannot understand the answer of `{0}`")]
    Answer(String),
    /// No module came out.
    #[error("no .wasm came out of {}: its Cargo.toml needs [lib] crate-type = [\"cdylib\", \"rlib\"]", .0.display())]
    NoModule(PathBuf),
    /// A file that cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// What to build.
#[derive(Clone, Debug, Default)]
pub struct Project {
    /// The folder with the `Cargo.toml` of the contract, or of a workspace of contracts.
    pub folder: PathBuf,
    /// Where cargo puts what it makes; by default where it always does.
    pub target_folder: Option<PathBuf>,
    /// Whether `Cargo.lock` must be complete already.
    pub locked: bool,
}

/// Compiles the contracts of a project with its release profile. `say` gets a line for people when something takes
/// long or changes the machine; the compiler's own words go to the standard error stream.
///
/// # Errors
///
/// If a tool is missing or fails, or no module comes out.
pub fn build(project: &Project, say: &mut dyn FnMut(&str)) -> Result<Vec<Built>, BuildError> {
    add_target(&project.folder, say)?;
    let flags = remapped_paths(project)?;
    let mut cargo = cargo(project, "build");
    cargo.args([
        "--release",
        "--target",
        TARGET,
        "--message-format",
        "json-render-diagnostics",
    ]);
    cargo.arg("--config").arg(flags);
    let answer = run(&mut cargo)?;
    let built = modules(&answer)?;
    if built.is_empty() {
        Err(BuildError::NoModule(project.folder.clone()))
    } else {
        Ok(built)
    }
}

/// Runs the tests of a project: the ordinary ones, then those marked `#[ignore]`, which are those on the chain. They find the
/// node in `AUREON_NODE` and the folder of the modules in `AUREON_CONTRACTS`. `filters` go to the tests' own command
/// line.
///
/// # Errors
///
/// If cargo is missing or a test fails.
pub fn test(
    project: &Project,
    built: &[Built],
    node: &Path,
    filters: &[String],
    say: &mut dyn FnMut(&str),
) -> Result<(), BuildError> {
    let modules = built.iter().find_map(|built| built.path.parent());
    let modules = modules.ok_or_else(|| BuildError::NoModule(project.folder.clone()))?;
    // Documentation has no tests on the chain, and `ignored` means something else there.
    for (what, kinds, ignored) in [
        ("tests without the chain", &[][..], &[][..]),
        ("tests on the chain", &["--lib", "--tests"], &["--ignored"]),
    ] {
        say(what);
        let mut cargo = cargo(project, "test");
        cargo.args(kinds).arg("--").args(ignored).args(filters);
        cargo.env("AUREON_NODE", node).env("AUREON_CONTRACTS", modules);
        let status = cargo.stdin(Stdio::null()).status();
        let status = status.map_err(|source| BuildError::Start {
            program: "cargo".to_owned(),
            source,
        })?;
        if !status.success() {
            return Err(BuildError::Failed(format!("cargo test ({what})")));
        }
    }
    Ok(())
}

/// The compiler that builds in `folder`, as it names itself: the bytes that come out depend on it.
///
/// # Errors
///
/// If it does not start.
pub fn compiler(folder: &Path) -> Result<String, BuildError> {
    let mut rustc = Command::new("rustc");
    if folder.is_dir() {
        rustc.current_dir(folder);
    }
    run(rustc.arg("--version")).map(|said| said.trim().to_owned())
}

/// Adds the target to the toolchain that is used in `folder`, if it is missing.
///
/// # Errors
///
/// If it is missing and cannot be added.
pub fn add_target(folder: &Path, say: &mut dyn FnMut(&str)) -> Result<(), BuildError> {
    // Two threads of a test would download it twice, into the same place. What a panic left needs no mending.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _one = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let mut rustc = Command::new("rustc");
    rustc
        .current_dir(folder)
        .args(["--print", "target-libdir", "--target", TARGET]);
    let library = run(&mut rustc)?;
    if Path::new(library.trim()).is_dir() {
        return Ok(());
    }
    say(&format!(
        "the Rust target {TARGET} is missing: adding it (rustup target add {TARGET})"
    ));
    let output = Command::new("rustup")
        .current_dir(folder)
        .args(["target", "add", TARGET])
        .output();
    match output {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(BuildError::Target(
            String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        )),
        Err(error) => Err(BuildError::Target(format!("rustup does not start: {error}"))),
    }
}

fn cargo(project: &Project, command: &str) -> Command {
    let mut cargo = Command::new("cargo");
    // Flags of the surroundings would replace those of the project.
    cargo
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS");
    cargo.current_dir(&project.folder).arg(command);
    if project.locked {
        cargo.arg("--locked");
    }
    if let Some(folder) = &project.target_folder {
        cargo.env("CARGO_TARGET_DIR", folder);
    }
    cargo
}

/// The configuration that renames the folders of all local packages, and of the registry.
fn remapped_paths(project: &Project) -> Result<OsString, BuildError> {
    let mut metadata = cargo(project, "metadata");
    metadata.args(["--format-version", "1", "--filter-platform", TARGET]);
    let unclear = || BuildError::Answer("cargo metadata".to_owned());
    let answer: Value = serde_json::from_str(&run(&mut metadata)?).map_err(|_| unclear())?;
    let packages = answer
        .get("packages")
        .and_then(Value::as_array)
        .ok_or_else(unclear)?;
    let folders = packages.iter().filter_map(|package| {
        let name = package.get("name")?.as_str()?;
        let folder = Path::new(package.get("manifest_path")?.as_str()?)
            .parent()?
            .to_str()?;
        Some(Value::String(format!("--remap-path-prefix={folder}=/{name}")))
    });
    // An array of JSON strings is one of TOML, too.
    let flags = Value::Array(folders.collect());
    Ok(OsString::from(format!("target.{TARGET}.rustflags={flags}")))
}

/// The modules among what cargo says that it made.
fn modules(messages: &str) -> Result<Vec<Built>, BuildError> {
    let mut built = Vec::new();
    for message in messages.lines() {
        let message: Value =
            serde_json::from_str(message).map_err(|_| BuildError::Answer("cargo build".to_owned()))?;
        let files = message
            .get("filenames")
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        let wasm = files
            .filter_map(Value::as_str)
            .find(|file| file.ends_with(".wasm"));
        let name = message.pointer("/target/name").and_then(Value::as_str);
        if let (Some(path), Some(name)) = (wasm, name) {
            let path = PathBuf::from(path);
            let code = std::fs::read(&path).map_err(|source| BuildError::Read {
                path: path.clone(),
                source,
            })?;
            built.push(Built {
                name: name.to_owned(),
                path,
                code,
            });
        }
    }
    Ok(built)
}

/// What a program writes on its standard output, if it ends well.
fn run(command: &mut Command) -> Result<String, BuildError> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|source| BuildError::Start {
            program: program.clone(),
            source,
        })?;
    if !output.status.success() {
        return Err(BuildError::Failed(program));
    }
    String::from_utf8(output.stdout).map_err(|_| BuildError::Answer(program))
}
