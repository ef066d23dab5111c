//! Processes that keep a disk, and mounts that are not where they were left.

use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use workdisk::manager::{CloneWorkspace, CreateWorkspace, Force, StartSession};
use workdisk::model::{SessionType, WorkspaceId};
use workdisk::{Account, Error, Session};

use super::{Fault, embedded};
use crate::call::in_session;
use crate::place::Place;
use crate::store::Store;
use crate::{Result, own};

pub(super) const ALL: [(&str, Fault); 4] = [
    ("a process that will not go", |_| {
        in_order(embedded(stubborn())?)
    }),
    ("another mount namespace", |_| {
        in_order(embedded(namespace())?)
    }),
    ("an unmount behind our back", |_| {
        in_order(embedded(unmounted(false))?)
    }),
    ("an unmount behind our back, of a disk in use", |_| {
        in_order(embedded(unmounted(true))?)
    }),
];

/// Ignores the polite signal, has left its parents, works on the disk, runs a program from it, and writes to it without end.
const STUBBORN: &str = r#"
    trap '' TERM
    cd "$1" && cp "$(command -v sleep)" program && exec 3>>file || exit
    ./program 1000 &
    echo $$ >pid && : >ready
    while echo more >&3; do sleep 0.01; done
"#;

/// A store with one workspace, in a session.
struct Scene {
    place: Place,
    _store: Store,
    account: Account,
    workspace: WorkspaceId,
    session: Session,
}

impl Scene {
    async fn new() -> Result<Self> {
        let place = Place::new()?;
        let store = Store::open(place.folder()).await?;
        let account = store.account_of(0)?;
        let new = CreateWorkspace::new(SessionType::Sandbox);
        let workspace = account.create(new).await?.id;
        let options = StartSession::default();
        let session = account.start_session(workspace, SessionType::Sandbox, options);
        let session = session.await?;
        std::fs::write(session.path().join("written"), "before")?;
        Ok(Self {
            place,
            _store: store,
            account,
            workspace,
            session,
        })
    }

    async fn snapshot(&self, name: &str) -> Result<(), Error> {
        let snapshot = self
            .account
            .create_snapshot(self.workspace, name, Force::Yes);
        snapshot.await.map(drop)
    }

    /// What a file holds in a snapshot.
    async fn read(&self, snapshot: &str, file: &str) -> Result<String> {
        let options = CloneWorkspace::of_snapshot(snapshot);
        let clone = self
            .account
            .clone_workspace(self.workspace, options)
            .await?
            .id;
        let read = |disk: &Path| std::fs::read_to_string(disk.join(file));
        let text = in_session(&self.account, clone, read).await??;
        self.account.delete(clone, Force::No).await?;
        Ok(text)
    }

    /// The file that was written before is in the snapshot, and the workspace can be deleted.
    async fn conclude(self, what: &'static str) -> Result<Seen> {
        let text = self.read("s", "written").await?;
        if text != "before" {
            return Err(format!("the snapshot holds {text:?}").into());
        }
        self.account.delete(self.workspace, Force::Yes).await?;
        // It was ended by force, and its handle need not end it once more.
        self.session.detach();
        Ok((self.place, what))
    }
}

/// Where a scene was, and what was seen of it.
type Seen = (Place, &'static str);

/// What a scene has left is in order.
fn in_order((place, what): Seen) -> Result<String> {
    own::verify(place.folder())?;
    place.is_unmounted()?;
    Ok(what.to_owned())
}

/// A process that ends with the scene.
struct Holder(Child);

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits for what another process makes.
fn wait_for(what: &str, mut is_there: impl FnMut() -> bool) -> Result<()> {
    let begin = Instant::now();
    while !is_there() {
        if begin.elapsed() > Duration::from_secs(20) {
            return Err(format!("{what} never came").into());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

/// Whether there is such a process, and it is more than an entry that nobody has read.
fn is_running(pid: &str) -> bool {
    let stat = std::fs::read_to_string(Path::new("/proc").join(pid).join("stat"));
    stat.is_ok_and(|stat| !stat.contains(") Z "))
}

/// A forced snapshot ends it, and nothing changes afterwards.
async fn stubborn() -> Result<Seen> {
    let scene = Scene::new().await?;
    let disk = scene.session.path();
    let started = Command::new("setsid")
        .args(["sh", "-c", r#"sh -c "$0" stubborn "$1" &"#, STUBBORN])
        .arg(disk)
        .status()?;
    if !started.success() {
        return Err("the process does not start".into());
    }
    wait_for("the process", || disk.join("ready").exists())?;
    let pid = std::fs::read_to_string(disk.join("pid"))?;
    scene.snapshot("s").await?;
    if is_running(pid.trim()) {
        return Err("it goes on after the snapshot".into());
    }
    let both = [
        scene.read("s", "file").await?,
        scene.read("s", "file").await?,
    ];
    if both[0] != both[1] || both[0].is_empty() {
        return Err("the snapshot changes".into());
    }
    scene
        .conclude("it was ended, and the snapshot does not change")
        .await
}

/// A snapshot is refused as long as a copy of the mount lives, with the process that keeps it, and succeeds afterwards.
async fn namespace() -> Result<Seen> {
    let scene = Scene::new().await?;
    let ready = scene.place.beside().join("ready");
    let holder = Command::new("unshare")
        .args(["-m", "sh", "-c", r#": >"$0"; exec sleep 1000"#])
        .arg(&ready)
        .spawn()?;
    let holder = Holder(holder);
    wait_for("the namespace", || ready.exists())?;
    match scene.snapshot("s").await {
        Err(Error::SessionTerminationFailed { holders, .. }) => {
            if !holders.iter().any(|it| it.pid == holder.0.id()) {
                return Err(format!("the process is not named: {holders:?}").into());
            }
        }
        answer => return Err(format!("it was not refused: {answer:?}").into()),
    }
    drop(holder);
    scene.snapshot("s").await?;
    scene
        .conclude("refused with its name, and done once it was gone")
        .await
}

/// An administrator unmounts a session's disk. The files are kept; a layer that is still in use is not frozen.
async fn unmounted(in_use: bool) -> Result<Seen> {
    let scene = Scene::new().await?;
    let disk = scene.session.path();
    let mut holder = Command::new("sleep");
    let holder = holder.arg("1000").current_dir(disk);
    let holder = in_use.then(|| holder.spawn().map(Holder)).transpose()?;
    let unmounted = Command::new("umount").arg("--lazy").arg(disk).status()?;
    if !unmounted.success() {
        return Err("it cannot be unmounted".into());
    }
    if in_use {
        match scene.snapshot("s").await {
            Err(Error::SessionTerminationFailed { .. }) => {}
            answer => return Err(format!("it was not refused: {answer:?}").into()),
        }
        drop(holder);
    }
    scene.snapshot("s").await?;
    scene.conclude("the files are kept").await
}
