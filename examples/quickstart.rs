//! The main job on a real disk, told step by step: `cargo run --example quickstart`.
//!
//! It keeps its data in `workdisk-data` in the working folder and can be run again and again, as root or not.

#![expect(
    clippy::print_stdout,
    reason = "it is a program that tells a person what it does"
)]

mod views;

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use workdisk::Account;
use workdisk::manager::{
    CloneWorkspace, CreateWorkspace, Force, ListWorkspaces, RestoreSnapshot, StartSession,
};
use workdisk::model::{SessionType, WorkspaceId};

use crate::views::{Snapshot, Workspace, table, tree};

/// A folder's files: each path with its bytes.
type Tree = BTreeMap<PathBuf, Vec<u8>>;

type Result<T, E = Box<dyn Error>> = std::result::Result<T, E>;

#[tokio::main]
async fn main() -> Result<()> {
    heading("Open the data folder");
    let local = workdisk_local::open("workdisk-data").await?;
    println!("workdisk-data is open.");
    println!(
        "The files are on the {} volume: {}.",
        local.volume().backend(),
        local.volume().reason()
    );
    let account = local.manager().account("quickstart")?;
    let run = greet(&account).await?;

    heading("Create a sandbox workspace and fill it through a session");
    let name = format!("project {run}");
    let options = CreateWorkspace::new(SessionType::Sandbox)
        .with_name(&name)
        .with_template(true);
    let project = timed("created", account.create(options)).await?;
    let original = own_files()?;
    let session = timed(
        "session started",
        account.start_session(project.id, SessionType::Sandbox, StartSession::default()),
    )
    .await?;
    write_tree(session.path(), &original)?;
    println!(
        "  {} files of this repository are now in {}",
        original.len(),
        session.path().display()
    );

    heading("What is refused while the session runs");
    refused(
        "a browser session on a sandbox workspace",
        account
            .start_session(project.id, SessionType::Browser, StartSession::default())
            .await,
    )?;
    refused(
        "a workspace of the same name in another case",
        account
            .create(CreateWorkspace::new(SessionType::Browser).with_name(name.to_uppercase()))
            .await,
    )?;
    refused(
        "a clone of a workspace with an active session",
        account
            .clone_workspace(project.id, CloneWorkspace::of_head())
            .await,
    )?;
    timed("session ended, files durable", session.end()).await?;

    heading("Snapshot, clone, and change the clone");
    timed(
        "snapshot taken",
        account.create_snapshot(project.id, "before the change", Force::No),
    )
    .await?;
    let options = CloneWorkspace::of_head().with_name(format!("copy {run}"));
    let copy = timed("cloned", account.clone_workspace(project.id, options)).await?;
    let mut changed = original.clone();
    changed.insert("NOTES.txt".into(), b"only the copy has this\n".to_vec());
    changed.insert("README.md".into(), b"# rewritten in the copy\n".to_vec());
    in_session(&account, copy.id, |root| write_tree(root, &changed)).await?;
    println!("  the copy has a new file and another README.md");

    heading("Break the original, and restore it");
    in_session(&account, project.id, |root| {
        fs::remove_dir_all(root.join("src"))?;
        Ok(fs::write(root.join("README.md"), "oops\n")?)
    })
    .await?;
    let broken = in_session(&account, project.id, read_tree).await?;
    println!(
        "  the original has lost src/: {} of {} files are left",
        broken.len(),
        original.len()
    );
    let options = RestoreSnapshot::default().with_save_head_as("the accident");
    timed(
        "restored, the accident kept as a snapshot",
        account.restore(project.id, "before the change", options),
    )
    .await?;

    heading("Each holds what it should, byte for byte");
    let accident = CloneWorkspace::of_snapshot("the accident").with_name(format!("accident {run}"));
    let accident = account.clone_workspace(project.id, accident).await?;
    for (what, id, expected) in [
        (
            "the original is as it was before the accident",
            project.id,
            &original,
        ),
        (
            "the copy has its own changes and no other",
            copy.id,
            &changed,
        ),
        (
            "the snapshot of the accident, cloned, shows it",
            accident.id,
            &broken,
        ),
    ] {
        let found = in_session(&account, id, read_tree).await?;
        if found != *expected {
            return Err(format!("not so: {what}").into());
        }
        println!("  yes: {what} ({} files)", found.len());
    }

    heading("What there is now");
    for workspace in all(&account).await? {
        account.measure(workspace.id).await?;
    }
    anstream::println!("{}", table(&all(&account).await?));
    let base = account.get(project.id).await?.persistence.base_snapshot;
    let snapshots = account.snapshots(project.id).await?;
    let snapshots: Vec<Snapshot> = snapshots
        .iter()
        .map(Snapshot::of)
        .collect::<Result<_, _>>()?;
    println!("\nSnapshots of {name:?}:\n{}", tree(&snapshots, base));
    println!(
        "Run it again: these workspaces will still be there. `rm -r workdisk-data` removes them all."
    );
    Ok(())
}

