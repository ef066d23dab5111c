//! The text beside a volume: an extended attribute of an empty file in the volume's own folder, which goes with it.
//!
//! The attribute is written before the file gets its name, and a journal keeps both in this order, so that no power cut shows
//! half of it and nothing has to be waited for. Where there is no room for one, or no attributes at all, the text is in the
//! file, and on the disk before the file gets its name.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsFd;

use rustix::fs::{AtFlags, Mode, OFlags, XattrFlags, fgetxattr, fsetxattr};
use rustix::io::Errno;
use workdisk::model::VolumeId;
use workdisk::volume::MAX_LABEL;

use crate::error::{DirectoryError, Doing, Result};
use crate::locks::Access;
use crate::store::Store;

/// The name of the file, beside the folder of the volume's files.
pub(crate) const LABEL: &str = "label";

const ATTRIBUTE: &str = "user.workdisk.label";

impl Store {
    /// Replaces the file in one step.
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
            let placed = write(File::from(file), label).and_then(|()| {
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
        let bytes = read(File::from(file)).doing(DOING)?;
        let text = String::from_utf8(bytes)
            .ok()
            .filter(|it| it.len() <= MAX_LABEL);
        text.map(Some).ok_or_else(|| DirectoryError::Corrupt {
            object: format!("{id}/{LABEL}"),
            problem: "it is not a label".to_owned(),
        })
    }
}

fn write(mut file: File, label: &str) -> std::io::Result<()> {
    match fsetxattr(&file, ATTRIBUTE, label.as_bytes(), XattrFlags::CREATE) {
        Ok(()) => return Ok(()),
        // Without room for the text beside the file there may be room in it.
        Err(Errno::OPNOTSUPP | Errno::NOSPC | Errno::TOOBIG | Errno::RANGE) => {}
        Err(error) => return Err(error.into()),
    }
    file.write_all(label.as_bytes())?;
    file.sync_all()
}

fn read(file: File) -> std::io::Result<Vec<u8>> {
    let mut bytes = vec![0; MAX_LABEL];
    match fgetxattr(&file, ATTRIBUTE, &mut bytes[..]) {
        Ok(length) => bytes.truncate(length),
        Err(Errno::NODATA | Errno::OPNOTSUPP) => {
            bytes.clear();
            file.take(MAX_LABEL as u64 + 1).read_to_end(&mut bytes)?;
        }
        Err(error) => return Err(error.into()),
    }
    Ok(bytes)
}

/// Takes the label away that a copy of a volume's folder took over.
pub(crate) fn remove_label(volume: impl AsFd) -> Result<()> {
    match rustix::fs::unlinkat(volume, LABEL, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(error) => Err(error).doing("begin a copy without a label"),
    }
}
