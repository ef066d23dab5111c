//! What a store keeps, refuses and survives.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends where it meets what it does not expect"
)]

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::json;
use workdisk::error::{BackendErrorKind, ErrorCode, Failure};
use workdisk::metadata::{Change, Metadata, Outcome, SnapshotChange};
use workdisk::model::{
    AccountId, Made, Owner, Receipt, RequestKey, Reservation, SessionType, SnapshotId,
    SnapshotName, SnapshotRecord, Timestamp, VolumeId, WorkspaceFilter, WorkspaceId, WorkspaceName,
    WorkspaceRecord,
};
use workdisk_sled::SledMetadata;

fn account() -> AccountId {
    AccountId::parse("acme").unwrap()
}

fn record(name: &str) -> WorkspaceRecord {
    let now = Timestamp::from_unix_micros(1_000_000);
    let mut record = WorkspaceRecord::new(
        WorkspaceId::new(),
        account(),
        SessionType::Sandbox,
        VolumeId::new(),
        now,
    );
    record.name = Some(WorkspaceName::parse(name).unwrap());
    record
}

fn snapshot(sequence: u64) -> SnapshotRecord {
    let name = SnapshotName::parse(&format!("snapshot {sequence}")).unwrap();
    let now = Timestamp::from_unix_micros(1_000_000);
    SnapshotRecord::new(SnapshotId::new(), sequence, name, VolumeId::new(), now)
}

async fn insert(store: &SledMetadata, record: &WorkspaceRecord) {
    let outcome = store
        .commit(Change::Insert {
            record: record.clone(),
        })
        .await
        .unwrap();
    assert_eq!(outcome, Outcome::Done);
}

async fn update(
    store: &SledMetadata,
    record: &mut WorkspaceRecord,
    snapshots: Vec<SnapshotChange>,
) -> Outcome {
    let expected = record.version;
    record.version += 1;
    store
        .commit(Change::Update {
            expected,
            record: record.clone(),
            snapshots,
            receipt: None,
            reserved: Vec::new(),
        })
        .await
        .unwrap()
}

#[tokio::test]
async fn reopened_store_has_every_record_and_a_later_generation() {
    let folder = tempfile::tempdir().unwrap();
    let store = SledMetadata::open(folder.path().join("s")).await.unwrap();
    let first = store.begin().await.unwrap();
    let mut kept = record("kept");
    insert(&store, &kept).await;
    let taken = snapshot(1);
    assert_eq!(
        update(&store, &mut kept, vec![SnapshotChange::Put(taken.clone())]).await,
        Outcome::Done
    );
    drop(store);
    let store = SledMetadata::open(folder.path().join("s")).await.unwrap();
    let second = store.begin().await.unwrap();
    assert_eq!(
        (second.store, second.number),
        (first.store, first.number + 1)
    );
    assert_eq!(
        store.workspace(&account(), kept.id).await.unwrap(),
        Some(kept.clone())
    );
    assert_eq!(store.snapshots(kept.id, None, 10).await.unwrap(), [taken]);
    let named = store
        .workspaces_named(&account(), kept.name.as_ref().unwrap().key())
        .await;
    assert_eq!(named.unwrap(), [kept]);
}

/// What is to be kept soon waits for no sync of its own, and is in the next one.
#[tokio::test]
async fn changes_to_be_kept_soon_cost_no_sync() {
    let folder = tempfile::tempdir().unwrap();
    let store = SledMetadata::open(folder.path()).await.unwrap();
    insert(&store, &record("first")).await;
    let before = store.statistics();
    for name in ["second", "third"] {
        let change = Change::Insert {
            record: record(name),
        };
        assert_eq!(store.commit_soon(change).await.unwrap(), Outcome::Done);
    }
    let soon = store.statistics();
    assert_eq!(soon.syncs, before.syncs);
    assert_eq!(soon.commits, before.commits + 2);
    insert(&store, &record("fourth")).await;
    assert_eq!(store.statistics().syncs, before.syncs + 1);
}

