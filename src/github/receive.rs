//! Asking for refs and receiving objects, by git's protocol.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use gix::bstr::{BStr, BString, ByteSlice};
use gix::protocol::handshake::Ref;
use gix::protocol::transport::Protocol;
use gix::refspec::RefSpec;
use gix::refspec::parse::Operation;
use gix::remote::fetch::{RefLogMessage, Shallow, Status, Tags};
use gix::remote::{Direction, ref_map};
use gix::{ObjectId, Remote};
use gix_transport::client::blocking_io::http::Transport;

use super::attempt::judge;
use super::failure::Failure;
use super::gauge::Gauge;
use super::meter::Meter;
use super::run::Job;
use super::transport::Carrier;
use crate::model::GitRef;

/// All branches, as `git clone` tracks them.
const ALL_BRANCHES: &str = "+refs/heads/*:refs/remotes/origin/*";

/// What is to be checked out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// A branch, by its full name.
    Branch { name: BString, id: ObjectId },
    /// A commit, or the tag of one by its full name.
    Detached { tag: Option<BString>, id: ObjectId },
    /// Nothing, on a branch that has no commit yet. `None` if the server does not say on which.
    Unborn { name: Option<BString> },
}

/// What was received.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) target: Target,
    /// The server's default branch, by its full name.
    pub(super) default_branch: Option<BString>,
    /// What later fetches ask for.
    pub(super) refspec: String,
    /// What keeps the pack from being collected while nothing refers to it.
    keep: Option<PathBuf>,
}

impl Received {
    /// The short name of the branch or tag.
    pub(super) fn reference(&self) -> Option<String> {
        let name = match &self.target {
            Target::Branch { name, .. } => Some(name),
            Target::Detached { tag, .. } => tag.as_ref(),
            Target::Unborn { name } => name.as_ref(),
        };
        name.map(|name| short(name.as_bstr()).to_str_lossy().into_owned())
    }

    /// Leaves the pack to git, once `HEAD` refers to it.
    pub(super) fn release(&self) -> io::Result<()> {
        self.keep.as_ref().map_or(Ok(()), fs::remove_file)
    }
}

/// A full name without `refs/heads/` or `refs/tags/`.
pub(super) fn short(name: &BStr) -> &BStr {
    let branch = name.strip_prefix(b"refs/heads/");
    let short = branch.or_else(|| name.strip_prefix(b"refs/tags/"));
    short.unwrap_or(name).as_bstr()
}

/// What a fetch asks for.
struct Plan {
    refspec: Option<String>,
    tags: Tags,
    extra: Vec<RefSpec>,
    /// What is to be checked out, if it is known before.
    target: Option<(Target, Option<BString>)>,
}

/// Receives what a job asks for: everything, or as with `git clone --depth` the one branch or tag.
pub(super) fn receive(
    repo: &gix::Repository,
    job: &Job,
    url: &str,
    carrier: &Carrier,
    meter: &Arc<Meter>,
) -> Result<Received, Failure> {
    let judge = |error: gix::Error| refused(error, job, carrier);
    let wire = Wire {
        repo,
        url,
        carrier,
        meter,
    };
    let plan = plan(&wire, job)?;
    let remote = wire
        .remote(plan.refspec.as_deref(), plan.tags)
        .map_err(judge)?;
    let options = ref_map::Options {
        extra_refspecs: plan.extra,
        ..ref_map::Options::default()
    };
    let prepared = wire
        .connect(&remote)
        .map_err(judge)?
        .prepare_fetch(Gauge::new(Arc::clone(meter)), options)
        .map_err(judge)?;
    let (target, default_branch) = match plan.target {
        Some(known) => known,
        None => choose(&prepared.ref_map().remote_refs, job.reference.as_ref())?,
    };
    let mut received = Received {
        target,
        default_branch,
        refspec: plan.refspec.unwrap_or_else(|| ALL_BRANCHES.to_owned()),
        keep: None,
    };
    // The one branch that a depth asks for may be missing while there are others.
    let is_missing = job.depth.is_some() && matches!(received.target, Target::Unborn { .. });
    if is_missing || prepared.ref_map().mappings.is_empty() {
        return Ok(received);
    }
    let shallow = job.depth.map_or(Shallow::NoChange, Shallow::DepthAtRemote);
    let outcome = prepared
        .with_write_packed_refs_only(true)
        .with_reflog_message(RefLogMessage::Override {
            message: log_message(url),
        })
        .with_shallow(shallow)
        .receive(Gauge::new(Arc::clone(meter)), meter.interrupt())
        .map_err(judge)?;
    if let Status::Change {
        write_pack_bundle, ..
    } = outcome.status
    {
        received.keep = write_pack_bundle.keep_path;
    }
    Ok(received)
}

