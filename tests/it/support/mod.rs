//! A place for a store, a machine whose clocks and processes a test moves, and what most tests do.

pub(crate) mod machine;
pub(crate) mod steps;

use std::any::Any;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use workdisk::manager::{CreateWorkspace, Fault, FaultKind, StartSession};
use workdisk::metadata::{Change, Outcome};
use workdisk::model::{
    Intent, Operation, SessionType, VolumeId, Workspace, WorkspaceFilter, WorkspaceId,
    WorkspaceName, WorkspaceRecord,
};
use workdisk::session::Host;
use workdisk::{Account, BackendErrorKind, Error, Metadata, Volume, WorkspaceManager};
use workdisk_conformance::{Faults, FaultyMetadata, FaultyVolume, Skip};
use workdisk_directory::DirectoryVolume;
use workdisk_memory::{MemoryMetadata, MemoryVolume};
use workdisk_overlayfs::{OverlayOptions, OverlayVolume};
use workdisk_sled::SledMetadata;

use self::machine::Machine;
use self::steps::{SteppedMetadata, SteppedVolume, Steps};

pub(crate) const SANDBOX: SessionType = SessionType::Sandbox;

/// Two open stores, a manager over them, and a folder that goes with it.
pub(crate) struct Bench {
    pub(crate) manager: WorkspaceManager,
    pub(crate) account: Account,
    pub(crate) metadata: Arc<dyn Metadata>,
    pub(crate) volume: Arc<dyn Volume>,
    pub(crate) steps: Steps,
    pub(crate) machine: Machine,
    _place: Box<dyn Any + Send>,
}

/// What keeps the disks of a test.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Backing {
    /// Plain directories.
    Directory,
    /// overlayfs.
    Overlayfs,
}

impl Bench {
    /// sled and disks of that kind, or nothing where the host can't mount and does not have to.
    pub(crate) async fn on(backing: Backing) -> Option<Self> {
        match backing {
            Backing::Directory => Some(Self::new().await),
            Backing::Overlayfs => Self::on_overlayfs().await,
        }
    }

    /// sled in a folder, and overlayfs in another, which may be on disks of their own; `place` goes with the bench. Nothing
    /// where the host can't mount and does not have to.
    pub(crate) async fn within(
        metadata: &Path,
        volumes: OverlayOptions,
        place: impl Any + Send,
    ) -> Option<Self> {
        let metadata = SledMetadata::open(metadata).await.unwrap();
        match OverlayVolume::open_with(volumes).await {
            Ok(volume) => Some(Self::over(Arc::new(metadata), Arc::new(volume), place).await),
            Err(error) if *error.kind() == BackendErrorKind::Unsupported => {
                Skip::new(error.to_string()).announce();
                None
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// sled and plain directories.
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let metadata = SledMetadata::open(folder.path().join("metadata"))
            .await
            .unwrap();
        let volume = DirectoryVolume::open(folder.path().join("volumes"))
            .await
            .unwrap();
        Self::over(Arc::new(metadata), Arc::new(volume), folder).await
    }

    /// The strict doubles, of which any call can fail.
    pub(crate) async fn with_faults(faults: &Faults) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let metadata = FaultyMetadata::new(Arc::new(MemoryMetadata::new()), faults);
        let volume = FaultyVolume::new(Arc::new(MemoryVolume::new().unwrap()), faults);
        Self::over(Arc::new(metadata), Arc::new(volume), folder).await
    }

    /// The strict doubles.
    pub(crate) async fn in_memory() -> Self {
        let volume = MemoryVolume::new().unwrap();
        let folder = tempfile::tempdir().unwrap();
        Self::over(Arc::new(MemoryMetadata::new()), Arc::new(volume), folder).await
    }

    /// sled and overlayfs, or nothing where the host can't mount and does not have to.
    pub(crate) async fn on_overlayfs() -> Option<Self> {
        Self::on_overlayfs_merging(OverlayOptions::MERGE_WIDTH).await
    }

    /// The same, with layers merged that many at a time.
    pub(crate) async fn on_overlayfs_merging(width: usize) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let [metadata, volumes] = ["metadata", "volumes"].map(|name| folder.path().join(name));
        let options = OverlayOptions::new(volumes).with_merge_width(width);
        Self::within(&metadata, options, folder).await
    }

    async fn over(
        metadata: Arc<dyn Metadata>,
        volume: Arc<dyn Volume>,
        place: impl Any + Send,
    ) -> Self {
        let steps = Steps::default();
        let metadata = Arc::new(SteppedMetadata::new(metadata, steps.clone()));
        let volume = Arc::new(SteppedVolume::new(volume, steps.clone()));
        let machine = Machine::new();
        let manager = open(metadata.clone(), volume.clone(), &machine).await;
        let account = manager.account("acme").unwrap();
        Self {
            manager,
            account,
            metadata,
            volume,
            steps,
            machine,
            _place: Box::new(place),
        }
    }

