//! Importing from git's own server, which takes GitHub's place.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::channel;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::certified::certified;
use crate::git::Origin;
use crate::git_server::{Act, Asked, Server};
use crate::support::pty::Terminal;
use crate::support::{Bench, ran};

/// A repository `o/r`, its server, and a folder to work in.
pub(crate) struct Stage {
    pub(crate) origin: Origin,
    pub(crate) git: Server,
    pub(crate) bench: Bench,
}

impl Stage {
    pub(crate) fn new() -> Self {
        let origin = Origin::small();
        Self {
            git: Server::new(&origin.served()),
            origin,
            bench: Bench::new(),
        }
    }

    fn import(&self, arguments: &[&str]) -> Command {
        let mut command = self.bench.command(["import"]);
        command.args(arguments);
        command.env("WORKDISK_GITHUB_URL", self.git.url());
        command.env_remove("GITHUB_TOKEN");
        command
    }

    fn workspaces(&self) -> Value {
        self.bench.json(["list"])["workspaces"].clone()
    }
}

/// Starts an import whose server stops answering, and waits until it has.
pub(crate) fn start_stalled(git: &Server, command: &mut Command) -> Child {
    git.on(|asked| match asked.is_fetch() {
        true => Act::Stall,
        false => Act::Serve,
    });
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn();
    while !git.log().iter().any(Asked::is_fetch) {
        std::thread::yield_now();
    }
    child.unwrap()
}

/// Stops a command as Ctrl-C does, and answers its exit status.
pub(crate) fn interrupt(mut child: Child) -> Option<i32> {
    let pid = Pid::from_raw(child.id().cast_signed());
    kill(pid, Signal::SIGINT).unwrap();
    child.wait().unwrap().code()
}

#[test]
fn repository_is_imported_as_it_was_asked_for() {
    let stage = Stage::new();
    let options = ["--depth", "1", "--template", "--image", "ubuntu"];
    let ran = ran(stage.import(&["o/r", "base"]).args(options));
    assert_eq!((ran.status, ran.err.as_str()), (0, ""));
    let made = stage.bench.json(["show", "base"]);
    let told = format!(
        "imported o/r as \"base\"  {}\n",
        made["id"].as_str().unwrap()
    );
    assert_eq!(ran.out, told);
    assert_eq!(made["template"], true);
    assert_eq!(made["image"], "docker.io/library/ubuntu:latest");
    assert_eq!(made["source"]["commit"], stage.origin.id("HEAD").as_str());
    assert_eq!(stage.bench.read("base", "workspace/file"), "text\n");
}

#[test]
fn import_answers_in_json() {
    let stage = Stage::new();
    let commit = stage.origin.id("HEAD");
    let ran = ran(&mut stage.import(&["o/r", "--ref", &commit, "--json"]));
    assert_eq!((ran.status, ran.err.as_str()), (0, ""));
    let made: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(made["status"], "ready");
    assert!(made["name"].is_string(), "a name is made up: {made}");
    let source = json!({"github_repo": "o/r", "ref": null, "commit": commit});
    assert_eq!(made["source"], source);
}

#[test]
fn import_that_fails_leaves_nothing_and_says_what_to_do() {
    let stage = Stage::new();
    for (arguments, code, advice) in [
        (&["https://x/o/r"][..], "github_repo_invalid", "OWNER/REPO"),
        (&["o/absent"], "import_not_found", "GITHUB_TOKEN"),
        (&["o/r", "--ref", "x"], "import_ref_not_found", "branch"),
    ] {
        let ran = ran(&mut stage.import(arguments));
        let (status, told) = ran.failure();
        assert_eq!(status, 1, "{told}");
        assert!(told.contains(&format!("[{code}]\n")), "{told}");
        assert!(told.contains(advice), "{told}");
    }
    assert_eq!(stage.workspaces(), json!([]));
}

#[test]
fn interrupted_import_leaves_nothing() {
    let stage = Stage::new();
    let child = start_stalled(&stage.git, &mut stage.import(&["o/r", "base"]));
    assert_eq!(interrupt(child), Some(130));
    let shown = stage.bench.run(["list", "--json"]);
    let shown: Value = serde_json::from_str(&shown.out).unwrap();
    assert_eq!(shown["workspaces"], json!([]));
}

#[test]
fn terminal_is_shown_how_far_an_import_is() {
    let stage = Stage::new();
    let (go, wait) = channel::<()>();
    let wait = Mutex::new(wait);
    stage.git.on(move |_| {
        // The sender goes when the screen has shown it.
        let _ = wait.lock().unwrap().recv();
        Act::Serve
    });
    let mut terminal = Terminal::start(&mut stage.import(&["o/r", "base"]));
    terminal.wait_for("connecting");
    drop(go);
    let (status, shown) = terminal.end();
    assert_eq!(status, 0, "{shown}");
    assert!(shown.contains("imported o/r"), "{shown}");
}

#[test]
fn token_of_the_environment_opens_a_private_repository() {
    let (config, authority) = certified();
    let origin = Origin::small();
    let git = Server::with_tls(&origin.served(), config);
    let expected = format!("Basic {}", STANDARD.encode("x-access-token:s3cr3t"));
    git.on(move |asked| match asked.header("authorization") {
        Some(given) if given == expected => Act::Serve,
        _ => Act::Status(401),
    });
    let bench = Bench::new();
    let trusted = bench.folder().join("authority.pem");
    fs::write(&trusted, authority).unwrap();
    let stage = Stage { origin, git, bench };
    let import = |token: &str| {
        let mut command = stage.import(&["o/r", "base"]);
        command.env("SSL_CERT_FILE", &trusted);
        ran(command.env("GITHUB_TOKEN", token))
    };
    let refused = import("");
    let (status, told) = refused.failure();
    assert_eq!(status, 1);
    assert!(told.contains("[import_unauthorized]"), "{told}");
    assert!(told.contains("GITHUB_TOKEN"), "{told}");
    let done = import("s3cr3t");
    assert_eq!((done.status, done.err.as_str()), (0, ""));
    assert_eq!(stage.bench.read("base", "workspace/file"), "text\n");
}

