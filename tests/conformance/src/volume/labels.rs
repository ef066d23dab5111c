//! Labels: a text beside each volume.

use std::sync::Arc;

use workdisk::model::VolumeId;
use workdisk::volume::MAX_LABEL;
use workdisk::{BackendErrorKind, Volume};

use super::steps::{
    assert_kind, create, create_with, fork, freeze, names, open, remove, within, write,
};
use crate::harness::VolumeHarness;

async fn set(volumes: &dyn Volume, id: VolumeId, label: &str) {
    let set = volumes.set_label(id, label).await;
    set.expect("a volume that is there takes a label");
}

async fn label(volumes: &dyn Volume, id: VolumeId) -> Option<String> {
    volumes.label(id).await.expect("a read is answered")
}

/// "The text beside a volume. `None` if it has none."
pub async fn label_comes_back<H: VolumeHarness>(harness: H) {
    let volumes = open(&harness).await;
    let active = create(&volumes).await;
    let frozen = freeze(&volumes, active).await;
    assert_eq!(label(&volumes, active).await, None);
    set(&volumes, active, "of the active one").await;
    set(&volumes, frozen, "of the frozen one").await;
    let labels = [label(&volumes, active).await, label(&volumes, frozen).await];
    let expected = ["of the active one", "of the frozen one"].map(|it| Some(it.to_owned()));
    assert_eq!(labels, expected);
}

/// "A text": any, up to the greatest length.
pub async fn label_of_any_text_is_kept<H: VolumeHarness>(harness: H) {
    let volumes = open(&harness).await;
    let id = create(&volumes).await;
    for text in ["", "{\"a\":\"Zürich\\n\"}\n\0", &"東".repeat(MAX_LABEL / 3)] {
        set(&volumes, id, text).await;
        assert_eq!(label(&volumes, id).await.as_deref(), Some(text));
    }
}

/// "Instead of the one that is there", the longer one included.
pub async fn label_is_replaced_by_the_next<H: VolumeHarness>(harness: H) {
    let volumes = open(&harness).await;
    let (id, other) = (create(&volumes).await, create(&volumes).await);
    set(&volumes, id, &"long ".repeat(100)).await;
    set(&volumes, other, "other").await;
    set(&volumes, id, "short").await;
    assert_eq!(label(&volumes, id).await.as_deref(), Some("short"));
    assert_eq!(label(&volumes, other).await.as_deref(), Some("other"));
}

/// "`InvalidInput` for more than `MAX_LABEL` bytes, with nothing changed."
pub async fn label_that_is_too_long_is_invalid<H: VolumeHarness>(harness: H) {
    let volumes = open(&harness).await;
    let id = create(&volumes).await;
    set(&volumes, id, "before").await;
    let refused = volumes.set_label(id, &"x".repeat(MAX_LABEL + 1)).await;
    assert_kind(refused, BackendErrorKind::InvalidInput);
    assert_eq!(label(&volumes, id).await.as_deref(), Some("before"));
}

/// "With a label beside the volume", of each kind of making, and with the files that it has without one.
pub async fn volume_that_is_made_with_a_label_has_it<H: VolumeHarness>(harness: H) {
    let volumes = open(&harness).await;
    let [first, frozen, again, forked] = [(); 4].map(|()| VolumeId::new());
    let made = volumes.create_labelled(first, "first").await;
    made.expect("a volume is created");
    within(&volumes, first, |root| write(root, "file", "content")).await;
    for (id, text) in [(frozen, "frozen"), (again, "again")] {
        let made = volumes.freeze_labelled(first, id, text).await;
        made.expect("an idle volume is frozen");
    }
    let made = volumes.fork_labelled(frozen, forked, "forked").await;
    made.expect("a frozen volume is forked");
    let texts = [
        (first, "first"),
        (frozen, "frozen"),
        (again, "again"),
        (forked, "forked"),
    ];
    for (id, text) in texts {
        assert_eq!(label(&volumes, id).await.as_deref(), Some(text));
    }
    assert_eq!(within(&volumes, forked, names).await, ["file"]);
    let long = "x".repeat(MAX_LABEL + 1);
    let refused = volumes.create_labelled(VolumeId::new(), &long).await;
    assert_kind(refused, BackendErrorKind::InvalidInput);
}

