//! Work as people and programs do it in a folder.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::fs::{Advice, fadvise};

use crate::Result;
use crate::disk::settle;
use crate::options::Options;
use crate::process::{find, run};
use crate::samples::Samples;
use crate::tree;

/// How long each kind of work took, in the order in which they are done.
pub(crate) type Times = Vec<(&'static str, Samples)>;

/// Where it is done, and how long it took there.
pub(crate) type Place<'a> = (&'a Path, &'a mut Times);

/// A kind's name, and how it is done.
type Kind = (&'static str, fn(&Work, &Path) -> Result<()>);

const KINDS: [Kind; 8] = [
    ("git clone", Work::git_clone),
    ("git status", Work::git_status),
    ("cargo build", Work::cargo_build),
    ("npm install", Work::npm_install),
    ("create small files", Work::create_files),
    ("stat", Work::stat),
    ("write and read a large file", Work::large_file),
    ("sqlite", Work::sqlite),
];

/// Those that are also done on many layers, where the files come from below.
const LIGHT: [&str; 4] = ["git status", "create small files", "stat", "sqlite"];

/// What the work starts from.
pub(crate) struct Work {
    sources: PathBuf,
    files: u64,
    large_mib: usize,
    transactions: usize,
}

impl Work {
    /// Makes what is cloned, built and installed.
    pub(crate) fn prepare(sources: &Path, options: &Options) -> Result<Self> {
        let work = Self {
            sources: sources.to_owned(),
            files: options.scaled(200, 5_000),
            large_mib: options.scaled(16, 1_024),
            transactions: options.scaled(20, 200),
        };
        work.make_repository()?;
        work.make_crate()?;
        work.make_package()?;
        Ok(work)
    }

    /// Does all that the machine has programs for, in each place.
    pub(crate) fn all(&self, places: &mut [Place<'_>]) -> Result<()> {
        self.those(places, |_| true)
    }

    /// Makes in a folder what the light work needs.
    pub(crate) fn begin_light(&self, folder: &Path) -> Result<()> {
        self.git_clone(folder)?;
        self.git_status(folder)
    }

    pub(crate) fn light(&self, places: &mut [Place<'_>]) -> Result<()> {
        self.those(places, |kind| LIGHT.contains(&kind))
    }

    /// Does one kind in every place before the next, since a disk may be half as fast a minute later, and each with nothing
    /// left to be written.
    fn those(&self, places: &mut [Place<'_>], wanted: impl Fn(&str) -> bool) -> Result<()> {
        for (kind, work) in KINDS {
            if !wanted(kind) || program_of(kind).is_some_and(|program| find(program).is_none()) {
                continue;
            }
            for (folder, times) in &mut *places {
                settle(folder)?;
                let at = times.iter().position(|(known, _)| *known == kind);
                let at = at.unwrap_or_else(|| {
                    times.push((kind, Samples::default()));
                    times.len() - 1
                });
                times[at].1.time_blocking(|| work(self, folder))?;
            }
        }
        Ok(())
    }

    /// What was left out because the machine has no program for it.
    pub(crate) fn missing(&self) -> Vec<String> {
        let kinds = KINDS
            .iter()
            .filter_map(|(kind, _)| Some((*kind, program_of(kind)?)));
        kinds
            .filter(|(_, program)| find(program).is_none())
            .map(|(kind, program)| format!("`{kind}` was left out: install {program}"))
            .collect()
    }

    fn git_clone(&self, folder: &Path) -> Result<()> {
        let from = self.sources.join("repository");
        run(git()
            .args(["clone", "-q", "--no-local"])
            .arg(from)
            .arg(folder.join("clone")))
        .map(drop)
    }

    fn git_status(&self, folder: &Path) -> Result<()> {
        for _ in 0..5 {
            run(git().current_dir(folder.join("clone")).arg("status"))?;
        }
        Ok(())
    }

    fn cargo_build(&self, folder: &Path) -> Result<()> {
        let copy = folder.join("crate");
        run(Command::new("cp")
            .arg("-r")
            .arg(self.sources.join("crate"))
            .arg(&copy))?;
        run(Command::new("cargo")
            .current_dir(&copy)
            .env_remove("CARGO_TARGET_DIR")
            .args(["build", "-q", "--offline"]))
        .map(drop)
    }

    fn npm_install(&self, folder: &Path) -> Result<()> {
        let copy = folder.join("package");
        run(Command::new("cp")
            .arg("-r")
            .arg(self.sources.join("package"))
            .arg(&copy))?;
        run(Command::new("npm").current_dir(&copy).args([
            "install",
            "--offline",
            "--no-audit",
            "--no-fund",
            "--install-links",
        ]))
        .map(drop)
    }

    fn create_files(&self, folder: &Path) -> Result<()> {
        Ok(tree::write(&folder.join("small"), self.files)?)
    }

    fn stat(&self, folder: &Path) -> Result<()> {
        for _ in 0..5 {
            stat_all(folder)?;
        }
        Ok(())
    }

    /// More than once, because one time on the same disk is twice as long as another.
    fn large_file(&self, folder: &Path) -> Result<()> {
        let mut bytes = vec![7; 1 << 20];
        for _ in 0..3 {
            let mut file = File::create_new(folder.join("large"))?;
            for _ in 0..self.large_mib {
                file.write_all(&bytes)?;
            }
            file.sync_all()?;
            // It is to be read from the disk.
            fadvise(&file, 0, None, Advice::DontNeed)?;
            let mut file = File::open(folder.join("large"))?;
            while file.read(&mut bytes)? > 0 {}
            fs::remove_file(folder.join("large"))?;
            bytes.fill(7);
        }
        Ok(())
    }

    fn sqlite(&self, folder: &Path) -> Result<()> {
        let mut script = "create table t (id integer primary key, text);\n".to_owned();
        for row in 0..self.transactions {
            script += &format!("insert into t values ({row}, 'row {row}');\n");
        }
        let path = folder.join("script.sql");
        fs::write(&path, script)?;
        let read = format!(".read {}", path.display());
        run(Command::new("sqlite3")
            .arg(folder.join("database"))
            .arg(read))
        .map(drop)
    }

    fn make_repository(&self) -> Result<()> {
        let folder = self.sources.join("repository");
        fs::create_dir_all(&folder)?;
        tree::write(&folder, self.files)?;
        run(git().current_dir(&folder).args(["init", "-q"]))?;
        run(git().current_dir(&folder).args(["add", "."]))?;
        run(git()
            .current_dir(&folder)
            .args(["commit", "-q", "-m", "all"]))
        .map(drop)
    }

    fn make_crate(&self) -> Result<()> {
        let folder = self.sources.join("crate/src");
        fs::create_dir_all(&folder)?;
        let manifest = "[package]\nname = \"built\"\nversion = \"0.1.0\"\nedition = \"2021\"\n";
        fs::write(self.sources.join("crate/Cargo.toml"), manifest)?;
        let mut main = String::new();
        for number in 0..40 {
            main += &format!("mod m{number};\n");
            let functions = (0..20).map(|function| {
                format!("pub fn f{function}(n: u64) -> String {{ format!(\"{{}}\", n * {number} + {function}) }}\n")
            });
            fs::write(
                folder.join(format!("m{number}.rs")),
                functions.collect::<String>(),
            )?;
        }
        let calls =
            (0..40).map(|number| format!("    println!(\"{{}}\", m{number}::f0({number}));\n"));
        main += &format!("fn main() {{\n{}}}\n", calls.collect::<String>());
        Ok(fs::write(folder.join("main.rs"), main)?)
    }

    /// A package that depends on others beside it, whose files npm copies.
    fn make_package(&self) -> Result<()> {
        let folder = self.sources.join("package");
        let mut dependencies = Vec::new();
        for number in 0..40 {
            let name = format!("dependency-{number}");
            let files = folder.join(&name);
            fs::create_dir_all(&files)?;
            fs::write(
                files.join("package.json"),
                format!("{{\"name\":\"{name}\",\"version\":\"1.0.0\"}}\n"),
            )?;
            for file in 0..50 {
                fs::write(
                    files.join(format!("{file}.js")),
                    format!("module.exports = {file};\n"),
                )?;
            }
            dependencies.push(format!("\"{name}\":\"file:{name}\""));
        }
        let dependencies = dependencies.join(",");
        let manifest = format!(
            "{{\"name\":\"package\",\"version\":\"1.0.0\",\"dependencies\":{{{dependencies}}}}}\n"
        );
        Ok(fs::write(folder.join("package.json"), manifest)?)
    }
}

fn program_of(kind: &str) -> Option<&'static str> {
    match kind {
        "git clone" | "git status" => Some("git"),
        "cargo build" => Some("cargo"),
        "npm install" => Some("npm"),
        "sqlite" => Some("sqlite3"),
        _ => None,
    }
}

/// git as nobody has set it up.
fn git() -> Command {
    let mut git = Command::new("git");
    git.env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .args([
            "-c",
            "user.name=bench",
            "-c",
            "user.email=bench@example.com",
        ])
        .args(["-c", "safe.directory=*"]);
    git
}

fn stat_all(folder: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let found = fs::symlink_metadata(&path)?;
        bytes += match found.is_dir() {
            true => stat_all(&path)?,
            false => found.len(),
        };
    }
    Ok(bytes)
}
