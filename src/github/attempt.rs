//! One attempt to import a repository, on a thread that may block.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::thread::available_parallelism;

use gix::create;
use gix::open;

use super::checkout::check_out;
use super::failure::Failure;
use super::meter::Meter;
use super::options::ImportLimits;
use super::receive::{Received, receive};
use super::refs::settle;
use super::run::Job;
use super::transport::Carrier;
use super::tree::survey;
use crate::error::BackendErrorKind;
use crate::model::ImportLimit;

/// What an import made.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fetched {
    /// The branch or tag that is checked out.
    pub(crate) reference: Option<String>,
    /// The commit that is checked out.
    pub(crate) commit: Option<String>,
    /// How many files, symbolic links included.
    pub(crate) files: u64,
    /// How many files are pointers of Git LFS.
    pub(crate) lfs_pointers: u64,
    /// How many folders wait for a submodule.
    pub(crate) submodules: u64,
}

/// Makes the repository anew, whatever an attempt before has left.
pub(super) fn attempt(
    job: &Job,
    folder: &Path,
    url: &str,
    carrier: &Carrier,
    meter: &Arc<Meter>,
) -> Result<Fetched, Failure> {
    let judge = |error: gix::Error| judge(&error, carrier);
    let repo = make(folder, meter)?;
    let received = receive(&repo, job, url, carrier, meter)?;
    let commit = settle(&repo, url, &received).map_err(judge)?;
    let mut fetched = Fetched {
        reference: received.reference(),
        commit: commit.map(|commit| commit.to_string()),
        ..Fetched::default()
    };
    if let Some(commit) = commit {
        let tree = repo.find_object(commit).map_err(judge)?;
        let tree = tree.peel_to_tree().map_err(judge)?.id;
        let found = survey(&repo, tree, meter)?;
        check_out(&repo, tree, found.amends, meter, judge)?;
        fetched.files = found.files;
        fetched.lfs_pointers = found.lfs_pointers;
        fetched.submodules = found.submodules;
    }
    Received::release(&received).map_err(|error| Failure::disk("the pack", error))?;
    Ok(fetched)
}

/// An empty repository that knows nothing of the host's configuration, environment or programs.
fn make(folder: &Path, meter: &Meter) -> Result<gix::Repository, Failure> {
    let disk = |error| Failure::disk("the repository", error);
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(disk(error)),
        _ => fs::create_dir(folder).map_err(disk)?,
    }
    let threads = available_parallelism().map_or(1, usize::from);
    let threads = threads.min(ImportLimits::MAX_THREADS);
    let options = open::Options::isolated().config_overrides([
        format!("gitoxide.objects.allocLimit={}", meter.limits.object_bytes),
        format!("pack.threads={threads}"),
        format!("checkout.workers={threads}"),
    ]);
    let made = gix::ThreadSafeRepository::init_opts(
        folder,
        create::Kind::WithWorktree,
        create::Options::default(),
        options,
    );
    let local = |error: gix::Error| {
        disk_failure(&error).unwrap_or_else(|| Failure::lasting("a repository can't be made"))
    };
    let mut repo = made.map_err(local)?.to_thread_local();
    repo.committer_or_set_fallback("workdisk", "workdisk@localhost")
        .map_err(local)?;
    Ok(repo)
}

/// What an error of gix means. Its text is for the log alone: it may hold a path of the host, or what the server says.
pub(super) fn judge(error: &gix::Error, carrier: &Carrier) -> Failure {
    if let Some(failure) = carrier.take_failure().or_else(|| disk_failure(error)) {
        return failure;
    }
    if error.is_resource_exhausted() {
        return Failure::TooLarge(ImportLimit::ObjectBytes);
    }
    tracing::debug!(%error, "gix refused");
    Failure::lasting("the server sent what is no repository, or one that can't be checked out")
}

/// The failure of the disk that an error came of, if it is full.
fn disk_failure(error: &gix::Error) -> Option<Failure> {
    let mut causes = error
        .iter_errors()
        .filter_map(|cause| cause.downcast_ref::<io::Error>());
    causes.find_map(|cause| {
        let again = io::Error::from(cause.kind());
        match Failure::disk("the repository", again) {
            Failure::Storage(error) if *error.kind() == BackendErrorKind::Full => {
                Some(Failure::Storage(error))
            }
            _ => None,
        }
    })
}
