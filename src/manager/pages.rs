//! Reading what a store lists page by page.

use crate::error::{BackendError, Error};

/// All that is listed, where `read` answers the page after a place, and a page shorter than `limit` is the last.
pub(super) async fn all<T, P, F>(
    verb: &'static str,
    limit: usize,
    place: impl Fn(&T) -> P,
    read: impl Fn(Option<P>) -> F,
) -> Result<Vec<T>, Error>
where
    F: Future<Output = Result<Vec<T>, BackendError>>,
{
    let mut all: Vec<T> = Vec::new();
    loop {
        let page = read(all.last().map(&place)).await;
        let page = page.map_err(|error| Error::storage(verb, error))?;
        let is_last = page.len() < limit;
        all.extend(page);
        if is_last {
            return Ok(all);
        }
    }
}
