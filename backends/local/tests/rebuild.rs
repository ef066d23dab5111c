//! A data folder whose metadata is lost.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends where it meets what it does not expect"
)]

use std::path::Path;

use workdisk::manager::CreateWorkspace;
use workdisk::model::SessionType;
use workdisk_local::{VolumePreference, open_with, rebuild};

/// A folder with a workspace "w".
async fn furnished() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    add(folder.path(), "w").await;
    folder
}

async fn add(folder: &Path, name: &str) {
    let opened = open_with(folder, VolumePreference::Directory, |builder| builder);
    let account = opened.await.unwrap().manager().account("acme").unwrap();
    let new = CreateWorkspace::new(SessionType::Sandbox).with_name(name);
    account.create(new).await.unwrap();
}

/// The names of the workspaces; what is asked for too is that a check is clean.
async fn names(folder: &Path) -> Vec<String> {
    let opened = workdisk_local::open(folder).await.unwrap();
    assert_eq!(opened.manager().check().await.unwrap().faults, []);
    let account = opened.manager().account("acme").unwrap();
    let page = account.list(Default::default()).await.unwrap();
    let names = page.workspaces.into_iter().filter_map(|it| it.name);
    names.collect()
}

#[tokio::test]
async fn deleted_metadata_is_made_again() {
    let folder = furnished().await;
    std::fs::remove_dir_all(folder.path().join("metadata")).unwrap();
    let rebuilt = rebuild(folder.path()).await.unwrap();
    assert_eq!(
        (rebuilt.report.workspaces.len(), rebuilt.set_aside),
        (1, None)
    );
    assert_eq!(names(folder.path()).await, ["w"]);
}

#[tokio::test]
async fn damaged_metadata_is_put_aside_as_it_is_each_time() {
    let folder = furnished().await;
    for aside in ["metadata.lost", "metadata.lost.2"] {
        let db = folder.path().join("metadata/db");
        let mut bytes = std::fs::read(&db).unwrap();
        bytes.fill(0xa5);
        std::fs::write(&db, &bytes).unwrap();
        assert!(workdisk_local::open(folder.path()).await.is_err());
        let damaged = std::fs::read(&db).unwrap();
        let rebuilt = rebuild(folder.path()).await.unwrap();
        let aside = folder.path().join(aside);
        assert_eq!(rebuilt.set_aside.as_deref(), Some(aside.as_path()));
        assert_eq!(std::fs::read(aside.join("db")).unwrap(), damaged);
        assert_eq!(names(folder.path()).await, ["w"]);
    }
}

#[tokio::test]
async fn older_copy_and_metadata_of_another_folder_are_put_aside() {
    let (folder, other) = (furnished().await, furnished().await);
    for name in ["older", "another"] {
        let from = match name {
            "older" => folder.path(),
            _ => other.path(),
        };
        copy(&from.join("metadata"), &folder.path().join(name));
        add(folder.path(), name).await;
        let metadata = folder.path().join("metadata");
        std::fs::remove_dir_all(&metadata).unwrap();
        std::fs::rename(folder.path().join(name), &metadata).unwrap();
        let rebuilt = rebuild(folder.path()).await.unwrap();
        assert!(rebuilt.set_aside.is_some(), "{name}");
    }
    assert_eq!(names(folder.path()).await, ["w", "older", "another"]);
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (path, to) = (entry.path(), to.join(entry.file_name()));
        match entry.file_type().unwrap().is_dir() {
            true => copy(&path, &to),
            false => drop(std::fs::copy(path, to).unwrap()),
        }
    }
}

#[tokio::test]
async fn metadata_that_the_volumes_know_is_not_replaced() {
    let folder = furnished().await;
    let refused = rebuild(folder.path()).await.unwrap_err();
    assert_eq!(refused.code().as_str(), "invalid_request");
    assert!(
        refused.to_string().contains("move it away first"),
        "{refused}"
    );
    assert_eq!(names(folder.path()).await, ["w"]);
    assert!(!folder.path().join("metadata.lost").exists());
}

#[tokio::test]
async fn folder_that_is_open_or_holds_no_volumes_is_refused() {
    let folder = furnished().await;
    let open = workdisk_local::open(folder.path()).await.unwrap();
    let refused = rebuild(folder.path()).await.unwrap_err();
    assert_eq!(refused.code().as_str(), "storage_unavailable");
    drop(open);
    let empty = tempfile::tempdir().unwrap();
    let refused = rebuild(empty.path()).await.unwrap_err();
    assert_eq!(refused.code().as_str(), "invalid_request");
    assert_eq!(std::fs::read_dir(empty.path()).unwrap().count(), 0);
}

/// An attempt that a crash broke off leaves its half of a store, and perhaps no metadata.
#[tokio::test]
async fn attempt_that_was_broken_off_is_made_again() {
    let folder = furnished().await;
    let metadata = folder.path().join("metadata");
    std::fs::rename(&metadata, folder.path().join("metadata.part")).unwrap();
    rebuild(folder.path()).await.unwrap();
    assert_eq!(names(folder.path()).await, ["w"]);
    assert!(!folder.path().join("metadata.part").exists());
}
