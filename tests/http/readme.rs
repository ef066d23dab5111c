//! The README's calls, run as they stand there.

use std::process::{Command, Stdio};

use workdisk_conformance::Skip;

use crate::server::Process;

/// The code blocks of the README's section on the API that a shell runs.
fn calls() -> String {
    let readme = include_str!("../../README.md");
    let (_, section) = readme.split_once("\n## The REST API\n").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let blocks = section.split("```bash\n").skip(1);
    blocks
        .map(|block| block.split("```").next().unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_of_the_readme_work() {
    for tool in ["bash", "curl", "jq"] {
        let found = Command::new(tool)
            .arg("--version")
            .stdout(Stdio::null())
            .status();
        if !found.is_ok_and(|status| status.success()) {
            return Skip::new(format!("the README's calls need {tool}: install it")).announce();
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let server = Process::start(folder.path());
    let script = format!("set -euo pipefail\n{}", calls());
    let output = Command::new("bash")
        .args(["-c", &script])
        .env("WORKDISK", format!("http://{}", server.address))
        .env("KEY", "a-key-of-acme")
        .output()
        .unwrap();
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{out}\n{err}");
    assert!(out.contains("déjà vu"), "{out}");
}
