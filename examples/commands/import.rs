//! `workdisk import`.

use std::num::NonZeroU32;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use nix::sys::signal::Signal;

use super::signals::Signals;
use super::{Answer, Context, quoted};
use crate::places::{Missing, Result, Wanted, Watch};
use crate::views::Workspace;
use crate::views::workspace::Step;

const FORM: &str = "{spinner} {msg:13} [{bar:30}] {human_pos}/{human_len} {prefix}";
const TICK: Duration = Duration::from_millis(100);

/// Import a repository from GitHub into a new workspace
///
/// The folder `workspace` of its disk is then what `git clone` would have made. For a private repository, GITHUB_TOKEN in the
/// environment holds a token; a server has credentials of its own. Ctrl-C stops the import and leaves nothing.
#[derive(Debug, clap::Args)]
pub(crate) struct Import {
    /// The repository.
    #[arg(value_name = "OWNER/REPO")]
    repo: String,
    /// The workspace's name; one is made up without it.
    name: Option<String>,
    /// Check out this branch, tag or full commit id, instead of the default branch.
    #[arg(long = "ref", value_name = "REF")]
    reference: Option<String>,
    /// Fetch so many commits of history, instead of all.
    #[arg(long, value_name = "COMMITS")]
    depth: Option<NonZeroU32>,
    /// Mark it as meant to be cloned.
    #[arg(long)]
    template: bool,
    /// The OCI reference of its image.
    #[arg(long, value_name = "REFERENCE")]
    image: Option<String>,
    /// A GitHub Enterprise to import from, into a data folder: https://HOST.
    #[arg(long, value_name = "URL", env = "WORKDISK_GITHUB_URL")]
    github_url: Option<String>,
}

impl Import {
    pub(crate) async fn run(self, context: &Context) -> Result<Answer> {
        let mut signals = Signals::catch()?;
        let context = Context {
            target: context.target.importing_from(self.github_url)?,
            json: context.json,
        };
        let place = context.open_or(Missing::Make).await?;
        let wanted = Wanted {
            github_repo: self.repo.clone(),
            reference: self.reference,
            depth: self.depth,
            name: self.name,
            image: self.image,
            template: self.template,
        };
        let bar = Bar::new();
        let mut stopped_by = None;
        let imported = {
            let stopped = async { stopped_by = Some(signals.end().await) };
            let watch = Watch {
                tell: &|step| bar.show(step),
                stopped: std::pin::pin!(stopped),
            };
            place.import(wanted, watch).await
        };
        bar.clear();
        match (imported, stopped_by) {
            (Ok(workspace), _) => Answer::new(told(&self.repo, &workspace), &workspace),
            (Err(failure), Some(signal)) if failure.code() == "import_cancelled" => {
                Err(failure.with_status(status_of(signal)))
            }
            (Err(failure), _) => Err(failure),
        }
    }
}

fn told(repo: &str, workspace: &Workspace) -> String {
    format!(
        "imported {repo} as {}  {}\n",
        quoted(workspace),
        workspace.id
    )
}

/// What a shell tells of a command that a signal ended.
fn status_of(signal: Signal) -> u8 {
    u8::try_from(signal as i32).map_or(u8::MAX, |number| number.saturating_add(128))
}

/// Shows how far an import is, on a terminal.
struct Bar(ProgressBar);

impl Bar {
    fn new() -> Self {
        let bar = ProgressBar::no_length();
        let form = ProgressStyle::with_template(FORM);
        bar.set_style(form.expect("because the form is a constant that the tests show"));
        Self(bar)
    }

    fn show(&self, step: &Step) {
        self.0.enable_steady_tick(TICK);
        self.0.set_message(step.phase.replace('_', " "));
        self.0.set_position(step.done);
        self.0.set_length(step.total.unwrap_or(step.done));
        self.0.set_prefix(format!("{} KiB", step.bytes >> 10));
    }

    fn clear(&self) {
        self.0.finish_and_clear();
    }
}
