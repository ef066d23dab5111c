//! What was removed, until its space is given back.
//!
//! A removed name goes to the trash first, still as a reference. The layer that it refers to follows if that was its
//! last reference, and so on down the chain; only then is the reference itself removed. So a crash at any point leaves
//! either a reference in the trash, from which the next sweep goes on, or nothing.

use std::ffi::CString;
use std::sync::atomic::Ordering;

use rustix::fd::AsFd;
use rustix::fs::{AtFlags, FileType, statat};
use rustix::io::Errno;
use uuid::Uuid;

use crate::error::{OverlayError, Result};
use crate::locks::lock;
use crate::references::read_reference;
use crate::store::{Store, exists, names};
use crate::tree::remove::remove_tree;

impl Store {
    /// Sends to the trash what a crash left in staging: whoever was to have it does not refer to it. Nothing else may run
    /// yet.
    pub(crate) fn clear_staging(&self) -> Result<()> {
        for name in names(&self.staging)? {
            match self.throw_away(&self.staging, &name) {
                Err(error) if error.is_full() => {
                    self.expect_unused_layers()?;
                    self.disk.remove_tree(&self.staging, &name)?;
                }
                answer => answer?,
            }
        }
        self.disk.sync(&self.trash, "trash")?;
        self.disk.sync(&self.staging, "staging")
    }

    /// Moves a name to the trash under a fresh name. Not durable until the folders are.
    ///
    /// The folder of the trash may have to grow for the name; on a full disk there is room for it once the trash is empty.
    pub(crate) fn throw_away(&self, from: impl AsFd, name: &str) -> Result<()> {
        let fresh = format!("trash-{}", Uuid::new_v4());
        match self.disk.rename(&from, name, &self.trash, &fresh) {
            Err(error) if error.is_full() => {
                self.empty_trash()?;
                self.disk.rename(&from, name, &self.trash, &fresh)
            }
            answer => answer,
        }
    }

    /// As [`throw_away`](Self::throw_away), as far as that works: the next opening finds what stays in staging.
    pub(crate) fn throw_away_or_leave(&self, from: impl AsFd, name: &str) {
        if let Err(error) = self.throw_away(from, name) {
            tracing::warn!(name, %error, "what is not needed stays until the next opening");
        }
    }

    /// Sends to the trash what could not be completed, if it was begun and is still in that folder.
    pub(crate) fn throw_away_if_there(&self, home: impl AsFd, name: &str) {
        if !matches!(exists(&home, name), Ok(false)) {
            self.throw_away_or_leave(home, name);
        }
    }

    /// Empties the trash, unless the store is being closed.
    ///
    /// # Errors
    /// The first failure; everything that could be removed is.
    pub(crate) fn empty_trash(&self) -> Result<()> {
        let _sweeping = lock(&self.sweep);
        let mut outcome = Ok(());
        let mut failed = std::collections::HashSet::new();
        loop {
            let entries: Vec<String> = names(&self.trash)?
                .into_iter()
                .filter(|name| !failed.contains(name))
                .collect();
            if entries.is_empty() {
                return outcome;
            }
            for name in entries {
                if self.closing.load(Ordering::Acquire) {
                    return outcome;
                }
                if let Err(error) = self.remove_entry(&name) {
                    tracing::warn!(%error, entry = %name, "cannot empty the trash");
                    outcome = outcome.and(Err(error));
                    failed.insert(name);
                }
            }
        }
    }

    fn remove_entry(&self, name: &str) -> Result<()> {
        let kind = match statat(&self.trash, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => FileType::from_raw_mode(stat.st_mode),
            Err(Errno::NOENT) => return Ok(()),
            Err(errno) => return Err(OverlayError::io("look at", name, errno)),
        };
        match kind {
            FileType::Symlink => self.release(name)?,
            FileType::Directory => self.release(&format!("{name}/parent"))?,
            _ => {}
        }
        let closing = || self.closing.load(Ordering::Acquire);
        let path = CString::new(name).expect("because a name in a folder holds no zero byte");
        match remove_tree(&self.trash, &path, closing) {
            Ok(()) | Err(Errno::INTR) => Ok(()),
            Err(errno) => Err(OverlayError::io("remove", name, errno)),
        }
    }

    /// Gives up the reference at a path in the trash, and sends its layer there too if that was the last one.
    fn release(&self, reference: &str) -> Result<()> {
        let Ok(Some(layer)) = read_reference(&self.trash, reference) else {
            return Ok(());
        };
        // What is not a link to the layer's own reference proves nothing about how many others there are.
        let linked = self.is_linked(&self.trash, reference, &layer)? == Some(true);
        if linked && self.references_to(&self.layers, &layer)? == 1 {
            let name = layer.to_string();
            if !exists(&self.trash, &name)? {
                match self.disk.rename(&self.layers, &name, &self.trash, &name) {
                    Err(error) if error.is_full() => {
                        return self.let_go_in_place(&self.trash, reference);
                    }
                    answer => answer?,
                }
            }
            self.disk.order(&self.trash, "trash")?;
            self.disk.order(&self.layers, "layers")?;
        }
        self.disk.unlink(&self.trash, reference)
    }
}
