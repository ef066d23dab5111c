//! Walking a listing page by page.

/// Every page of a listing, where `read` answers the page after an item. Demands that only the last one is short.
pub(crate) async fn pages<T: Clone>(
    limit: usize,
    mut read: impl AsyncFnMut(Option<T>) -> Vec<T>,
) -> Vec<T> {
    const MOST_PAGES: usize = 1_000;
    let mut items: Vec<T> = Vec::new();
    for _ in 0..MOST_PAGES {
        let page = read(items.last().cloned()).await;
        let length = page.len();
        assert!(
            length <= limit,
            "{length} items in a page of {limit} at most"
        );
        items.extend(page);
        if length < limit {
            let more = read(items.last().cloned()).await;
            assert!(
                more.is_empty(),
                "a page of {length} of {limit} was not the last"
            );
            return items;
        }
    }
    panic!("the listing did not end after {MOST_PAGES} pages");
}
