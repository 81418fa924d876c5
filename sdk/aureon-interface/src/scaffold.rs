//! A new contract's project, from a template.
//!
//! The project is complete: the SDK's sources are in it, because the SDK is not in a registry, and a lock file, so that
//! it builds tomorrow as today.

use std::path::{Path, PathBuf};

/// A template.
#[derive(Clone, Copy, Debug)]
pub struct Template {
    /// By which it is asked for.
    pub name: &'static str,
    /// What it is, in a line.
    pub about: &'static str,
    /// Path in the project and content.
    files: &'static [(&'static str, &'static str)],
}

macro_rules! files {
    ($folder:literal: $($path:literal)*) => {
        &[$(($path, include_str!(concat!("../../", $folder, "/", $path)))),*]
    };
}

/// All templates.
pub const TEMPLATES: &[Template] = &[
    Template {
        name: "token",
        about: "a fungible token with allowances",
        files: files!("templates/token": "README.md" "src/chain.rs" "src/lib.rs" "src/tests.rs"),
    },
    Template {
        name: "escrow",
        about: "money kept between a buyer and a seller, with a timeout",
        files: files!("templates/escrow": "README.md" "src/chain.rs" "src/lib.rs" "src/tests.rs"),
    },
    Template {
        name: "multisig",
        about: "a wallet of several owners, of whom some number must agree",
        files: files!("templates/multisig": "README.md" "src/chain.rs" "src/lib.rs" "src/tests.rs"),
    },
    Template {
        name: "names",
        about: "names for addresses, rented by the year",
        files: files!("templates/names": "README.md" "src/chain.rs" "src/lib.rs" "src/tests.rs"),
    },
];

const SDK: &[(&str, &str)] = files!("aureon-sdk":
    "src/arithmetic.rs" "src/bytes.rs" "src/codec.rs" "src/context.rs" "src/entry.rs" "src/error.rs" "src/guard.rs"
    "src/hashing.rs" "src/indexed.rs" "src/lib.rs" "src/message.rs" "src/mock.rs" "src/mock/bounds.rs"
    "src/mock/frames.rs" "src/mock/host.rs" "src/mock/state.rs" "src/sandbox.rs" "src/sandbox/link.rs"
    "src/sandbox/receipt.rs" "src/storage.rs" "src/wasm.rs" "src/wasm/allocator.rs" "src/wasm/host.rs"
    "src/wasm/panic.rs" "src/wasm/raw.rs");

const MACROS: &[(&str, &str)] = files!("aureon-sdk-macros":
    "src/check.rs" "src/expand.rs" "src/json.rs" "src/lib.rs" "src/model.rs" "src/types.rs");

const LOCK: &str = include_str!("../../templates/Cargo.lock");
const CARGO_CONFIG: &str = include_str!("../../templates/.cargo/config.toml");
const WORKSPACE: &str = include_str!("../../templates/Cargo.toml");
const TOOLCHAIN: &str = include_str!("../../../rust-toolchain.toml");
/// The versions of the SDK's dependencies are those of this repository.
const ROOT: &str = include_str!("../../../Cargo.toml");

