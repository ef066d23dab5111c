//! `workdisk export`.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use serde::Serialize;
use workdisk::Error;

use super::{Answer, Context, progress};
use crate::places::Result;

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
        let to: Box<dyn Write + Send> = match &self.file {
            Some(file) => Box::new(BufWriter::new(File::create_new(file)?)),
            None => Box::new(BufWriter::new(std::io::stdout())),
        };
        let exported = progress::during("exporting", metadata.export(to)).await;
        exported.map_err(|error| Error::storage("export", error))?;
        match self.file {
            Some(file) => Answer::new(format!("wrote {}\n", file.display()), &Written { file }),
            None => Ok(Answer::default()),
        }
    }
}
