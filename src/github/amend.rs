//! Files that git writes otherwise than gix: they are written anew after the checkout, so that they are git's to the byte.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use gix::attrs::StateRef;
use gix::bstr::BString;
use gix::index::entry::{Mode, Stat};
use gix::index::fs::Metadata;
use gix::worktree::stack::state::attributes::Source;

use super::encoding::Wide;
use super::failure::Failure;
use super::ident;
use super::meter::Meter;

/// The attributes of files that may have to be written anew.
pub(super) const ATTRIBUTES: [&str; 2] = ["working-tree-encoding", "ident"];

/// A file that is to be written anew.
struct Amendment {
    /// Its place in the index.
    at: usize,
    path: BString,
    ident: bool,
    form: Option<Wide>,
}

/// Writes files anew, and notes in the index how they stand now.
pub(super) fn amend(
    repo: &gix::Repository,
    index: &mut gix::index::File,
    folder: &Path,
    meter: &Meter,
    judge: impl Fn(gix::Error) -> Failure,
) -> Result<(), Failure> {
    for amendment in amendments(repo, index, meter, judge)? {
        if meter.is_stopped() {
            return Err(Failure::Cancelled);
        }
        let path = folder.join(OsStr::from_bytes(&amendment.path));
        let disk = |error| Failure::disk("a file", error);
        let written = fs::read(&path).map_err(disk)?;
        let id = index.entries()[amendment.at].id;
        let mut content = written.clone();
        if amendment.ident {
            content = ident::expand(&content, &id.to_string());
        }
        // git too leaves a file as it is that is empty or no text.
        if let Some(form) = amendment.form
            && let Ok(text) = std::str::from_utf8(&content)
            && !text.is_empty()
        {
            content = form.encode(text);
        }
        if content == written {
            continue;
        }
        fs::write(&path, content).map_err(disk)?;
        let status = Metadata::from_path_no_follow(&path).map_err(disk)?;
        if let Ok(stat) = Stat::from_fs(&status) {
            index.entries_mut()[amendment.at].stat = stat;
        }
    }
    Ok(())
}

fn amendments(
    repo: &gix::Repository,
    index: &gix::index::File,
    meter: &Meter,
    judge: impl Fn(gix::Error) -> Failure,
) -> Result<Vec<Amendment>, Failure> {
    let attributes = repo.attributes_only(index, Source::IdMapping);
    let mut attributes = attributes.map_err(&judge)?;
    let mut matches = attributes.selected_attribute_matches(ATTRIBUTES);
    let mut found = Vec::new();
    for (at, entry) in index.entries().iter().enumerate() {
        if meter.is_stopped() {
            return Err(Failure::Cancelled);
        }
        if !matches!(entry.mode, Mode::FILE | Mode::FILE_EXECUTABLE) {
            continue;
        }
        let path = entry.path(index);
        let entry = attributes
            .at_entry(path, Some(entry.mode))
            .map_err(&judge)?;
        entry.matching_attributes(&mut matches);
        let (mut ident, mut form) = (false, None);
        for found in matches.iter_selected() {
            match found.assignment.state {
                StateRef::Set => ident |= found.assignment.name.as_str() == "ident",
                StateRef::Value(name) => form = form.or(Wide::of(name.as_bstr())),
                StateRef::Unset | StateRef::Unspecified => {}
            }
        }
        if ident || form.is_some() {
            let path = path.to_owned();
            found.push(Amendment {
                at,
                path,
                ident,
                form,
            });
        }
    }
    Ok(found)
}
