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
use crate::references::read_reference;
use crate::store::{Store, exists, names};
use crate::sweep::Turn;
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
        let thrown = match self.disk.rename(&from, name, &self.trash, &fresh) {
            Err(error) if error.is_full() => {
                self.empty_trash()?;
                self.disk.rename(&from, name, &self.trash, &fresh)
            }
            answer => answer,
        };
        self.sweep.want();
        thrown
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

    /// Empties the trash no faster than the options allow, unless somebody else is at it already.
    pub(crate) fn serve_sweep(&self) {
        while !self.closing.load(Ordering::Acquire)
            && let Some(_serving) = self.sweep.serve()
        {
            let turn = self.sweep.at_leisure();
            if let Err(error) = self.empty_trash_in(&turn) {
                tracing::debug!(%error, "the trash is not empty");
            }
        }
    }

    /// Empties the trash for who waits for it, as fast as it goes, unless the store is being closed.
    ///
    /// # Errors
    /// The first failure; everything that could be removed is.
    pub(crate) fn empty_trash(&self) -> Result<()> {
        self.empty_trash_in(&self.sweep.at_once())
    }

    fn empty_trash_in(&self, _turn: &Turn<'_>) -> Result<()> {
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
        let closing = || {
            self.sweep.pace();
            self.closing.load(Ordering::Acquire)
        };
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

#[cfg(test)]
mod tests {
    use std::fs;
    use std::num::NonZeroU32;
    use std::path::Path;

    use super::*;
    use crate::options::OverlayOptions;
    use crate::store::OpenStore;

    const FILES: usize = 2_000;

    /// A store that mounts nothing, whose sweep is bound to a rate.
    fn open(root: &Path, files_a_second: u32) -> OpenStore {
        let options = OverlayOptions::new(root)
            .with_shared_propagation()
            .with_sweep_rate(NonZeroU32::new(files_a_second));
        OpenStore::open(options).unwrap()
    }

    fn fill_trash(root: &Path) {
        let folder = root.join("trash/removed");
        fs::create_dir_all(&folder).unwrap();
        for file in 0..FILES {
            fs::write(folder.join(file.to_string()), "").unwrap();
        }
    }

    /// How many files are in the trash.
    fn left(root: &Path) -> usize {
        fs::read_dir(root.join("trash/removed")).map_or(0, Iterator::count)
    }

    fn is_empty(root: &Path) -> bool {
        fs::read_dir(root.join("trash")).unwrap().next().is_none()
    }

    fn sweep(store: &Store) {
        store.sweep.want();
        store.serve_sweep();
    }

    /// Does something while a sweep of ten files a second, which would take minutes, goes on.
    fn beside_a_slow_sweep(root: &Path, act: impl FnOnce(OpenStore)) {
        let open = open(root, 10);
        let store = std::sync::Arc::clone(&open.store);
        fill_trash(root);
        std::thread::scope(|scope| {
            scope.spawn(move || sweep(&store));
            while left(root) == FILES {
                std::thread::yield_now();
            }
            act(open);
        });
    }

    #[test]
    fn sweep_at_a_rate_removes_everything() {
        let root = tempfile::tempdir().unwrap();
        let open = open(root.path(), 50_000);
        fill_trash(root.path());
        sweep(&open.store);
        assert!(is_empty(root.path()));
    }

    #[test]
    fn sweep_at_a_rate_is_stopped_when_the_store_is_closed_and_goes_on_at_the_next_opening() {
        let root = tempfile::tempdir().unwrap();
        beside_a_slow_sweep(root.path(), drop);
        assert!(left(root.path()) > 0);
        let open = open(root.path(), 50_000);
        sweep(&open.store);
        assert!(is_empty(root.path()));
    }

    #[test]
    fn who_waits_for_the_space_does_not_wait_for_the_rate() {
        let root = tempfile::tempdir().unwrap();
        beside_a_slow_sweep(root.path(), |open| {
            open.store.empty_trash().unwrap();
            assert!(is_empty(root.path()));
        });
    }
}
