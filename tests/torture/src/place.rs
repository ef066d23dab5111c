//! A folder for a store that is going to be broken.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::Result;

/// What a folder may be called although it takes part in the options of mounts.
pub(crate) const AWKWARD: &str = r"a:b,c\ d";

/// A temporary folder, of which nothing stays mounted.
#[derive(Debug)]
pub(crate) struct Place {
    folder: PathBuf,
    dir: TempDir,
}

impl Place {
    pub(crate) fn new() -> Result<Self> {
        let dir = tempfile::Builder::new()
            .prefix("workdisk-torture-")
            .tempdir()?;
        let folder = dir.path().join(AWKWARD);
        std::fs::create_dir(&folder)?;
        Ok(Self { folder, dir })
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where what is not the store's can be kept.
    pub(crate) fn beside(&self) -> &Path {
        self.dir.path()
    }

    /// Whether a store that was closed left anything mounted.
    pub(crate) fn is_unmounted(&self) -> Result<()> {
        match self.mounts()?.first() {
            None => Ok(()),
            Some(left) => Err(format!("{} is still mounted", left.display()).into()),
        }
    }

    /// What is mounted in it, the innermost first.
    fn mounts(&self) -> Result<Vec<PathBuf>> {
        let table = std::fs::read_to_string("/proc/self/mountinfo")?;
        let points = table.lines().filter_map(|line| line.split(' ').nth(4));
        let points = points.map(|point| PathBuf::from(unescaped(point)));
        let mut ours: Vec<_> = points
            .filter(|point| point.starts_with(&self.folder))
            .collect();
        ours.reverse();
        Ok(ours)
    }
}

/// A path of the table of mounts, in which some characters are written as octal numbers.
fn unescaped(text: &str) -> String {
    let escapes = [
        (r"\040", " "),
        (r"\011", "\t"),
        (r"\012", "\n"),
        (r"\134", r"\"),
    ];
    escapes
        .iter()
        .fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

impl Drop for Place {
    /// What a store that was never recovered left mounted must not be deleted through its mount.
    fn drop(&mut self) {
        for point in self.mounts().unwrap_or_default() {
            let _ = Command::new("umount").arg("--lazy").arg(point).status();
        }
    }
}