/// Why there is no project.
#[derive(Debug, thiserror::Error)]
pub enum ScaffoldError {
    /// A name that cargo or people would stumble over.
    #[error("\"{0}\" is no name for a project: use a to z, 0 to 9, - and _, and begin with a letter")]
    Name(String),
    /// No such template.
    #[error("there is no template \"{name}\"; there are: {known}")]
    Template {
        /// What was asked for.
        name: String,
        /// All there are.
        known: String,
    },
    /// Something is there already.
    #[error("{} is there already", .0.display())]
    Exists(PathBuf),
    /// A file that cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// Makes the folder `parent/name` with a project of that name.
///
/// # Errors
///
/// If the name does not fit, the folder is there already, or cannot be written.
pub fn create(parent: &Path, name: &str, template: &str) -> Result<PathBuf, ScaffoldError> {
    let fits = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_')
        && name.len() <= 64;
    if !fits {
        return Err(ScaffoldError::Name(name.to_owned()));
    }
    let template = TEMPLATES
        .iter()
        .find(|known| known.name == template)
        .ok_or_else(|| {
            let known: Vec<&str> = TEMPLATES.iter().map(|template| template.name).collect();
            ScaffoldError::Template {
                name: template.to_owned(),
                known: known.join(", "),
            }
        })?;
    let folder = parent.join(name);
    if folder.exists() {
        return Err(ScaffoldError::Exists(folder));
    }
    for (path, content) in files(template, name) {
        write(&folder.join(path), &content)?;
    }
    Ok(folder)
}

fn files(template: &Template, name: &str) -> Vec<(String, String)> {
    let mut files: Vec<(String, String)> = vec![
        ("Cargo.toml".to_owned(), project_manifest(name)),
        ("Cargo.lock".to_owned(), project_lock(name)),
        (".cargo/config.toml".to_owned(), CARGO_CONFIG.to_owned()),
        ("rust-toolchain.toml".to_owned(), toolchain()),
        (".gitignore".to_owned(), "/target\n".to_owned()),
        ("sdk/aureon-sdk/Cargo.toml".to_owned(), sdk_manifest()),
        ("sdk/aureon-sdk-macros/Cargo.toml".to_owned(), macros_manifest()),
    ];
    let copy = |folder: &str, from: &[(&str, &str)]| -> Vec<(String, String)> {
        from.iter()
            .map(|(path, content)| (format!("{folder}{path}"), (*content).to_owned()))
            .collect()
    };
    files.extend(copy("", template.files));
    files.extend(copy("sdk/aureon-sdk/", SDK));
    files.extend(copy("sdk/aureon-sdk-macros/", MACROS));
    files
}

fn write(path: &Path, content: &str) -> Result<(), ScaffoldError> {
    let failed = |source| ScaffoldError::Write {
        path: path.to_owned(),
        source,
    };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    std::fs::write(path, content).map_err(failed)
}

fn project_manifest(name: &str) -> String {
    let profile = WORKSPACE
        .find("# Small code")
        .and_then(|at| WORKSPACE.get(at..))
        .unwrap_or_default();
    format!(
        r#"[package]
name = "{name}"
version = "0.1.0"
edition = "2024"
publish = false

[lib]
crate-type = ["cdylib", "rlib"]

[dependencies]
aureon-sdk = {{ path = "sdk/aureon-sdk" }}

# A workspace of its own, wherever the folder lies.
[workspace]

{profile}"#
    )
}

/// Another compiler makes other bytes of the same source, and another hash: each project names its own.
fn toolchain() -> String {
    let channel = TOOLCHAIN.lines().find(|line| line.starts_with("channel"));
    format!(
        "# The code hash depends on the compiler: who checks a deployed contract uses the same.\n[toolchain]\n{}\n\
         targets = [\"wasm32-unknown-unknown\"]\n",
        channel.unwrap_or("channel = \"stable\"")
    )
}

/// The lock file of the templates with the project in their place: complete, so that `--locked` builds.
fn project_lock(name: &str) -> String {
    let project =
        format!("[[package]]\nname = \"{name}\"\nversion = \"0.1.0\"\ndependencies = [\n \"aureon-sdk\",\n]");
    let (head, packages) = LOCK.split_once("\n\n").unwrap_or((LOCK, ""));
    let of_template = |package: &&str| {
        let named = |template: &Template| package.contains(&format!("name = \"{}\"\n", template.name));
        !TEMPLATES.iter().any(named)
    };
    let mut packages: Vec<&str> = packages.trim_end().split("\n\n").filter(of_template).collect();
    packages.push(&project);
    // As cargo sorts them: by name. The line of the name is the first that differs.
    packages.sort_by_key(|package| package.lines().nth(1).map(|line| line.trim_end_matches('"')));
    format!("{head}\n\n{}\n", packages.join("\n\n"))
}

fn sdk_manifest() -> String {
    let dependencies: Vec<String> = ["blake3", "ed25519-zebra", "keccak-asm", "serde_json", "sha2"]
        .into_iter()
        .map(root_line)
        .collect();
    format!(
        r#"{}
[lib]
name = "aureon"

[dependencies]
aureon-sdk-macros = {{ path = "../aureon-sdk-macros" }}

# Only the mock host hashes and verifies by itself, and only tests talk to the sandbox; a contract asks the chain.
[target.'cfg(not(target_arch = "wasm32"))'.dependencies]
{}
"#,
        package("aureon-sdk"),
        dependencies.join("\n"),
    )
}

fn macros_manifest() -> String {
    let dependencies: Vec<String> = ["proc-macro2", "quote", "syn"]
        .into_iter()
        .map(root_line)
        .collect();
    let package = package("aureon-sdk-macros");
    format!(
        "{package}\n[lib]\nproc-macro = true\n\n[dependencies]\n{}\n",
        dependencies.join("\n")
    )
}

fn package(name: &str) -> String {
    format!(
        "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\nlicense = \"MIT\"\npublish = false\n"
    )
}

/// The line of a dependency in the manifest of this repository.
fn root_line(name: &str) -> String {
    let start = format!("{name} = ");
    ROOT.lines()
        .find(|line| line.starts_with(&start))
        .unwrap_or_default()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The paths of all files below a folder.
    fn sources(folder: &Path, below: &str, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder.join(below)).unwrap() {
            let entry = entry.unwrap();
            let path = format!("{below}/{}", entry.file_name().to_str().unwrap());
            if entry.file_type().unwrap().is_dir() {
                sources(folder, &path, found);
            } else {
                found.push(path);
            }
        }
    }

