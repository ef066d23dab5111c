//! The manager: every rule, over two backends that hold none.
//!
//! One verb a file. [`WorkspaceManager`] opens the stores and recovers; [`Account`] is the handle through which an account's
//! calls are made; [`Session`] keeps a running session.

mod account;
mod census;
mod check;
mod clone;
mod core;
mod create;
mod delete;
mod edit;
mod expected;
mod fault;
mod guard;
#[cfg(feature = "github")]
mod import;
#[cfg(feature = "github")]
mod import_handle;
mod label;
mod labelling;
mod look;
mod once;
mod operation;
mod options;
mod outcome;
mod pages;
mod query;
mod rebuild;
mod recover;
mod repair;
mod reserve;
mod restore;
mod running;
mod session;
mod session_end;
mod session_start;
mod snapshot;
mod target;
mod unnamed;
mod wish;

use std::sync::Arc;
use std::time::Duration;

pub use account::Account;
pub use check::{CheckProgress, CheckReport};
pub use fault::{Fault, FaultKind, Mend};
pub use guard::{EndSessionError, Session};
#[cfg(feature = "github")]
pub use import_handle::{Import, Imported};
#[cfg(feature = "github")]
pub use options::ImportRepository;
pub use options::{
    BulkDeleted, CloneWorkspace, CreateWorkspace, Force, LeaseTerm, ListWorkspaces, MountMode,
    RestoreSnapshot, SessionInfo, StartSession, WorkspacePage,
};
pub use rebuild::RebuildReport;
pub use recover::RecoveryReport;
pub use repair::RepairReport;

use self::core::{Core, Patience};
use crate::error::{BackendError, BackendErrorKind, Error};
use crate::metadata::Metadata;
use crate::model::AccountId;
use crate::session::{Host, ProcessSessionHost, SessionHost, SystemHost};
use crate::volume::{Volume, VolumeInfo};

/// Workspaces over a metadata store and a volume store.
///
/// Cheap to clone. Its methods must be called within a tokio runtime with time enabled.
///
/// # What survives
/// When a call returns, what it did survives `kill -9`; with durable backends it survives power loss too. A crash at any
/// instant leaves each call done or not done, after [`recover`](Self::recover), which opening runs.
#[derive(Clone, Debug)]
pub struct WorkspaceManager {
    core: Arc<Core>,
    info: VolumeInfo,
    recovered: Arc<RecoveryReport>,
}

impl WorkspaceManager {
    /// Opens the stores with the defaults of [`builder`](Self::builder).
    ///
    /// # Errors
    /// As [`WorkspaceManagerBuilder::open`].
    pub async fn open(metadata: Arc<dyn Metadata>, volume: Arc<dyn Volume>) -> Result<Self, Error> {
        Self::builder(metadata, volume).open().await
    }

    /// Begins to open the stores.
    pub fn builder(
        metadata: Arc<dyn Metadata>,
        volume: Arc<dyn Volume>,
    ) -> WorkspaceManagerBuilder {
        WorkspaceManagerBuilder {
            metadata,
            volume,
            host: None,
            session_host: Arc::new(ProcessSessionHost::default()),
            patience: Patience {
                unmount: Duration::from_secs(5),
                stop: Duration::from_secs(60),
            },
            adopt: false,
            #[cfg(feature = "github")]
            github: crate::github::GithubOptions::default(),
        }
    }

    /// The handle of an account.
    ///
    /// # Errors
    /// [`InvalidRequest`](Error::InvalidRequest) if the text is no [`AccountId`].
    pub fn account(&self, id: impl Into<String>) -> Result<Account, Error> {
        Ok(self.account_of(AccountId::parse(id)?))
    }

    /// The handle of an account whose id has been parsed.
    pub fn account_of(&self, id: AccountId) -> Account {
        Account::new(Arc::clone(&self.core), id)
    }

    /// What the volume backend is and can do.
    pub fn volume_info(&self) -> &VolumeInfo {
        &self.info
    }

    /// What the recovery did that ran when the manager was opened.
    pub fn recovered(&self) -> &RecoveryReport {
        &self.recovered
    }

    /// Settles what dead processes left: undoes or finishes their operations and ends their sessions.
    ///
    /// Opening runs it. It never touches what a live operation is building or a live session, and can be repeated: a second
    /// run right after finds nothing to do.
    ///
    /// # Errors
    /// Those of the storage. What could not be settled on one workspace is in the report and stops nothing else.
    pub async fn recover(&self) -> Result<RecoveryReport, Error> {
        Core::spanned("recover", None, Box::pin(self.core.recover())).await
    }

    /// Asks whether the metadata store answers.
    ///
    /// # Errors
    /// Those of the storage.
    pub async fn ping(&self) -> Result<(), Error> {
        const VERB: &str = "ping";
        Core::spanned(VERB, None, async {
            let answered = self.core.metadata.in_flight(None, 1).await;
            answered.map_err(|error| Error::storage(VERB, error))?;
            Ok(())
        })
        .await
    }

    /// How many sessions the store knows, of all accounts, those included whose lease ran out and that nobody has ended yet.
    ///
    /// # Errors
    /// Those of the storage.
    pub async fn count_sessions(&self) -> Result<u64, Error> {
        const VERB: &str = "count_sessions";
        Core::spanned(VERB, None, Box::pin(self.core.count_sessions(VERB))).await
    }

