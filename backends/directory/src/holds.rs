//! Who uses a volume's files.

use std::path::Path;

use procfs::process::Process;
use workdisk::Holder;
use workdisk::model::VolumeId;
use workdisk::session::{holders_under, holders_where};

/// The processes that have something open in the volume, or see a mount of it or in it, as far as this process can see.
pub(crate) fn holders_of(id: VolumeId, data: &Path) -> Vec<Holder> {
    let mut found = holders_under(data);
    for holder in mounters_of(id) {
        if !found.contains(&holder) {
            found.push(holder);
        }
    }
    found.sort_by_key(|holder| holder.pid);
    found
}

/// The processes that see a mount of the volume or in it.
pub(crate) fn mounters_of(id: VolumeId) -> Vec<Holder> {
    let id = id.to_string();
    holders_where(|process| sees_mount(process, &id))
}

/// Whether a mount in the process's namespace is of the volume's data folder, or lies in it. The id alone tells: it is like
/// no other name, and the rest of the path differs from one namespace to the next.
fn sees_mount(process: &Process, id: &str) -> bool {
    let Ok(mounts) = process.mountinfo() else {
        return false;
    };
    mounts
        .0
        .iter()
        .any(|mount| leads_into(Path::new(&mount.root), id) || leads_into(&mount.mount_point, id))
}

fn leads_into(path: &Path, id: &str) -> bool {
    let mut parts = path.components().map(|part| part.as_os_str());
    parts.any(|part| part == id) && parts.next().is_some_and(|part| part == "data")
}
