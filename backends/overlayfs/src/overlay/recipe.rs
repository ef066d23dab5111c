//! From a stack of layers to a recipe, and from a recipe to a mount.

use std::path::{Path, PathBuf};

use rustix::fs::CWD;
use rustix::io::Errno;
use rustix::mount::{
    MountAttrFlags, MountFlags, MountPropagationFlags, MoveMountFlags, UnmountFlags, mount_bind,
    mount_change, mount_remount, move_mount, unmount,
};
use workdisk::BackendError;
use workdisk::volume::MountRecipe;

use super::context::detached;
use super::legacy::mount_overlay;
use super::options::FIXED_OPTIONS;

/// The folders that make up a volume.
#[derive(Debug)]
pub(crate) struct Stack {
    /// The frozen layers, the newest first; at least one, because the kernel asks for it.
    pub(crate) lowers: Vec<PathBuf>,
    pub(crate) upper: PathBuf,
    pub(crate) work: PathBuf,
}

/// What a mount of a volume allows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attachment {
    pub(crate) suid: bool,
    pub(crate) devices: bool,
    pub(crate) private: bool,
}

impl Stack {
    /// How to mount the volume.
    ///
    /// The paths are text in a recipe; `None` if one of them is not UTF-8.
    pub(crate) fn recipe(&self, attachment: Attachment) -> Option<MountRecipe> {
        let mut recipe = MountRecipe::new("overlay", "workdisk");
        for lower in &self.lowers {
            recipe = recipe.with_option("lowerdir+", lower.to_str()?);
        }
        recipe = recipe
            .with_option("upperdir", self.upper.to_str()?)
            .with_option("workdir", self.work.to_str()?);
        for (key, value) in FIXED_OPTIONS {
            recipe = recipe.with_option(key, value);
        }
        let flags = [
            (!attachment.suid).then_some("nosuid"),
            (!attachment.devices).then_some("nodev"),
            attachment.private.then_some("private"),
        ];
        Some(
            flags
                .into_iter()
                .flatten()
                .fold(recipe, MountRecipe::with_flag),
        )
    }
}

/// Mounts a volume by its recipe at `target`, in the mount namespace of the calling thread.
///
/// It serves a caller who has entered a namespace of its own. It blocks. Recipes of the type `bind` are mounted too, so
/// that the caller need not know which backend made the recipe.
///
/// # Errors
/// [`Unsupported`](workdisk::BackendErrorKind::Unsupported) for another type, an unknown flag, or a kernel that cannot
/// take so many layers; else as the kernel refused it. Nothing stays mounted then.
pub fn mount_recipe(recipe: &MountRecipe, target: &Path) -> Result<(), BackendError> {
    let refused = |errno: Errno| {
        BackendError::io(
            format!("cannot mount a volume at {}", target.display()),
            errno.into(),
        )
    };
    let flags = parse_flags(&recipe.flags)?;
    match recipe.fs_type.as_str() {
        "overlay" => match mount_stack(recipe, target, &flags) {
            Err(Errno::TOOBIG) => Err(BackendError::unsupported(
                "cannot mount a volume of so many layers: the kernel is too old, Linux 6.7 is needed",
            )),
            answer => answer.map_err(refused),
        },
        "bind" => bind(recipe, target, &flags).map_err(refused),
        other => Err(BackendError::unsupported(format!(
            "cannot mount a recipe of the type {other:?}"
        ))),
    }
}

/// The flags of a recipe in the two forms that the kernel has for them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flags {
    attributes: MountAttrFlags,
    flags: MountFlags,
    private: bool,
}

impl From<Attachment> for Flags {
    fn from(attachment: Attachment) -> Self {
        let mut flags = Self::none();
        flags.private = attachment.private;
        if !attachment.suid {
            flags.add_nosuid();
        }
        if !attachment.devices {
            flags.add_nodev();
        }
        flags
    }
}

impl Flags {
    fn none() -> Self {
        Self {
            attributes: MountAttrFlags::empty(),
            flags: MountFlags::empty(),
            private: false,
        }
    }

    fn add_nosuid(&mut self) {
        self.attributes |= MountAttrFlags::MOUNT_ATTR_NOSUID;
        self.flags |= MountFlags::NOSUID;
    }

    fn add_nodev(&mut self) {
        self.attributes |= MountAttrFlags::MOUNT_ATTR_NODEV;
        self.flags |= MountFlags::NODEV;
    }
}

fn parse_flags(names: &[String]) -> Result<Flags, BackendError> {
    let mut flags = Flags::none();
    for name in names {
        match name.as_str() {
            "nosuid" => flags.add_nosuid(),
            "nodev" => flags.add_nodev(),
            "private" => flags.private = true,
            other => {
                return Err(BackendError::unsupported(format!(
                    "cannot mount with the flag {other:?}"
                )));
            }
        }
    }
    Ok(flags)
}

/// Mounts an overlay; `E2BIG` if the kernel is too old for so many layers.
pub(crate) fn mount_stack(recipe: &MountRecipe, target: &Path, flags: &Flags) -> Result<(), Errno> {
    let options = recipe
        .options
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_deref()));
    match detached(options, flags.attributes) {
        Ok(mount) => move_mount(
            &mount,
            "",
            CWD,
            target,
            MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH,
        )?,
        // The kernel has no such call, or does not know `lowerdir+` yet.
        Err(Errno::NOSYS | Errno::INVAL) => mount_overlay(recipe, target, flags.flags)?,
        Err(errno) => return Err(errno),
    }
    or_unmount(target, make_private(target, flags))
}

fn bind(recipe: &MountRecipe, target: &Path, flags: &Flags) -> Result<(), Errno> {
    mount_bind(recipe.source.as_str(), target)?;
    let restricted = mount_remount(target, MountFlags::BIND | flags.flags, "")
        .and_then(|()| make_private(target, flags));
    or_unmount(target, restricted)
}

/// Unmounts what has not got the flags that were asked for: it must not stay.
fn or_unmount(target: &Path, outcome: Result<(), Errno>) -> Result<(), Errno> {
    if outcome.is_err() {
        unmount(target, UnmountFlags::DETACH)?;
    }
    outcome
}

fn make_private(target: &Path, flags: &Flags) -> Result<(), Errno> {
    if flags.private {
        mount_change(target, MountPropagationFlags::PRIVATE)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::overlay::mountinfo::is_mount_point;

    #[test]
    fn mount_that_cannot_be_made_as_asked_does_not_stay() {
        let folder = tempfile::tempdir().unwrap();
        if let Err(errno) = mount_bind(folder.path(), folder.path()) {
            let reason = format!("this process cannot mount: {errno}");
            return workdisk_conformance::Skip::new(reason).announce();
        }
        assert_eq!(or_unmount(folder.path(), Ok(())), Ok(()));
        assert_eq!(is_mount_point(folder.path()), Ok(true));
        let refused = or_unmount(folder.path(), Err(Errno::INVAL));
        assert_eq!(refused, Err(Errno::INVAL));
        assert_eq!(is_mount_point(folder.path()), Ok(false));
    }
}
