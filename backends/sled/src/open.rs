//! Opening a store: the lock, sled, and what the store says of itself.

use std::fs::DirBuilder;
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use workdisk::journal::Journal;
use workdisk::model::{StoreId, UNICODE_VERSION};

use crate::closing::Closing;
use crate::encoding::{Format, decode, encode};
use crate::error::{Result, StoreError};
use crate::lock::FolderLock;
use crate::marker::{Marker, sync_folder};
use crate::watch::{Calls, Watch};
use crate::writer::{Counters, Disk, Writer};
use crate::{SledMetadata, keys, leftovers};

/// The version of the layout of keys that this release writes.
const LAYOUT: u32 = 1;

/// sled lets go of its own lock some milliseconds after it is dropped.
const SLED_LOCK_WAIT: Duration = Duration::from_secs(2);

/// The file of sled's log.
pub(crate) const LOG: &str = "db";

/// How many bytes of pages sled keeps in memory beside its index of them. Left to itself it keeps a gibibyte, which a
/// listing of a million workspaces fills; the kernel has the file in its own cache anyway.
const CACHE: u64 = 32 << 20;

pub(crate) fn open(folder: &Path, mut disk: Disk) -> Result<SledMetadata> {
    let io = StoreError::io("open the store");
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(&io)?;
    let lock = FolderLock::take(folder)?;
    let marker = Marker::read(folder)?;
    leftovers::remove(folder, marker.is_some()).map_err(&io)?;
    let db = open_sled(folder)?;
    let guarded = catch_unwind(AssertUnwindSafe(|| read_format(&db, folder, marker)));
    let store =
        guarded.map_err(|_| StoreError::damaged_file(folder, "sled panicked on opening"))??;
    if marker.is_none() {
        // A new store is there after a power cut only if the folders that name its files are on the disk. The marker
        // comes last, so that from then on a store without records is a damaged one.
        disk.make_durable(&db).map_err(&io)?;
        Marker { store, closings: 0 }.write(folder).map_err(&io)?;
        sync_folder(folder.parent()).map_err(&io)?;
    }
    let counters = Arc::new(Counters::default());
    let journal = Journal::of(folder.join(LOG)).map_err(&io)?;
    let calls = Arc::new(Calls::default());
    let waker = db.clone();
    let watch = Watch::start(Arc::clone(&calls), move || {
        // Who is woken is told of the error.
        let _ = waker.flush();
    });
    let watch = watch.map_err(&io)?;
    let writer = Writer::start(
        db.clone(),
        disk,
        Arc::clone(&counters),
        Arc::clone(&calls),
        journal.clone(),
        folder.to_owned(),
    );
    let writer = writer.map_err(&io)?;
    Ok(SledMetadata {
        writer,
        _watch: watch,
        calls,
        journal,
        db: Closing::new(db),
        counters,
        folder: folder.to_owned(),
        _lock: lock,
    })
}

fn open_sled(folder: &Path) -> Result<sled::Db> {
    let begin = Instant::now();
    loop {
        let config = sled::Config::new().path(folder).cache_capacity(CACHE);
        let opened = catch_unwind(AssertUnwindSafe(|| config.open()));
        match opened {
            Ok(Ok(db)) => return Ok(db),
            Ok(Err(error)) if is_still_locked(&error) && begin.elapsed() < SLED_LOCK_WAIT => {
                std::thread::sleep(Duration::from_millis(5));
            }
            Ok(Err(sled::Error::Io(error))) if error.kind() != ErrorKind::InvalidData => {
                return Err(StoreError::io("open the store")(error));
            }
            Ok(Err(error)) => return Err(StoreError::damaged_file(folder, error.to_string())),
            Err(_) => return Err(StoreError::damaged_file(folder, "sled panicked on opening")),
        }
    }
}

/// Whether sled found its own lock taken, which it tells by the text of the error alone.
fn is_still_locked(error: &sled::Error) -> bool {
    let text = "could not acquire lock";
    matches!(error, sled::Error::Io(error) if error.to_string().starts_with(text))
}

