//! The text beside a volume: a file in the volume's own folder, which goes with it.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsFd;

use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;
use workdisk::model::VolumeId;
use workdisk::volume::MAX_LABEL;

use crate::error::{DirectoryError, Doing, Result};
use crate::locks::Access;
use crate::store::Store;

/// The name of the file, beside the folder of the volume's files.
pub(crate) const LABEL: &str = "label";

impl Store {
    /// Replaces the file in one step. Its content is on the disk before its name is, so that no power cut leaves it empty.
    pub(crate) fn set_label(&self, id: VolumeId, label: &str) -> Result<()> {
        const DOING: &str = "write a volume's label";
        if label.len() > MAX_LABEL {
            return Err(DirectoryError::InvalidInput(format!(
                "the label of volume {id} has {} bytes, {MAX_LABEL} at most",
                label.len()
            )));
        }
        self.locks.hold(vec![(id, Access::Shared)], || {
            let kind = self.need_any(id)?;
            let volume = self.layout.open_volume(id, kind)?;
            let (staging, draft) = (self.layout.staging(), format!("label-{}", VolumeId::new()));
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
            let mode = Mode::RUSR | Mode::WUSR;
            let file = rustix::fs::openat(staging, draft.as_str(), flags, mode).doing(DOING)?;
            let mut file = File::from(file);
            let placed = file
                .write_all(label.as_bytes())
                .and_then(|()| file.sync_all())
                .and_then(|()| {
                    Ok(rustix::fs::renameat(
                        staging,
                        draft.as_str(),
                        &volume,
                        LABEL,
                    )?)
                });
            if placed.is_err() {
                self.discard(&[draft]);
            }
            placed.doing(DOING)
        })
    }

    pub(crate) fn label(&self, id: VolumeId) -> Result<Option<String>> {
        const DOING: &str = "read a volume's label";
        let Some(kind) = self.layout.kind_of(id)? else {
            return Ok(None);
        };
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let path = format!("{id}/{LABEL}");
        let file = match rustix::fs::openat(self.layout.of_kind(kind), path, flags, Mode::empty()) {
            Ok(file) => file,
            Err(Errno::NOENT) => return Ok(None),
            Err(error) => return Err(error).doing(DOING),
        };
        let mut bytes = Vec::new();
        let mut most = File::from(file).take(MAX_LABEL as u64 + 1);
        most.read_to_end(&mut bytes).doing(DOING)?;
        let text = String::from_utf8(bytes)
            .ok()
            .filter(|it| it.len() <= MAX_LABEL);
        text.map(Some).ok_or_else(|| DirectoryError::Corrupt {
            object: format!("{id}/{LABEL}"),
            problem: "it is not a label".to_owned(),
        })
    }
}

/// Takes the label away that a copy of a volume's folder took over.
pub(crate) fn remove_label(volume: impl AsFd) -> Result<()> {
    match rustix::fs::unlinkat(volume, LABEL, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(error) => Err(error).doing("begin a copy without a label"),
    }
}
