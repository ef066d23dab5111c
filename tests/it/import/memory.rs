//! An import whose process has little memory, and ends of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Arc;

use workdisk::WorkspaceManager;
use workdisk::manager::ListWorkspaces;
use workdisk_conformance::Skip;
use workdisk_directory::DirectoryVolume;
use workdisk_sled::SledMetadata;

use super::git::Origin;
use super::server::Server;
use super::wanted;

const NAME: &str = "import::memory::import_that_runs_out_of_memory_is_done_or_not_done";
const FOLDER: &str = "WORKDISK_TEST_FOLDER";
const URL: &str = "WORKDISK_TEST_URL";

/// Larger than all that a process needs that does nothing.
const FILE: usize = 40 << 20;

async fn open(folder: &Path, url: &str) -> WorkspaceManager {
    let metadata = SledMetadata::open(folder.join("metadata")).await.unwrap();
    let volumes = DirectoryVolume::open(folder.join("volumes")).await.unwrap();
    let github = workdisk::github::GithubOptions::default().with_base_url(url);
    WorkspaceManager::builder(Arc::new(metadata), Arc::new(volumes))
        .with_github(github.unwrap())
        .open()
        .await
        .unwrap()
}

/// What the other process does: it opens a store, says so, and imports.
async fn import(folder: &Path) {
    let manager = open(folder, &std::env::var(URL).unwrap()).await;
    fs::write(folder.join("begun"), "").unwrap();
    let account = manager.account("acme").unwrap();
    let import = account.import(wanted().with_name("new")).await.unwrap();
    import.finish().await.unwrap();
}

/// A group of processes that have so much memory, until it is dropped.
struct Group(PathBuf);

impl Group {
    /// Makes one, or says what the machine lacks.
    fn new() -> Result<Self, Skip> {
        let name = format!("workdisk-test-{}", std::process::id());
        for root in ["/sys/fs/cgroup", "/sys/fs/cgroup/memory"] {
            let group = Path::new(root).join(&name);
            if fs::create_dir(&group).is_ok() {
                let group = Self(group);
                if group.limit().exists() {
                    return Ok(group);
                }
            }
        }
        Err(Skip::new("no control group for memory can be made"))
    }

    /// The file of the second version, or of the first.
    fn limit(&self) -> PathBuf {
        let names = ["memory.max", "memory.limit_in_bytes"].map(|name| self.0.join(name));
        let found = names.iter().find(|name| name.exists());
        found.unwrap_or(&names[0]).clone()
    }

    /// Runs a program in it, which the kernel kills when it takes more.
    fn run(&self, mib: u64, program: &mut Command) -> ExitStatus {
        fs::write(self.limit(), (mib << 20).to_string()).unwrap();
        program.arg(self.0.join("cgroup.procs")).status().unwrap()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}

/// The other process is this test again, with a store to open. It is given more and more memory until the import succeeds.
#[tokio::test(flavor = "multi_thread")]
async fn import_that_runs_out_of_memory_is_done_or_not_done() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        return import(Path::new(&folder)).await;
    }
    let group = match Group::new() {
        Ok(group) => group,
        Err(lacks) => return lacks.announce(),
    };
    let origin = Origin::small();
    let noise = (0..FILE as u64 / 8).map(|it| it.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let noise: Vec<u8> = noise.flat_map(u64::to_le_bytes).collect();
    fs::write(origin.work().join("large"), noise).unwrap();
    origin.commit("large");
    origin.push();
    let server = Server::new(&origin.served());
    let folder = tempfile::tempdir().unwrap();
    let (mut failed, mut mib) = (0, 64);
    loop {
        let begun = folder.path().join("begun");
        let _ = fs::remove_file(&begun);
        let mut program = Command::new("sh");
        program
            .args(["-c", r#"echo $$ >"$2" && exec "$0" --exact "$1""#])
            .arg(std::env::current_exe().unwrap())
            .arg(NAME)
            .env(FOLDER, folder.path())
            .env(URL, server.url())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let ended = group.run(mib, &mut program);
        let manager = open(folder.path(), &server.url()).await;
        assert!(manager.recovered().failures.is_empty());
        let account = manager.account("acme").unwrap();
        let all = account.list(ListWorkspaces::default()).await.unwrap();
        let volumes = fs::read_dir(folder.path().join("volumes/active")).unwrap();
        assert_eq!(volumes.count(), all.workspaces.len(), "{mib} MiB");
        if ended.success() {
            assert_eq!(all.workspaces.len(), 1);
            break;
        }
        assert_eq!(all.workspaces.len(), 0, "{mib} MiB");
        failed += usize::from(begun.exists());
        mib += 48;
    }
    assert!(failed > 0, "it never failed in an import");
}
