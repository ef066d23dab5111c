//! Help and completions.

use crate::support::Bench;

#[test]
fn every_shell_gets_completions_of_every_command() {
    let bench = Bench::new();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = bench.done(["completions", shell]);
        for command in ["create", "snapshot", "completions"] {
            assert!(script.contains(command), "{shell} knows no {command}");
        }
    }
}

#[test]
fn bash_completes_a_command_by_the_script() {
    let bench = Bench::new();
    let script = bench.done(["completions", "bash"]);
    std::fs::write(bench.folder().join("completions"), script).unwrap();
    let ask = ". ./completions; COMP_WORDS=(workdisk snap); COMP_CWORD=1; \
               _workdisk workdisk snap workdisk; echo \"${COMPREPLY[@]}\"";
    let output = std::process::Command::new("bash")
        .args(["--norc", "-c", ask])
        .current_dir(bench.folder())
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "snapshot\n");
}

#[test]
fn help_tells_every_command_and_exit_status() {
    let bench = Bench::new();
    let help = bench.done(["--help"]);
    for word in [
        "create",
        "snapshot",
        "bench",
        "Exit status:",
        "--data-dir",
        "WORKDISK_API_KEY",
    ] {
        assert!(help.contains(word), "{word} is missing:\n{help}");
    }
    assert!(!bench.data().exists(), "asking for help makes nothing");
}

#[test]
fn key_in_the_environment_is_not_shown() {
    let bench = Bench::new();
    let mut command = bench.command(["--help"]);
    let output = command
        .env("WORKDISK_API_KEY", "secret-key")
        .output()
        .unwrap();
    assert!(!String::from_utf8_lossy(&output.stdout).contains("secret-key"));
}
