//! `workdisk create`.

use workdisk::manager::CreateWorkspace;
use workdisk::model::SessionType;

use super::{Answer, Context, progress, quoted};
use crate::places::{Missing, Result};

/// Make an empty workspace
///
/// The data folder is made too if it is missing.
#[derive(Debug, clap::Args)]
pub(crate) struct Create {
    /// Its name; one is made up without it.
    name: Option<String>,
    /// What sessions it takes, for life: sandbox or browser.
    #[arg(long = "type", value_name = "TYPE", default_value_t = SessionType::Sandbox)]
    session_type: SessionType,
    /// The OCI reference of a sandbox's image.
    #[arg(long, value_name = "REFERENCE")]
    image: Option<String>,
    /// Mark it as meant to be cloned.
    #[arg(long)]
    template: bool,
}

impl Create {
    pub(crate) async fn run(self, context: &Context) -> Result<Answer> {
        let mut options = CreateWorkspace::new(self.session_type).with_template(self.template);
        options.name = self.name;
        options.image = self.image;
        let place = context.open_or(Missing::Make).await?;
        let workspace = progress::during("creating", place.create(options)).await?;
        Answer::new(
            format!("created {}  {}\n", quoted(&workspace), workspace.id),
            &workspace,
        )
    }
}
