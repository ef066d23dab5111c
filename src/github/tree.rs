//! A look at a tree before any of it is checked out.

use std::collections::HashSet;

use gix::ObjectId;
use gix::bstr::{BStr, ByteSlice};
use gix::objs::tree::EntryKind;
use gix::validate::path::component;

use super::amend;
use super::failure::Failure;
use super::meter::Meter;
use crate::model::ImportLimit;

/// How a pointer of Git LFS begins.
const LFS_POINTER: &[u8] = b"version https://git-lfs.github.com/spec/v1\n";
/// The largest pointer that Git LFS reads.
const LFS_POINTER_MAX: u64 = 1024;
/// The smallest: its version, an id and a size.
const LFS_POINTER_MIN: u64 = 120;

/// What a tree holds.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Survey {
    pub(super) files: u64,
    pub(super) lfs_pointers: u64,
    pub(super) submodules: u64,
    /// Whether a file may have to be written anew after the checkout.
    pub(super) amends: bool,
}

/// Counts what a checkout would write, and refuses what is too much of it, or a name that a folder holds twice.
///
/// A tree may name another as often as it likes, so that a small pack can hold a tree without end.
pub(super) fn survey(
    repo: &gix::Repository,
    root: ObjectId,
    meter: &Meter,
) -> Result<Survey, Failure> {
    let unreadable = |_| Failure::lasting("a folder of the repository can't be read");
    let mut survey = Survey::default();
    let (mut entries, mut bytes, mut small) = (0, 0_u64, Vec::new());
    let mut uses_lfs = false;
    let mut open = vec![root];
    while let Some(id) = open.pop() {
        if meter.is_stopped() {
            return Err(Failure::Cancelled);
        }
        let folder = repo.find_object(id).map_err(unreadable)?.into_tree();
        let mut names = HashSet::new();
        for entry in folder.iter() {
            let entry =
                entry.map_err(|_| Failure::lasting("a folder of the repository is damaged"))?;
            if !is_allowed(entry.filename()) {
                return Err(Failure::lasting("a name in the repository is not allowed"));
            }
            if !names.insert(entry.filename().to_owned()) {
                return Err(Failure::lasting(
                    "a folder of the repository holds a name twice",
                ));
            }
            entries += 1;
            if entries > meter.limits.files {
                return Err(Failure::TooLarge(ImportLimit::Files));
            }
            let id = entry.object_id();
            match entry.mode().kind() {
                EntryKind::Tree => open.push(id),
                EntryKind::Commit => survey.submodules += 1,
                EntryKind::Blob | EntryKind::BlobExecutable | EntryKind::Link => {
                    let size = repo.find_header(id).map_err(|_| missing())?.size();
                    bytes += size;
                    if bytes > meter.limits.file_bytes {
                        return Err(Failure::TooLarge(ImportLimit::FileBytes));
                    }
                    survey.files += 1;
                    if entry.filename() == ".gitattributes" {
                        let attributes = repo.find_object(id).map_err(|_| missing())?;
                        uses_lfs |= attributes.data.contains_str("=lfs");
                        let mut named = amend::ATTRIBUTES.iter();
                        survey.amends |= named.any(|name| attributes.data.contains_str(name));
                    }
                    if (LFS_POINTER_MIN..=LFS_POINTER_MAX).contains(&size) {
                        small.push(id);
                    }
                }
            }
        }
    }
    if uses_lfs {
        survey.lfs_pointers = count_pointers(repo, &small)?;
    }
    Ok(survey)
}

fn missing() -> Failure {
    Failure::lasting("a file of the repository was not sent")
}

/// Whether git takes a name on this system for one of another, where a backslash parts names. gix checks the rest.
fn is_allowed(name: &BStr) -> bool {
    let options = component::Options::default();
    !name.contains(&b'\\')
        || name
            .split_str("\\")
            .filter(|part| !part.is_empty())
            .all(|part| component(part.as_bstr(), None, options).is_ok())
}

fn count_pointers(repo: &gix::Repository, small: &[ObjectId]) -> Result<u64, Failure> {
    let mut pointers = 0;
    for id in small {
        let blob = repo.find_object(*id).map_err(|_| missing())?;
        pointers += u64::from(blob.data.starts_with(LFS_POINTER));
    }
    Ok(pointers)
}
