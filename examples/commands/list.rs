//! `workdisk list`.

use serde::Serialize;
use workdisk::manager::ListWorkspaces;
use workdisk::model::{SessionType, Status};

use super::{Answer, Context, progress};
use crate::places::{Failure, Place, Result, Target};
use crate::views::{Workspace, table};

/// List the account's workspaces
#[derive(Debug, clap::Args)]
pub(crate) struct List {
    /// Only those of this session type: sandbox or browser.
    #[arg(long = "type", value_name = "TYPE")]
    session_type: Option<SessionType>,
    /// Only templates.
    #[arg(long)]
    templates: bool,
    /// Only those in this state, such as ready, active or failed.
    #[arg(long)]
    status: Option<Status>,
    /// Only those whose name starts so, ignoring case.
    #[arg(long)]
    prefix: Option<String>,
    /// Measure what each takes on the disk first. On a data folder only.
    #[arg(long)]
    measure: bool,
}

#[derive(Serialize)]
struct Listed {
    workspaces: Vec<Workspace>,
}

impl List {
    pub(crate) async fn run(self, context: &Context) -> Result<Answer> {
        let mut options = ListWorkspaces::default();
        options.session_type = self.session_type;
        options.template = self.templates.then_some(true);
        options.status = self.status;
        options.name_prefix = self.prefix;
        let place = context.open().await?;
        let mut workspaces = progress::during("listing", place.list(options)).await?;
        if self.measure {
            context.target.folder("list --measure")?;
            progress::during("measuring", measure(&*place, &mut workspaces)).await?;
        }
        let text = match workspaces.is_empty() {
            true => format!(
                "no workspaces {}; `workdisk create` makes one\n",
                whose(context)
            ),
            false => format!("{}\n", table(&workspaces)),
        };
        Answer::new(text, &Listed { workspaces })
    }
}

/// Measures each workspace that can be measured now.
async fn measure(place: &dyn Place, workspaces: &mut [Workspace]) -> Result<()> {
    for workspace in workspaces {
        match place.measure(&workspace.id.to_string()).await {
            Ok(measured) => *workspace = measured,
            Err(failure) if may_pass(&failure) => {}
            Err(failure) => return Err(failure),
        }
    }
    Ok(())
}

/// Whether the workspace was only being made or deleted.
fn may_pass(failure: &Failure) -> bool {
    matches!(failure.code(), "workspace_busy" | "workspace_not_found")
}

fn whose(context: &Context) -> String {
    match &context.target {
        Target::Folder(folder) => {
            format!(
                "of account {:?} in {}",
                folder.account,
                folder.path.display()
            )
        }
        Target::Server(server) => format!("of this account on {}", server.url),
    }
}
