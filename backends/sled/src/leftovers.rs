//! What a process that died while it opened the store left half written, and sled would take for damage.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

/// Removes it. The folder's lock is held, so that nobody is writing it now.
///
/// - sled drafts each summary of its log beside the last one, and on opening reads the draft of a process that died, as
///   if it were whole. The log and the last summary say all that it would have said.
/// - sled writes its settings in pieces before it makes its log. A store that has neither marker nor log has promised
///   nothing yet.
pub(crate) fn remove(folder: &Path, is_made: bool) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("snap.") && name.ends_with(".generating") {
            fs::remove_file(entry.path())?;
        }
    }
    if !is_made && has_no_log(folder)? {
        match fs::remove_file(folder.join("conf")) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            result => result?,
        }
    }
    Ok(())
}

fn has_no_log(folder: &Path) -> io::Result<bool> {
    match fs::metadata(folder.join("db")) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(true),
        file => Ok(file?.len() == 0),
    }
}
