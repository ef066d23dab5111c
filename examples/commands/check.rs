//! `workdisk check`.

use super::fault::{count, fault};
use super::{Answer, Context, FAULTY, progress};
use crate::places::{Folder, Missing, Result};

/// Look through records and files for faults, and change nothing
///
/// All accounts are looked at. What processes that died have left is settled first, as by every command.
#[derive(Debug, clap::Args)]
pub(crate) struct Check {}

impl Check {
    pub(crate) async fn run(self, context: &Context) -> Result<Answer> {
        let target = context.target.folder("check")?;
        let opening = Folder::open(target, Missing::Refuse);
        let folder = progress::during("opening", opening).await?;
        let report = progress::during("checking", folder.manager().check()).await?;
        let mut text: String = report.faults.iter().map(fault).collect();
        text.push_str(&format!(
            "{} in {} and {}\n",
            match report.faults.len() {
                0 => "no fault".to_owned(),
                faults => count(faults as u64, "fault"),
            },
            count(report.workspaces, "workspace"),
            count(report.volumes, "volume")
        ));
        let answer = Answer::new(text, &report)?;
        let status = if report.is_clean() { 0 } else { FAULTY };
        Ok(Answer { status, ..answer })
    }
}