    /// A manager on the same stores as another machine or process sees them.
    pub(crate) async fn reopen_as(&mut self, machine: Machine) {
        self.steps.heal();
        self.machine = machine;
        self.manager = open(self.metadata.clone(), self.volume.clone(), &self.machine).await;
        self.account = self.manager.account("acme").unwrap();
    }

    /// A manager of the next process on the same stores, as after a crash of the first.
    pub(crate) async fn crash(&mut self) {
        self.reopen_as(self.machine.next_process()).await;
    }

    /// The handle of another account of the same manager.
    pub(crate) fn stranger(&self) -> Account {
        self.manager.account("stranger").unwrap()
    }

    pub(crate) async fn sandbox(&self, name: &str) -> Workspace {
        self.account
            .create(CreateWorkspace::new(SANDBOX).with_name(name))
            .await
            .unwrap()
    }

    /// A check finds nothing but labels that a crash left out of date, and a repair leaves nothing.
    pub(crate) async fn assert_sound(&self) {
        let found = self.manager.check().await.unwrap().faults;
        let worse = |fault: &Fault| fault.kind != FaultKind::Label;
        assert!(!found.iter().any(worse), "{found:?}");
        assert_eq!(self.manager.repair().await.unwrap().left, []);
    }

    /// The record of a workspace that another live process imports a repository into.
    pub(crate) async fn importing(&self, name: &str) -> WorkspaceId {
        let (account, machine) = (self.account.id().clone(), self.machine.beside());
        let head = VolumeId::new();
        let mut record =
            WorkspaceRecord::new(WorkspaceId::new(), account, SANDBOX, head, machine.now());
        record.name = Some(WorkspaceName::parse(name).unwrap());
        record.operation = Some(Operation::new(
            Intent::Import,
            machine.owner(),
            machine.now(),
        ));
        let id = record.id;
        let inserted = self.metadata.commit(Change::Insert { record }).await;
        assert_eq!(inserted.unwrap(), Outcome::Done);
        id
    }

    /// Every volume that exists is named by a record, and every one that is named exists.
    pub(crate) async fn assert_no_orphan(&self) {
        let mut named = Vec::new();
        let all = WorkspaceFilter::default();
        let mut records = Vec::new();
        for account in [self.account.id(), self.stranger().id()] {
            records.extend(
                self.metadata
                    .list(account, &all, None, 10_000)
                    .await
                    .unwrap(),
            );
        }
        for record in records {
            named.extend(workdisk::metadata::volumes_of(&record));
            let snapshots = self
                .metadata
                .snapshots(record.id, None, 10_000)
                .await
                .unwrap();
            assert_eq!(snapshots.len() as u64, record.snapshot_count, "{record:?}");
            named.extend(snapshots.iter().map(|snapshot| snapshot.volume));
        }
        named.sort();
        let volumes = self.volume.list(None, 10_000).await.unwrap();
        let found: Vec<_> = volumes.iter().map(|volume| volume.id).collect();
        assert_eq!(
            found, named,
            "volumes that exist, and volumes that are named"
        );
    }
}

async fn open(
    metadata: Arc<dyn Metadata>,
    volume: Arc<dyn Volume>,
    machine: &Machine,
) -> WorkspaceManager {
    WorkspaceManager::builder(metadata, volume)
        .with_host(Arc::new(machine.clone()))
        .with_unmount_patience(Duration::from_millis(20))
        .open()
        .await
        .unwrap()
}

/// What [`code`] answers for a success.
pub(crate) const OK: &str = "none: it succeeded";

/// The code of what must have failed.
pub(crate) fn code<T>(result: Result<T, Error>) -> &'static str {
    match result {
        Ok(_) => OK,
        Err(error) => error.code().as_str(),
    }
}

/// Works on a workspace's disk in a session.
pub(crate) async fn in_session<T>(
    account: &Account,
    workspace: WorkspaceId,
    work: impl FnOnce(&Path) -> T,
) -> T {
    let session = account
        .start_session(workspace, SANDBOX, StartSession::default())
        .await
        .unwrap();
    let done = work(session.path());
    session.end().await.unwrap();
    done
}

pub(crate) async fn write(account: &Account, workspace: WorkspaceId, text: &str) {
    in_session(account, workspace, |root| {
        std::fs::write(root.join("file"), text).unwrap()
    })
    .await;
}

/// What the file holds, or nothing if it is not there.
pub(crate) async fn read(account: &Account, workspace: WorkspaceId) -> String {
    in_session(account, workspace, |root| {
        std::fs::read_to_string(root.join("file")).unwrap_or_default()
    })
    .await
}
