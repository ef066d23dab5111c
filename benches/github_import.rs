//! Times imports against `git clone`, by turns, from one server on the loopback:
//! `cargo bench --features github --bench github_import -- [--runs N] [--files N] [--in FOLDER]`.
//!
//! Without a folder both write to a fresh ext4 on a loop device, which needs root. Each import runs in a process of its own,
//! whose greatest memory and whose phases are told. An import is durable when it is done; so that like is compared with like,
//! a clone is also timed with a `sync` of its file system. At the end an import is cancelled in each of its phases.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    dead_code,
    reason = "it is a program that ends where it meets what it does not expect and tells what it measured; of the tests' server \
              it uses a part"
)]

#[path = "github_import/child.rs"]
mod child;
#[path = "../tests/it/import/server.rs"]
mod server;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use workdisk_conformance::{FileSystem, LoopDisk};

use self::server::Server;

/// One measured import or clone.
struct Run {
    time: Duration,
    /// The greatest resident memory, in KiB.
    memory: Option<u64>,
    /// How many microseconds each phase took.
    phases: Vec<u64>,
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let value = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1).cloned()
    };
    for (name, work) in [
        ("--import", child::import as fn(&str, &Path)),
        ("--cancel", child::cancel),
    ] {
        if let (Some(url), Some(folder)) = (value(name), value("--to")) {
            return work(&url, Path::new(&folder));
        }
    }
    let runs = value("--runs").map_or(7, |text| text.parse().unwrap());
    let files = value("--files").map_or(24_000, |text| text.parse().unwrap());
    let disk = value("--in")
        .is_none()
        .then(|| LoopDisk::new(FileSystem::Ext4, 4096).unwrap());
    let place = match (&disk, value("--in")) {
        (Some(disk), _) => disk.path().to_owned(),
        (None, folder) => PathBuf::from(folder.unwrap()),
    };
    let served = tempfile::tempdir().unwrap();
    make_repository(&served.path().join("o/r.git"), files);
    let server = Server::new(served.path());
    let (mut clones, mut synced, mut imports) = (Vec::new(), Vec::new(), Vec::new());
    for run in 0..runs {
        let folder = |what: &str| place.join(format!("{what} {run}"));
        // Who begins changes, so that neither always finds the other's traces.
        for turn in 0..3 {
            match (turn + run) % 3 {
                0 => clones.push(clone(&server, &folder("clone"), false)),
                1 => synced.push(clone(&server, &folder("synced"), true)),
                _ => imports.push(import_in_a_child(&server, &folder("import"))),
            }
        }
    }
    println!("{files} files, {runs} runs by turns, medians");
    let base = tell("git clone", &clones, None);
    tell("git clone, sync", &synced, Some(base));
    tell("import", &imports, Some(base));
    tell_phases(
        "of which",
        imports.iter().map(|run| &run.phases[..]).collect(),
    );
    let cancelled = in_a_child(&server, "--cancel", &place.join("cancelled"));
    tell_phases("cancelled in", vec![&cancelled]);
}

/// Tells a time for each phase: the median of some runs.
fn tell_phases(what: &str, runs: Vec<&[u64]>) {
    print!("{what:16}");
    for (at, phase) in child::PHASES.iter().enumerate() {
        let mut times: Vec<u64> = runs.iter().map(|run| run[at]).collect();
        times.sort_unstable();
        let median = Duration::from_micros(times[times.len() / 2]);
        print!(" {phase} {median:.2?}");
    }
    println!();
}

fn tell(what: &str, runs: &[Run], base: Option<Duration>) -> Duration {
    let mut times: Vec<Duration> = runs.iter().map(|run| run.time).collect();
    times.sort();
    let median = times[times.len() / 2];
    let ratio = base.map_or(1.0, |base| median.as_secs_f64() / base.as_secs_f64());
    let memory = runs.iter().filter_map(|run| run.memory).max();
    let memory = memory.map_or(String::new(), |kib| format!(", at most {} MiB", kib >> 10));
    let (first, last) = (times[0], times[times.len() - 1]);
    println!("{what:16} {median:8.2?} ({first:.2?} to {last:.2?}), ratio {ratio:.2}{memory}");
    median
}

fn git(folder: &Path) -> Command {
    let mut git = Command::new("git");
    git.current_dir(folder)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null");
    git
}

fn clone(server: &Server, folder: &Path, sync: bool) -> Run {
    let url = format!("{}/o/r.git", server.url());
    let started = Instant::now();
    let cloned = git(Path::new("/"))
        .args(["clone", "-q", &url])
        .arg(folder)
        .status()
        .unwrap();
    assert!(cloned.success());
    if sync {
        let synced = Command::new("sync").arg("-f").arg(folder).status().unwrap();
        assert!(synced.success());
    }
    let time = started.elapsed();
    fs::remove_dir_all(folder).unwrap();
    Run {
        time,
        memory: None,
        phases: Vec::new(),
    }
}

fn import_in_a_child(server: &Server, folder: &Path) -> Run {
    let numbers = in_a_child(server, "--import", folder);
    Run {
        time: Duration::from_micros(numbers[0]),
        memory: Some(numbers[1]),
        phases: numbers[2..].to_vec(),
    }
}

/// Has a process of its own do something in a folder, and answers the numbers that it prints.
fn in_a_child(server: &Server, what: &str, folder: &Path) -> Vec<u64> {
    let output = Command::new(std::env::current_exe().unwrap())
        .args([what, &server.url(), "--to"])
        .arg(folder)
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(output.status.success());
    fs::remove_dir_all(folder).unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    let numbers = told.split_whitespace();
    numbers.map(|text| text.parse().unwrap()).collect()
}

/// Makes a bare repository of many files in many folders, with three commits.
fn make_repository(folder: &Path, files: usize) {
    fs::create_dir_all(folder).unwrap();
    let made = git(folder)
        .args(["init", "-q", "--bare", "-b", "main"])
        .status()
        .unwrap();
    assert!(made.success());
    let mut importing = git(folder)
        .args(["fast-import", "--quiet"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = std::io::BufWriter::new(importing.stdin.take().unwrap());
    for commit in 0..3_usize {
        write!(
            input,
            "commit refs/heads/main\ncommitter B <b@example.com> {commit} +0000\ndata 1\nc\n"
        )
        .unwrap();
        // The first commit holds all files, each later one changes some.
        for file in (0..files).filter(|file| commit == 0 || file % 10 == commit) {
            let text = content(file, commit);
            write!(
                input,
                "M 644 inline folder{}/sub{}/file{file}.txt\ndata {}\n",
                file % 60,
                file % 7,
                text.len()
            )
            .unwrap();
            input.write_all(text.as_bytes()).unwrap();
            input.write_all(b"\n").unwrap();
        }
    }
    drop(input);
    assert!(importing.wait().unwrap().success());
    let packed = git(folder)
        .args(["repack", "-a", "-d", "-q"])
        .status()
        .unwrap();
    assert!(packed.success());
}

/// Words by a fixed rule: about 1,500 bytes, that compress as text does.
fn content(file: usize, commit: usize) -> String {
    let mut state = (file as u64 + 1) * 6_364_136_223_846_793_005 + commit as u64;
    let mut text = String::new();
    while text.len() < 1_000 + file % 1_000 {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        text += &format!("word{} ", (state >> 33) % 2_000);
        if state >> 61 == 0 {
            text.push('\n');
        }
    }
    text
}
