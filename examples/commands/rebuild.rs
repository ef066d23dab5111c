//! `workdisk rebuild`.

use std::path::PathBuf;

use serde::Serialize;
use workdisk::manager::RebuildReport;

use super::confirm::Confirm;
use super::fault::{count, fault};
use super::{Answer, Context, progress};
use crate::places::Result;

/// Make lost records anew from what stands beside the files
///
/// For a folder whose metadata is lost, damaged, an older copy or another folder's. It is moved to `metadata.lost`. All
/// workspaces and snapshots come back, and their files are as they are; sessions end. `workdisk load` reads an export instead.
#[derive(Debug, clap::Args)]
pub(crate) struct Rebuild {
    #[command(flatten)]
    confirm: Confirm,
}

#[derive(Serialize)]
struct Report {
    #[serde(flatten)]
    report: RebuildReport,
    set_aside: Option<PathBuf>,
}

impl Rebuild {
    pub(crate) async fn run(self, context: &Context) -> Result<Answer> {
        let target = context.target.folder("rebuild")?;
        target.check_volumes()?;
        let question = format!(
            "Make the records of {} anew? Sessions and requests under keys are forgotten.",
            target.path.display()
        );
        self.confirm.ask(&question)?;
        let rebuilt = progress::during("rebuilding", target.rebuild()).await?;
        let mut text: String = rebuilt.report.notes.iter().map(fault).collect();
        if let Some(aside) = &rebuilt.set_aside {
            text.push_str(&format!("moved what was there to {}\n", aside.display()));
        }
        text.push_str(&format!(
            "rebuilt {} and {}\n",
            count(rebuilt.report.workspaces.len() as u64, "workspace"),
            count(rebuilt.report.snapshots, "snapshot")
        ));
        let report = Report {
            report: rebuilt.report,
            set_aside: rebuilt.set_aside,
        };
        Answer::new(text, &report)
    }
}
