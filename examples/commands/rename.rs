//! `workdisk rename`.

use super::{Answer, Context, quoted};
use crate::places::Result;

/// Give a workspace another name, or take it away
#[derive(Debug, clap::Args)]
pub(crate) struct Rename {
    /// Its present name, or its id.
    workspace: String,
    /// Its new name.
    #[arg(required_unless_present = "clear")]
    name: Option<String>,
    /// Take its name away: it is then reached by its id alone.
    #[arg(long, conflicts_with = "name")]
    clear: bool,
}

impl Rename {
    pub(crate) async fn run(self, context: &Context) -> Result<Answer> {
        let place = context.open().await?;
        let workspace = place
            .set_name(&self.workspace, self.name.as_deref())
            .await?;
        let (before, now) = (self.workspace, quoted(&workspace));
        let text = match workspace.name {
            Some(_) => format!("{before:?} is now {now}\n"),
            None => format!("{before:?} has no name any more; its id is {now}\n"),
        };
        Answer::new(text, &workspace)
    }
}
