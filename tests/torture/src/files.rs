//! The files of a disk, all of which hold one word.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;

use crate::Result;
use crate::dice::hash;

/// How many files a disk has.
const FILES: usize = 8;

/// More lines than a block holds, so that a file can be torn.
const LINES: usize = 600;

fn text_of(word: &str) -> String {
    format!("{word}\n").repeat(LINES)
}

/// Gives every file the word: in place, or, for some words, in a folder that takes the place of the one before, which
/// leaves traces of its own in a layer.
pub(crate) fn write(disk: &Path, word: &str) -> io::Result<()> {
    let (folder, old) = (disk.join("folder"), disk.join("old"));
    if old.exists() {
        // A session was killed here, whose files were promised to nobody.
        fs::remove_dir_all(&old)?;
    }
    match hash(word) % 3 {
        0 if folder.exists() => fs::remove_dir_all(&folder)?,
        1 if folder.exists() => {
            fs::rename(&folder, &old)?;
            fs::remove_dir_all(&old)?;
        }
        _ => {}
    }
    fs::create_dir_all(&folder)?;
    let text = text_of(word);
    for number in 0..FILES {
        fs::write(folder.join(number.to_string()), &text)?;
    }
    Ok(())
}

/// The word that every file holds, or nothing if there are no files.
pub(crate) fn read(disk: &Path) -> Result<String> {
    let folder = disk.join("folder");
    // The names alone: a disk is looked at in more than one place.
    let left: BTreeSet<_> = fs::read_dir(disk)?
        .map(|entry| entry.map(|entry| entry.file_name()))
        .collect::<io::Result<_>>()?;
    if left.is_empty() {
        return Ok(String::new());
    }
    let mut texts = BTreeSet::new();
    for number in 0..FILES {
        texts.insert(fs::read_to_string(folder.join(number.to_string())).unwrap_or_default());
    }
    let files = fs::read_dir(&folder).map_or(0, Iterator::count);
    let word = texts.first().and_then(|text| text.lines().next());
    let word = word.unwrap_or_default().to_owned();
    let whole = left.len() == 1 && files == FILES && texts == BTreeSet::from([text_of(&word)]);
    if whole {
        return Ok(word);
    }
    let words: Vec<_> = texts.iter().map(|text| text.lines().next()).collect();
    Ok(format!("torn: {left:?}, {files} files of {words:?}"))
}
