//! `workdisk show`.

use std::fmt::Display;

use super::{Answer, Context, progress, quoted};
use crate::places::{Place, Result, Session};
use crate::views::{Snapshot, Source, Workspace, minute, size, tree};

/// Show all about a workspace, its session and its snapshots
#[derive(Debug, clap::Args)]
pub(crate) struct Show {
    /// Its name or id.
    workspace: String,
    /// Measure what it takes on the disk first. On a data folder only.
    #[arg(long)]
    measure: bool,
}

impl Show {
    pub(crate) async fn run(self, context: &Context) -> Result<Answer> {
        let place = context.open().await?;
        let workspace = if self.measure {
            context.target.folder("show --measure")?;
            progress::during("measuring", place.measure(&self.workspace)).await?
        } else {
            place.get(&self.workspace).await?
        };
        if context.json {
            return Answer::new("", &workspace);
        }
        let seen = Seen::of(&*place, &workspace).await?;
        Answer::new(describe(&workspace, &seen), &workspace)
    }
}

/// What else there is to know of a workspace.
struct Seen {
    session: Option<Session>,
    origin: Option<String>,
    snapshots: Vec<Snapshot>,
}

impl Seen {
    async fn of(place: &dyn Place, workspace: &Workspace) -> Result<Self> {
        let id = workspace.id.to_string();
        let session = match workspace.active_session_id {
            // It may have ended meanwhile.
            Some(session) => place.session(&id, session).await.ok(),
            None => None,
        };
        let origin = match &workspace.source {
            Some(source) => Some(origin(place, source).await),
            None => None,
        };
        let snapshots = place.snapshots(&id).await?;
        Ok(Self {
            session,
            origin,
            snapshots,
        })
    }
}

/// What a workspace came from, by name as far as that is still there.
async fn origin(place: &dyn Place, source: &Source) -> String {
    let (clone_of, snapshot) = match source {
        Source::Clone { clone_of, snapshot } => (clone_of.to_string(), snapshot),
        Source::Other(other) => return other.to_string(),
    };
    let of = place.get(&clone_of).await;
    let of = of.map_or_else(|_| clone_of.clone(), |source| quoted(&source));
    let Some(snapshot) = snapshot else {
        return format!("clone of {of}");
    };
    let snapshots = place.snapshots(&clone_of).await.unwrap_or_default();
    let named = snapshots.iter().find(|known| known.id == *snapshot);
    match named {
        Some(named) => format!("clone of {of} at {:?}", named.name),
        None => format!("clone of {of} at snapshot {snapshot}"),
    }
}

/// Lines of a label and a value each.
struct Lines(String);

impl Lines {
    fn add(&mut self, label: &str, value: impl Display) {
        self.0.push_str(&format!("  {label:<10} {value}\n"));
    }

    fn add_known(&mut self, label: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.add(label, value);
        }
    }
}

fn describe(workspace: &Workspace, seen: &Seen) -> String {
    let persistence = &workspace.persistence;
    let mut lines = Lines(format!("{workspace}\n"));
    lines.add("id", workspace.id);
    lines.add("type", workspace.session_type);
    lines.add("status", &workspace.status);
    let failure = workspace.failure.as_ref();
    lines.add_known(
        "failed",
        failure.map(|failure| format!("{} [{}]", failure.message, failure.code)),
    );
    let session = seen.session.as_ref();
    lines.add_known("session", session.map(|session| session.id));
    lines.add_known("mounted at", session.map(|session| session.path.display()));
    lines.add("template", if workspace.template { "yes" } else { "no" });
    lines.add_known("image", workspace.image.as_ref());
    lines.add_known("from", seen.origin.as_ref());
    let on_disk = persistence.size_bytes.map(size);
    let on_disk = on_disk.as_deref().unwrap_or("not measured");
    lines.add(
        "on disk",
        format_args!("{on_disk}, {}", persistence.backend),
    );
    let utc = |time| minute(time) + " UTC";
    lines.add("created", utc(workspace.created_at));
    lines.add("updated", utc(workspace.updated_at));
    let saved = persistence.saved_at.map(utc);
    lines.add("saved", saved.as_deref().unwrap_or("never"));
    lines.add("snapshots", seen.snapshots.len());
    for snapshot in tree(&seen.snapshots, persistence.base_snapshot).lines() {
        lines.0.push_str(&format!("    {snapshot}\n"));
    }
    lines.0
}
