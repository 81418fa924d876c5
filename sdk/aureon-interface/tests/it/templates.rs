//! The templates: they build, they are small, and their interfaces are read. Their own tests are run by those of the
//! node, which have a node to run them on.

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
