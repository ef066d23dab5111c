//! A log that can no longer be written: every caller is told, and none waits for ever.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends where it meets what it does not expect"
)]

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use workdisk::error::BackendErrorKind;
use workdisk::metadata::{Change, Metadata};
use workdisk::model::{AccountId, SessionType, Timestamp, VolumeId, WorkspaceId, WorkspaceRecord};
use workdisk_sled::SledMetadata;

const NAME: &str = "no_caller_waits_for_a_log_that_cannot_be_written";

const STORE: &str = "WORKDISK_TEST_STORE";

/// How many stores fail.
const STORES: usize = 12;

/// After this, what has not answered never will.
const FOR_EVER: Duration = Duration::from_secs(60);

fn insertion() -> Change {
    let account = AccountId::parse("acme").unwrap();
    let (id, head) = (WorkspaceId::new(), VolumeId::new());
    let now = Timestamp::from_unix_micros(0);
    let record = WorkspaceRecord::new(id, account, SessionType::Browser, head, now);
    Change::Insert { record }
}

/// Two callers make changes until each is told that it cannot.
async fn work(folder: PathBuf) {
    let store = Arc::new(SledMetadata::open(folder).await.unwrap());
    let callers = (0..2).map(|_| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            loop {
                if let Err(error) = store.commit(insertion()).await {
                    return error;
                }
            }
        })
    });
    for caller in callers.collect::<Vec<_>>() {
        let refused = caller.await.unwrap();
        assert_eq!(*refused.kind(), BackendErrorKind::Unavailable, "{refused}");
    }
}

/// This test again, in a process whose files cannot grow beyond 300 to 400 KiB.
fn worker(number: usize, folder: &std::path::Path) -> Child {
    let blocks = 600 + 16 * number;
    Command::new("sh")
        .arg("-c")
        .arg(format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$@\""))
        .arg("sh")
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", NAME])
        .env(STORE, folder)
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_caller_waits_for_a_log_that_cannot_be_written() {
    if let Some(folder) = std::env::var_os(STORE).map(PathBuf::from) {
        return work(folder).await;
    }
    for number in 0..STORES {
        let folder = tempfile::tempdir().unwrap();
        let mut worker = worker(number, folder.path());
        let begin = Instant::now();
        let status = loop {
            if let Some(status) = worker.try_wait().unwrap() {
                break status;
            }
            if begin.elapsed() > FOR_EVER {
                worker.kill().unwrap();
                worker.wait().unwrap();
                panic!("a caller of store {number} is still waiting");
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        assert!(status.success(), "store {number}: {status}");
    }
}