/// Puts a command where configuration, environment and programs of git's would have it do something else.
fn surround<'a>(command: &'a mut Command, place: &Path, mark: &Path) -> &'a mut Command {
    let programs = place.join("programs");
    fs::create_dir_all(&programs).unwrap();
    let script = format!("#!/bin/sh\necho run >> '{}'\nexit 1\n", mark.display());
    for name in [
        "git",
        "git-lfs",
        "ssh",
        "helper",
        "post-checkout",
        "reference-transaction",
    ] {
        let program = programs.join(name);
        fs::write(&program, &script).unwrap();
        fs::set_permissions(program, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let helper = programs.join("helper");
    let (helper, folder) = (helper.display(), programs.display());
    let config = format!(
        "[url \"file:///nowhere/\"]\n\tinsteadOf = http://\n[core]\n\thooksPath = {folder}\n\tfsmonitor = {helper}\n\
         \tsshCommand = {helper}\n\taskPass = {helper}\n\tautocrlf = true\n\tgitProxy = {helper}\n\
         [http]\n\tproxy = http://127.0.0.1:1\n\textraHeader = X-Mark: yes\n[credential]\n\thelper = !{helper}\n\
         [filter \"lfs\"]\n\tsmudge = {helper}\n\tprocess = {helper}\n\trequired = true\n\
         [init]\n\ttemplateDir = {folder}\n\tdefaultBranch = other\n[protocol]\n\tallow = never\n"
    );
    fs::write(place.join(".gitconfig"), &config).unwrap();
    command
        .env("HOME", place)
        .env("XDG_CONFIG_HOME", place)
        .env("PATH", format!("{folder}:/usr/bin:/bin"))
        .env("GIT_CONFIG_GLOBAL", place.join(".gitconfig"))
        .env("GIT_CONFIG_SYSTEM", place.join(".gitconfig"))
        .env("GIT_CONFIG_COUNT", "1")
        .env("GIT_CONFIG_KEY_0", "core.hooksPath")
        .env("GIT_CONFIG_VALUE_0", &programs);
    for name in [
        "GIT_ASKPASS",
        "SSH_ASKPASS",
        "GIT_SSH",
        "GIT_SSH_COMMAND",
        "GIT_PROXY_COMMAND",
    ] {
        command.env(name, programs.join("helper"));
    }
    for name in [
        "GIT_DIR",
        "GIT_WORK_TREE",
        "GIT_INDEX_FILE",
        "GIT_COMMON_DIR",
        "GIT_NAMESPACE",
        "GIT_OBJECT_DIRECTORY",
        "GIT_ALTERNATE_OBJECT_DIRECTORIES",
        "GIT_TEMPLATE_DIR",
    ] {
        command.env(name, place.join("elsewhere"));
    }
    for name in [
        "http_proxy",
        "HTTP_PROXY",
        "https_proxy",
        "HTTPS_PROXY",
        "all_proxy",
        "ALL_PROXY",
    ] {
        command.env(name, "http://127.0.0.1:1");
    }
    command
}

#[test]
fn configuration_environment_and_programs_of_the_host_have_no_say() {
    let stage = Stage::new();
    let work = stage.origin.work();
    fs::write(work.join(".gitattributes"), "*.lfs filter=lfs\n").unwrap();
    fs::write(work.join("big.lfs"), "text\n").unwrap();
    stage.origin.commit("filtered");
    stage.origin.push();
    let place = tempfile::tempdir().unwrap();
    let mark = place.path().join("mark");
    let git = Command::new("/bin/sh")
        .arg("-c")
        .arg("git version")
        .env_clear()
        .status();
    assert!(git.unwrap().success(), "git is on the usual path");
    // The surroundings are as hostile as they are meant to be: what looks for git finds another.
    let mut shell = Command::new("/bin/sh");
    let found = surround(shell.args(["-c", "git version"]), place.path(), &mark).status();
    assert!(!found.unwrap().success());
    fs::remove_file(&mark).unwrap();

    let plain = ran(&mut stage.import(&["o/r", "plain"]));
    let mut command = stage.import(&["o/r", "base"]);
    let imported = ran(surround(&mut command, place.path(), &mark));
    for ran in [plain, imported] {
        assert_eq!((ran.status, ran.err.as_str()), (0, ""));
    }
    assert!(!mark.exists(), "a program was run");
    assert!(!place.path().join("elsewhere").exists());
    for file in [
        "file",
        "big.lfs",
        ".git/config",
        ".git/HEAD",
        ".git/packed-refs",
    ] {
        let file = format!("workspace/{file}");
        let (plain, imported) = (
            stage.bench.read("plain", &file),
            stage.bench.read("base", &file),
        );
        assert_eq!(plain, imported, "{file}");
    }
    let hooks = ["run", "base", "--", "ls", "workspace/.git/hooks"];
    assert!(!stage.bench.done(hooks).contains("post-checkout\n"));
    for asked in stage.git.log() {
        assert_eq!(
            asked.header("x-mark").or(asked.header("authorization")),
            None
        );
    }
}