/// What git writes to the reflogs of a clone.
pub(super) fn log_message(url: &str) -> BString {
    format!("clone: from {url}").into()
}

fn refused(error: gix::Error, job: &Job, carrier: &Carrier) -> Failure {
    let says_so = || {
        error
            .iter_errors()
            .any(|cause| cause.to_string().contains("not our ref"))
    };
    match &job.reference {
        Some(commit @ GitRef::Commit(_)) if says_so() => Failure::RefNotFound(commit.clone()),
        _ => judge(&error, carrier),
    }
}

fn plan(wire: &Wire<'_>, job: &Job) -> Result<Plan, Failure> {
    let head = refspec("HEAD");
    match (&job.reference, job.depth) {
        (Some(GitRef::Commit(id)), depth) => Ok(Plan {
            refspec: depth.is_none().then(|| ALL_BRANCHES.to_owned()),
            tags: depth.map_or(Tags::All, |_| Tags::None),
            extra: match depth {
                None => vec![head, refspec(id)],
                Some(_) => vec![refspec(id)],
            },
            target: None,
        }),
        (_, None) => Ok(Plan {
            refspec: Some(ALL_BRANCHES.to_owned()),
            tags: Tags::All,
            extra: vec![head],
            target: None,
        }),
        (reference, Some(_)) => {
            let (target, default_branch) = wire.ask(job, reference.as_ref())?;
            let refspec = match &target {
                Target::Branch { name, .. } => {
                    let name = name.to_str_lossy();
                    let branch = short(name.as_bytes().as_bstr()).to_str_lossy().into_owned();
                    format!("+{name}:refs/remotes/origin/{branch}")
                }
                Target::Detached { tag: Some(tag), .. } => format!("+{tag}:{tag}"),
                Target::Detached { tag: None, .. } | Target::Unborn { .. } => {
                    ALL_BRANCHES.to_owned()
                }
            };
            Ok(Plan {
                refspec: Some(refspec),
                tags: Tags::Included,
                extra: match &target {
                    Target::Detached { tag: None, .. } => vec![head],
                    _ => Vec::new(),
                },
                target: Some((target, default_branch)),
            })
        }
    }
}

fn refspec(text: &str) -> RefSpec {
    gix::refspec::parse(text.into(), Operation::Fetch)
        .expect("because the text is HEAD, an id or a name that was parsed")
        .to_owned()
}

/// What leads to the server.
struct Wire<'a> {
    repo: &'a gix::Repository,
    url: &'a str,
    carrier: &'a Carrier,
    meter: &'a Arc<Meter>,
}

type Connection<'a> = gix::remote::Connection<'a, 'static, 'a, Transport<Carrier>>;