    /// A file that is forgotten here would be missing in every new project.
    #[test]
    fn every_source_is_in_a_project() {
        let sdk = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let templates = TEMPLATES
            .iter()
            .map(|template| (format!("templates/{}", template.name), template.files));
        let crates = [
            ("aureon-sdk".to_owned(), SDK),
            ("aureon-sdk-macros".to_owned(), MACROS),
        ];
        for (folder, files) in templates.chain(crates) {
            let mut found = Vec::new();
            sources(&sdk.join(&folder), "src", &mut found);
            found.sort();
            let mut known: Vec<&str> = files
                .iter()
                .map(|(path, _)| *path)
                .filter(|path| path.starts_with("src"))
                .collect();
            known.sort_unstable();
            assert_eq!(found, known, "in {folder}");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused_in_words() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["", "1st", "-x", "A", "a b", "../x", "a/b"] {
            assert!(
                matches!(create(folder.path(), name, "token"), Err(ScaffoldError::Name(_))),
                "{name:?}"
            );
        }
        let error = create(folder.path(), "a", "tokn").unwrap_err();
        assert_eq!(
            error.to_string(),
            "there is no template \"tokn\"; there are: token, escrow, multisig, names"
        );
        create(folder.path(), "a", "token").unwrap();
        assert!(matches!(
            create(folder.path(), "a", "token"),
            Err(ScaffoldError::Exists(_))
        ));
    }

    #[test]
    fn a_lock_file_holds_the_project_and_no_template() {
        let lock = project_lock("my-coin");
        assert!(
            lock.contains("name = \"my-coin\"\nversion = \"0.1.0\"\ndependencies = [\n \"aureon-sdk\",\n]\n")
        );
        assert!(!lock.contains("name = \"escrow\"") && lock.contains("name = \"syn\""));
        let packages = |lock: &str| lock.matches("[[package]]").count();
        assert_eq!(packages(&lock), packages(LOCK) + 1 - TEMPLATES.len());
    }

    #[test]
    fn dependencies_have_versions() {
        for name in [
            "blake3",
            "ed25519-zebra",
            "keccak-asm",
            "serde_json",
            "sha2",
            "proc-macro2",
            "quote",
            "syn",
        ] {
            assert!(
                root_line(name).chars().any(|c| c.is_ascii_digit()),
                "{name} has left Cargo.toml"
            );
        }
        assert!(project_manifest("x").contains("opt-level = \"z\""));
        assert!(toolchain().contains("channel = \"1."));
    }
}
