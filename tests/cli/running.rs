//! Commands in a workspace's disk.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::pty::Terminal;
use crate::support::{Bench, clean, program};

#[test]
fn command_runs_in_the_disk_and_its_files_are_kept() {
    let bench = Bench::with_workspace("base");
    let said = bench.done([
        "run",
        "base",
        "--",
        "sh",
        "-c",
        "pwd; echo $WORKDISK_PATH; echo text > file",
    ]);
    let (folder, path) = said.trim().split_once('\n').unwrap();
    assert_eq!(folder, path);
    assert_eq!(bench.read("base", "file"), "text\n");
    assert_eq!(bench.json(["show", "base"])["status"], "ready");
}

#[test]
fn command_is_told_the_workspace_and_the_session() {
    let bench = Bench::with_workspace("base");
    let ask = "echo $WORKDISK_WORKSPACE; echo $WORKDISK_SESSION";
    let said = bench.done(["run", "base", "--", "sh", "-c", ask]);
    let shown = bench.json(["show", "base"]);
    let expected = format!("{}\n{}\n", shown["id"], shown["last_session_id"]).replace('"', "");
    assert_eq!(said, expected);
}

#[test]
fn exit_status_is_the_commands() {
    let bench = Bench::with_workspace("base");
    for (script, status) in [("exit 0", 0), ("exit 7", 7), ("kill -KILL $$", 137)] {
        assert_eq!(
            bench.run(["run", "base", "--", "sh", "-c", script]).status,
            status,
            "{script}"
        );
    }
    assert_eq!(
        bench.run(["run", "base", "--", "no-such-command"]).status,
        127
    );
    assert_eq!(bench.run(["run", "base", "--", "/etc/passwd"]).status, 126);
    assert_eq!(bench.run(["run", "nope", "--", "true"]).status, 125);
    assert_eq!(bench.json(["show", "base"])["status"], "ready");
}

#[test]
fn command_reads_and_writes_what_we_do() {
    let bench = Bench::with_workspace("base");
    let mut command = bench.command(["run", "base", "--", "tr", "a-z", "A-Z"]);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"text").unwrap();
    assert_eq!(child.wait_with_output().unwrap().stdout, b"TEXT");
}

/// A command that says `ready` and then waits to be told to end.
fn waiting(bench: &Bench, script: &str) -> Child {
    let script = format!("{script}; echo ready; while :; do sleep 0.05; done");
    let mut command = bench.command(["run", "base", "--", "sh", "-c", &script]);
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    out.read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    child
}

fn send(child: &Child, signal: Signal) {
    kill(Pid::from_raw(child.id().cast_signed()), signal).unwrap();
}

#[test]
fn signal_is_passed_on_and_the_session_is_ended() {
    let bench = Bench::with_workspace("base");
    for signal in [
        Signal::SIGTERM,
        Signal::SIGINT,
        Signal::SIGHUP,
        Signal::SIGUSR1,
    ] {
        let mut child = waiting(
            &bench,
            "trap 'echo got it > file; exit 9' TERM INT HUP USR1",
        );
        send(&child, signal);
        assert_eq!(child.wait().unwrap().code(), Some(9), "{signal}");
        assert_eq!(bench.read("base", "file"), "got it\n");
        bench.write("base", "file", "nothing");
    }
}

#[test]
fn command_that_a_signal_ends_gives_128_and_its_number() {
    let bench = Bench::with_workspace("base");
    let mut child = waiting(&bench, ":");
    send(&child, Signal::SIGTERM);
    assert_eq!(child.wait().unwrap().code(), Some(143));
    assert_eq!(bench.json(["show", "base"])["status"], "ready");
}

#[test]
fn what_the_command_leaves_running_is_ended() {
    let bench = Bench::with_workspace("base");
    let script = "trap '' HUP; (trap 'echo ended > file; exit' TERM; while :; do sleep 0.05; done) </dev/null >/dev/null 2>&1 & echo started";
    assert_eq!(
        bench.done(["run", "base", "--", "sh", "-c", script]),
        "started\n"
    );
    assert_eq!(bench.json(["show", "base"])["status"], "ready");
}

#[test]
fn key_on_the_terminal_interrupts_the_command_once() {
    let bench = Bench::with_workspace("base");
    let script = "trap 'echo interrupted' INT; echo ready; \
                  while :; do read line && break; done; exit 5";
    let mut command = Command::new("setsid");
    clean(&mut command).current_dir(bench.folder());
    command.arg("--ctty").arg(program());
    let mut terminal = Terminal::start(command.args(["run", "base", "--", "sh", "-c", script]));
    terminal.wait_for("ready");
    terminal.type_in("\u{3}");
    terminal.wait_for("interrupted");
    terminal.type_in("end\r");
    let (status, shown) = terminal.end();
    assert_eq!(status, 5, "{shown}");
    assert_eq!(shown.matches("interrupted").count(), 1, "{shown}");
    assert_eq!(bench.json(["show", "base"])["status"], "ready");
}

#[test]
fn shell_is_the_persons_own() {
    let bench = Bench::with_workspace("base");
    let mut command = bench.command(["shell", "base"]);
    command.env("SHELL", "/bin/sh").env("PS1", "prompt> ");
    let mut terminal = Terminal::start(&mut command);
    terminal.wait_for("leave the shell to end it");
    terminal.type_in("echo text > file; exit 3\r");
    let (status, shown) = terminal.end();
    assert_eq!(status, 3, "{shown}");
    assert_eq!(bench.read("base", "file"), "text\n");
}

#[test]
fn second_session_is_refused_and_the_first_goes_on() {
    let bench = Bench::with_workspace("base");
    let mut child = waiting(&bench, "trap 'exit 0' TERM");
    let ran = bench.run(["run", "base", "--", "true"]);
    let (status, told) = ran.failure();
    assert_eq!(status, 125);
    assert!(told.contains("[workspace_active]"), "{told}");
    assert!(told.contains("workdisk session end"), "{told}");
    send(&child, Signal::SIGTERM);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
