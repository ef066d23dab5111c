//! `workdisk template`.

use clap::ValueEnum;

use super::{Answer, Context, quoted};
use crate::places::Result;

/// Mark a workspace as meant to be cloned, or not
#[derive(Debug, clap::Args)]
pub(crate) struct Template {
    /// Its name or id.
    workspace: String,
    /// Whether it is a template.
    #[arg(default_value = "on")]
    switch: Switch,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Switch {
    On,
    Off,
}

impl Template {
    pub(crate) async fn run(self, context: &Context) -> Result<Answer> {
        let place = context.open().await?;
        let template = self.switch == Switch::On;
        let workspace = place.set_template(&self.workspace, template).await?;
        let is = if template {
            "is now a template"
        } else {
            "is no template"
        };
        Answer::new(format!("{} {is}\n", quoted(&workspace)), &workspace)
    }
}