/// Reads what the store says of itself, or writes it into a new one.
fn read_format(db: &sled::Db, folder: &Path, marker: Option<Marker>) -> Result<StoreId> {
    let Some(bytes) = db.get(keys::FORMAT)? else {
        if marker.is_some() {
            let db = folder.join("db");
            return Err(StoreError::damaged_file(
                &db,
                "all records are gone from it",
            ));
        }
        if !db.is_empty() {
            return Err(StoreError::damaged_file(
                folder,
                "its format record is gone",
            ));
        }
        let unicode = UNICODE_VERSION.to_owned();
        let format = Format {
            version: LAYOUT,
            unicode,
            store: StoreId::new(),
            generation: 0,
            closings: 0,
            incomplete: false,
        };
        db.insert(keys::FORMAT, encode(&format)?)?;
        return Ok(format.store);
    };
    let format: Format = decode(keys::FORMAT, &bytes)?;
    let mismatch = |what: String| Err(StoreError::Mismatch(format!("the store {what}")));
    if format.version != LAYOUT {
        return mismatch(format!(
            "has layout {}; open it with the release that wrote it, export it, and import it here",
            format.version
        ));
    }
    if format.unicode != UNICODE_VERSION {
        return mismatch(format!(
            "has names by Unicode {}; export it with the release that wrote it, and import it here",
            format.unicode
        ));
    }
    if format.incomplete {
        return Err(StoreError::damaged_file(
            folder,
            "it holds a part of an export, whose import was broken off; remove the folder and import again",
        ));
    }
    if let Some(marker) = marker
        .as_ref()
        .filter(|marker| marker.store != format.store)
    {
        let what = format!(
            "its records are of store {}, its marker of {}",
            format.store, marker.store
        );
        return Err(StoreError::damaged_file(folder, what));
    }
    if marker.is_some_and(|marker| format.closings < marker.closings) {
        return Err(StoreError::damaged_file(
            &folder.join("db"),
            "what was written last before the store was closed is gone from it",
        ));
    }
    Ok(format.store)
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::sync::mpsc::{Receiver, Sender, channel};

    use workdisk::Metadata;
    use workdisk::error::{BackendError, BackendErrorKind};
    use workdisk::metadata::{Change, Outcome};
    use workdisk::model::{
        AccountId, SessionType, Timestamp, VolumeId, WorkspaceId, WorkspaceRecord,
    };

    use super::*;
    use crate::syncer::Sync;
    use crate::writer::Write;

    fn insertion() -> Change {
        let account = AccountId::parse("a").unwrap();
        let (id, head) = (WorkspaceId::new(), VolumeId::new());
        let now = Timestamp::from_unix_micros(0);
        let record = WorkspaceRecord::new(id, account, SessionType::Browser, head, now);
        Change::Insert { record }
    }

    /// The error was looked for by a kind that it does not have, so that nothing waited: a store that was opened right after
    /// it had been dropped was now and then unavailable.
    #[test]
    fn lock_that_sled_still_holds_is_known_by_its_error() {
        let folder = tempfile::tempdir().unwrap();
        let sled = || sled::Config::new().path(folder.path()).open();
        let _held = sled().unwrap();
        let refused = sled().unwrap_err();
        assert!(is_still_locked(&refused), "{refused:?}");
    }

    /// A store in a folder of its own whose syncs say when they begin, and end when and as they are told.
    struct Slow {
        store: Arc<SledMetadata>,
        begun: Receiver<()>,
        end: Sender<std::io::Result<()>>,
        _folder: tempfile::TempDir,
    }

    impl Slow {
        fn open() -> Self {
            let folder = tempfile::tempdir().unwrap();
            // The first sync is that of a new store.
            drop(open(folder.path(), Disk::of(folder.path())).unwrap());
            let ((entered, begun), (end, ended)) = (channel(), channel());
            let sync: Sync = Box::new(move |_| {
                entered.send(()).map_err(std::io::Error::other)?;
                ended.recv().map_err(std::io::Error::other)?
            });
            let disk = Disk {
                sync,
                ..Disk::of(folder.path())
            };
            Self {
                store: Arc::new(open(folder.path(), disk).unwrap()),
                begun,
                end,
                _folder: folder,
            }
        }

        /// A change that is in the writer's hands, to be kept before it is answered.
        fn commit(&self) -> Pin<Box<dyn Future<Output = Result<Outcome, BackendError>>>> {
            let store = Arc::clone(&self.store);
            let mut future = Box::pin(async move { store.commit(insertion()).await });
            let waker = std::task::Waker::noop();
            let mut context = std::task::Context::from_waker(waker);
            assert!(future.as_mut().poll(&mut context).is_pending());
            future
        }

        fn wait_for_commits(&self, count: u64) {
            while self.store.statistics().commits < count {
                std::thread::yield_now();
            }
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn changes_that_wait_while_the_disk_syncs_share_the_next_sync() {
        let slow = Slow::open();
        let first = slow.commit();
        slow.begun.recv().unwrap();
        let waiting: Vec<_> = (0..10).map(|_| slow.commit()).collect();
        slow.wait_for_commits(11);
        slow.end.send(Ok(())).unwrap();
        slow.end.send(Ok(())).unwrap();
        assert_eq!(first.await.unwrap(), Outcome::Done);
        for change in waiting {
            assert_eq!(change.await.unwrap(), Outcome::Done);
        }
        let statistics = slow.store.statistics();
        assert_eq!((statistics.commits, statistics.syncs), (11, 2));
        // That of the closing.
        slow.end.send(Ok(())).unwrap();
    }

    /// It waited for the sync of others, though nothing asks that it be durable.
    #[tokio::test(flavor = "multi_thread")]
    async fn change_to_be_kept_soon_does_not_wait_for_a_sync_that_runs() {
        let slow = Slow::open();
        let first = slow.commit();
        slow.begun.recv().unwrap();
        let soon = slow.store.commit_soon(insertion()).await;
        assert_eq!(soon.unwrap(), Outcome::Done);
        slow.end.send(Ok(())).unwrap();
        assert_eq!(first.await.unwrap(), Outcome::Done);
        assert_eq!(slow.store.statistics().syncs, 1);
        slow.end.send(Ok(())).unwrap();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_was_written_during_a_sync_that_fails_is_not_acknowledged() {
        let slow = Slow::open();
        let first = slow.commit();
        slow.begun.recv().unwrap();
        let during = slow.commit();
        slow.wait_for_commits(2);
        let gone = std::io::Error::other("the disk is gone");
        slow.end.send(Err(gone)).unwrap();
        for change in [first, during] {
            let refused = change.await.unwrap_err();
            assert_eq!(*refused.kind(), BackendErrorKind::Unavailable);
            assert!(
                refused.to_string().contains("may have happened"),
                "{refused}"
            );
        }
        let refused = slow.store.commit_soon(insertion()).await.unwrap_err();
        assert!(
            refused.to_string().contains("earlier write failed"),
            "{refused}"
        );
        assert_eq!(slow.store.statistics().syncs, 1);
    }

    #[tokio::test]
    async fn store_that_could_not_sync_refuses_every_later_write() {
        let folder = tempfile::tempdir().unwrap();
        drop(open(folder.path(), Disk::of(folder.path())).unwrap());
        let mut syncs = 0;
        let sync: Sync = Box::new(move |_| {
            syncs += 1;
            if syncs == 2 {
                Err(std::io::Error::other("the disk is gone"))
            } else {
                Ok(())
            }
        });
        let disk = Disk {
            sync,
            ..Disk::of(folder.path())
        };
        let store = open(folder.path(), disk).unwrap();
        assert_eq!(store.commit(insertion()).await.unwrap(), Outcome::Done);
        for _ in 0..2 {
            let refused = store.commit(insertion()).await.unwrap_err();
            assert_eq!(*refused.kind(), BackendErrorKind::Unavailable);
        }
        assert_eq!(store.statistics().syncs, 2);
    }

    /// A write that sled had failed to do was followed by others, though nobody knew what the first had left.
    #[tokio::test]
    async fn store_that_could_not_write_refuses_every_later_write_and_still_reads() {
        let folder = tempfile::tempdir().unwrap();
        let mut writes = 0;
        let write: Write = Box::new(move |db, batch| {
            writes += 1;
            if writes == 2 {
                return Err(sled::Error::Io(std::io::Error::other("the disk is gone")));
            }
            db.apply_batch(batch)
        });
        let disk = Disk {
            write,
            ..Disk::of(folder.path())
        };
        let store = open(folder.path(), disk).unwrap();
        let kept = insertion();
        assert_eq!(store.commit(kept.clone()).await.unwrap(), Outcome::Done);
        for _ in 0..2 {
            let refused = store.commit(insertion()).await.unwrap_err();
            assert_eq!(*refused.kind(), BackendErrorKind::Unavailable);
            assert!(refused.to_string().contains("reopen"), "{refused}");
        }
        let refused = store.begin().await.unwrap_err();
        assert_eq!(*refused.kind(), BackendErrorKind::Unavailable);
        let Change::Insert { record } = kept else {
            panic!("{kept:?}")
        };
        let read = store.workspace(&record.account, record.id).await.unwrap();
        assert_eq!(read, Some(record));
        drop(store);
        let store = open(folder.path(), Disk::of(folder.path())).unwrap();
        assert_eq!(store.commit(insertion()).await.unwrap(), Outcome::Done);
    }

    /// What is refused by judgement writes nothing, and poisons nothing.
    #[tokio::test]
    async fn refused_change_leaves_the_store_writable() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path(), Disk::of(folder.path())).unwrap();
        let Change::Insert { mut record } = insertion() else {
            panic!()
        };
        record.version = 2;
        let refused = store.commit(Change::Insert { record }).await.unwrap_err();
        assert_eq!(*refused.kind(), BackendErrorKind::InvalidInput);
        assert_eq!(store.commit(insertion()).await.unwrap(), Outcome::Done);
    }
}
