//! Listing all volumes by pages.

use workdisk::Volume;
use workdisk::model::VolumeId;
use workdisk::volume::{VolumeKind, VolumeStatus};

use super::steps::{create, freeze, ids, open, remove};
use crate::harness::VolumeHarness;
use crate::pages::pages;

/// "All volumes in ascending order of id": none, at first.
pub async fn no_volume_is_an_empty_page<H: VolumeHarness>(harness: H) {
    let volumes = open(&harness).await;
    assert_eq!(ids(&volumes).await, []);
}

/// "All volumes", each with its state.
pub async fn every_volume_is_listed_with_its_state<H: VolumeHarness>(harness: H) {
    let volumes = open(&harness).await;
    let (idle, mounted) = (create(&volumes).await, create(&volumes).await);
    let frozen = freeze(&volumes, idle).await;
    volumes.mount(mounted).await.expect("a volume is mounted");
    let mut expected = vec![
        VolumeStatus::new(idle, VolumeKind::Active, false),
        VolumeStatus::new(mounted, VolumeKind::Active, true),
        VolumeStatus::new(frozen, VolumeKind::Frozen, false),
    ];
    expected.sort_by_key(|status| status.id);
    let listed = volumes.list(None, 9).await;
    assert_eq!(listed.expect("a listing is answered"), expected);
    volumes.unmount(mounted).await.expect("nobody holds it");
}

/// "In ascending order of id, those after `after` only, `limit` at most. Fewer are answered only if there are no more."
pub async fn pages_are_complete_and_in_order<H: VolumeHarness>(harness: H) {
    let volumes = open(&harness).await;
    let mut expected = Vec::new();
    for _ in 0..11 {
        expected.push(create(&volumes).await);
    }
    expected.sort();
    for limit in [1, 4, 11, 12] {
        let listed = pages(limit, async |after: Option<VolumeId>| {
            let page = volumes.list(after, limit).await;
            let page = page.expect("a listing is answered");
            page.iter().map(|status| status.id).collect()
        });
        assert_eq!(listed.await, expected, "by pages of {limit}");
    }
    let none = volumes.list(None, 0).await;
    assert_eq!(none.expect("a listing is answered"), []);
}

/// "Those after `after` only": a place, whether or not a volume is still there.
pub async fn page_begins_after_a_removed_volume<H: VolumeHarness>(harness: H) {
    let volumes = open(&harness).await;
    let mut all = Vec::new();
    for _ in 0..4 {
        all.push(create(&volumes).await);
    }
    all.sort();
    remove(&volumes, all[1]).await;
    let page = volumes.list(Some(all[1]), 9).await;
    let page = page.expect("a listing is answered");
    let listed: Vec<VolumeId> = page.iter().map(|status| status.id).collect();
    assert_eq!(listed, all[2..]);
}
