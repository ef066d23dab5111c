//! What is done in a process of its own: one import that is measured, or imports that are cancelled.

use std::fs;
use std::path::Path;
use std::time::Instant;

use workdisk::Account;
use workdisk::github::{GithubOptions, ImportPhase, ImportWatch};
use workdisk::manager::{Import, ImportRepository};
use workdisk_local::{Local, VolumePreference};

/// The phases that take long, in their order.
pub(crate) const PHASES: [ImportPhase; 5] = [
    ImportPhase::Connecting,
    ImportPhase::Receiving,
    ImportPhase::Resolving,
    ImportPhase::CheckingOut,
    ImportPhase::Saving,
];

/// One import. Prints its time in microseconds, the greatest memory in KiB, and how long each phase took.
pub(crate) fn import(url: &str, folder: &Path) {
    in_runtime(async {
        let (_local, account) = open(url, folder).await;
        let started = Instant::now();
        let import = begin(&account).await;
        let phases = tokio::spawn(time_phases(import.progress(), started));
        import.finish().await.unwrap();
        let time = started.elapsed();
        print!("{} {}", time.as_micros(), peak());
        for spent in phases.await.unwrap() {
            print!(" {spent}");
        }
        println!();
    });
}

/// Cancels an import in each phase. Prints how many microseconds it took until nothing was left.
pub(crate) fn cancel(url: &str, folder: &Path) {
    in_runtime(async {
        let (_local, account) = open(url, folder).await;
        for phase in PHASES {
            let import = begin(&account).await;
            let mut watch = import.progress();
            while watch.current().phase != phase && watch.changed().await.is_some() {}
            let started = Instant::now();
            let is_done = import.cancel().await.unwrap().is_some();
            let time = if is_done {
                0
            } else {
                started.elapsed().as_micros()
            };
            println!("{time}");
        }
    });
}

fn in_runtime(work: impl Future<Output = ()>) {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.enable_all().build().unwrap().block_on(work);
}

async fn open(url: &str, folder: &Path) -> (Local, Account) {
    let github = GithubOptions::default().with_base_url(url).unwrap();
    let local = workdisk_local::open_with(folder, VolumePreference::Best, |builder| {
        builder.with_github(github)
    });
    let local = local.await.unwrap();
    let account = local.manager().account("bench").unwrap();
    (local, account)
}

async fn begin(account: &Account) -> Import {
    account.import(ImportRepository::new("o/r")).await.unwrap()
}

/// How many microseconds each phase took, as a watcher sees them.
async fn time_phases(mut watch: ImportWatch, started: Instant) -> Vec<u128> {
    let mut spent = vec![0; PHASES.len()];
    let (mut phase, mut since) = (ImportPhase::Connecting, started);
    while let Some(progress) = watch.changed().await {
        if progress.phase == phase {
            continue;
        }
        let now = Instant::now();
        if let Some(at) = PHASES.iter().position(|known| *known == phase) {
            spent[at] += now.duration_since(since).as_micros();
        }
        (phase, since) = (progress.phase, now);
    }
    spent
}

/// The greatest memory that this process has held, in KiB.
fn peak() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak = peak.unwrap().trim().trim_end_matches(" kB");
    peak.to_owned()
}
