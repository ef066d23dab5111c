//! Which processes keep a folder in use.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use procfs::process::{FDTarget, MMapPath, Process, all_processes};

use crate::error::Holder;

/// The processes that have an open file, a mapping, a working folder, a root or their program at or below `folder`, in
/// ascending order of pid; this process too, if it is one.
///
/// Paths are compared as the kernel shows them to this process. A process whose entries it may not read, or that sees
/// the folder in another mount namespace under another path, is not found: an empty answer is no proof that nobody holds
/// the folder.
pub fn holders_under(folder: &Path) -> Vec<Holder> {
    holders_where(|process| holds(process, folder))
}

/// The processes of which `holds` is true, in ascending order of pid. A process that ends meanwhile is left out.
pub fn holders_where(mut holds: impl FnMut(&Process) -> bool) -> Vec<Holder> {
    let Ok(processes) = all_processes() else {
        return Vec::new();
    };
    let mut found: Vec<Holder> = processes
        .filter_map(Result::ok)
        .filter(|process| holds(process))
        .filter_map(|process| {
            let pid = u32::try_from(process.pid()).ok()?;
            let command = process.stat().map(|stat| stat.comm).unwrap_or_default();
            Some(Holder::new(pid, command))
        })
        .collect();
    found.sort_by_key(|holder| holder.pid);
    found
}

fn holds(process: &Process, folder: &Path) -> bool {
    let places = [process.cwd(), process.root(), process.exe()];
    places
        .into_iter()
        .flatten()
        .any(|path| path.starts_with(folder))
        || open_files(process).any(|path| path.starts_with(folder))
        || mapped_files(process)
            .iter()
            .any(|path| path.starts_with(folder))
}

fn open_files(process: &Process) -> impl Iterator<Item = PathBuf> {
    process
        .fd()
        .into_iter()
        .flatten()
        .filter_map(|fd| match fd.ok()?.target {
            FDTarget::Path(path) => Some(path),
            _ => None,
        })
}

fn mapped_files(process: &Process) -> BTreeSet<PathBuf> {
    let Ok(maps) = process.maps() else {
        return BTreeSet::new();
    };
    maps.into_iter()
        .filter_map(|map| match map.pathname {
            MMapPath::Path(path) => Some(path),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn process_with_its_working_folder_inside_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let mut sleeper = Command::new("sleep")
            .arg("60")
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let found = holders_under(folder.path());
        sleeper.kill().unwrap();
        sleeper.wait().unwrap();
        assert_eq!(found, [Holder::new(sleeper.id(), "sleep")]);
        assert_eq!(holders_under(folder.path()), []);
    }
}
