//! The REST API over a data folder, as a server to run:
//! `cargo run --features http,github --example server -- --data-dir DIR --listen 127.0.0.1:8080 --api-key ACCOUNT=KEY`.
//!
//! It prints `listening on http://ADDRESS` once it answers, and logs to stderr as `RUST_LOG` says. SIGTERM and SIGINT let
//! the requests end that run; sessions go on, and the next server on the folder knows them.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it is a program that tells a person what it does"
)]

#[path = "server/args.rs"]
mod args;
#[path = "server/listen.rs"]
mod listen;
#[path = "server/metrics.rs"]
mod metrics;

use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use axum::middleware::from_fn_with_state;
use axum::routing::get;
use clap::Parser;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;
use workdisk::WorkspaceManager;
use workdisk::http::{HttpOptions, router_with};
use workdisk::manager::WorkspaceManagerBuilder;
use workdisk_memory::{MemoryMetadata, MemoryVolume};

use self::args::Args;
use self::metrics::Metrics;

/// How often what dead processes left is settled, and sessions are ended whose lease ran out.
const SWEEP: Duration = Duration::from_secs(15);

#[tokio::main]
async fn main() -> ExitCode {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .json()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    match serve(Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(args: Args) -> Result<(), Box<dyn Error>> {
    let keys = args.keys()?;
    listen::raise_open_files();
    let manager = open(&args).await?;
    let timeout = Duration::from_secs(args.timeout_seconds);
    let mut options = HttpOptions::default().with_timeout(timeout);
    if let Some(seconds) = args.lease_seconds {
        options = options.with_lease(Duration::from_secs(seconds));
    }
    if args.no_attempt_limit {
        options = options.without_attempt_limit();
    }
    let metrics = Arc::new(Metrics::new());
    let app = router_with(manager.clone(), Arc::new(keys), options)
        .layer(from_fn_with_state(Arc::clone(&metrics), metrics::measure));
    let shown = (Arc::clone(&metrics), manager.clone());
    let app = app.route("/metrics", get(metrics::show).with_state(shown));
    let listener = TcpListener::bind(&args.listen).await;
    let listener =
        listener.map_err(|error| format!("cannot listen on {}: {error}", args.listen))?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let sweeping = tokio::spawn(sweep(manager, metrics));
    println!("listening on http://{}", listener.local_addr()?);
    let stop = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping");
    };
    let idle = Duration::from_secs(args.idle_seconds);
    listen::until(stop, listener, app, idle).await;
    sweeping.abort();
    Ok(())
}

async fn open(args: &Args) -> Result<WorkspaceManager, Box<dyn Error>> {
    #[cfg(feature = "github")]
    let set_up = {
        let mut github = workdisk::github::GithubOptions::default();
        if let Some(url) = &args.github_base_url {
            github = github.with_base_url(url)?;
        }
        move |builder: WorkspaceManagerBuilder| builder.with_github(github)
    };
    #[cfg(not(feature = "github"))]
    let set_up = |builder: WorkspaceManagerBuilder| builder;
    let Some(preference) = args.volume.preference() else {
        let (metadata, volume) = (MemoryMetadata::new(), MemoryVolume::new()?);
        let builder = WorkspaceManager::builder(Arc::new(metadata), Arc::new(volume));
        return Ok(set_up(builder).open().await?);
    };
    let folder = args.data_dir.as_ref();
    let folder = folder.ok_or("give --data-dir, or --volume memory to keep nothing")?;
    let local = workdisk_local::open_with(folder, preference, set_up).await?;
    Ok(local.manager().clone())
}

/// Settles from time to time what nobody has asked about.
async fn sweep(manager: WorkspaceManager, metrics: Arc<Metrics>) {
    let mut ticks = tokio::time::interval(SWEEP);
    loop {
        ticks.tick().await;
        let swept = manager.recover().await;
        if let Err(error) = &swept {
            tracing::warn!(%error, "the sweep failed; the next one tries again");
        }
        metrics.note_sweep(swept.ok().as_ref());
    }
}
