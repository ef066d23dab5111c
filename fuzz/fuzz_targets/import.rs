//! Lines that are read in as an export are refused, or give a store that has them all and can be exported again.

#![no_main]

use std::collections::BTreeSet;
use std::io::Cursor;
use std::path::Path;

use libfuzzer_sys::fuzz_target;
use proptest::prelude::*;
use uuid::Uuid;
use workdisk::model::{StoreId, WorkspaceId};
use workdisk::{BackendErrorKind, Metadata};
use workdisk_fuzz::records::{snapshot, workspace};
use workdisk_fuzz::values;
use workdisk_sled::SledMetadata;

/// A line of an export, or what somebody made of one.
fn line() -> impl Strategy<Value = String> {
    let workspace = || {
        workspace().prop_map(|record| serde_json::json!({"line": "workspace", "record": record}))
    };
    let snapshot = || {
        let of = [1, 2].map(|n| WorkspaceId::from_uuid(Uuid::from_u128(n)));
        let of = prop::sample::select(of.to_vec());
        (of, snapshot()).prop_map(|(workspace, record)| {
            serde_json::json!({"line": "snapshot", "workspace": workspace, "record": record})
        })
    };
    let text = |value: serde_json::Value| value.to_string();
    let cut = |(line, at): (serde_json::Value, prop::sample::Index)| {
        let line = line.to_string();
        let ends: Vec<usize> = line.char_indices().map(|(at, _)| at).collect();
        line[..*at.get(&ends)].to_owned()
    };
    prop_oneof![
        20 => workspace().prop_map(text),
        20 => snapshot().prop_map(text),
        1 => (workspace(), any::<prop::sample::Index>()).prop_map(cut),
        1 => Just(header()),
        1 => any::<String>(),
    ]
}

fn header() -> String {
    const STORE: StoreId = StoreId::from_uuid(Uuid::from_u128(3));
    let header =
        serde_json::json!({"line": "header", "version": 1, "store": STORE, "generation": 7});
    header.to_string()
}

/// The lines as a whole export, and a few of them twice.
fn export(choice: u8, seeds: &[u8]) -> String {
    let mut lines = values(&line(), seeds);
    if choice & 1 == 1 {
        lines.extend(lines.first().cloned());
    }
    let count = |kind: &str| {
        let start = format!(r#""line":"{kind}""#);
        lines.iter().filter(|line| line.contains(&start)).count()
    };
    let (workspaces, snapshots) = (count("workspace"), count("snapshot"));
    let end = serde_json::json!({"line": "end", "workspaces": workspaces, "snapshots": snapshots});
    let lines = [header()].into_iter().chain(lines).chain([end.to_string()]);
    lines.collect::<Vec<_>>().join("\n")
}

async fn imported(folder: &Path, text: String) -> Option<SledMetadata> {
    let store = SledMetadata::open(folder).await.expect("a new store opens");
    match store.import(Cursor::new(text)).await {
        Ok(store) => {
            drop(store);
            Some(
                SledMetadata::open(folder)
                    .await
                    .expect("a whole import opens"),
            )
        }
        Err(error) => {
            let kinds = [BackendErrorKind::InvalidInput, BackendErrorKind::Mismatch];
            assert!(kinds.contains(error.kind()), "{error}");
            None
        }
    }
}

async fn exported(store: &SledMetadata, file: &Path) -> String {
    let to = std::fs::File::create(file).expect("a file is made");
    store.export(to).await.expect("every record is read");
    std::fs::read_to_string(file).expect("an export is text")
}

fuzz_target!(|bytes: &[u8]| {
    let Some(([choice], rest)) = bytes.split_first_chunk() else {
        return;
    };
    let text = match choice & 2 {
        0 => export(*choice, rest),
        _ => String::from_utf8_lossy(rest).into_owned(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime starts");
    runtime.block_on(async {
        let folder = tempfile::tempdir().expect("a folder is made");
        let lines = text.lines().count();
        let Some(store) = imported(&folder.path().join("store"), text).await else {
            return;
        };
        let first = exported(&store, &folder.path().join("export")).await;
        assert_eq!(
            first.lines().count(),
            lines,
            "nothing took the place of something else"
        );
        store
            .in_flight(None, 100)
            .await
            .expect("a read is answered");
        store
            .sessions(None, None, 100)
            .await
            .expect("a read is answered");
        let again = imported(&folder.path().join("again"), first.clone()).await;
        let again = again.expect("what was exported is imported");
        let second = exported(&again, &folder.path().join("export")).await;
        let sorted = |text: &str| text.lines().map(str::to_owned).collect::<BTreeSet<_>>();
        assert_eq!(sorted(&first), sorted(&second));
    });
});