    /// Waits until the space of everything deleted so far is given back.
    ///
    /// # Errors
    /// Those of the storage.
    pub async fn reclaim(&self) -> Result<(), Error> {
        const VERB: &str = "reclaim";
        Core::spanned(VERB, None, async {
            let reclaimed = self.core.volume.reclaim().await;
            reclaimed.map_err(|error| Error::storage(VERB, error))
        })
        .await
    }
}

/// The verb of opening.
const VERB: &str = "open";

/// Opens a [`WorkspaceManager`].
#[derive(Debug)]
#[must_use = "nothing is opened before `open` is called"]
pub struct WorkspaceManagerBuilder {
    metadata: Arc<dyn Metadata>,
    volume: Arc<dyn Volume>,
    host: Option<Arc<dyn Host>>,
    session_host: Arc<dyn SessionHost>,
    patience: Patience,
    adopt: bool,
    #[cfg(feature = "github")]
    github: crate::github::GithubOptions,
}

impl WorkspaceManagerBuilder {
    /// Says how a session is stopped that is forced out. By default its processes are ended, after a grace of ten seconds.
    pub fn with_session_host(mut self, session_host: Arc<dyn SessionHost>) -> Self {
        self.session_host = session_host;
        self
    }

    /// Replaces the machine's clocks and process table.
    pub fn with_host(mut self, host: Arc<dyn Host>) -> Self {
        self.host = Some(host);
        self
    }

    /// Says for how long a disk that is still in use is asked again to let go, before its session cannot be ended. By
    /// default five seconds. It is asked once at least, and an asking that has begun is waited for.
    pub fn with_unmount_patience(mut self, patience: Duration) -> Self {
        self.patience.unmount = patience;
        self
    }

    /// Says how long the application may take to stop a session. By default a minute.
    pub fn with_stop_timeout(mut self, timeout: Duration) -> Self {
        self.patience.stop = timeout;
        self
    }

    /// Says where repositories are imported from, with what, and how much of them. By default <https://github.com>, without
    /// credentials.
    #[cfg(feature = "github")]
    pub fn with_github(mut self, options: crate::github::GithubOptions) -> Self {
        self.github = options;
        self
    }

    /// Takes the volumes over although they belong to another metadata store, or to a newer state of this one.
    ///
    /// Meant for a store that was restored from a copy. Nothing is recovered on opening, since what the copy has in flight
    /// is long over; look at the workspaces, then call [`WorkspaceManager::recover`].
    pub fn with_adopted_volumes(mut self) -> Self {
        self.adopt = true;
        self
    }

    /// Opens the stores, compares what they know of each other, and recovers.
    ///
    /// # Errors
    /// [`StorageCorrupt`](Error::StorageCorrupt) if the volumes belong to another metadata store or to a newer state of this
    /// one, so that a recovery could remove what is not its own; those of the storage. The metadata is then lost, old or
    /// another's: bring the right one back, [`rebuild`](Self::rebuild) the records in an empty one, or
    /// [adopt](Self::with_adopted_volumes) the volumes.
    pub async fn open(self) -> Result<WorkspaceManager, Error> {
        Core::spanned(VERB, None, Box::pin(self.open_stores())).await
    }

    /// The machine that was given, or this one.
    fn host(&self) -> Result<Arc<dyn Host>, Error> {
        if let Some(host) = &self.host {
            return Ok(Arc::clone(host));
        }
        let host = SystemHost::new()
            .map_err(|error| Error::storage(VERB, BackendError::io("cannot read /proc", error)))?;
        Ok(Arc::new(host))
    }

    async fn open_stores(self) -> Result<WorkspaceManager, Error> {
        let host = self.host()?;
        let generation = self.metadata.begin().await;
        let generation = generation.map_err(|error| Error::storage(VERB, error))?;
        if let Err(error) = self.volume.bind(generation, self.adopt).await {
            if *error.kind() == BackendErrorKind::Mismatch
                && let Err(error) = self.metadata.take_back(generation).await
            {
                tracing::warn!(%error, "the opening that was refused is counted");
            }
            return Err(Error::storage(VERB, advised(error)));
        }
        let info = self.volume.info();
        let core = Arc::new(Core {
            metadata: self.metadata,
            volume: self.volume,
            host,
            session_host: self.session_host,
            backend: info.backend,
            patience: self.patience,
            locks: running::Locks::default(),
            labelling: running::Locks::default(),
            changes: tokio::sync::RwLock::default(),
            reserved: reserve::Reserve::default(),
            #[cfg(feature = "github")]
            github: self.github,
            #[cfg(feature = "github")]
            imports: import::Imports::default(),
            turns: running::Locks::default(),
        });
        let recovered = if self.adopt {
            RecoveryReport::default()
        } else {
            core.recover().await?
        };
        Ok(WorkspaceManager {
            core,
            info,
            recovered: Arc::new(recovered),
        })
    }
}

/// Says what there is to do where the two stores do not belong together.
fn advised(error: BackendError) -> BackendError {
    if *error.kind() != BackendErrorKind::Mismatch {
        return error;
    }
    let message = format!(
        "{error}; nothing was touched: bring the right metadata back, rebuild the records from what stands beside the volumes, or adopt the volumes"
    );
    BackendError::new(BackendErrorKind::Mismatch, message).with_source(error)
}
