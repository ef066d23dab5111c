//! What `git clone` writes besides objects: the configuration of `origin`, `HEAD` and its branch.

use gix::ObjectId;
use gix::bstr::{BStr, BString, ByteSlice};
use gix::config::{File, Source};
use gix::error::ResultExt;
use gix::refs::transaction::{LogChange, PreviousValue, RefEdit, RefLog};
use gix::refs::{FullName, Target as RefTarget};

use super::receive::{Received, Target, log_message, short};

/// Writes the configuration and `HEAD`, and answers the commit to check out.
pub(super) fn settle(
    repo: &gix::Repository,
    url: &str,
    received: &Received,
) -> gix::Result<Option<ObjectId>> {
    configure(repo, url, received)?;
    follow_default_branch(repo, url, received)?;
    let head = FullName::try_from("HEAD").or_error()?;
    match &received.target {
        Target::Branch { name, id } => {
            let commit = commit_of(repo, *id)?;
            let branch = FullName::try_from(name.clone()).or_error()?;
            repo.edit_reference(update(head.clone(), RefTarget::Symbolic(branch), url))?;
            let mut edit = update(head, RefTarget::Object(commit), url);
            edit.deref = true;
            repo.edit_reference(edit)?;
            Ok(Some(commit))
        }
        Target::Detached { id, .. } => {
            let commit = commit_of(repo, *id)?;
            repo.edit_reference(update(head, RefTarget::Object(commit), url))?;
            Ok(Some(commit))
        }
        Target::Unborn { name } => {
            if let Some(name) = name {
                let branch = FullName::try_from(name.clone()).or_error()?;
                repo.edit_reference(update(head, RefTarget::Symbolic(branch), url))?;
            }
            Ok(None)
        }
    }
}

fn commit_of(repo: &gix::Repository, id: ObjectId) -> gix::Result<ObjectId> {
    Ok(repo.find_object(id)?.peel_to_commit()?.id)
}

fn configure(repo: &gix::Repository, url: &str, received: &Received) -> gix::Result<()> {
    let path = repo.git_dir().join("config");
    let mut config = File::from_path_no_includes(path.clone(), Source::Local)?;
    // gix notes what it found of the file system, git only what is unusual.
    if let Ok(mut core) = config.section_mut("core", None) {
        for usual in ["ignorecase", "precomposeunicode"] {
            if core.value(usual).is_some_and(|value| value == "false") {
                core.remove(usual);
            }
        }
    }
    let mut remote = config.new_section("remote", "origin")?;
    remote.push("url", url)?;
    remote.push("fetch", received.refspec.as_str())?;
    let tracked = match &received.target {
        Target::Branch { name, .. } | Target::Unborn { name: Some(name) } => Some(name),
        _ => None,
    };
    if let Some(name) = tracked {
        let branch = short(name.as_bstr()).to_str_lossy();
        let mut section = config.new_section("branch", &*branch)?;
        section.push("remote", "origin")?;
        section.push("merge", name.as_bstr())?;
    }
    std::fs::write(path, config.to_bstring()).or_error()?;
    Ok(())
}

/// Notes the server's default branch, if it was fetched.
fn follow_default_branch(
    repo: &gix::Repository,
    url: &str,
    received: &Received,
) -> gix::Result<()> {
    let Some(branch) = &received.default_branch else {
        return Ok(());
    };
    let tracking = tracking_name(branch.as_bstr());
    let tracking = FullName::try_from(tracking).or_error()?;
    if repo.try_find_reference(tracking.as_ref())?.is_none() {
        return Ok(());
    }
    let head = FullName::try_from("refs/remotes/origin/HEAD").or_error()?;
    repo.edit_reference(update(head, RefTarget::Symbolic(tracking), url))?;
    Ok(())
}

fn tracking_name(branch: &BStr) -> BString {
    let mut name = BString::from("refs/remotes/origin/");
    name.extend_from_slice(short(branch));
    name
}

fn update(name: FullName, target: RefTarget, url: &str) -> RefEdit {
    let log = LogChange {
        mode: RefLog::AndReference,
        force_create_reflog: false,
        message: log_message(url),
    };
    RefEdit::update_with_log(name, target, PreviousValue::Any, log)
}
