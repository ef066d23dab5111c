//! The program under test.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::time::SystemTime;

static PROGRAM: LazyLock<PathBuf> = LazyLock::new(|| built("workdisk"));

pub(crate) fn program() -> &'static Path {
    &PROGRAM
}

/// A built example.
///
/// `cargo test` builds it before the tests; with `--test cli` alone it may be missing or old, and is built now. What features
/// it was built with cannot be seen, so that with one it is built in any case.
pub(crate) fn built(example: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let profile = test.parent().and_then(Path::parent).unwrap();
    let program = profile.join("examples").join(example);
    if !FEATURES.is_empty() || !is_fresh(&program) {
        build(example, profile.ends_with("release"));
    }
    program
}

/// The features that the tests have, and the example is to have too.
const FEATURES: &[&str] = &[
    #[cfg(feature = "github")]
    "github",
    #[cfg(feature = "http")]
    "http",
];

/// Whether the program is newer than every file that it was built from, which cargo lists beside it.
fn is_fresh(program: &Path) -> bool {
    let changed = |path: &Path| path.metadata().and_then(|file| file.modified()).ok();
    let Some(built) = changed(program) else {
        return false;
    };
    let sources = std::fs::read_to_string(program.with_extension("d")).unwrap_or_default();
    let Some((_, sources)) = sources.split_once(": ") else {
        return false;
    };
    let is_older = |time: Option<SystemTime>| time.is_some_and(|time| time < built);
    // Cargo writes a space in a path as `\ `.
    let sources = sources.replace("\\ ", "\0");
    let mut sources = sources.split_whitespace();
    sources.all(|source| is_older(changed(Path::new(&source.replace('\0', " ")))))
}

fn build(example: &str, release: bool) {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--example", example]);
    cargo.args(["--features", &FEATURES.join(",")]);
    cargo.current_dir(env!("CARGO_MANIFEST_DIR"));
    if release {
        cargo.arg("--release");
    }
    assert!(
        cargo.status().unwrap().success(),
        "the example is not built"
    );
}
