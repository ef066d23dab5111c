//! git as a user has it, and repositories to import.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// git with no configuration but what a test gives it.
pub(crate) fn command(folder: &Path) -> Command {
    let mut git = Command::new("git");
    git.current_dir(folder)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_AUTHOR_NAME", "A")
        .env("GIT_AUTHOR_EMAIL", "a@example.com")
        .env("GIT_COMMITTER_NAME", "C")
        .env("GIT_COMMITTER_EMAIL", "c@example.com")
        .env("GIT_AUTHOR_DATE", "1700000000 +0000")
        .env("GIT_COMMITTER_DATE", "1700000000 +0000")
        // Upkeep would go on in the folder after git has ended.
        .env("GIT_CONFIG_COUNT", "1")
        .env("GIT_CONFIG_KEY_0", "maintenance.auto")
        .env("GIT_CONFIG_VALUE_0", "false");
    git
}

/// What git answers. It must succeed.
pub(crate) fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = command(folder).args(arguments).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "git {arguments:?}: {told}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// What git answers to an input. It must succeed.
pub(crate) fn git_with(folder: &Path, arguments: &[&str], input: &[u8]) -> String {
    let mut git = command(folder);
    let git = git.args(arguments).stdin(Stdio::piped());
    let mut child = git.stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "git {arguments:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A folder of bare repositories, and a working tree that is pushed to `o/r`.
pub(crate) struct Origin {
    place: TempDir,
}

impl Origin {
    /// An empty repository.
    pub(crate) fn empty() -> Self {
        let place = tempfile::tempdir().unwrap();
        let (bare, work) = (
            place.path().join("served/o/r.git"),
            place.path().join("work"),
        );
        for (folder, arguments) in [
            (&bare, &["init", "-q", "--bare", "-b", "main"][..]),
            (&work, &["init", "-q", "-b", "main"][..]),
        ] {
            fs::create_dir_all(folder).unwrap();
            git(folder, arguments);
        }
        git(&work, &["remote", "add", "origin", bare.to_str().unwrap()]);
        Self { place }
    }

    /// One commit with one file, on `main`.
    pub(crate) fn small() -> Self {
        let origin = Self::empty();
        fs::write(origin.work().join("file"), "text\n").unwrap();
        origin.commit("one");
        origin.push();
        origin
    }

    /// Everything that git can check out, on two branches with tags.
    pub(crate) fn rich() -> Self {
        let origin = Self::small();
        let work = origin.work();
        write_everything(&work);
        git(&work, &["add", "-A"]);
        // A submodule is a commit in a tree; git clones it only when asked to.
        let commit = git(&work, &["rev-parse", "HEAD"]);
        let entry = format!("160000,{commit},module");
        git(&work, &["update-index", "--add", "--cacheinfo", &entry]);
        git(&work, &["commit", "-q", "-m", "two"]);
        git(&work, &["tag", "-a", "v1", "-m", "annotated"]);
        git(&work, &["checkout", "-q", "-b", "feature/x"]);
        fs::write(work.join("only here"), "branch").unwrap();
        origin.commit("three");
        git(&work, &["tag", "light"]);
        git(&work, &["checkout", "-q", "main"]);
        fs::write(work.join("file"), "text\nmore\n").unwrap();
        origin.commit("four");
        origin.push();
        origin
    }

    /// Where the repositories are served from.
    pub(crate) fn served(&self) -> PathBuf {
        self.place.path().join("served")
    }

    pub(crate) fn bare(&self) -> PathBuf {
        self.served().join("o/r.git")
    }

    pub(crate) fn work(&self) -> PathBuf {
        self.place.path().join("work")
    }

    pub(crate) fn commit(&self, message: &str) {
        git(&self.work(), &["add", "-A"]);
        git(&self.work(), &["commit", "-q", "-m", message]);
    }

    pub(crate) fn push(&self) {
        git(&self.work(), &["push", "-q", "--all"]);
        git(&self.work(), &["push", "-q", "--tags"]);
    }

    pub(crate) fn id(&self, revision: &str) -> String {
        git(&self.work(), &["rev-parse", revision])
    }

    /// Makes a commit of a tree that git's own commands would not make, and has `main` be it.
    pub(crate) fn forge(&self, tree: &str) {
        let commit = git(&self.bare(), &["commit-tree", tree, "-m", "forged"]);
        git(&self.bare(), &["update-ref", "refs/heads/main", &commit]);
    }

    /// Writes an object, whatever it holds.
    pub(crate) fn object(&self, kind: &str, content: &[u8]) -> String {
        let arguments = ["hash-object", "-t", kind, "-w", "--stdin", "--literally"];
        git_with(&self.bare(), &arguments, content)
    }

    /// Writes a tree of entries that stand as they are given: a mode, a name and an object's id.
    pub(crate) fn tree(&self, entries: &[(&str, &str, &str)]) -> String {
        let mut content = Vec::new();
        for (mode, name, id) in entries {
            content.extend(format!("{mode} {name}\0").as_bytes());
            let byte = |at: usize| u8::from_str_radix(&id[at..at + 2], 16).unwrap();
            content.extend((0..id.len()).step_by(2).map(byte));
        }
        self.object("tree", &content)
    }
}

fn write_everything(work: &Path) {
    let write = |name: &str, content: &[u8]| {
        let path = work.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    };
    let attributes = "*.crlf text eol=crlf\n*.lf text eol=lf\n*.utf16 text working-tree-encoding=UTF-16LE eol=lf\n\
                      *.bom text working-tree-encoding=UTF-16LE-BOM eol=crlf\n\
                      *.utf32 text working-tree-encoding=UTF-32BE\n\
                      *.latin1 text working-tree-encoding=ISO-8859-1\n\
                      *.ident ident\n*.bin binary\n*.lfs filter=lfs diff=lfs merge=lfs -text\n";
    write(".gitattributes", attributes.as_bytes());
    write("a.crlf", b"one\r\ntwo\r\n");
    write("a.lf", b"one\ntwo\n");
    let utf16: Vec<u8> = "h\u{e9}llo\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    write("a.utf16", &utf16);
    let units = "\u{feff}h\u{e9}llo\r\n\u{1f600}".encode_utf16();
    write(
        "a.bom",
        &units.flat_map(u16::to_le_bytes).collect::<Vec<u8>>(),
    );
    let utf32: Vec<u8> = "h\u{e9}llo\n"
        .chars()
        .flat_map(|c| u32::from(c).to_be_bytes())
        .collect();
    write("a.utf32", &utf32);
    write("a.latin1", b"h\xe9llo\n");
    write("a.ident", b"$Id$ $Id: x y z $\n");
    write("a.bin", b"\r\n\0\n\r");
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:\
                   4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n";
    write("big.lfs", pointer.as_bytes());
    write("case", b"lower");
    write("Case", b"upper");
    write("empty", b"");
    write("deep/er/and deeper/file", b"deep");
    write("na\u{ef}ve \"quoted\"\ttab", b"odd");
    write("run.sh", b"#!/bin/sh\n");
    fs::set_permissions(work.join("run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
    symlink("deep/er", work.join("link")).unwrap();
    symlink("/etc/passwd", work.join("absolute")).unwrap();
    symlink("nowhere", work.join("dangling")).unwrap();
    write(
        ".gitmodules",
        b"[submodule \"module\"]\n\tpath = module\n\turl = ../module.git\n",
    );
}

/// Everything below a folder but `.git`: kinds, modes and contents.
pub(crate) fn listing(root: &Path) -> BTreeMap<PathBuf, (u32, Vec<u8>)> {
    let mut found = BTreeMap::new();
    let mut open = vec![root.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path == root.join(".git") {
                continue;
            }
            let status = fs::symlink_metadata(&path).unwrap();
            let content = if status.is_symlink() {
                fs::read_link(&path)
                    .unwrap()
                    .into_os_string()
                    .into_encoded_bytes()
            } else if status.is_dir() {
                open.push(path.clone());
                Vec::new()
            } else {
                fs::read(&path).unwrap()
            };
            found.insert(
                path.strip_prefix(root).unwrap().to_owned(),
                (status.mode(), content),
            );
        }
    }
    found
}
