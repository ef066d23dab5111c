//! Stores that are shared by processes, each a manager of its own, and what must hold of them after every schedule.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use workdisk::manager::{CreateWorkspace, Force, StartSession};
use workdisk::metadata::volumes_of;
use workdisk::model::{
    AccountId, SnapshotRecord, Status, WorkspaceFilter, WorkspaceId, WorkspaceRecord,
};
use workdisk::session::{SessionHost, StopError, StopRequest};
use workdisk::{Account, Metadata, Session, Volume, WorkspaceManager};
use workdisk_conformance::{Faults, FaultyMetadata, FaultyVolume, Turnstile};
use workdisk_memory::MemoryMetadata;

use super::disks::Disks;
use crate::support::SANDBOX;
use crate::support::machine::Machine;

/// What the processes of one schedule share.
pub(super) struct Stage {
    pub(super) turnstile: Turnstile,
    pub(super) disks: Disks,
    metadata: MemoryMetadata,
    pub(super) processes: Vec<Process>,
    /// A session that was started before the race.
    pub(super) session: Mutex<Option<Session>>,
}

/// A manager with a place of its own in the process table.
#[derive(Clone)]
pub(super) struct Process {
    pub(super) machine: Machine,
    pub(super) manager: WorkspaceManager,
    pub(super) account: Account,
}

/// What a schedule left of one workspace.
pub(super) struct Left {
    pub(super) record: WorkspaceRecord,
    pub(super) snapshots: Vec<SnapshotRecord>,
    pub(super) content: Option<u64>,
}

impl Stage {
    pub(super) async fn new(processes: usize) -> Self {
        let mut stage = Self {
            turnstile: Turnstile::new(),
            disks: Disks::default(),
            metadata: MemoryMetadata::new(),
            processes: Vec::new(),
            session: Mutex::new(None),
        };
        for _ in 0..processes {
            let process = stage.another().await;
            stage.processes.push(process);
        }
        stage
    }

    /// Another process that opens the same stores.
    async fn another(&self) -> Process {
        let machine = match self.processes.first() {
            Some(first) => first.machine.beside(),
            None => Machine::new(),
        };
        let faults = Faults::new();
        faults.hold_at(&self.turnstile, self.processes.len());
        let metadata = FaultyMetadata::new(Arc::new(self.metadata.clone()), &faults);
        let disks = FaultyVolume::new(Arc::new(self.disks.clone()), &faults);
        let opened = WorkspaceManager::builder(Arc::new(metadata), Arc::new(disks))
            .with_host(Arc::new(machine.clone()))
            .with_session_host(Arc::new(Obliging))
            .with_unmount_patience(Duration::from_millis(20));
        let manager = opened.open().await.unwrap();
        Process {
            machine,
            account: manager.account("acme").unwrap(),
            manager,
        }
    }

    /// Makes a workspace that holds a number.
    pub(super) async fn workspace(&self, name: &str, content: u64) -> WorkspaceId {
        let account = &self.processes[0].account;
        let new = CreateWorkspace::new(SANDBOX).with_name(name);
        let id = account.create(new).await.unwrap().id;
        self.put(id, content).await;
        id
    }

    /// Has a workspace hold a number.
    pub(super) async fn put(&self, id: WorkspaceId, content: u64) {
        let account = &self.processes[0].account;
        let start = StartSession::default();
        let session = account.start_session(id, SANDBOX, start).await.unwrap();
        assert!(self.disks.write(session.path(), content));
        session.end().await.unwrap();
    }

    /// Everything that is stored.
    pub(super) async fn left(&self) -> Vec<Left> {
        let (account, all) = (
            AccountId::parse("acme").unwrap(),
            WorkspaceFilter::default(),
        );
        let mut left = Vec::new();
        for record in self
            .metadata
            .list(&account, &all, None, 1_000)
            .await
            .unwrap()
        {
            let snapshots = self.metadata.snapshots(record.id, None, 1_000).await;
            left.push(Left {
                content: self.disks.content(record.head),
                snapshots: snapshots.unwrap(),
                record,
            });
        }
        left
    }

    /// Another process, or the first one if it lives, recovers; then nothing is orphaned or stuck.
    pub(super) async fn verify(&self, is_killed: bool, may_end_sessions: bool) {
        let process = if is_killed {
            self.another().await
        } else {
            self.processes[0].clone()
        };
        let settled = process.manager.recover().await.unwrap();
        assert_eq!(
            settled.failures,
            [],
            "recovery met what it could not settle"
        );
        let has_settled = !settled.is_empty();
        assert!(
            is_killed || may_end_sessions || !has_settled,
            "left over: {settled:?}"
        );
        let again = process.manager.recover().await.unwrap();
        assert!(again.is_empty(), "a second recovery did {again:?}");
        self.assert_no_orphan().await;
        self.assert_nothing_is_stuck(&process.account).await;
    }

    async fn assert_no_orphan(&self) {
        let (mut named, mut mounted) = (Vec::new(), Vec::new());
        for Left {
            record, snapshots, ..
        } in self.left().await
        {
            assert!(!record.is_in_flight(), "still in flight: {record:?}");
            assert_eq!(record.snapshot_count, snapshots.len() as u64);
            named.extend(volumes_of(&record));
            named.extend(snapshots.iter().map(|snapshot| snapshot.volume));
            mounted.extend(record.session.is_some().then_some(record.head));
        }
        named.sort();
        mounted.sort();
        let found = self.disks.list(None, 1_000).await.unwrap();
        let found: Vec<_> = found.iter().map(|volume| volume.id).collect();
        assert_eq!(
            found, named,
            "volumes that exist, and volumes that are named"
        );
        assert_eq!(self.disks.mounted(), mounted, "mounted, and of a session");
    }

    /// Each workspace takes one more call of each kind, and in the end all are deleted.
    async fn assert_nothing_is_stuck(&self, account: &Account) {
        for Left { record, .. } in self.left().await {
            let id = record.id;
            account.set_template(id, !record.template).await.unwrap();
            if record.status() == Status::Ready {
                account
                    .create_snapshot(id, "after", Force::No)
                    .await
                    .unwrap();
                let start = StartSession::default();
                let session = account.start_session(id, SANDBOX, start).await.unwrap();
                session.end().await.unwrap();
            }
            account.delete(id, Force::Yes).await.unwrap();
        }
        assert!(self.left().await.is_empty());
        assert_eq!(self.disks.list(None, 1).await.unwrap(), []);
    }
}

/// An application whose sessions stop when they are asked to.
#[derive(Debug)]
struct Obliging;

#[async_trait]
impl SessionHost for Obliging {
    async fn stop(&self, _: StopRequest) -> Result<(), StopError> {
        Ok(())
    }
}