/// Nothing else is committed before the store is closed.
#[tokio::test]
async fn change_to_be_kept_soon_is_kept_when_the_store_is_closed() {
    let folder = tempfile::tempdir().unwrap();
    let store = SledMetadata::open(folder.path()).await.unwrap();
    store.begin().await.unwrap();
    let kept = record("kept");
    let change = Change::Insert {
        record: kept.clone(),
    };
    assert_eq!(store.commit_soon(change).await.unwrap(), Outcome::Done);
    drop(store);
    let store = SledMetadata::open(folder.path()).await.unwrap();
    let found = store.workspace(&account(), kept.id).await.unwrap();
    assert_eq!(found, Some(kept));
}

#[tokio::test]
async fn second_opener_is_told_who_has_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let store = SledMetadata::open(folder.path()).await.unwrap();
    let refused = SledMetadata::open(folder.path()).await.unwrap_err();
    assert_eq!(*refused.kind(), BackendErrorKind::InUse);
    let pid = std::process::id().to_string();
    assert!(refused.to_string().contains(&pid), "{refused}");
    drop(store);
    for _ in 0..5 {
        drop(SledMetadata::open(folder.path()).await.unwrap());
    }
}

#[tokio::test]
async fn record_that_is_too_large_is_refused_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = SledMetadata::open(folder.path()).await.unwrap();
    let mut large = record("large");
    let text = "x".repeat(20_000);
    large.failure = Some(Failure::new(
        ErrorCode::StorageCorrupt,
        text,
        large.created_at,
    ));
    let refused = store
        .commit(Change::Insert {
            record: large.clone(),
        })
        .await
        .unwrap_err();
    assert_eq!(*refused.kind(), BackendErrorKind::InvalidInput);
    assert_eq!(store.workspace(&account(), large.id).await.unwrap(), None);
    let key = large.name.as_ref().unwrap().key();
    assert!(
        store
            .workspaces_named(&account(), key)
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn many_overwrites_and_snapshots_leave_no_page_in_a_file_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let store = SledMetadata::open(folder.path()).await.unwrap();
    let mut busy = record("busy");
    insert(&store, &busy).await;
    for sequence in 1..=1_000 {
        let put = vec![SnapshotChange::Put(snapshot(sequence))];
        assert_eq!(update(&store, &mut busy, put).await, Outcome::Done);
    }
    assert_eq!(
        store
            .snapshots(busy.id, Some(990), 100)
            .await
            .unwrap()
            .len(),
        10
    );
    let large = fs::read_dir(folder.path().join("blobs")).map_or(0, Iterator::count);
    assert_eq!(large, 0);
}

#[tokio::test]
async fn export_read_into_a_new_store_gives_the_same_records() {
    let folder = tempfile::tempdir().unwrap();
    let old = SledMetadata::open(folder.path().join("old")).await.unwrap();
    let generation = old.begin().await.unwrap();
    let mut one = record("one");
    insert(&old, &one).await;
    insert(&old, &record("two")).await;
    let put = vec![
        SnapshotChange::Put(snapshot(1)),
        SnapshotChange::Put(snapshot(2)),
    ];
    assert_eq!(update(&old, &mut one, put).await, Outcome::Done);
    let receipt = keep_receipt(&old, &one).await;
    let owner = Owner::new("host", "boot", 1, 2, 3);
    let reserved = vec![Reservation::new(VolumeId::new(), owner)];
    let change = Change::Reserve {
        reserved: reserved.clone(),
        released: Vec::new(),
    };
    assert_eq!(old.commit(change).await.unwrap(), Outcome::Done);
    let file = folder.path().join("export");
    old.export(fs::File::create(&file).unwrap()).await.unwrap();

    let lines = std::io::BufReader::new(fs::File::open(&file).unwrap());
    let new = SledMetadata::open(folder.path().join("new")).await.unwrap();
    let new = new.import(lines).await.unwrap();
    let all = WorkspaceFilter::default();
    assert_eq!(
        new.list(&account(), &all, None, 9).await.unwrap(),
        old.list(&account(), &all, None, 9).await.unwrap()
    );
    assert_eq!(
        new.snapshots(one.id, None, 9).await.unwrap(),
        old.snapshots(one.id, None, 9).await.unwrap()
    );
    let found = new.receipt(&account(), &receipt.key).await.unwrap();
    assert_eq!(found, Some(receipt.clone()));
    assert_eq!(new.reservations(None, 9).await.unwrap(), reserved);
    assert_eq!(new.check(None).await.unwrap(), []);
    assert_eq!(new.begin().await.unwrap().store, generation.store);

    let again = std::io::BufReader::new(fs::File::open(&file).unwrap());
    let refused = new.import(again).await.unwrap_err();
    assert_eq!(*refused.kind(), BackendErrorKind::InvalidInput);
}

