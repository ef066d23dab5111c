//! What the server is told on its command line, in its environment and in a file of keys.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use workdisk::http::HashedKeys;
use workdisk::model::AccountId;
use workdisk_local::VolumePreference;

/// Where keys are looked for that must not be seen in a list of processes.
const ENVIRONMENT: &str = "WORKDISK_API_KEYS";

/// Serves workspaces over HTTP.
#[derive(Debug, Parser)]
pub(crate) struct Args {
    /// The folder that keeps everything; made if it is missing.
    #[arg(long)]
    pub(crate) data_dir: Option<PathBuf>,
    /// Where to listen; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:8080")]
    pub(crate) listen: String,
    /// A key and whose it is, as ACCOUNT=KEY. Others can see it in the list of processes: prefer the file.
    #[arg(long = "api-key", value_name = "ACCOUNT=KEY")]
    api_keys: Vec<String>,
    /// A file of keys, ACCOUNT=KEY on each line; lines that begin with # are comments. WORKDISK_API_KEYS holds the same.
    #[arg(long, value_name = "FILE")]
    api_keys_file: Option<PathBuf>,
    /// What keeps the files.
    #[arg(long, value_enum, default_value_t = VolumeArg::Auto)]
    pub(crate) volume: VolumeArg,
    /// How many seconds a session lasts that is started without saying it, after each renewal.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=31_622_400))]
    pub(crate) lease_seconds: Option<u64>,
    /// How many seconds a connection may be idle, or a client take for the head of a request.
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) idle_seconds: u64,
    /// How many seconds a call is waited for. It goes on after that, and an import is then answered 202 shortly before.
    #[arg(long, value_name = "N", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) timeout_seconds: u64,
    /// Lets an address give as many wrong keys as it likes: for a server behind a proxy, which is everybody's address.
    #[arg(long)]
    pub(crate) no_attempt_limit: bool,
    /// Where repositories are imported from, instead of https://github.com.
    #[cfg(feature = "github")]
    #[arg(long, value_name = "URL")]
    pub(crate) github_base_url: Option<String>,
}

/// What keeps the files.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum VolumeArg {
    /// overlayfs where it works, else directory.
    Auto,
    /// overlayfs, or an error that says why it does not work here.
    Overlayfs,
    /// Plain copies.
    Directory,
    /// Everything in process, gone with it.
    Memory,
}

impl VolumeArg {
    /// What a data folder is opened with, or nothing if everything is in memory.
    pub(crate) fn preference(self) -> Option<VolumePreference> {
        match self {
            VolumeArg::Auto => Some(VolumePreference::Best),
            VolumeArg::Overlayfs => Some(VolumePreference::Overlayfs),
            VolumeArg::Directory => Some(VolumePreference::Directory),
            VolumeArg::Memory => None,
        }
    }
}

impl Args {
    /// The keys from everywhere. No error shows one.
    pub(crate) fn keys(&self) -> Result<HashedKeys, String> {
        let mut keys = HashedKeys::new();
        for given in &self.api_keys {
            keys = add(keys, given, "--api-key")?;
        }
        if let Some(file) = &self.api_keys_file {
            let text = std::fs::read_to_string(file);
            let text = text.map_err(|error| format!("cannot read {}: {error}", file.display()))?;
            keys = add_lines(keys, &text, &file.display().to_string())?;
        }
        if let Ok(text) = std::env::var(ENVIRONMENT) {
            keys = add_lines(keys, &text, ENVIRONMENT)?;
        }
        if keys.accounts().next().is_none() {
            return Err(format!(
                "there is no key: give --api-key, --api-keys-file or {ENVIRONMENT}"
            ));
        }
        Ok(keys)
    }
}

fn add_lines(mut keys: HashedKeys, text: &str, place: &str) -> Result<HashedKeys, String> {
    let lines = text.lines().map(str::trim).enumerate();
    for (index, line) in lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
        keys = add(keys, line, &format!("{place}, line {}", index + 1))?;
    }
    Ok(keys)
}

fn add(keys: HashedKeys, given: &str, place: &str) -> Result<HashedKeys, String> {
    let (account, key) = given
        .split_once('=')
        .ok_or_else(|| format!("{place}: a key is given as ACCOUNT=KEY"))?;
    let account = AccountId::parse(account).map_err(|error| format!("{place}: {error}"))?;
    keys.with_key(account, key)
        .map_err(|error| format!("{place}: {error}"))
}
