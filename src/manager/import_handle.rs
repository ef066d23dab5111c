//! The handle of an import that runs.

use tokio::task::JoinHandle;
use uuid::Uuid;

use super::running;
use crate::error::{BackendError, Error};
use crate::github::{ImportPhase, ImportWatch, Publisher};
use crate::model::{Workspace, WorkspaceId};

/// What an import has made. Of one that was done before under the same key only the workspace is known, and the counts are 0.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Imported {
    /// The workspace, whose [`source`](Workspace::source) tells the branch or tag and the commit.
    pub workspace: Workspace,
    /// How many files are checked out, symbolic links included.
    pub files: u64,
    /// How many of them are pointers of Git LFS, which stay pointers.
    pub lfs_pointers: u64,
    /// How many submodules there are, whose folders are empty.
    pub submodules: u64,
}

/// An import that runs.
///
/// It is cancelled when this is dropped, and so when a future that [`finish`](Self::finish) returned is dropped: a caller
/// that goes away leaves nothing behind. [`detach`](Self::detach) has it go on instead.
#[derive(Debug)]
#[must_use = "an import is cancelled when its handle is dropped; await `finish`, or `detach` it"]
pub struct Import {
    workspace: WorkspaceId,
    operation: Uuid,
    watch: ImportWatch,
    task: Option<JoinHandle<Result<Imported, Error>>>,
    made: Option<Imported>,
}

impl Import {
    pub(super) fn new(
        workspace: WorkspaceId,
        operation: Uuid,
        watch: ImportWatch,
        task: JoinHandle<Result<Imported, Error>>,
    ) -> Self {
        Self {
            workspace,
            operation,
            watch,
            task: Some(task),
            made: None,
        }
    }

    /// An import that an earlier request of the same key has done.
    pub(super) fn made_before(workspace: Workspace) -> Self {
        let publisher = Publisher::new();
        publisher.enter(ImportPhase::Done, None);
        Self {
            workspace: workspace.id,
            operation: Uuid::nil(),
            watch: publisher.watch(),
            task: None,
            made: Some(Imported {
                workspace,
                files: 0,
                lfs_pointers: 0,
                submodules: 0,
            }),
        }
    }

    /// The workspace, which is in status `importing` for now.
    pub fn workspace(&self) -> WorkspaceId {
        self.workspace
    }

    /// Watches how far it is. Other handles get the same from
    /// [`Account::import_progress`](crate::Account::import_progress).
    pub fn progress(&self) -> ImportWatch {
        self.watch.clone()
    }

    /// Waits until it is done. Dropping the future cancels the import.
    ///
    /// # Errors
    /// - [`ImportNotFound`](Error::ImportNotFound), [`ImportUnauthorized`](Error::ImportUnauthorized),
    ///   [`ImportRefNotFound`](Error::ImportRefNotFound), [`ImportTooLarge`](Error::ImportTooLarge),
    ///   [`ImportUnreachable`](Error::ImportUnreachable), [`ImportCancelled`](Error::ImportCancelled);
    /// - [`StorageFull`](Error::StorageFull) and the other errors of the storage.
    ///
    /// After any error there is no workspace, no volume and no file, or there is none after `recover()`.
    pub async fn finish(mut self) -> Result<Imported, Error> {
        let Some(task) = &mut self.task else {
            return self.made.take().ok_or_else(broken_off);
        };
        let result = task.await.unwrap_or_else(|_| Err(broken_off()));
        self.task = None;
        result
    }

    /// Has it stop, and waits until nothing is left of it. It stops within moments, also while the server is silent.
    ///
    /// An import that was done first is answered.
    ///
    /// # Errors
    /// Those of [`finish`](Self::finish), if it failed first.
    pub async fn cancel(self) -> Result<Option<Imported>, Error> {
        running::cancel(self.operation);
        match self.finish().await {
            Ok(imported) => Ok(Some(imported)),
            Err(Error::ImportCancelled { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Lets go of it: it goes on in this process, and can be watched and cancelled through the account's handle.
    pub fn detach(mut self) -> WorkspaceId {
        self.task = None;
        self.workspace
    }
}

impl Drop for Import {
    fn drop(&mut self) {
        if self.task.is_some() {
            running::cancel(self.operation);
        }
    }
}

fn broken_off() -> Error {
    let source = BackendError::unavailable("the import was broken off");
    Error::storage("import", source)
}
