//! Databases that are not ours to open, and disks that are full.

use aureon_storage::{Backend, BlockStore, FlushPolicy, SCHEMA, StateStore, StorageError, memory::CrashDisk};
use aureon_types::{Amount, GenesisId, StateChanges};
use redb::TableDefinition;

use crate::common::{
    CACHE, GENESIS, Sample, account, address, assert_complete, changes, open_blocks, open_state,
};

const META: TableDefinition<'static, &str, &[u8]> = TableDefinition::new("meta");

#[test]
fn a_database_of_another_network_is_refused_and_both_are_named() {
    let other = GenesisId([8; 32]);
    let (blocks, state) = (CrashDisk::new(), CrashDisk::new());
    drop((open_blocks(&blocks).unwrap(), open_state(&state, &[]).unwrap()));
    let block_error = BlockStore::open(blocks.backend("blocks"), CACHE, other)
        .err()
        .unwrap();
    let policy = FlushPolicy::default();
    let state_error = StateStore::open(
        state.backend("state"),
        CACHE,
        policy,
        other,
        &StateChanges::default(),
    )
    .err()
    .unwrap();
    for error in [block_error, state_error] {
        let text = error.to_string();
        assert!(matches!(error, StorageError::ForeignGenesis { .. }), "{text}");
        assert!(
            text.contains(&GENESIS.to_string()) && text.contains(&other.to_string()),
            "{text}"
        );
    }
}

#[test]
fn a_locked_file_is_named_and_a_mistaken_one_recognised() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("below").join("blocks.redb");
    let open = || BlockStore::open(Backend::file(&path), CACHE, GENESIS);
    let store = open().unwrap();
    let chain = Sample::chain(&[3]);
    store.decide(chain[0].decided()).unwrap();
    assert!(store.disk_bytes() > 0);
    let error = open().err().unwrap();
    assert!(matches!(error, StorageError::Locked { .. }), "{error}");
    assert!(error.to_string().contains(&path.display().to_string()), "{error}");
    drop(store);
    assert_complete(&open().unwrap(), &chain[0]);
    let policy = FlushPolicy::default();
    let mistaken = StateStore::open(
        Backend::file(&path),
        CACHE,
        policy,
        GENESIS,
        &StateChanges::default(),
    )
    .err()
    .unwrap();
    assert!(matches!(mistaken, StorageError::WrongKind { .. }), "{mistaken}");
    let text = folder.path().join("text.redb");
    std::fs::write(&text, "this is no database, but somebody's letter").unwrap();
    let letter = BlockStore::open(Backend::file(&text), CACHE, GENESIS)
        .err()
        .unwrap();
    assert!(matches!(letter, StorageError::Corrupt { .. }), "{letter}");
    assert_eq!(
        std::fs::read_to_string(&text).unwrap(),
        "this is no database, but somebody's letter"
    );
}

#[test]
fn another_schema_is_refused() {
    for (schema, newer) in [(SCHEMA + 1, true), (SCHEMA - 1, false)] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("blocks.redb");
        drop(BlockStore::open(Backend::file(&path), CACHE, GENESIS).unwrap());
        let database = redb::Database::create(&path).unwrap();
        let transaction = database.begin_write().unwrap();
        transaction
            .open_table(META)
            .unwrap()
            .insert("schema", &schema.to_le_bytes()[..])
            .unwrap();
        transaction.commit().unwrap();
        drop(database);
        let error = BlockStore::open(Backend::file(&path), CACHE, GENESIS)
            .err()
            .unwrap();
        match error {
            StorageError::NewerSchema { found, supported, .. } => {
                assert!(newer && (found, supported) == (schema, SCHEMA));
            }
            StorageError::OlderSchema { found, supported, .. } => {
                assert!(!newer && (found, supported) == (schema, SCHEMA));
            }
            other => panic!("{other}"),
        }
    }
}

#[test]
fn a_full_disk_is_said_so_and_nothing_committed_is_lost() {
    let disk = CrashDisk::new();
    let store = open_blocks(&disk).unwrap();
    let chain = Sample::chain(&[300; 40]);
    let mut decided = 0;
    disk.set_capacity(Some(disk.size() + 400_000));
    let error = loop {
        match store.decide(chain[decided].decided()) {
            Ok(()) => decided += 1,
            Err(error) => break error,
        }
    };
    assert!(decided > 0);
    assert!(
        matches!(&error, StorageError::DiskFull { database, .. } if database == "blocks"),
        "{error}"
    );
    assert!(error.is_fatal());
    let after = store.decide(chain[decided].decided()).unwrap_err();
    assert!(
        matches!(
            after,
            StorageError::OutOfUse { .. } | StorageError::DiskFull { .. }
        ),
        "{after}"
    );
    drop(store);
    disk.set_capacity(None);
    let store = open_blocks(&disk).unwrap();
    assert_eq!(store.head().map(|head| head.height), Some(decided as u64));
    for sample in &chain[..decided] {
        assert_complete(&store, sample);
    }
    store.decide(chain[decided].decided()).unwrap();
}

#[test]
fn a_flush_on_a_full_disk_leaves_the_last_flush() {
    let disk = CrashDisk::new();
    let store = open_state(&disk, &[(address(0), Amount(1))]).unwrap();
    let root = store.head().root();
    disk.set_capacity(Some(disk.size()));
    let many = (1..40_000).map(|number| (address(number), Some(account(0, number))));
    store
        .commit(store.head().apply(1, &changes(many)).unwrap())
        .unwrap();
    let error = store.flush().unwrap_err();
    assert!(matches!(error, StorageError::DiskFull { .. }), "{error}");
    assert_eq!(store.flushed().height(), 0);
    drop(store);
    disk.set_capacity(None);
    assert_eq!(open_state(&disk, &[]).unwrap().head().root(), root);
}

#[test]
fn a_file_whose_making_was_interrupted_is_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("blocks.redb");
    // What redb leaves behind when power goes before it writes its mark.
    std::fs::write(&path, vec![0; 64 << 10]).unwrap();
    let store = BlockStore::open(Backend::file(&path), CACHE, GENESIS).unwrap();
    let chain = Sample::chain(&[1]);
    store.decide(chain[0].decided()).unwrap();
    drop(store);
    assert_complete(
        &BlockStore::open(Backend::file(&path), CACHE, GENESIS).unwrap(),
        &chain[0],
    );
}
