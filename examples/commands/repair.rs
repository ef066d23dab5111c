//! `workdisk repair`.

use serde::Serialize;
use workdisk::manager::Fault;

use super::fault::{count, fault};
use super::{Answer, Context, FAULTY, progress};
use crate::places::{Folder, Missing, Recovered, Result};

/// Mend what can be mended without losing anything, and tell what is left
///
/// Of all accounts. No file is removed that anybody could miss.
#[derive(Debug, clap::Args)]
pub(crate) struct Repair {}

#[derive(Serialize)]
struct Report {
    recovered: Recovered,
    mended: Vec<Fault>,
    left: Vec<Fault>,
}

impl Repair {
    pub(crate) async fn run(self, context: &Context) -> Result<Answer> {
        let target = context.target.folder("repair")?;
        let opening = Folder::open(target, Missing::Refuse);
        let folder = progress::during("opening", opening).await?;
        let repaired = progress::during("repairing", folder.manager().repair()).await?;
        let mut text = Recovered::of(folder.manager().recovered()).text();
        text.push_str(&Recovered::of(&repaired.recovered).text());
        for mended in &repaired.mended {
            text.push_str(&format!("mended {}: {}\n", mended.object, mended.effect));
        }
        text.extend(repaired.left.iter().map(fault));
        text.push_str(&format!(
            "{} mended, {} left\n",
            count(repaired.mended.len() as u64, "fault"),
            repaired.left.len()
        ));
        let report = Report {
            recovered: Recovered::of(&repaired.recovered),
            mended: repaired.mended,
            left: repaired.left,
        };
        let answer = Answer::new(text, &report)?;
        let status = if report.left.is_empty() { 0 } else { FAULTY };
        Ok(Answer { status, ..answer })
    }
}
