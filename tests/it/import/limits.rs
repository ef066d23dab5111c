//! Limits, which hold while the import runs.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use workdisk::Error;
use workdisk::github::ImportLimits;
use workdisk::model::ImportLimit;

use super::git::{self, Origin, git};
use super::server::Act;
use super::{Stage, options, wanted};

async fn limited(origin: Origin, limits: ImportLimits) -> Stage {
    let mut stage = Stage::of(origin).await;
    stage
        .bench
        .import_from(options(&stage.server).with_limits(limits))
        .await;
    stage
}

/// Imports what is beyond a limit, and answers which.
async fn exceeded(stage: &Stage) -> ImportLimit {
    let refused = stage.bench.import(wanted()).await;
    let Err(Error::ImportTooLarge { limit, .. }) = refused else {
        panic!("{refused:?}");
    };
    stage.bench.assert_nothing().await;
    limit
}

fn with_files(count: usize, bytes: usize) -> Origin {
    let origin = Origin::small();
    for number in 0..count {
        std::fs::write(
            origin.work().join(format!("file {number}")),
            vec![b'x'; bytes],
        )
        .unwrap();
    }
    origin.commit("files");
    origin.push();
    origin
}

#[tokio::test]
async fn each_limit_is_told_and_just_within_it_the_import_succeeds() {
    type Limit = fn(u64) -> ImportLimits;
    let limits: [(Limit, u64, ImportLimit); 3] = [
        (
            |n| ImportLimits::default().with_objects(n),
            6,
            ImportLimit::Objects,
        ),
        (
            |n| ImportLimits::default().with_files(n),
            5,
            ImportLimit::Files,
        ),
        (
            |n| ImportLimits::default().with_file_bytes(n),
            4005,
            ImportLimit::FileBytes,
        ),
    ];
    for (limit, enough, which) in limits {
        // Four files of one content, and the first: two commits, two trees, two blobs.
        let stage = limited(with_files(4, 1000), limit(enough)).await;
        stage.import(wanted(), |_, _| ()).await;
        let stage = limited(with_files(4, 1000), limit(enough - 1)).await;
        assert_eq!(exceeded(&stage).await, which);
    }
}

#[tokio::test]
async fn object_beyond_its_limit_is_not_taken_into_memory() {
    let limits = ImportLimits::default().with_object_bytes(1 << 20);
    let stage = limited(with_files(1, 2 << 20), limits).await;
    assert_eq!(exceeded(&stage).await, ImportLimit::ObjectBytes);
    let stage = limited(with_files(1, 1 << 19), limits).await;
    stage.import(wanted(), |_, _| ()).await;
}

#[tokio::test]
async fn server_that_sends_without_end_is_cut_off() {
    let limits = ImportLimits::default().with_received_bytes(4 << 20);
    let stage = limited(Origin::small(), limits).await;
    stage.server.on(|asked| match asked.is_fetch() {
        true => Act::Endless,
        false => Act::Serve,
    });
    assert_eq!(exceeded(&stage).await, ImportLimit::ReceivedBytes);
}

#[tokio::test]
async fn import_that_takes_too_long_is_ended_also_while_the_server_is_silent() {
    let limits = ImportLimits::default().with_time(Duration::from_millis(300));
    let stage = limited(Origin::small(), limits).await;
    stage.server.on(|_| Act::Stall);
    assert_eq!(exceeded(&stage).await, ImportLimit::Time);
}

/// A tree that holds itself ten times over, ten levels deep, stands for ten thousand million files in a pack of a few
/// hundred bytes.
#[tokio::test]
async fn tree_without_end_is_refused_before_it_is_read_through() {
    let stage = Stage::of(Origin::small()).await;
    let blob = git(&stage.origin.bare(), &["rev-parse", "main:file"]);
    let mut tree = stage.origin.tree(&[("100644", "f", &blob)]);
    let names: Vec<String> = (0..10).map(|number| format!("d{number}")).collect();
    for _ in 0..10 {
        let entries: Vec<_> = names
            .iter()
            .map(|name| ("40000", name.as_str(), tree.as_str()))
            .collect();
        tree = stage.origin.tree(&entries);
    }
    stage.origin.forge(&tree);
    assert_eq!(exceeded(&stage).await, ImportLimit::Files);
}

/// What the process that is measured is to find: a limit that the objects exceed, or one that they keep.
const MEASURED: &str = "WORKDISK_TEST_OBJECT_BYTES";

/// Versions of a file of 4 MiB, in a pack of a few KiB: each a difference from the one before.
fn with_differences(count: usize) -> Origin {
    let origin = Origin::small();
    let mut importing = git::command(&origin.bare())
        .args(["fast-import", "--quiet", "--force"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = importing.stdin.take().unwrap();
    let mut content = vec![b'x'; 4 << 20];
    for version in 0..count {
        content.extend(format!("{version}\n").bytes());
        let length = content.len();
        let head = "commit refs/heads/main\ncommitter C <c@example.com> 0 +0000\ndata 0\n";
        write!(input, "{head}M 644 inline file\ndata {length}\n").unwrap();
        input.write_all(&content).unwrap();
        input.write_all(b"\n").unwrap();
    }
    drop(input);
    assert!(importing.wait().unwrap().success());
    origin
}

/// The greatest memory that this process has held, in MiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak = peak.unwrap().trim().trim_end_matches(" kB");
    peak.parse::<u64>().unwrap() >> 10
}

/// The process that is measured is this test again, with a limit.
#[test]
fn objects_that_are_sent_as_small_differences_are_not_all_held_in_memory() {
    if let Ok(bytes) = std::env::var(MEASURED) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        return runtime.block_on(async {
            let bytes: u64 = bytes.parse().unwrap();
            let limits = ImportLimits::default().with_object_bytes(bytes);
            let stage = limited(with_differences(40), limits).await;
            match bytes {
                0..=0x40_0000 => assert_eq!(exceeded(&stage).await, ImportLimit::ObjectBytes),
                _ => stage.import(wanted(), |_, _| ()).await,
            }
            // All of them take 160 MiB.
            assert!(peak() < 120, "{} MiB", peak());
        });
    }
    let name =
        "import::limits::objects_that_are_sent_as_small_differences_are_not_all_held_in_memory";
    for bytes in [1 << 20, 16 << 20] {
        let measured = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", name])
            .env(MEASURED, bytes.to_string())
            .output()
            .unwrap();
        assert!(measured.status.success(), "{measured:?}");
    }
}
