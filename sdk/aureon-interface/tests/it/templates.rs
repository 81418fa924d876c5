//! The templates: they build, they are small, and their interfaces are read. Their own tests are run by those of the
//! node, which have a node to run them on.

use std::fs;
use std::path::{Path, PathBuf};

use aureon_interface::build::{Built, Project, build};
use aureon_interface::{Interface, scaffold};

/// What the product promises.
const MAX_TEMPLATE_BYTES: usize = 30_000;

/// Not in the folder that the running cargo has locked.
fn target_folder() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("contracts")
}

fn templates() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .join("templates")
}

fn built(folder: &Path) -> Vec<Built> {
    let project = Project {
        folder: folder.to_owned(),
        target_folder: Some(target_folder()),
        locked: true,
    };
    build(&project, &mut |line| println!("{line}")).unwrap()
}

#[test]
fn templates_are_built_from_source_and_small() {
    let built = built(&templates());
    let mut names: Vec<&str> = built.iter().map(|contract| contract.name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["escrow", "multisig", "names", "token"]);
    for contract in built {
        let bytes = contract.code.len();
        println!("{}: {bytes} bytes", contract.name);
        assert!(bytes < MAX_TEMPLATE_BYTES, "{} has {bytes} bytes", contract.name);
        let interface = Interface::from_wasm(&contract.code).unwrap().unwrap();
        assert_eq!(interface.name, contract.name);
        assert!(
            !interface.docs.is_empty()
                && interface
                    .functions
                    .iter()
                    .all(|function| !function.entry.docs.is_empty())
        );
        let home = templates();
        let home = home.to_str().unwrap().as_bytes();
        assert!(
            !contract.code.windows(home.len()).any(|part| part == home),
            "{} has our paths in it",
            contract.name
        );
    }
}

#[test]
fn a_new_project_builds_by_itself() {
    let parent = tempfile::tempdir().unwrap();
    let folder = scaffold::create(parent.path(), "my-coin", "token").unwrap();
    let project = Project {
        folder,
        target_folder: Some(target_folder()),
        locked: true,
    };
    let built = build(&project, &mut |line| println!("{line}")).unwrap();
    let [contract] = built.as_slice() else {
        panic!("one contract is built, not {}", built.len())
    };
    assert_eq!(contract.name, "my_coin");
    assert!(contract.code.len() < MAX_TEMPLATE_BYTES);
    assert_eq!(
        Interface::from_wasm(&contract.code).unwrap().unwrap().name,
        "token"
    );
}

/// A contract that gives away where a file of the SDK was compiled, as panics with places do.
const TELLTALE: &str = r#"#![no_std]
#[aureon::contract]
mod telltale {
    use aureon::prelude::*;

    #[call]
    fn place() -> String {
        aureon::PLACE.to_owned()
    }
}
"#;

/// Whoever has the source can check a deployed contract: neither the folder nor where cargo puts its work leaves a
/// trace.
#[test]
fn a_build_in_another_folder_gives_the_same_bytes() {
    let parents = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let [first, second] = parents.each_ref().map(|parent| {
        let folder = scaffold::create(parent.path(), "gold", "token").unwrap();
        fs::write(folder.join("src/lib.rs"), TELLTALE).unwrap();
        // Outside of the project, as libraries from a registry are: only there cargo names whole paths.
        fs::rename(folder.join("sdk"), parent.path().join("sdk")).unwrap();
        let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap();
        fs::write(folder.join("Cargo.toml"), manifest.replace("\"sdk/", "\"../sdk/")).unwrap();
        let library = parent.path().join("sdk/aureon-sdk/src/lib.rs");
        let place = "/// Where this is.\npub const PLACE: &str = file!();\n";
        fs::write(&library, fs::read_to_string(&library).unwrap() + place).unwrap();
        let project = Project {
            folder,
            target_folder: Some(parent.path().join("target")),
            locked: true,
        };
        let mut built = build(&project, &mut |line| println!("{line}")).unwrap();
        built.remove(0).code
    });
    let told = b"/aureon-sdk/src/lib.rs";
    assert!(
        first.windows(told.len()).any(|part| part == told),
        "the place is not in it"
    );
    assert_eq!(first.len(), second.len());
    assert!(first == second, "the modules have the same length and differ");
}
