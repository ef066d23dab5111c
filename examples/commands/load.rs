//! `workdisk load`.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use serde::Serialize;
use workdisk::Error;
use workdisk_sled::SledMetadata;

use super::{Answer, Context, progress};
use crate::places::{Failure, FolderTarget, Result};

/// Read an export into a data folder without records
///
/// For a folder whose metadata is lost or damaged: move `metadata` in it away first. The files are taken over as they are;
/// what was made after the export is in no record, and what was deleted after it has no files.
#[derive(Debug, clap::Args)]
pub(crate) struct Load {
    /// What `workdisk export` wrote.
    file: PathBuf,
}

#[derive(Serialize)]
struct Loaded {
    file: PathBuf,
}

impl Load {
    pub(crate) async fn run(self, context: &Context) -> Result<Answer> {
        let target = context.target.folder("load")?;
        let export = File::open(&self.file)?;
        let loading = load(target, BufReader::new(export));
        progress::during("loading", loading).await?;
        let text = format!(
            "read {}; `workdisk check` tells what of it has no files\n",
            self.file.display()
        );
        Answer::new(text, &Loaded { file: self.file })
    }
}

/// Reads the export into a folder beside, which takes its place when it is whole.
async fn load(target: &FolderTarget, export: BufReader<File>) -> Result<()> {
    let (records, half) = (
        target.path.join("metadata"),
        target.path.join("metadata.part"),
    );
    if records.exists() {
        let detail = format!("{} holds records already", records.display());
        let failure = Failure::usage("data_dir_not_empty", detail);
        return Err(failure.with_advice("move it away first if it is lost or damaged"));
    }
    if half.exists() {
        tokio::fs::remove_dir_all(&half).await?;
    }
    let failed = |error| Error::storage("load", error);
    let store = SledMetadata::open(&half).await.map_err(failed)?;
    drop(store.import(export).await.map_err(failed)?);
    tokio::fs::rename(&half, &records).await?;
    sync(&target.path).await?;
    target.adopt().await
}

/// Makes the new name durable.
async fn sync(folder: &Path) -> Result<()> {
    let folder = tokio::fs::File::open(folder).await?;
    Ok(folder.sync_all().await?)
}
