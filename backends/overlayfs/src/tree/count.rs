//! Counts what is in a tree.

use std::ffi::{CStr, CString};

use rustix::fd::AsFd;
use rustix::io::Errno;

use super::descent::Descent;

/// How many names there are in the tree at a name. The counting ends at `enough`.
pub(crate) fn names_up_to(at: impl AsFd, name: &CStr, enough: u64) -> Result<u64, Errno> {
    let mut place = Descent::at(at, name)?;
    let mut count = 0;
    let mut pending = vec![count_names(&place, &mut count)?];
    while let Some(folders) = pending.last_mut() {
        if count >= enough {
            return Ok(enough);
        }
        if let Some(next) = folders.pop() {
            place.enter(&next)?;
            pending.push(count_names(&place, &mut count)?);
        } else {
            pending.pop();
            if !pending.is_empty() {
                place.leave()?;
            }
        }
    }
    Ok(count)
}

/// Counts the names in a folder, and answers those of folders.
fn count_names(place: &Descent, count: &mut u64) -> Result<Vec<CString>, Errno> {
    let entries = place.entries()?;
    *count += entries.len() as u64;
    let folders = entries.into_iter().filter(|(_, is_folder)| *is_folder);
    Ok(folders.map(|(name, _)| name).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_counts_until_there_are_enough() {
        let root = tempfile::tempdir().unwrap();
        for folder in ["tree/a/b", "tree/c"] {
            std::fs::create_dir_all(root.path().join(folder)).unwrap();
        }
        std::fs::write(root.path().join("tree/a/b/file"), "").unwrap();
        let top = std::fs::File::open(root.path()).unwrap();
        assert_eq!(names_up_to(&top, c"tree", 100), Ok(4));
        assert_eq!(names_up_to(&top, c"tree", 3), Ok(3));
    }
}
