//! Writing the files of a commit.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use gix::ObjectId;
use gix::progress::Discard;
use gix::worktree::stack::state::attributes::Source;

use super::amend::amend;
use super::failure::Failure;
use super::gauge::Gauge;
use super::meter::Meter;
use super::progress::ImportPhase;

/// Checks a tree out and writes the index.
///
/// gix refuses names that git refuses, and writes through no symbolic link.
pub(super) fn check_out(
    repo: &gix::Repository,
    tree: ObjectId,
    amends: bool,
    meter: &Arc<Meter>,
    judge: impl Fn(gix::Error) -> Failure,
) -> Result<(), Failure> {
    let mut index = repo.index_from_tree(&tree).map_err(&judge)?;
    let mut options = repo.checkout_options(Source::IdMapping).map_err(&judge)?;
    options.destination_is_initially_empty = true;
    let files = Gauge::new(Arc::clone(meter));
    let done: Arc<AtomicUsize> = gix::Count::counter(&files);
    meter.measure(ImportPhase::CheckingOut, done, Some(index.entries().len()));
    let folder = repo
        .workdir()
        .expect("because the repository was made with one");
    let objects = repo.objects.clone().into_arc();
    let objects = objects.map_err(|error| Failure::disk("the objects", error))?;
    let outcome = gix::worktree::state::checkout(
        &mut index,
        folder,
        objects,
        &files,
        &Discard,
        meter.interrupt(),
        options,
    );
    let outcome = outcome.map_err(&judge)?;
    if !outcome.collisions.is_empty() {
        return Err(Failure::lasting(
            "two files of the repository are in each other's way",
        ));
    }
    if let Some(failed) = outcome.errors.into_iter().next() {
        return Err(judge(failed.error));
    }
    if amends {
        amend(repo, &mut index, folder, meter, &judge)?;
    }
    index.write(Default::default()).map_err(judge)
}
