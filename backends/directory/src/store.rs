//! The folder that holds the volumes, and the steps that change it. Everything here blocks.

use std::ffi::CString;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};
use rustix::fs::CWD;
use serde::{Deserialize, Serialize};
use workdisk::error::{BackendError, BackendErrorKind};
use workdisk::metadata::Generation;
use workdisk::model::{StoreId, VolumeId};
use workdisk::volume::{VolumeKind, VolumeStatus};

use crate::copy::{copy_tree, open_folder};
use crate::remove::remove_tree;

const VERSION: u32 = 1;

/// What the folder says of itself.
#[derive(Debug, Serialize, Deserialize)]
struct Format {
    version: u32,
    bound: Option<(StoreId, u64)>,
}

/// An open folder.
#[derive(Debug)]
pub(crate) struct Store {
    root: PathBuf,
    /// Open since before the first write, so that a failure to write back is told to its sync.
    folder: File,
    _lock: Flock<File>,
}

type Done<T> = Result<T, BackendError>;

impl Store {
    pub(crate) fn open(root: &Path) -> Done<Self> {
        let io = |error| BackendError::io(format!("cannot open {}", root.display()), error);
        for part in ["", "active", "frozen", "staging", "trash"] {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(root.join(part))
                .map_err(io)?;
        }
        let root = root.canonicalize().map_err(io)?;
        let lock = lock(&root)?;
        let store = Self {
            folder: File::open(&root).map_err(io)?,
            root,
            _lock: lock,
        };
        match store.format()? {
            Some(format) if format.version != VERSION => {
                let (root, version) = (store.root.display(), format.version);
                let message =
                    format!("{root} is of version {version}, which this release does not know");
                return Err(BackendError::new(BackendErrorKind::Mismatch, message));
            }
            Some(_) => {}
            None => store.write_format(&Format {
                version: VERSION,
                bound: None,
            })?,
        }
        store.empty("staging")?;
        store.empty("trash")?;
        Ok(store)
    }

    pub(crate) fn bind(&self, generation: Generation, adopt: bool) -> Done<()> {
        let root = self.root.display();
        let mismatch = |what: &str| {
            let message = format!(
                "the volumes in {root} {what}; give the metadata store that they belong to, or adopt them"
            );
            Err(BackendError::new(BackendErrorKind::Mismatch, message))
        };
        match self.format()?.and_then(|format| format.bound) {
            _ if adopt => {}
            None if self.list(None, 1)?.is_empty() => {}
            None => return mismatch("were never tied to a metadata store"),
            Some((store, _)) if store != generation.store => {
                return mismatch("belong to another metadata store");
            }
            Some((_, seen)) if seen >= generation.number => {
                return mismatch("have seen a newer state of the metadata store");
            }
            Some(_) => {}
        }
        let bound = Some((generation.store, generation.number));
        self.write_format(&Format {
            version: VERSION,
            bound,
        })
    }

    fn format(&self) -> Done<Option<Format>> {
        let path = self.root.join("format.json");
        let object = || path.display().to_string();
        match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|error| {
                BackendError::corrupt(object(), format!("{} cannot be read", object()))
                    .with_source(error)
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(BackendError::io(format!("cannot read {}", object()), error)),
        }
    }

    fn write_format(&self, format: &Format) -> Done<()> {
        let write = || {
            let mut file = tempfile::NamedTempFile::new_in(self.root.join("staging"))?;
            file.write_all(&serde_json::to_vec(format)?)?;
            file.as_file().sync_all()?;
            file.persist(self.root.join("format.json"))
                .map_err(|error| error.error)?;
            self.folder.sync_all()
        };
        write().map_err(|error| {
            BackendError::io(format!("cannot write {}", self.root.display()), error)
        })
    }

    pub(crate) fn data(&self, id: VolumeId, kind: VolumeKind) -> PathBuf {
        self.place(id, kind).join("data")
    }

    fn place(&self, id: VolumeId, kind: VolumeKind) -> PathBuf {
        let kind = match kind {
            VolumeKind::Active => "active",
            VolumeKind::Frozen => "frozen",
        };
        self.root.join(kind).join(id.to_string())
    }

