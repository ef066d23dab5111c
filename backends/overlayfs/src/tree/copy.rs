//! Copies one file of any kind but a folder.

use std::ffi::CStr;

use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{
    self, AtFlags, FileType, Mode, OFlags, SeekFrom, copy_file_range, ioctl_ficlone, mknodat,
    openat, readlinkat, statat, symlinkat,
};
use rustix::io::Errno;

use super::attributes::{copy_attributes, copy_times};

/// Makes a copy under a name that is free, with attributes and times. The content is shared where the file system can,
/// and else copied with its holes.
pub(crate) fn copy_file(
    from: impl AsFd,
    name: &CStr,
    to: impl AsFd,
    new_name: &CStr,
) -> Result<(), Errno> {
    let stat = statat(&from, name, AtFlags::SYMLINK_NOFOLLOW)?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => {
            let source = openat(
                &from,
                name,
                OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC,
                Mode::empty(),
            )?;
            let target = openat(
                &to,
                new_name,
                OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC,
                Mode::RUSR | Mode::WUSR,
            )?;
            copy_content(
                &source,
                &target,
                u64::try_from(stat.st_size).map_err(|_| Errno::FBIG)?,
            )?;
        }
        FileType::Symlink => symlinkat(readlinkat(&from, name, Vec::new())?, &to, new_name)?,
        kind => mknodat(&to, new_name, kind, Mode::RUSR, stat.st_rdev)?,
    }
    let (source, target) = (handle(&from, name)?, handle(&to, new_name)?);
    copy_attributes(&source, &target)?;
    copy_times(&source, &target)
}

fn handle(at: impl AsFd, name: &CStr) -> Result<OwnedFd, Errno> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(at, name, flags, Mode::empty())
}

fn copy_content(source: &OwnedFd, target: &OwnedFd, length: u64) -> Result<(), Errno> {
    match ioctl_ficlone(target, source) {
        Err(Errno::OPNOTSUPP | Errno::INVAL | Errno::NOTTY | Errno::NOSYS) => {}
        answer => return answer,
    }
    fs::ftruncate(target, length)?;
    let mut at = 0;
    while at < length {
        let data = match fs::seek(source, SeekFrom::Data(at)) {
            Ok(data) => data,
            Err(Errno::NXIO) => break,
            Err(errno) => return Err(errno),
        };
        let end = fs::seek(source, SeekFrom::Hole(data))?;
        let (mut read, mut written) = (data, data);
        while read < end {
            let rest = usize::try_from(end - read).unwrap_or(usize::MAX);
            if copy_file_range(source, Some(&mut read), target, Some(&mut written), rest)? == 0 {
                // A layer does not change: a file that ends early is not the one that was looked at.
                return Err(Errno::STALE);
            }
        }
        at = end;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{FileExt, MetadataExt};

    use super::*;

    #[test]
    fn holes_stay_holes_and_the_end_may_be_one() {
        let root = tempfile::tempdir().unwrap();
        let file = std::fs::File::create(root.path().join("from")).unwrap();
        file.write_all_at(b"middle", 8 << 20).unwrap();
        file.set_len(16 << 20).unwrap();
        file.sync_all().unwrap();
        let folder = std::fs::File::open(root.path()).unwrap();
        copy_file(&folder, c"from", &folder, c"to").unwrap();
        let read = |name| std::fs::read(root.path().join(name)).unwrap();
        assert!(read("from") == read("to"));
        let copy = std::fs::metadata(root.path().join("to")).unwrap();
        assert!(copy.blocks() * 512 < 1 << 20, "{} blocks", copy.blocks());
    }
}