/// "`AlreadyExists` for a fresh id that is taken": what has it keeps its own label.
pub async fn volume_is_not_made_over_another_with_its_label<H: VolumeHarness>(harness: H) {
    let volumes = open(&harness).await;
    let active = create(&volumes).await;
    let frozen = freeze(&volumes, active).await;
    set(&volumes, active, "before").await;
    set(&volumes, frozen, "before").await;
    let refused = [
        volumes.create_labelled(active, "after").await,
        volumes.fork_labelled(frozen, active, "after").await,
        volumes.freeze_labelled(active, frozen, "after").await,
    ];
    for refused in refused {
        assert_kind(refused, BackendErrorKind::AlreadyExists);
    }
    for id in [active, frozen] {
        assert_eq!(label(&volumes, id).await.as_deref(), Some("before"));
    }
}

/// "`NotFound` for a volume that is not there", and "`None` if it is not there".
pub async fn absent_volume_takes_no_label<H: VolumeHarness>(harness: H) {
    let volumes = open(&harness).await;
    let absent = VolumeId::new();
    assert_kind(
        volumes.set_label(absent, "of nothing").await,
        BackendErrorKind::NotFound,
    );
    assert_eq!(label(&volumes, absent).await, None);
}

/// "It goes when the volume goes": what is made under the same id has none.
pub async fn removed_volume_takes_its_label_along<H: VolumeHarness>(harness: H) {
    let volumes = open(&harness).await;
    let active = create(&volumes).await;
    let frozen = freeze(&volumes, active).await;
    set(&volumes, active, "active").await;
    set(&volumes, frozen, "frozen").await;
    remove(&volumes, active).await;
    remove(&volumes, frozen).await;
    assert_eq!(label(&volumes, active).await, None);
    assert_eq!(label(&volumes, frozen).await, None);
    let created = volumes.create(frozen).await;
    created.expect("the id is free again");
    assert_eq!(label(&volumes, frozen).await, None);
}

/// "It is taken over neither by a fork nor by what is frozen", and each keeps its own.
pub async fn fork_and_frozen_volume_begin_without_a_label<H: VolumeHarness>(harness: H) {
    let volumes = open(&harness).await;
    let active = create_with(&volumes, |root| write(root, "file", "content")).await;
    set(&volumes, active, "active").await;
    let frozen = freeze(&volumes, active).await;
    assert_eq!(label(&volumes, frozen).await, None);
    set(&volumes, frozen, "frozen").await;
    let forked = fork(&volumes, frozen).await;
    assert_eq!(label(&volumes, forked).await, None);
    assert_eq!(label(&volumes, active).await.as_deref(), Some("active"));
    assert_eq!(label(&volumes, frozen).await.as_deref(), Some("frozen"));
}

/// "It is none of the volume's files", and may be set at any time.
pub async fn label_of_a_mounted_volume_is_none_of_its_files<H: VolumeHarness>(harness: H) {
    let volumes = open(&harness).await;
    let id = create_with(&volumes, |root| write(root, "file", "content")).await;
    set(&volumes, id, "before").await;
    let root = volumes.mount(id).await.expect("a volume is mounted");
    set(&volumes, id, "meanwhile").await;
    assert_eq!(names(&root), ["file"]);
    let unmounted = volumes.unmount(id).await;
    unmounted.expect("nobody holds it");
    assert_eq!(label(&volumes, id).await.as_deref(), Some("meanwhile"));
}

/// "The old one or the new one, whole": of those that are set at once, one stands.
pub async fn one_of_racing_labels_stands_whole<H: VolumeHarness>(harness: H) {
    let volumes = open(&harness).await;
    let id = create(&volumes).await;
    let texts: Vec<String> = (0..8).map(|n| n.to_string().repeat(50 * (n + 1))).collect();
    let mut racers = Vec::new();
    for text in texts.clone() {
        let volumes = Arc::clone(&volumes);
        racers.push(tokio::spawn(async move {
            set(&volumes, id, &text).await;
            label(&volumes, id).await
        }));
    }
    for racer in racers {
        let seen = racer.await.expect("no racer panics");
        assert!(seen.is_some_and(|seen| texts.contains(&seen)));
    }
}
