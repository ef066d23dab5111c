//! The options under which every layer is written and read.

/// The options of each mount of each volume, fixed for the life of a store.
///
/// - `index=off`: with an index, a frozen upper layer would lose what its hard links share, and copied layers would be
///   stale. The price: a hard link from a lower layer breaks at its first write.
/// - `metacopy=off`: a file whose content lies in another layer than its metadata is not to be trusted in layers that a
///   workspace wrote.
/// - `redirect_dir=on`: without it a rename of a folder from a lower layer fails with `EXDEV`, which many tools do not
///   expect. It must then be on in every mount of the chain.
/// - `nfs_export=off`: it would need the index; said aloud, so that a module parameter of the host does not count.
///
/// What is *not* there has reasons too: never `volatile`, after which a crash leaves empty files; no `userxattr`, because
/// then redirects cannot be used; no `xino`, because all layers of a store are on one file system, where it has no effect.
pub(crate) const FIXED_OPTIONS: [(&str, &str); 4] = [
    ("index", "off"),
    ("metacopy", "off"),
    ("redirect_dir", "on"),
    ("nfs_export", "off"),
];

/// The most lower layers that the kernel stacks.
pub(crate) const MAX_LOWERS: usize = 500;
