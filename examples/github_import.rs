//! Imports a repository from GitHub into a workspace:
//! `cargo run --features github --example github_import -- OWNER/REPO [--ref NAME] [--depth N] [--base-url URL]`.
//!
//! It keeps its data in `workdisk-data` in the working folder, as the quickstart does. The token of a private repository is
//! taken from the environment variable `GITHUB_TOKEN`. If it is killed, the
//! next run removes what the import left.

#![expect(
    clippy::print_stdout,
    reason = "it is a program that tells a person what it does"
)]

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use indicatif::{ProgressBar, ProgressStyle};
use workdisk::github::{
    Credential, CredentialError, CredentialProvider, CredentialRequest, GithubOptions,
    ImportProgress,
};
use workdisk::manager::{Import, ImportRepository, Imported};
use workdisk_local::VolumePreference;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const USAGE: &str = "usage: github_import OWNER/REPO [--ref NAME] [--depth N] [--base-url URL]";

#[tokio::main]
async fn main() -> Result<()> {
    let (wanted, github) = arguments(std::env::args().skip(1))?;
    let local = workdisk_local::open_with("workdisk-data", VolumePreference::Best, |builder| {
        builder.with_github(github)
    })
    .await?;
    let account = local.manager().account("github_import")?;
    let import = account.import(wanted).await?;
    let imported = show(import).await?;
    tell(&imported);
    Ok(())
}

fn arguments(mut given: impl Iterator<Item = String>) -> Result<(ImportRepository, GithubOptions)> {
    let mut wanted = ImportRepository::new(given.next().ok_or(USAGE)?);
    let mut github = GithubOptions::default().with_credentials(Arc::new(Environment));
    while let Some(option) = given.next() {
        let value = given.next().ok_or(USAGE)?;
        match option.as_str() {
            "--ref" => wanted = wanted.with_reference(value),
            "--depth" => wanted = wanted.with_depth(value.parse()?),
            "--base-url" => github = github.with_base_url(&value)?,
            _ => return Err(USAGE.into()),
        }
    }
    Ok((wanted, github))
}

/// Shows how far an import is until it has ended.
async fn show(import: Import) -> Result<Imported> {
    let bar = ProgressBar::no_length();
    let style = "{spinner} {msg:13} [{bar:30}] {human_pos}/{human_len} {prefix}";
    bar.set_style(ProgressStyle::with_template(style)?);
    bar.enable_steady_tick(Duration::from_millis(100));
    let mut watch = import.progress();
    let showing = async {
        while let Some(progress) = watch.changed().await {
            draw(&bar, progress);
        }
    };
    let importing = import.finish();
    let (imported, ()) = tokio::join!(importing, showing);
    bar.finish_and_clear();
    Ok(imported?)
}

fn draw(bar: &ProgressBar, progress: ImportProgress) {
    bar.set_message(progress.phase.to_string());
    bar.set_position(progress.done);
    bar.set_length(progress.total.unwrap_or(progress.done));
    bar.set_prefix(format!("{} KiB", progress.bytes >> 10));
}

fn tell(imported: &Imported) {
    let workspace = &imported.workspace;
    let name = workspace.name.as_deref().unwrap_or_default();
    println!("workspace {name} ({})", workspace.id);
    println!("  came from {:?}", workspace.source);
    println!("  holds {} files", imported.files);
    for (count, what) in [
        (imported.lfs_pointers, "pointers of Git LFS"),
        (imported.submodules, "submodules, not fetched"),
    ] {
        if count > 0 {
            println!("  of them {count} {what}");
        }
    }
}

/// The token of whoever runs the program.
#[derive(Debug)]
struct Environment;

#[async_trait]
impl CredentialProvider for Environment {
    async fn credential(
        &self,
        _request: CredentialRequest,
    ) -> std::result::Result<Option<Credential>, CredentialError> {
        Ok(std::env::var("GITHUB_TOKEN").ok().map(Credential::token))
    }
}
