//! The text beside a volume.
//!
//! It is an extended attribute of an empty file that has the volume's name. The attribute is written before the file gets
//! that name, and a journal keeps both in this order, so that no power cut shows half of it and nothing has to be waited
//! for. What is made durable later, of anything on the file system, carries it along on ext4 and xfs.

use std::collections::HashSet;
use std::sync::atomic::Ordering;

use rustix::fs::{Mode, OFlags, fgetxattr, openat};
use rustix::io::Errno;
use uuid::Uuid;
use workdisk::model::VolumeId;
use workdisk::volume::MAX_LABEL;

use crate::error::{OverlayError, Result};
use crate::store::{Store, names};

/// Only who may mount reads and writes it.
const ATTRIBUTE: &str = "trusted.workdisk.label";

impl Store {
    pub(crate) fn set_label(&self, volume: VolumeId, label: &str) -> Result<()> {
        self.volumes.with(&[volume], || {
            self.existing(volume)?;
            self.place_label(volume, Some(label))
        })
    }

    /// Puts a label, if there is one, beside a volume or where one is about to be made, so that it is durable with that.
    pub(crate) fn place_label(&self, volume: VolumeId, label: Option<&str>) -> Result<()> {
        let Some(label) = label else { return Ok(()) };
        if label.len() > MAX_LABEL {
            return Err(OverlayError::InvalidInput(format!(
                "the label of volume {volume} has {} bytes, {MAX_LABEL} at most",
                label.len()
            )));
        }
        let draft = format!("label-{}", Uuid::new_v4());
        let placed = self
            .disk
            .file_with(&self.staging, &draft, ATTRIBUTE, label.as_bytes())
            .and_then(|()| {
                let name = volume.to_string();
                self.disk.rename(&self.staging, &draft, &self.labels, &name)
            });
        if placed.is_err() {
            // The next opening finds what stays.
            let _ = self.disk.unlink(&self.staging, &draft);
        }
        placed
    }

    pub(crate) fn label(&self, volume: VolumeId) -> Result<Option<String>> {
        let name = volume.to_string();
        if self.kind(volume)?.is_none() {
            return Ok(None);
        }
        let failed = |errno| OverlayError::io("read", format!("labels/{name}"), errno);
        let damaged = || OverlayError::corrupt(format!("labels/{name}"), "it is not a label");
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match openat(&self.labels, &name, flags, Mode::empty()) {
            Ok(file) => file,
            Err(Errno::NOENT) => return Ok(None),
            Err(errno) => return Err(failed(errno)),
        };
        let mut text = vec![0; MAX_LABEL];
        let length = match fgetxattr(&file, ATTRIBUTE, &mut text[..]) {
            Ok(length) => length,
            Err(Errno::NODATA | Errno::RANGE) => return Err(damaged()),
            Err(errno) => return Err(failed(errno)),
        };
        text.truncate(length);
        String::from_utf8(text).map(Some).map_err(|_| damaged())
    }

    /// Takes the label away before its volume goes, so that what is found beside no volume is none's.
    pub(crate) fn drop_label(&self, name: &str) {
        match self.disk.unlink(&self.labels, name) {
            Err(error) if error.errno() != Some(Errno::NOENT) => {
                tracing::debug!(name, %error, "the label stays until the next opening");
            }
            _ => {}
        }
    }

    /// Removes the labels that a crash left without their volumes.
    pub(crate) fn sweep_labels(&self) -> Result<()> {
        let labels = names(&self.labels)?;
        let mut volumes: HashSet<String> = names(&self.active)?.into_iter().collect();
        volumes.extend(names(&self.frozen)?);
        for name in labels.iter().filter(|name| !volumes.contains(*name)) {
            if self.closing.load(Ordering::Acquire) {
                return Ok(());
            }
            if let Ok(volume) = name.parse::<VolumeId>() {
                self.volumes.with(&[volume], || {
                    if self.kind(volume)?.is_none() {
                        self.drop_label(name);
                    }
                    Ok(())
                })?;
            }
        }
        Ok(())
    }
}
