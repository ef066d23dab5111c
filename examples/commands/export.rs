//! `workdisk export`.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use tempfile::NamedTempFile;
use workdisk::Error;
use workdisk_sled::SledMetadata;

use super::{Answer, Context, progress};
use crate::places::{Failure, Result};

/// Write all records as JSON lines
///
/// They are those of all accounts: a copy of the metadata, without the files. It reads only, and works on a store that refuses writes.
#[derive(Debug, clap::Args)]
pub(crate) struct Export {
    /// The file to write. Without it, the standard output.
    file: Option<PathBuf>,
}

#[derive(Serialize)]
struct Written {
    file: PathBuf,
}

impl Export {
    pub(crate) async fn run(self, context: &Context) -> Result<Answer> {
        let target = context.target.folder("export")?;
        target.check_there()?;
        let metadata = progress::during("opening", target.open_metadata()).await?;
        let Some(file) = self.file else {
            progress::during("exporting", write(&metadata, std::io::stdout())).await?;
            return Ok(Answer::default());
        };
        // Under its name there is all of it or nothing.
        let folder = file
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        let whole = NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?;
        progress::during("exporting", write(&metadata, whole.reopen()?)).await?;
        whole.as_file().sync_all()?;
        let kept = whole.persist_noclobber(&file);
        kept.map_err(|error| not_written(&file, &error.error))?;
        let text = format!("wrote {}\n", file.display());
        Answer::new(text, &Written { file })
    }
}

async fn write(metadata: &SledMetadata, to: impl Write + Send + 'static) -> Result<()> {
    let exported = metadata.export(BufWriter::new(to)).await;
    Ok(exported.map_err(|error| Error::storage("export", error))?)
}

fn not_written(file: &Path, error: &std::io::Error) -> Failure {
    Failure::usage("file_not_written", format!("{}: {error}", file.display()))
}
