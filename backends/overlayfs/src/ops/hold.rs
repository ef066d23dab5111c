//! Who can still write to a volume.

use std::ffi::CString;
use std::path::PathBuf;

use rustix::fs::Mode;
use rustix::io::Errno;
use uuid::Uuid;
use workdisk::Holder;
use workdisk::model::VolumeId;
use workdisk::session::{holders_under, holders_where, lasting_holders};

use crate::disk::open_dir;
use crate::error::{OverlayError, Result};
use crate::layer::LayerId;
use crate::locks::lock;
use crate::overlay::in_use::upper_in_use;
use crate::overlay::mountinfo::{is_mount_point, mounts_of};
use crate::store::Store;
use crate::tree::remove::{empty_folder, remove_tree};

impl Store {
    /// Whether the volume is mounted at its path: the kernel knows, whoever mounted it and died since.
    pub(crate) fn is_mounted(&self, volume: VolumeId) -> Result<bool> {
        is_mount_point(&self.mount_path(volume))
            .map_err(|errno| OverlayError::io("look for the mount of", volume.to_string(), errno))
    }

    /// Refuses a volume that is mounted, or whose upper layer any overlay anywhere still uses.
    ///
    /// The kernel is asked by mounting an overlay, which costs more than all else of a freeze; not where the answer is known.
    pub(crate) fn must_be_unused(&self, volume: VolumeId, upper: &LayerId) -> Result<()> {
        if self.is_mounted(volume)? {
            return Err(OverlayError::Busy {
                volume,
                reason: "is mounted",
                holders: holders_under(&self.mount_path(volume)),
            });
        }
        if self.idle.has(volume) {
            return Ok(());
        }
        match lasting_holders(|| Ok(self.is_used(upper)?.then(|| holders_of(upper))))? {
            None => Ok(()),
            Some(holders) => Err(OverlayError::Busy {
                volume,
                reason: "is still mounted elsewhere, or kept by an open file since it was unmounted",
                holders,
            }),
        }
    }

    /// Whether any overlay anywhere uses the layer as its upper one, be it for a moment only.
    pub(crate) fn is_used(&self, upper: &LayerId) -> Result<bool> {
        let failed =
            |errno| OverlayError::io("ask the kernel who uses", format!("layers/{upper}"), errno);
        let ask = |scratch: PathBuf| {
            let files = self.layer_path(&upper.files());
            upper_in_use(&files, &self.root.join("empty"), &scratch)
        };
        let scratch = format!("scratch-{}", Uuid::new_v4());
        let answer = match self.disk.mkdir(&self.staging, &scratch, Mode::RWXU) {
            Ok(()) => {
                let answer = ask(self.root.join("staging").join(&scratch));
                let path = CString::new(scratch).expect("because a UUID holds no zero byte");
                remove_tree(&self.staging, &path, || false).map_err(failed)?;
                answer
            }
            // One after the other: a disk that is full must let volumes be removed.
            Err(error) if error.is_full() => {
                let _alone = lock(&self.spare);
                let spare = open_dir(&self.root_fd, "spare")?;
                let clear = || empty_folder(&spare).map_err(failed);
                clear()?;
                let answer = ask(self.root.join("spare"));
                clear()?;
                answer
            }
            Err(error) => return Err(error),
        };
        match answer {
            Err(Errno::NOENT | Errno::NOTDIR) => Err(OverlayError::corrupt(
                format!("layers/{}", upper.files()),
                "the folder is missing, and with it files of the volume",
            )),
            answer => answer.map_err(failed),
        }
    }
}

/// The processes that see a mount of the layer: in this namespace those that have something open there, in another
/// namespace each that could open something.
fn holders_of(upper: &LayerId) -> Vec<Holder> {
    let name = upper.to_string();
    let mounts = |process: &str| -> Vec<PathBuf> {
        mounts_of(process)
            .into_iter()
            .filter(|mount| mount.upper.as_ref().is_some_and(|it| it.contains(&name)))
            .map(|mount| mount.point)
            .collect()
    };
    let here = namespace_of("self");
    let mut holders: Vec<Holder> = mounts("self")
        .iter()
        .flat_map(|point| holders_under(point))
        .collect();
    holders.extend(holders_where(|process| {
        let pid = process.pid().to_string();
        namespace_of(&pid) != here && !mounts(&pid).is_empty()
    }));
    holders.sort_by_key(|holder| holder.pid);
    holders.dedup();
    holders
}

fn namespace_of(process: &str) -> Option<PathBuf> {
    std::fs::read_link(format!("/proc/{process}/ns/mnt")).ok()
}