    pub(crate) fn kind(&self, id: VolumeId) -> Done<Option<VolumeKind>> {
        for kind in [VolumeKind::Active, VolumeKind::Frozen] {
            let place = self.place(id, kind);
            match fs::symlink_metadata(&place) {
                Ok(_) => return Ok(Some(kind)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => {
                    return Err(BackendError::io(
                        format!("cannot read {}", place.display()),
                        error,
                    ));
                }
            }
        }
        Ok(None)
    }

    /// Builds a volume aside, empty or as a copy, makes it durable, and puts it in its place in one step.
    pub(crate) fn build(&self, id: VolumeId, kind: VolumeKind, from: Option<&Path>) -> Done<()> {
        let staged = self.root.join("staging").join(id.to_string());
        let built = self.build_at(&staged, id, kind, from);
        if built.is_err() {
            // What is left is removed when the folder is opened again, if it can't be now.
            let _ = self.remove_from("staging", id);
        }
        built.map_err(|error| BackendError::io(format!("cannot make volume {id}"), error))
    }

    fn build_at(
        &self,
        staged: &Path,
        id: VolumeId,
        kind: VolumeKind,
        from: Option<&Path>,
    ) -> io::Result<()> {
        let data = staged.join("data");
        DirBuilder::new().mode(0o700).create(staged)?;
        DirBuilder::new().create(&data)?;
        fs::set_permissions(&data, fs::Permissions::from_mode(0o755))?;
        if let Some(from) = from {
            copy_tree(open_folder(CWD, from)?, open_folder(CWD, &data)?)?;
        }
        self.sync()?;
        let place = self.place(id, kind);
        fs::rename(staged, &place)?;
        for folder in [place.parent(), staged.parent()].into_iter().flatten() {
            File::open(folder)?.sync_all()?;
        }
        Ok(())
    }

    /// Makes everything on the file system durable. One call for any number of files; it waits for what others wrote too.
    pub(crate) fn sync(&self) -> io::Result<()> {
        Ok(rustix::fs::syncfs(&self.folder)?)
    }

    /// Moves a volume out of sight.
    pub(crate) fn discard(&self, id: VolumeId, kind: VolumeKind) -> Done<()> {
        let place = self.place(id, kind);
        let discard = || {
            fs::rename(&place, self.root.join("trash").join(id.to_string()))?;
            for folder in [place.parent(), Some(&*self.root.join("trash"))]
                .into_iter()
                .flatten()
            {
                File::open(folder)?.sync_all()?;
            }
            Ok(())
        };
        discard().map_err(|error| BackendError::io(format!("cannot remove volume {id}"), error))
    }

    /// Removes what was moved out of sight.
    pub(crate) fn empty_trash(&self) -> Done<()> {
        self.empty("trash")
    }

    fn empty(&self, part: &str) -> Done<()> {
        let empty = || {
            let folder = open_folder(CWD, self.root.join(part))?;
            for name in crate::copy::names(&folder)? {
                remove_tree(&folder, &name)?;
            }
            Ok(())
        };
        empty().map_err(|error| {
            BackendError::io(
                format!("cannot empty {part} in {}", self.root.display()),
                error,
            )
        })
    }

    fn remove_from(&self, part: &str, id: VolumeId) -> io::Result<()> {
        let folder: OwnedFd = open_folder(CWD, self.root.join(part))?;
        remove_tree(&folder, &CString::new(id.to_string())?)
    }

    pub(crate) fn list(&self, after: Option<VolumeId>, limit: usize) -> Done<Vec<VolumeStatus>> {
        let mut all = Vec::new();
        for (part, kind) in [
            ("active", VolumeKind::Active),
            ("frozen", VolumeKind::Frozen),
        ] {
            let folder = self.root.join(part);
            let io = |error| BackendError::io(format!("cannot list {}", folder.display()), error);
            for entry in fs::read_dir(&folder).map_err(io)? {
                let name = entry.map_err(io)?.file_name();
                if let Some(id) = name.to_str().and_then(|name| name.parse::<VolumeId>().ok()) {
                    all.push(VolumeStatus::new(id, kind, false));
                }
            }
        }
        all.sort_by_key(|status| status.id);
        all.retain(|status| after.is_none_or(|after| status.id > after));
        all.truncate(limit);
        Ok(all)
    }

    /// The bytes of all blocks below a folder, each file counted once.
    pub(crate) fn measure(path: &Path) -> io::Result<u64> {
        let mut bytes = 0;
        let mut seen = std::collections::HashSet::new();
        let mut folders = vec![path.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder)? {
                let entry = entry?;
                let meta = match entry.metadata() {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                    meta => meta?,
                };
                if meta.nlink() < 2 || meta.is_dir() || seen.insert((meta.dev(), meta.ino())) {
                    bytes += meta.blocks() * 512;
                }
                if meta.is_dir() {
                    folders.push(entry.path());
                }
            }
        }
        Ok(bytes)
    }
}

fn lock(root: &Path) -> Done<Flock<File>> {
    let path = root.join("lock");
    let io = |error| BackendError::io(format!("cannot lock {}", path.display()), error);
    let mut options = OpenOptions::new();
    let file = options
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(io)?;
    Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(_, error)| {
        if error != nix::errno::Errno::EWOULDBLOCK {
            return io(error.into());
        }
        let message = format!(
            "{} is in use; one process opens it at a time",
            root.display()
        );
        BackendError::new(BackendErrorKind::InUse, message)
    })
}