/// An export with a workspace and a snapshot, as text.
async fn exported(folder: &Path) -> String {
    let store = SledMetadata::open(folder.join("exported")).await.unwrap();
    let mut one = record("Straße");
    insert(&store, &one).await;
    let put = vec![SnapshotChange::Put(snapshot(1))];
    assert_eq!(update(&store, &mut one, put).await, Outcome::Done);
    let file = folder.join("export");
    store
        .export(fs::File::create(&file).unwrap())
        .await
        .unwrap();
    fs::read_to_string(file).unwrap()
}

/// A store by another version of Unicode is to be exported and imported, but the import kept the keys of the old version,
/// under which the new one does not look.
#[tokio::test]
async fn imported_name_is_found_by_this_release_s_key() {
    let folder = tempfile::tempdir().unwrap();
    let text = exported(folder.path()).await;
    let old = text
        .replace(r#""key":"strasse""#, r#""key":"straße""#)
        .replace(r#""key":"snapshot 1""#, r#""key":"Snapshot 1""#);
    assert_ne!(old, text);
    let new = SledMetadata::open(folder.path().join("new")).await.unwrap();
    let new = new.import(std::io::Cursor::new(old)).await.unwrap();
    let name = WorkspaceName::parse("STRASSE").unwrap();
    let found = new.workspaces_named(&account(), name.key()).await.unwrap();
    assert_eq!(found.len(), 1);
    let name = SnapshotName::parse("SNAPSHOT 1").unwrap();
    let snapshot = new.snapshot_named(found[0].id, name.key()).await.unwrap();
    assert!(snapshot.is_some());
}

/// A line was taken as it stood: with a name of control characters, with an image that is none, and again in the place of
/// the one before, which the count at the end did not tell.
#[tokio::test]
async fn line_that_no_store_could_have_exported_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let text = exported(folder.path()).await;
    let lines: Vec<&str> = text.lines().collect();
    let twice = |line: usize, counts: &str| {
        let mut lines = lines.clone();
        lines.insert(line, lines[line]);
        lines
            .join("\n")
            .replace(r#""workspaces":1,"snapshots":1"#, counts)
    };
    let hostile = [
        text.replace(r#""text":"Straße""#, r#""text":"over\u001b[2J""#),
        text.replace(r#""text":"snapshot 1""#, r#""text":"""#),
        text.replace(r#""head":"#, r#""image":"../../etc","head":"#),
        twice(1, r#""workspaces":2,"snapshots":1"#),
        twice(2, r#""workspaces":1,"snapshots":2"#),
    ];
    for (number, hostile) in hostile.into_iter().enumerate() {
        assert_ne!(hostile, text);
        let new = SledMetadata::open(folder.path().join(number.to_string()));
        let imported = new
            .await
            .unwrap()
            .import(std::io::Cursor::new(hostile))
            .await;
        let refused = imported.unwrap_err();
        assert_eq!(*refused.kind(), BackendErrorKind::InvalidInput, "{refused}");
        assert!(refused.to_string().contains("line "), "{refused}");
    }
}

/// An export that was cut short gave a store without the rest of its records, and nothing told of it.
#[tokio::test]
async fn part_of_an_export_is_refused_and_never_opens_as_a_store() {
    let folder = tempfile::tempdir().unwrap();
    let old = SledMetadata::open(folder.path().join("old")).await.unwrap();
    for number in 0..5 {
        insert(&old, &record(&format!("w{number}"))).await;
    }
    let file = folder.path().join("export");
    old.export(fs::File::create(&file).unwrap()).await.unwrap();
    let text = fs::read_to_string(&file).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let without = |left: usize| {
        let kept = lines.iter().enumerate().filter(|(at, _)| *at != left);
        kept.map(|(_, line)| format!("{line}\n"))
            .collect::<String>()
    };
    let parts = [
        String::new(),
        text[..text.len() / 2].to_owned(),
        without(lines.len() - 1),
        without(2),
        format!("{text}{}\n", lines[1]),
    ];
    for (number, part) in parts.into_iter().enumerate() {
        let at = folder.path().join(format!("new {number}"));
        let new = SledMetadata::open(&at).await.unwrap();
        let refused = new.import(std::io::Cursor::new(part)).await.unwrap_err();
        assert_eq!(*refused.kind(), BackendErrorKind::InvalidInput, "{refused}");
        let refused = SledMetadata::open(&at).await.unwrap_err();
        assert!(
            matches!(refused.kind(), BackendErrorKind::Corrupt { .. }),
            "{refused}"
        );
        assert!(refused.to_string().contains("import again"), "{refused}");
    }
    let whole = SledMetadata::open(folder.path().join("whole"))
        .await
        .unwrap();
    drop(whole.import(std::io::Cursor::new(text)).await.unwrap());
    let whole = SledMetadata::open(folder.path().join("whole"))
        .await
        .unwrap();
    let all = whole
        .list(&account(), &WorkspaceFilter::default(), None, 9)
        .await;
    assert_eq!(all.unwrap().len(), 5);
}

/// sled takes a folder without its log for a new store, which would have forgotten every record without a word.
#[tokio::test]
async fn store_whose_records_are_gone_is_damaged_and_not_new() {
    let folder = tempfile::tempdir().unwrap();
    let store = SledMetadata::open(folder.path()).await.unwrap();
    insert(&store, &record("kept")).await;
    drop(store);
    let kept = fs::read(folder.path().join("db")).unwrap();
    for empty in [false, true] {
        for entry in fs::read_dir(folder.path()).unwrap() {
            let entry = entry.unwrap();
            if entry.file_name().to_string_lossy().starts_with("snap") {
                fs::remove_file(entry.path()).unwrap();
            }
        }
        fs::remove_file(folder.path().join("db")).unwrap();
        if empty {
            fs::write(folder.path().join("db"), "").unwrap();
        }
        let refused = SledMetadata::open(folder.path()).await.unwrap_err();
        let BackendErrorKind::Corrupt { object } = refused.kind() else {
            panic!("{refused}");
        };
        assert_eq!(*object, folder.path().join("db").display().to_string());
    }
    fs::write(folder.path().join("db"), kept).unwrap();
    let store = SledMetadata::open(folder.path()).await.unwrap();
    let found = store
        .list(&account(), &WorkspaceFilter::default(), None, 9)
        .await;
    assert_eq!(found.unwrap().len(), 1);
}

/// sled read the summary of its log that a process had been killed in the middle of, and called the store damaged for ever.
#[tokio::test]
async fn store_opens_with_its_records_after_a_process_died_opening_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = SledMetadata::open(folder.path()).await.unwrap();
    insert(&store, &record("kept")).await;
    drop(store);
    for written in [0, 5, 40] {
        let draft = folder.path().join("snap.FFFFFFFFFFFFFF00.generating");
        fs::write(&draft, vec![7; written]).unwrap();
        let store = SledMetadata::open(folder.path()).await.unwrap();
        let found = store
            .list(&account(), &WorkspaceFilter::default(), None, 9)
            .await;
        assert_eq!(found.unwrap().len(), 1);
        assert!(!draft.exists());
    }
}

#[tokio::test]
async fn store_is_new_after_a_process_died_writing_its_settings() {
    let settings = tempfile::tempdir().unwrap();
    drop(SledMetadata::open(settings.path()).await.unwrap());
    let whole = fs::read(settings.path().join("conf")).unwrap();
    for written in 0..whole.len() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("conf"), &whole[..written]).unwrap();
        let store = SledMetadata::open(folder.path()).await.unwrap();
        insert(&store, &record("new")).await;
    }
}

#[tokio::test]
async fn folder_that_was_there_is_closed_to_other_users() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    drop(SledMetadata::open(folder.path()).await.unwrap());
    let mode = fs::metadata(folder.path()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

/// The lines of an export without what is not set, which the first releases wrote down as well.
fn told(export: &str) -> Vec<serde_json::Value> {
    fn strip(value: &mut serde_json::Value) {
        if let Some(fields) = value.as_object_mut() {
            fields.retain(|_, value| {
                strip(value);
                let unset = [json!(null), json!(false), json!([])];
                !unset.contains(value)
            });
        }
    }
    let line = |line| {
        let mut line = serde_json::from_str(line).unwrap();
        strip(&mut line);
        line
    };
    export.lines().map(line).collect()
}

/// Stores that were written by each version of the encoding, with an export of what is in them. `examples/fixture.rs` made
/// them.
#[tokio::test]
async fn store_of_every_version_opens_with_all_its_records() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    for version in ["version-1", "version-1-receipt", "version-1-short"] {
        let folder = tempfile::tempdir().unwrap();
        copy(&fixtures.join(version), &folder.path().join("store"));
        let store = SledMetadata::open(folder.path().join("store"))
            .await
            .unwrap();
        let file = folder.path().join("export");
        store
            .export(fs::File::create(&file).unwrap())
            .await
            .unwrap();
        let expected = fs::read_to_string(fixtures.join(format!("{version}.jsonl"))).unwrap();
        let exported = fs::read_to_string(&file).unwrap();
        assert_eq!(told(&exported), told(&expected));

        let new = SledMetadata::open(folder.path().join("new")).await.unwrap();
        let new = new
            .import(std::io::Cursor::new(expected.clone()))
            .await
            .unwrap();
        new.export(fs::File::create(&file).unwrap()).await.unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), exported);
        // What is found by an index is still found.
        let account = AccountId::parse("acme").unwrap();
        let key = WorkspaceName::parse("STRASSE").unwrap().key().clone();
        let [found] = &store.workspaces_named(&account, &key).await.unwrap()[..] else {
            panic!("{version}: the name is not found");
        };
        let name = SnapshotName::parse("SECOND").unwrap();
        assert!(
            store
                .snapshot_named(found.id, name.key())
                .await
                .unwrap()
                .is_some()
        );
        assert_eq!(store.in_flight(None, 9).await.unwrap().len(), 1);
        assert_eq!(store.sessions(None, None, 9).await.unwrap().len(), 1);
    }
}

/// sled takes a damaged stretch of its log for the end that a crash cut off: a store that had been closed in order opened
/// without most of its records, and without a word.
#[tokio::test]
async fn damage_of_a_closed_store_is_an_error_and_neither_a_loss_nor_a_panic() {
    let folder = tempfile::tempdir().unwrap();
    let good = folder.path().join("good");
    let store = SledMetadata::open(&good).await.unwrap();
    let mut records = Vec::new();
    for number in 0..50 {
        records.push(record(&format!("w{number}")));
        insert(&store, records.last().unwrap()).await;
    }
    drop(store);
    let (mut errors, mut unharmed) = (0, 0);
    for seed in 0..200_u64 {
        let bad = folder.path().join(format!("bad {seed}"));
        copy(&good, &bad);
        damage(&bad, seed);
        let Ok(store) = SledMetadata::open(&bad).await else {
            errors += 1;
            continue;
        };
        for record in &records {
            match store.workspace(&account(), record.id).await {
                Ok(found) => assert_eq!(found.as_ref(), Some(record), "seed {seed}"),
                Err(_) => errors += 1,
            }
        }
        unharmed += 1;
    }
    assert!(
        errors > 100 && unharmed > 0,
        "{errors} errors, {unharmed} stores without harm"
    );
}

#[tokio::test]
async fn store_opens_after_a_process_died_closing_it() {
    let folder = tempfile::tempdir().unwrap();
    let marker = folder.path().join("store.json");
    let mut before = None;
    for number in 0..3 {
        let store = SledMetadata::open(folder.path()).await.unwrap();
        insert(&store, &record(&format!("w{number}"))).await;
        drop(store);
        // The log says that it was closed, and the marker does not yet.
        let noted = fs::read(&marker).unwrap();
        if let Some(before) = before.replace(noted) {
            fs::write(&marker, before).unwrap();
        }
    }
    let store = SledMetadata::open(folder.path()).await.unwrap();
    let all = WorkspaceFilter::default();
    let found = store.list(&account(), &all, None, 9).await.unwrap();
    assert_eq!(found.len(), 3);
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to.join(entry.file_name()));
        } else {
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

/// Flips, cuts or clears a stretch of one of the store's files.
fn damage(folder: &Path, seed: u64) {
    let names = fs::read_dir(folder).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let snap = names.into_iter().find(|name| name.starts_with("snap"));
    let name = match (seed % 5, &snap) {
        (3, _) => "conf",
        (4, Some(snap)) => snap,
        _ => "db",
    };
    let path = folder.join(name);
    let mut bytes = fs::read(&path).unwrap();
    let used = bytes.iter().rposition(|byte| *byte != 0).unwrap_or(0) + 1;
    let at = usize::try_from(seed * 7_919).unwrap() % used;
    match seed % 3 {
        0 => bytes.truncate(at),
        1 => bytes
            .iter_mut()
            .skip(at)
            .take(64)
            .for_each(|byte| *byte ^= 0xff),
        _ => bytes
            .iter_mut()
            .skip(at)
            .take(512)
            .for_each(|byte| *byte = 0),
    }
    fs::write(path, bytes).unwrap();
}

/// The other process is this test again, with a store to open.
#[tokio::test]
async fn store_of_another_process_is_in_use_until_that_dies() {
    const NAME: &str = "store_of_another_process_is_in_use_until_that_dies";
    const STORE: &str = "WORKDISK_TEST_STORE";
    if let Some(folder) = std::env::var_os(STORE).map(std::path::PathBuf::from) {
        let _store = SledMetadata::open(&folder).await.unwrap();
        fs::write(folder.join("ready"), "").unwrap();
        return std::thread::sleep(Duration::from_secs(60));
    }
    let folder = tempfile::tempdir().unwrap();
    let mut other = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", NAME])
        .env(STORE, folder.path())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    while !folder.path().join("ready").exists() {
        assert_eq!(other.try_wait().unwrap(), None);
        std::thread::sleep(Duration::from_millis(5));
    }
    let refused = SledMetadata::open(folder.path()).await.unwrap_err();
    other.kill().unwrap();
    other.wait().unwrap();
    assert_eq!(*refused.kind(), BackendErrorKind::InUse);
    assert!(
        refused.to_string().contains(&other.id().to_string()),
        "{refused}"
    );
    SledMetadata::open(folder.path()).await.unwrap();
}

/// Records near the limit made pages that sled keeps in files of their own. It removed some of them while they were being
/// synced, and a healthy store then refused all writes.
#[tokio::test]
async fn overwrites_of_the_largest_records_make_no_files_of_their_own_and_all_succeed() {
    let folder = tempfile::tempdir().unwrap();
    let store = SledMetadata::open(folder.path()).await.unwrap();
    let mut records = Vec::new();
    for number in 0..60 {
        let mut record = record(&format!("w{number}"));
        let text = "x".repeat(7_000);
        record.failure = Some(Failure::new(
            ErrorCode::StorageCorrupt,
            text,
            record.created_at,
        ));
        insert(&store, &record).await;
        records.push(record);
    }
    for round in 0..20 {
        for record in &mut records {
            record.epoch = round;
            assert_eq!(update(&store, record, Vec::new()).await, Outcome::Done);
        }
        let own = fs::read_dir(folder.path().join("blobs")).map_or(0, Iterator::count);
        assert_eq!(own, 0, "round {round}");
    }
    let mut large = record("large");
    let text = "x".repeat(11_000);
    large.failure = Some(Failure::new(
        ErrorCode::StorageCorrupt,
        text,
        large.created_at,
    ));
    let refused = store
        .commit(Change::Insert { record: large })
        .await
        .unwrap_err();
    assert_eq!(*refused.kind(), BackendErrorKind::InvalidInput);
}

/// Works on the tree of a closed store by its keys.
fn by_hand(folder: &Path, work: impl FnOnce(&sled::Db)) {
    // A thread that flushes from time to time would hold the lock past the end.
    let config = sled::Config::new().path(folder).flush_every_ms(None);
    // sled lets go of its lock some time after it is dropped.
    let db = loop {
        match config.open() {
            Ok(db) => break db,
            Err(sled::Error::Io(_)) => std::thread::yield_now(),
            Err(error) => panic!("{error}"),
        }
    };
    work(&db);
    db.flush().unwrap();
    drop(db);
}

/// The first key that begins with a byte, and its value.
fn first_of(db: &sled::Db, kind: u8) -> (sled::IVec, sled::IVec) {
    db.scan_prefix([kind]).next().unwrap().unwrap()
}

/// Keeps the receipt of the request that made a workspace, with a change of another one.
async fn keep_receipt(store: &SledMetadata, made: &WorkspaceRecord) -> Receipt {
    let key = RequestKey::new("key", "a digest").unwrap();
    let made = Made::Workspace {
        record: Box::new(made.clone()),
    };
    let at = Timestamp::from_unix_micros(1);
    let receipt = Receipt::new(account(), &key, made, at);
    let first = record("other");
    insert(store, &first).await;
    let mut second = first.clone();
    second.version += 1;
    let change = Change::Update {
        expected: first.version,
        record: second,
        snapshots: Vec::new(),
        receipt: Some(Box::new(receipt.clone())),
        reserved: Vec::new(),
    };
    assert_eq!(store.commit(change).await.unwrap(), Outcome::Done);
    receipt
}

/// A closed store with a record, two snapshots of it, an operation, a session and a receipt.
async fn store_with_every_index(folder: &Path) -> WorkspaceRecord {
    let store = SledMetadata::open(folder).await.unwrap();
    let mut kept = record("kept");
    insert(&store, &kept).await;
    kept.snapshot_count = 2;
    // No snapshot's name follows another one's, so that a test can make one up.
    let put = [1, 3].map(|sequence| SnapshotChange::Put(snapshot(sequence)));
    assert_eq!(update(&store, &mut kept, put.into()).await, Outcome::Done);
    let mut running = record("running");
    let (intent, now) = (workdisk::model::Intent::Create, running.created_at);
    let owner = workdisk::model::Owner::new("host", "boot", 1, 1, 1);
    let operation = workdisk::model::Operation::new(intent, owner.clone(), now);
    running.operation = Some(operation);
    insert(&store, &running).await;
    let mut active = record("active");
    let (id, kind) = (workdisk::model::SessionId::new(), active.session_type);
    active.session = Some(workdisk::model::SessionRecord::new(id, kind, 1, owner, now));
    insert(&store, &active).await;
    keep_receipt(&store, &kept).await;
    kept
}

#[tokio::test]
async fn index_that_lost_an_entry_is_named_by_check_and_mended_by_repair() {
    for kind in *b"anflkit" {
        let folder = tempfile::tempdir().unwrap();
        store_with_every_index(folder.path()).await;
        let mut lost = None;
        by_hand(folder.path(), |db| {
            let (key, value) = first_of(db, kind);
            db.remove(&key).unwrap();
            lost = Some((key, value));
        });
        let store = SledMetadata::open(folder.path()).await.unwrap();
        let faults = store.check(None).await.unwrap();
        assert_eq!(faults.len(), 1, "{}: {faults:?}", char::from(kind));
        assert!(faults[0].mendable, "{faults:?}");
        assert_eq!(faults[0].account, Some(account()));
        assert_eq!(store.check(None).await.unwrap(), faults);
        let stranger = AccountId::parse("stranger").unwrap();
        assert_eq!(store.check(Some(&stranger)).await.unwrap(), []);
        assert_eq!(store.repair(Some(&stranger)).await.unwrap(), []);
        assert_eq!(store.repair(Some(&account())).await.unwrap(), faults);
        assert_eq!(store.check(None).await.unwrap(), []);
        assert_eq!(store.repair(None).await.unwrap(), []);
        drop(store);
        by_hand(folder.path(), |db| {
            let (key, value) = lost.unwrap();
            assert_eq!(db.get(key).unwrap(), Some(value));
        });
    }
}

#[tokio::test]
async fn entry_that_belongs_to_nothing_is_named_by_check_and_removed_by_repair() {
    for kind in *b"anflkit" {
        let folder = tempfile::tempdir().unwrap();
        store_with_every_index(folder.path()).await;
        let mut stray = Vec::new();
        by_hand(folder.path(), |db| {
            let (key, value) = first_of(db, kind);
            stray = key.to_vec();
            // Of another workspace, or, where the id comes first, of another name or snapshot.
            let last = stray.last_mut().unwrap();
            *last = last.wrapping_add(1);
            db.insert(&stray, value).unwrap();
        });
        let store = SledMetadata::open(folder.path()).await.unwrap();
        let faults = store.check(None).await.unwrap();
        assert_eq!(faults.len(), 1, "{}: {faults:?}", char::from(kind));
        assert_eq!(store.repair(None).await.unwrap(), faults);
        assert_eq!(store.check(None).await.unwrap(), []);
        drop(store);
        by_hand(folder.path(), |db| {
            assert_eq!(db.get(&stray).unwrap(), None);
        });
    }
}

#[tokio::test]
async fn check_goes_on_past_what_cannot_be_read_and_repair_leaves_it() {
    let folder = tempfile::tempdir().unwrap();
    let kept = store_with_every_index(folder.path()).await;
    let mut before = Vec::new();
    by_hand(folder.path(), |db| {
        // The record of a later workspace, and the first snapshot.
        let (key, _) = db.scan_prefix(b"r").next_back().unwrap().unwrap();
        db.insert(key, b"\x01{ \"id\": half").unwrap();
        db.insert(first_of(db, b's').0, b"\x07").unwrap();
        db.insert(first_of(db, b'q').0, b"\x01{").unwrap();
        db.remove(first_of(db, b'n').0).unwrap();
        before = db.iter().map(Result::unwrap).collect();
    });
    let store = SledMetadata::open(folder.path()).await.unwrap();
    let faults = store.check(None).await.unwrap();
    let mended: Vec<bool> = faults.iter().map(|fault| fault.mendable).collect();
    assert_eq!(mended.iter().filter(|it| **it).count(), 1, "{faults:#?}");
    assert_eq!(mended.len(), 4, "{faults:#?}");
    assert!(faults.iter().any(|it| it.object == "a receipt"));
    assert!(faults.iter().any(|it| it.workspace == Some(kept.id)));
    let readable = store.all(None, 10).await.unwrap();
    assert_eq!(readable.len(), 3);
    assert!(readable.contains(&kept));
    drop(store);
    by_hand(folder.path(), |db| {
        let after: Vec<_> = db.iter().map(Result::unwrap).collect();
        assert_eq!(after, before, "check changes nothing");
    });
    let store = SledMetadata::open(folder.path()).await.unwrap();
    assert_eq!(store.repair(None).await.unwrap().len(), 1);
    assert_eq!(store.check(None).await.unwrap().len(), 3);
}

#[tokio::test]
async fn snapshot_without_its_workspace_is_named_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let kept = store_with_every_index(folder.path()).await;
    by_hand(folder.path(), |db| {
        let records = db.scan_prefix(b"r").map(Result::unwrap);
        let id = kept.id.as_uuid().as_bytes();
        for (key, _) in records.filter(|(key, _)| key.ends_with(id)) {
            db.remove(key).unwrap();
        }
    });
    let store = SledMetadata::open(folder.path()).await.unwrap();
    let faults = store.check(None).await.unwrap();
    let orphans = faults.iter().filter(|fault| !fault.mendable).count();
    assert_eq!(orphans, 2, "{faults:#?}");
    store.repair(None).await.unwrap();
    assert_eq!(store.check(None).await.unwrap().len(), 2);
    assert_eq!(store.snapshots(kept.id, None, 10).await.unwrap().len(), 2);
}
