//! Reservations: ids of volumes that no record need name, noted and forgotten together.

use workdisk::Metadata;
use workdisk::metadata::{Change, Outcome};
use workdisk::model::{Owner, Reservation, VolumeId};

use super::steps::{assert_stored, insert};
use crate::fixtures::{account, next, record};
use crate::harness::MetadataHarness;
use crate::pages::pages;

fn reservation(pid: u32) -> Reservation {
    let owner = Owner::new("host \"one\"", "boot", u64::MAX, pid, 7);
    Reservation::new(VolumeId::new(), owner)
}

async fn reserve(store: &dyn Metadata, reserved: &[Reservation], released: &[VolumeId]) {
    let change = Change::Reserve {
        reserved: reserved.to_vec(),
        released: released.to_vec(),
    };
    let outcome = store.commit(change).await;
    assert_eq!(outcome.expect("a change is answered"), Outcome::Done);
}

async fn reservations(store: &dyn Metadata) -> Vec<Reservation> {
    let answer = store.reservations(None, usize::MAX).await;
    answer.expect("a listing is answered")
}

fn in_order(reservations: &[Reservation]) -> Vec<Reservation> {
    let mut ordered = reservations.to_vec();
    ordered.sort_by_key(|it| it.volume);
    ordered
}

/// "Notes reservations, and forgets others."
pub async fn reservations_are_noted_and_forgotten<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    assert_eq!(reservations(&store).await, []);
    let noted = [reservation(1), reservation(2), reservation(3)];
    reserve(&store, &noted, &[]).await;
    assert_eq!(reservations(&store).await, in_order(&noted));
    let later = reservation(4);
    let gone = [noted[0].volume, noted[2].volume, VolumeId::new()];
    reserve(&store, std::slice::from_ref(&later), &gone).await;
    let expected = [noted[1].clone(), later];
    assert_eq!(reservations(&store).await, in_order(&expected));
}

/// "What is noted, instead of what was noted of the same volumes", and "the volumes that are forgotten after that".
pub async fn later_note_of_a_volume_stands<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    let first = reservation(1);
    reserve(&store, std::slice::from_ref(&first), &[]).await;
    let mut second = reservation(2);
    second.volume = first.volume;
    reserve(&store, std::slice::from_ref(&second), &[]).await;
    assert_eq!(reservations(&store).await, [second]);
    reserve(&store, std::slice::from_ref(&first), &[first.volume]).await;
    assert_eq!(reservations(&store).await, []);
}

/// "Noted in the same step": with the record, and only if that is changed.
pub async fn volumes_are_noted_as_their_record_lets_go<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    let (first, later) = (reservation(1), reservation(2));
    let mut second = reservation(3);
    second.volume = first.volume;
    reserve(&store, &[first], &[]).await;
    let before = record(&account("ours"));
    insert(&store, &before).await;
    let noted = [second, later];
    let change = Change::Update {
        expected: before.version,
        record: next(&before),
        snapshots: Vec::new(),
        receipt: None,
        reserved: noted.to_vec(),
    };
    let outcome = store.commit(change.clone()).await;
    assert_eq!(outcome.expect("an update is answered"), Outcome::Done);
    assert_stored(&store, &next(&before)).await;
    assert_eq!(reservations(&store).await, in_order(&noted));
    let gone: Vec<VolumeId> = noted.iter().map(|it| it.volume).collect();
    reserve(&store, &[], &gone).await;
    let outcome = store.commit(change).await;
    let outcome = outcome.expect("an update is answered");
    assert_eq!(outcome, Outcome::VersionConflict);
    assert_eq!(reservations(&store).await, []);
}

/// "The reservations in ascending order of their volume, those after `after` only, `limit` at most."
pub async fn pages_are_complete_and_in_order<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    let noted: Vec<Reservation> = (0..5).map(reservation).collect();
    reserve(&store, &noted, &[]).await;
    let limit = 2;
    let read = pages(limit, async |after: Option<Reservation>| {
        let after = after.map(|it| it.volume);
        let page = store.reservations(after, limit).await;
        page.expect("a listing is answered")
    });
    assert_eq!(read.await, in_order(&noted));
}

/// "A change that `commit` answered with `Outcome::Done` MUST survive the death of the process", and "with it every change
/// before".
pub async fn reservations_are_still_there<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    let (early, late) = (reservation(1), reservation(2));
    let change = Change::Reserve {
        reserved: vec![early.clone()],
        released: Vec::new(),
    };
    let outcome = store.commit_soon(change).await;
    assert_eq!(outcome.expect("a change is answered"), Outcome::Done);
    reserve(&store, std::slice::from_ref(&late), &[]).await;
    drop(store);
    let store = harness.open().await;
    assert_eq!(reservations(&store).await, in_order(&[early, late]));
}
