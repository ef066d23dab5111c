//! `workdisk clone`.

use workdisk::manager::CloneWorkspace;

use super::{Answer, Context, progress, quoted};
use crate::places::Result;

/// Make a workspace with another one's files
///
/// The two are independent from then on, whichever is changed or deleted first.
#[derive(Debug, clap::Args)]
pub(crate) struct Clone {
    /// The name or id of the workspace to clone.
    source: String,
    /// The clone's name; one is made up without it.
    name: Option<String>,
    /// Start from this snapshot of the source, instead of what it holds now.
    #[arg(long)]
    snapshot: Option<String>,
    /// Mark it as meant to be cloned in turn.
    #[arg(long)]
    template: bool,
}

impl Clone {
    pub(crate) async fn run(self, context: &Context) -> Result<Answer> {
        let mut options = CloneWorkspace::of_head().with_template(self.template);
        options.name = self.name;
        options.snapshot = self.snapshot.map(Into::into);
        let place = context.open().await?;
        let cloning = place.clone_workspace(&self.source, options);
        let workspace = progress::during("cloning", cloning).await?;
        let (source, copy) = (self.source, quoted(&workspace));
        let text = format!("cloned {source:?} as {copy}  {}\n", workspace.id);
        Answer::new(text, &workspace)
    }
}
