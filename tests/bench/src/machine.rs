//! On what it was measured.

use std::fs;

use serde::Serialize;

/// What the figures depend on besides the code.
#[derive(Serialize)]
pub(crate) struct Machine {
    kernel: String,
    processor: String,
    cores: usize,
    memory_mib: u64,
    /// The load when the run began, and when it ended: how many others wanted the processors.
    load_before: f64,
    load_after: f64,
}

impl Machine {
    pub(crate) fn now() -> Self {
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        let kib = field("/proc/meminfo", "MemTotal").unwrap_or_default();
        let kib: u64 = kib.trim_end_matches(" kB").parse().unwrap_or_default();
        Self {
            kernel: kernel.trim().to_owned(),
            processor: field("/proc/cpuinfo", "model name").unwrap_or_default(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_mib: kib >> 10,
            load_before: load(),
            load_after: 0.0,
        }
    }

    pub(crate) fn look_again(&mut self) {
        self.load_after = load();
    }

    /// A line for a person.
    pub(crate) fn line(&self) -> String {
        format!(
            "Linux {}, {} cores ({}), {} MiB; load {} before and {} after",
            self.kernel,
            self.cores,
            self.processor,
            self.memory_mib,
            self.load_before,
            self.load_after
        )
    }
}

/// The load of the last minute.
fn load() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let first = text.split_whitespace().next();
    first.and_then(|load| load.parse().ok()).unwrap_or_default()
}

fn field(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    let (_, value) = line.split_once(':')?;
    Some(value.trim().to_owned())
}
