//! Importing into a data folder.

use std::sync::Arc;

use async_trait::async_trait;
use workdisk::Account;
use workdisk::github::{
    Credential, CredentialError, CredentialProvider, CredentialRequest, GithubOptions,
    ImportProgress,
};
use workdisk::manager::ImportRepository;
use workdisk::model::Workspace;

use super::{Wanted, Watch, stopped};
use crate::places::Result;
use crate::views::workspace::Step;

/// Where the token of whoever runs the program is. An argument could be seen by others.
const TOKEN: &str = "GITHUB_TOKEN";

/// How repositories are imported: from GitHub or a GitHub Enterprise, with the token of the environment.
pub(crate) fn options(site: Option<&str>) -> Result<GithubOptions> {
    let options = GithubOptions::default().with_credentials(Arc::new(Environment));
    Ok(match site {
        Some(site) => options.with_base_url(site)?,
        None => options,
    })
}

#[derive(Debug)]
struct Environment;

#[async_trait]
impl CredentialProvider for Environment {
    async fn credential(
        &self,
        _request: CredentialRequest,
    ) -> Result<Option<Credential>, CredentialError> {
        let token = std::env::var(TOKEN).ok().filter(|token| !token.is_empty());
        Ok(token.map(Credential::token))
    }
}

pub(crate) async fn import(
    account: &Account,
    wanted: Wanted,
    mut watch: Watch<'_>,
) -> Result<Workspace> {
    let import = account.import(ImportRepository::from(wanted)).await?;
    let mut progress = import.progress();
    (watch.tell)(&Step::from(progress.current()));
    let made = loop {
        tokio::select! {
            () = &mut watch.stopped => break import.cancel().await?.ok_or_else(stopped)?,
            step = progress.changed() => match step {
                Some(step) => (watch.tell)(&Step::from(step)),
                None => break import.finish().await?,
            }
        }
    };
    Ok(made.workspace)
}

impl From<Wanted> for ImportRepository {
    fn from(wanted: Wanted) -> Self {
        let mut repository = Self::new(wanted.github_repo).with_template(wanted.template);
        repository.reference = wanted.reference;
        repository.depth = wanted.depth;
        repository.name = wanted.name;
        repository.image = wanted.image;
        repository
    }
}

impl From<ImportProgress> for Step {
    fn from(progress: ImportProgress) -> Self {
        Self {
            phase: progress.phase.to_string(),
            done: progress.done,
            total: progress.total,
            bytes: progress.bytes,
        }
    }
}
