//! Shows that something goes on, on a terminal and only once it takes a while.

use std::time::Duration;

use indicatif::ProgressBar;

/// What is done sooner is not worth a line that comes and goes.
const PATIENCE: Duration = Duration::from_millis(300);

const TICK: Duration = Duration::from_millis(100);

/// Waits for some work, saying what it is if it takes a while.
pub(crate) async fn during<T>(what: &str, work: impl Future<Output = T>) -> T {
    let mut work = std::pin::pin!(work);
    if let Ok(done) = tokio::time::timeout(PATIENCE, &mut work).await {
        return done;
    }
    // It draws on the standard error, and on no other than a terminal.
    let spinner = ProgressBar::new_spinner().with_message(what.to_owned());
    spinner.enable_steady_tick(TICK);
    let done = work.await;
    spinner.finish_and_clear();
    done
}