impl<'a> Wire<'a> {
    fn remote(&self, refspec: Option<&str>, tags: Tags) -> gix::Result<Remote<'a>> {
        let remote = self.repo.remote_at_without_url_rewrite(self.url)?;
        let remote = remote.with_refspecs(refspec, Direction::Fetch)?;
        Ok(remote.with_fetch_tags(tags))
    }

    /// Version 2 of the protocol, without a credential: gix never has one.
    fn connect<'r>(&self, remote: &'r Remote<'a>) -> gix::Result<Connection<'r>>
    where
        'a: 'r,
    {
        let url = gix::url::parse(self.url.as_bytes().as_bstr())?;
        let transport = Transport::new_http(self.carrier.clone(), url, Protocol::V2, false);
        let connection = remote.to_connection_with_transport(transport);
        Ok(connection.with_credentials(|_| Ok(None)))
    }

    /// Asks for the refs alone.
    fn ask(
        &self,
        job: &Job,
        reference: Option<&GitRef>,
    ) -> Result<(Target, Option<BString>), Failure> {
        let judge = |error: gix::Error| refused(error, job, self.carrier);
        let mut wanted = vec!["HEAD".to_owned()];
        match reference {
            Some(GitRef::Name(name)) => wanted.extend(full_names(name)),
            _ => wanted.push("refs/heads/*:refs/heads/*".to_owned()),
        }
        let options = ref_map::Options {
            extra_refspecs: wanted.iter().map(|text| refspec(text)).collect(),
            ..ref_map::Options::default()
        };
        let remote = self.remote(None, Tags::None).map_err(judge)?;
        let connection = self.connect(&remote).map_err(judge)?;
        let gauge = Gauge::new(Arc::clone(self.meter));
        let (found, _) = connection.ref_map(gauge, options).map_err(judge)?;
        choose(&found.remote_refs, reference)
    }
}

/// The full names that a name may mean, the first that exists being meant.
fn full_names(name: &str) -> Vec<String> {
    if name.starts_with("refs/") {
        return vec![name.to_owned()];
    }
    vec![format!("refs/heads/{name}"), format!("refs/tags/{name}")]
}

/// What is to be checked out, and the default branch.
fn choose(refs: &[Ref], reference: Option<&GitRef>) -> Result<(Target, Option<BString>), Failure> {
    let find = |wanted: &BStr| refs.iter().find(|found| found.unpack().0 == wanted);
    let default_branch = find(b"HEAD".as_bstr()).and_then(|head| default_branch(head, refs));
    let target = match reference {
        Some(GitRef::Commit(id)) => Target::Detached {
            tag: None,
            id: ObjectId::from_hex(id.as_bytes())
                .expect("because forty hexadecimal digits were parsed"),
        },
        Some(name @ GitRef::Name(text)) => {
            let names = full_names(text);
            let found = names
                .iter()
                .find_map(|name| find(name.as_bytes().as_bstr()));
            let found = found.ok_or_else(|| Failure::RefNotFound(name.clone()))?;
            named(found).ok_or_else(|| Failure::RefNotFound(name.clone()))?
        }
        None => match find(b"HEAD".as_bstr()) {
            Some(head) => at_head(head, default_branch.as_ref()),
            None => Target::Unborn { name: None },
        },
    };
    Ok((target, default_branch))
}

fn at_head(head: &Ref, default_branch: Option<&BString>) -> Target {
    match (head.unpack().1, default_branch) {
        (Some(id), Some(branch)) => Target::Branch {
            name: branch.clone(),
            id: id.to_owned(),
        },
        (Some(id), None) => Target::Detached {
            tag: None,
            id: id.to_owned(),
        },
        (None, _) => Target::Unborn {
            name: match head {
                Ref::Unborn { target, .. } => Some(target.clone()),
                _ => None,
            },
        },
    }
}

fn named(found: &Ref) -> Option<Target> {
    let (name, id, _) = found.unpack();
    let (name, id) = (name.to_owned(), id?.to_owned());
    Some(if name.starts_with(b"refs/heads/") {
        Target::Branch { name, id }
    } else {
        Target::Detached {
            tag: Some(name),
            id,
        }
    })
}

/// The branch that the server's `HEAD` is on, or the first that is at the same commit.
fn default_branch(head: &Ref, refs: &[Ref]) -> Option<BString> {
    match head {
        Ref::Symbolic { target, .. } => Some(target.clone()),
        Ref::Direct { object, .. } => {
            let mut at_it = refs.iter().filter_map(|found| match found.unpack() {
                (name, Some(id), _) if id == *object => Some(name),
                _ => None,
            });
            let branch = at_it.find(|name| name.starts_with(b"refs/heads/"));
            branch.map(ToOwned::to_owned)
        }
        _ => None,
    }
}