/// Says what an earlier run left, and answers the number of this one.
async fn greet(account: &Account) -> Result<usize> {
    let earlier = all(account).await?;
    let runs = earlier
        .iter()
        .filter_map(|workspace| workspace.name.as_deref());
    let runs = runs.filter(|name| name.starts_with("project ")).count();
    if earlier.is_empty() {
        println!("It is empty: this is the first run.");
    } else {
        println!(
            "It holds {} workspaces of {runs} earlier runs:",
            earlier.len()
        );
        anstream::println!("{}", table(&earlier));
    }
    Ok(runs + 1)
}

async fn all(account: &Account) -> Result<Vec<Workspace>> {
    let mut all = Vec::new();
    let mut options = ListWorkspaces::default();
    loop {
        let page = account.list(options).await?;
        for workspace in &page.workspaces {
            all.push(Workspace::of(workspace)?);
        }
        let Some(cursor) = page.next_cursor else {
            return Ok(all);
        };
        options = ListWorkspaces::default().with_cursor(cursor);
    }
}

/// Runs a piece of work on a workspace's disk.
async fn in_session<T>(
    account: &Account,
    workspace: WorkspaceId,
    work: impl FnOnce(&Path) -> Result<T>,
) -> Result<T> {
    let session = account
        .start_session(workspace, SessionType::Sandbox, StartSession::default())
        .await?;
    let done = work(session.path());
    session.end().await?;
    done
}

/// The repository's own files.
fn own_files() -> Result<Tree> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut tree = Tree::new();
    for part in [
        "README.md",
        "Cargo.toml",
        "src",
        "backends",
        "examples",
        "tests",
    ] {
        collect(root, &root.join(part), &mut tree)?;
    }
    Ok(tree)
}

fn read_tree(root: &Path) -> Result<Tree> {
    let mut tree = Tree::new();
    collect(root, root, &mut tree)?;
    Ok(tree)
}

fn collect(root: &Path, path: &Path, tree: &mut Tree) -> Result<()> {
    if fs::symlink_metadata(path)?.is_dir() {
        for entry in fs::read_dir(path)? {
            collect(root, &entry?.path(), tree)?;
        }
    } else if fs::symlink_metadata(path)?.is_file() {
        tree.insert(path.strip_prefix(root)?.to_owned(), fs::read(path)?);
    }
    Ok(())
}

fn write_tree(root: &Path, tree: &Tree) -> Result<()> {
    for (path, bytes) in tree {
        let path = root.join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(path, bytes)?;
    }
    Ok(())
}

async fn timed<T, E>(what: &str, work: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    let begin = Instant::now();
    let result = work.await?;
    println!("  {what} in {}", milliseconds(begin.elapsed()));
    Ok(result)
}

fn refused<T>(what: &str, result: Result<T, workdisk::Error>) -> Result<()> {
    match result {
        Ok(_) => Err(format!("{what} was not refused").into()),
        Err(error) => {
            println!("  {what}: {}\n      {error}", error.code());
            Ok(())
        }
    }
}

fn heading(text: &str) {
    println!("\n== {text}");
}

fn milliseconds(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}
