//! Whether the host can run the backend: tried, not guessed.

use std::ffi::CString;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use rustix::fd::OwnedFd;
use rustix::fs::{
    AtFlags, CWD, Mode, OFlags, XattrFlags, fsetxattr, fstatfs, lgetxattr, mkdirat, openat,
    renameat, unlinkat,
};
use rustix::io::Errno;
use rustix::mount::MountAttrFlags;
use uuid::Uuid;
use workdisk::session::lasting_holders;

use crate::error::{OverlayError, Result};
use crate::overlay::detached;
use crate::overlay::in_use::upper_in_use;
use crate::overlay::options::FIXED_OPTIONS;
use crate::tree::remove::remove_tree;

const OVERLAY: i64 = 0x794c_7630;
const NFS: i64 = 0x6969;
const FUSE: i64 = 0x6573_5546;

/// What was found out about the host.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProbeReport {
    /// The kernel's release.
    pub kernel: String,
}

/// Mounts an overlay on scratch folders and does there what volumes need.
pub(crate) fn probe(root: &Path) -> Result<ProbeReport> {
    let made = !root.exists();
    let failed = |errno| OverlayError::io("try overlayfs in", root.display().to_string(), errno);
    std::fs::create_dir_all(root)
        .map_err(|error| failed(Errno::from_io_error(&error).unwrap_or(Errno::IO)))?;
    let folder = openat(
        CWD,
        root,
        OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC,
        Mode::empty(),
    )
    .map_err(failed)?;
    // Asked now, because the folder may be gone when the advice is given.
    let file_system = fstatfs(&folder).map(|it| it.f_type).ok();
    let name = format!("probe-{}", Uuid::new_v4());
    let tried =
        mkdirat(&folder, name.as_str(), Mode::RWXU).and_then(|()| try_overlay(&root.join(&name)));
    let path = CString::new(name).expect("because a UUID holds no zero byte");
    remove_tree(&folder, &path, || false).map_err(failed)?;
    if made {
        unlinkat(CWD, root, AtFlags::REMOVEDIR).map_err(failed)?;
    }
    match tried {
        Ok(None) => Ok(ProbeReport {
            kernel: rustix::system::uname()
                .release()
                .to_string_lossy()
                .into_owned(),
        }),
        Ok(Some(missing)) => Err(OverlayError::Unusable(format!(
            "overlayfs on {} {missing}; {}",
            root.display(),
            advice(file_system, None)
        ))),
        Err(errno @ (Errno::NOSPC | Errno::DQUOT)) => Err(failed(errno)),
        Err(errno) => Err(OverlayError::Unusable(format!(
            "overlayfs cannot be used on {}: {errno}; {}",
            root.display(),
            advice(file_system, Some(errno))
        ))),
    }
}

/// `Some` names what did not work.
fn try_overlay(scratch: &Path) -> Result<Option<&'static str>, Errno> {
    let io = |error: std::io::Error| Errno::from_io_error(&error).unwrap_or(Errno::IO);
    let [lower, upper, work, other] =
        ["lower", "upper", "work", "other"].map(|name| scratch.join(name));
    for folder in [&lower.join("folder"), &upper, &work, &other] {
        std::fs::create_dir_all(folder).map_err(io)?;
    }
    std::fs::write(lower.join("folder/file"), "lower").map_err(io)?;
    std::fs::write(lower.join("gone"), "lower").map_err(io)?;
    let mount = mount(&lower, &upper, &work)?;
    let file = openat(
        &mount,
        "folder/file",
        OFlags::WRONLY | OFlags::APPEND | OFlags::CLOEXEC,
        Mode::empty(),
    )?;
    rustix::io::write(&file, b" and upper")?;
    fsetxattr(&file, "user.workdisk", b"kept", XattrFlags::empty())?;
    drop(file);
    renameat(&mount, "folder", &mount, "moved")?;
    unlinkat(&mount, "gone", AtFlags::empty())?;
    let seen_in_use = upper_in_use(&upper, &lower, &other)?;
    drop(mount);
    let after = || Ok(upper_in_use(&upper, &lower, &other)?.then(Vec::new));
    if !seen_in_use || lasting_holders(after)?.is_some() {
        return Ok(Some("does not tell whether a layer is in use"));
    }
    if std::fs::read(upper.join("moved/file")).map_err(io)? != b"lower and upper" {
        return Ok(Some("does not copy a file at its first write"));
    }
    if !std::fs::symlink_metadata(upper.join("gone"))
        .is_ok_and(|it| it.file_type().is_char_device())
    {
        return Ok(Some("does not hide a removed file"));
    }
    if lgetxattr(
        upper.join("moved"),
        "trusted.overlay.redirect",
        &mut [0; 256][..],
    )
    .is_err()
    {
        return Ok(Some("does not rename a folder"));
    }
    Ok(None)
}

fn mount(lower: &Path, upper: &Path, work: &Path) -> Result<OwnedFd, Errno> {
    let [Some(lower), Some(upper), Some(work)] = [lower, upper, work].map(Path::to_str) else {
        return Err(Errno::ILSEQ);
    };
    let folders = [
        ("lowerdir+", Some(lower)),
        ("upperdir", Some(upper)),
        ("workdir", Some(work)),
    ];
    let fixed = FIXED_OPTIONS.map(|(key, value)| (key, Some(value)));
    detached(folders.into_iter().chain(fixed), MountAttrFlags::empty())
}

/// What to do about a failure on a file system of that type.
fn advice(file_system: Option<i64>, errno: Option<Errno>) -> &'static str {
    let elsewhere = "put the data folder on ext4, xfs or btrfs, or use the directory backend";
    match errno {
        Some(Errno::PERM | Errno::ACCESS) => {
            "run as root or with CAP_SYS_ADMIN, or use the directory backend"
        }
        Some(Errno::NOSYS) => "Linux 6.7 is needed, or use the directory backend",
        Some(Errno::NODEV) => "load the kernel's module overlay, or use the directory backend",
        Some(Errno::ILSEQ) => "choose a data folder whose path is UTF-8",
        _ => match file_system {
            Some(OVERLAY) => {
                "the data folder is on an overlay itself, as in a container: mount a volume there, or use the directory \
                 backend"
            }
            Some(NFS | FUSE) => elsewhere,
            _ => {
                "put the data folder on ext4, xfs or btrfs and use Linux 6.7 or later, or use the directory backend"
            }
        },
    }
}
