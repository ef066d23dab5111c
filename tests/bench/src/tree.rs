//! Trees of small files.

use std::fs;
use std::io;
use std::path::Path;

/// How many files a folder has.
const IN_A_FOLDER: u64 = 1_000;

/// Makes so many files with a few bytes each, a thousand a folder, with every core.
pub(crate) fn write(root: &Path, files: u64) -> io::Result<()> {
    let folders = files.div_ceil(IN_A_FOLDER);
    let writers = std::thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
    std::thread::scope(|scope| {
        let begun: Vec<_> = (0..writers)
            .map(|first| {
                scope.spawn(move || {
                    let mut mine = (first..folders).step_by(writers as usize);
                    mine.try_for_each(|folder| write_folder(root, folder, files))
                })
            })
            .collect();
        let mut ended = begun.into_iter().map(|writer| writer.join());
        ended.try_for_each(|done| done.map_err(|_| io::Error::other("a writer panicked"))?)
    })
}

fn write_folder(root: &Path, folder: u64, files: u64) -> io::Result<()> {
    let path = root.join(folder.to_string());
    fs::create_dir_all(&path)?;
    let first = folder * IN_A_FOLDER;
    for file in first..files.min(first + IN_A_FOLDER) {
        fs::write(path.join(file.to_string()), format!("file {file}\n"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tree_has_as_many_files_as_were_asked_for() {
        let root = tempfile::tempdir().unwrap();
        write(root.path(), 2_100).unwrap();
        let folders: Vec<_> = fs::read_dir(root.path()).unwrap().collect();
        let files = folders.iter().map(|folder| {
            let path = folder.as_ref().unwrap().path();
            fs::read_dir(path).unwrap().count()
        });
        assert_eq!((folders.len(), files.sum::<usize>()), (3, 2_100));
    }
}
