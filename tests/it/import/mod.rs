//! Importing from GitHub: from git's own server on the loopback, which takes GitHub's place.

mod broken;
mod certified;
mod crash;
mod git;
mod hostile;
mod limits;
mod memory;
mod private;
mod redirects;
mod refused;
mod same;
mod server;
mod twice;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use workdisk::github::{GithubOptions, Retries};
use workdisk::manager::{ImportRepository, Imported};
use workdisk::{Error, WorkspaceManager};

use self::git::Origin;
use self::server::Server;
use crate::support::{Bench, in_session};

/// What is imported from a server, which nothing waits for long.
pub(crate) fn options(server: &Server) -> GithubOptions {
    GithubOptions::default()
        .with_base_url(&server.url())
        .unwrap()
        .with_retries(Retries::new(0, Duration::ZERO))
}

impl Bench {
    /// Opens the manager again, with other options for imports.
    pub(crate) async fn import_from(&mut self, options: GithubOptions) {
        let builder = WorkspaceManager::builder(self.metadata.clone(), self.volume.clone());
        self.manager = builder
            .with_host(Arc::new(self.machine.clone()))
            .with_unmount_patience(Duration::from_millis(20))
            .with_github(options)
            .open()
            .await
            .unwrap();
        self.account = self.manager.account("acme").unwrap();
    }

    pub(crate) async fn import(&self, wanted: ImportRepository) -> Result<Imported, Error> {
        self.account.import(wanted).await?.finish().await
    }
}

/// A repository, its server, and a place to import it to.
pub(crate) struct Stage {
    pub(crate) origin: Origin,
    pub(crate) server: Server,
    pub(crate) bench: Bench,
}

impl Stage {
    pub(crate) async fn of(origin: Origin) -> Self {
        let server = Server::new(&origin.served());
        let mut bench = Bench::new().await;
        bench.import_from(options(&server)).await;
        Self {
            origin,
            server,
            bench,
        }
    }

    /// Imports `o/r`, and looks at the repository.
    pub(crate) async fn import<T>(
        &self,
        wanted: ImportRepository,
        look: impl FnOnce(&Imported, &Path) -> T,
    ) -> T {
        let imported = self.bench.import(wanted).await.unwrap();
        let faults = self.bench.manager.check().await.unwrap().faults;
        assert_eq!(
            faults,
            [],
            "what stands beside the disk tells of the import"
        );
        let account = &self.bench.account;
        let looked = in_session(account, imported.workspace.id, |root| {
            look(&imported, &root.join("workspace"))
        });
        looked.await
    }
}

pub(crate) fn wanted() -> ImportRepository {
    ImportRepository::new("o/r")
}
