//! Reads the kernel's table of mounts.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, StatxAttributes, StatxFlags, statx};
use rustix::io::Errno;

/// One mount.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mount {
    pub(crate) point: PathBuf,
    /// Whether what is mounted below it appears in other namespaces too.
    pub(crate) shared: bool,
    /// The folder that is written to, as the kernel prints it, if it is an overlay.
    pub(crate) upper: Option<String>,
}

/// The mounts that a process sees, in the order in which they were made. None if it cannot be asked.
pub(crate) fn mounts_of(process: &str) -> Vec<Mount> {
    let table = std::fs::read(format!("/proc/{process}/mountinfo")).unwrap_or_default();
    table
        .split(|byte| *byte == b'\n')
        .filter_map(parse)
        .collect()
}

/// Whether something is mounted at the path itself.
pub(crate) fn is_mount_point(path: &Path) -> Result<bool, Errno> {
    match statx(CWD, path, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::empty()) {
        Ok(answer)
            if answer
                .stx_attributes_mask
                .contains(StatxAttributes::MOUNT_ROOT) =>
        {
            Ok(answer.stx_attributes.contains(StatxAttributes::MOUNT_ROOT))
        }
        // Linux before 5.8 does not say.
        Ok(_) => Ok(mounts_of("self").iter().any(|mount| mount.point == path)),
        Err(Errno::NOENT) => Ok(false),
        Err(errno) => Err(errno),
    }
}

/// The mount on which a path lies.
pub(crate) fn mount_over(path: &Path) -> Option<Mount> {
    mounts_of("self")
        .into_iter()
        .filter(|mount| path.starts_with(&mount.point))
        // Of several at one point the last one made covers the others.
        .max_by_key(|mount| mount.point.as_os_str().len())
}

fn parse(line: &[u8]) -> Option<Mount> {
    let fields: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
    let dash = fields.iter().position(|field| *field == b"-")?;
    let point = PathBuf::from(OsString::from_vec(unescape(fields.get(4)?)));
    let shared = fields
        .get(6..dash)?
        .iter()
        .any(|field| field.starts_with(b"shared:"));
    let overlay = *fields.get(dash + 1)? == b"overlay";
    let upper = fields
        .get(dash + 3)
        .filter(|_| overlay)
        .and_then(|options| {
            options
                .split(|byte| *byte == b',')
                .find_map(|option| option.strip_prefix(b"upperdir="))
                .map(|upper| String::from_utf8_lossy(upper).into_owned())
        });
    Some(Mount {
        point,
        shared,
        upper,
    })
}

/// Undoes the kernel's `\040` and the like.
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((first, tail)) = rest.split_first() {
        let octal = tail
            .get(..3)
            .filter(|_| *first == b'\\')
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match octal {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[3..];
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_of_the_table_gives_point_propagation_and_upper() {
        let line = br"36 35 98:0 / /a\040b rw,noatime shared:1 - overlay x rw,lowerdir+=/l,upperdir=/u\0541,workdir=/w";
        assert_eq!(
            parse(line),
            Some(Mount {
                point: PathBuf::from("/a b"),
                shared: true,
                upper: Some(r"/u\0541".to_owned()),
            })
        );
        assert_eq!(parse(b""), None);
    }

    #[test]
    fn root_is_a_mount_point_and_a_new_folder_is_not() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(is_mount_point(Path::new("/proc")), Ok(true));
        assert_eq!(is_mount_point(folder.path()), Ok(false));
        assert_eq!(is_mount_point(&folder.path().join("absent")), Ok(false));
    }
}
