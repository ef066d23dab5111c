//! `workdisk bench`.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;
use workdisk::Account;
use workdisk::manager::{CloneWorkspace, CreateWorkspace, Force, RestoreSnapshot, StartSession};
use workdisk::model::SessionType;
use workdisk_local::Local;

use super::{Answer, Context, progress};
use crate::places::{FolderTarget, Result};

/// Time what a workspace is put through
///
/// It works in a scratch folder of the data folder: makes a workspace with small files, and then, some times over, a clone, a snapshot, a restore and so on.
#[derive(Debug, clap::Args)]
pub(crate) struct Bench {
    /// How many times.
    #[arg(long, default_value_t = 20)]
    rounds: usize,
    /// How many files the workspace has.
    #[arg(long, default_value_t = 1_000)]
    files: usize,
}

impl Bench {
    pub(crate) async fn run(self, context: &Context) -> Result<Answer> {
        let target = context.target.folder("bench")?;
        let scratch = Scratch::open(target).await?;
        let timed = time(&scratch.account, self.files, self.rounds.max(1));
        let timed = progress::during("timing", timed).await;
        let backend = scratch.local.volume().backend();
        progress::during("cleaning up", scratch.remove()).await?;
        let rows: Vec<Row> = timed?.into_iter().map(Row::of).collect();
        let text = format!(
            "{} rounds on {backend}, with {} files:\n{}\n",
            self.rounds,
            self.files,
            table(&rows)
        );
        let report = Report {
            backend,
            rounds: self.rounds,
            files: self.files,
            operations: rows,
        };
        Answer::new(text, &report)
    }
}

/// A data folder within the data folder. One that a run left which was killed is used again.
struct Scratch {
    folder: PathBuf,
    local: Local,
    account: Account,
}

impl Scratch {
    async fn open(target: &FolderTarget) -> Result<Self> {
        let target = FolderTarget {
            path: target.path.join("bench"),
            ..target.clone()
        };
        let local = target.open().await?;
        let account = local.manager().account("bench")?;
        let scratch = Self {
            folder: target.path,
            local,
            account,
        };
        scratch.clear().await?;
        Ok(scratch)
    }

    async fn clear(&self) -> Result<()> {
        loop {
            let page = self.account.list(Default::default()).await?;
            if page.workspaces.is_empty() {
                return Ok(());
            }
            for workspace in page.workspaces {
                self.account.delete(workspace.id, Force::Yes).await?;
            }
        }
    }

    async fn remove(self) -> Result<()> {
        self.clear().await?;
        self.local.manager().reclaim().await?;
        let Self {
            folder,
            local,
            account,
        } = self;
        drop((local, account));
        Ok(tokio::fs::remove_dir_all(folder).await?)
    }
}

/// How long each run of an operation took.
struct Timed {
    operation: &'static str,
    times: Vec<Duration>,
}

#[derive(Serialize)]
struct Report {
    backend: &'static str,
    rounds: usize,
    files: usize,
    operations: Vec<Row>,
}

/// A line of the table.
#[derive(Serialize)]
struct Row {
    operation: &'static str,
    fastest_ms: f64,
    median_ms: f64,
    slowest_ms: f64,
}

impl Row {
    fn of(mut timed: Timed) -> Self {
        timed.times.sort();
        let at = |index: usize| {
            let time = timed.times.get(index).copied().unwrap_or_default();
            (time.as_secs_f64() * 1e5).round() / 1e2
        };
        let count = timed.times.len();
        Self {
            operation: timed.operation,
            fastest_ms: at(0),
            median_ms: at(count / 2),
            slowest_ms: at(count.saturating_sub(1)),
        }
    }
}

fn table(rows: &[Row]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_BORDERS_ONLY);
    table.set_header(["operation", "fastest", "median", "slowest"]);
    for row in rows {
        let ms = |time: f64| format!("{time:.2} ms");
        let times = [row.fastest_ms, row.median_ms, row.slowest_ms].map(ms);
        let [fastest, median, slowest] = times;
        table.add_row([row.operation.to_owned(), fastest, median, slowest]);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// Collects how long operations take, in the order in which each was first done.
#[derive(Default)]
struct Clock(Vec<Timed>);

impl Clock {
    async fn time<T, E>(
        &mut self,
        operation: &'static str,
        work: impl Future<Output = std::result::Result<T, E>>,
    ) -> std::result::Result<T, E> {
        let begin = Instant::now();
        let done = work.await?;
        let took = begin.elapsed();
        match self.0.iter_mut().find(|timed| timed.operation == operation) {
            Some(timed) => timed.times.push(took),
            None => self.0.push(Timed {
                operation,
                times: vec![took],
            }),
        }
        Ok(done)
    }
}

async fn time(account: &Account, files: usize, rounds: usize) -> Result<Vec<Timed>> {
    let (sandbox, mut clock) = (SessionType::Sandbox, Clock::default());
    let source = account.create(CreateWorkspace::new(sandbox)).await?.id;
    let session = account
        .start_session(source, sandbox, StartSession::default())
        .await?;
    let path = session.path().to_owned();
    let writing = tokio::task::spawn_blocking(move || write(&path, files));
    writing.await.map_err(std::io::Error::from)??;
    session.end().await?;
    for round in 0..rounds {
        let create = account.create(CreateWorkspace::new(sandbox));
        let empty = clock.time("create", create).await?.id;
        let clone = account.clone_workspace(source, CloneWorkspace::of_head());
        let copy = clock.time("clone", clone).await?.id;
        let start = account.start_session(copy, sandbox, StartSession::default());
        let session = clock.time("start a session", start).await?;
        tokio::fs::write(session.path().join("written"), round.to_string()).await?;
        clock.time("end a session", session.end()).await?;
        let snapshot = account.create_snapshot(copy, "snapshot", Force::No);
        clock.time("snapshot", snapshot).await?;
        let restore = account.restore(copy, "snapshot", RestoreSnapshot::default());
        clock.time("restore", restore).await?;
        let delete = account.delete_snapshot(copy, "snapshot");
        clock.time("delete a snapshot", delete).await?;
        clock
            .time("delete", account.delete(copy, Force::No))
            .await?;
        account.delete(empty, Force::No).await?;
    }
    Ok(clock.0)
}

/// Writes small files, a hundred a folder.
fn write(root: &Path, files: usize) -> std::io::Result<()> {
    for number in 0..files {
        let folder = root.join(format!("{}", number / 100));
        if number % 100 == 0 {
            fs::create_dir_all(&folder)?;
        }
        fs::write(folder.join(number.to_string()), number.to_string())?;
    }
    Ok(())
}
