//! Volumes that share bytes and do not notice.

use std::fs::{self, OpenOptions, Permissions};
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use workdisk::Volume;

use super::steps::{
    create_with, fork, freeze, frozen_with, look_into, names, open, read, remove, within, write,
};
use crate::harness::VolumeHarness;

fn fill(root: &Path) {
    for name in [
        "appended",
        "overwritten",
        "truncated",
        "moved",
        "removed",
        "chmodded",
    ] {
        write(root, name, "as it was");
    }
    fs::create_dir(root.join("folder")).expect("a folder is made");
    write(root, "folder/inner", "as it was");
}

/// Changes each file of [`fill`] in a way of its own, in place.
fn change(root: &Path) {
    let open = |name: &str| {
        let file = OpenOptions::new().write(true).open(root.join(name));
        file.expect("a file is opened")
    };
    let mut appended = open("appended");
    appended
        .seek(SeekFrom::End(0))
        .and_then(|_| appended.write_all(b"more"))
        .expect("a file is appended to");
    open("overwritten")
        .write_all(b"AS")
        .expect("a file is overwritten");
    open("truncated").set_len(2).expect("a file is truncated");
    fs::rename(root.join("moved"), root.join("elsewhere")).expect("a file is moved");
    fs::remove_file(root.join("removed")).expect("a file is removed");
    fs::set_permissions(root.join("chmodded"), Permissions::from_mode(0o600))
        .expect("a mode is set");
    fs::remove_dir_all(root.join("folder")).expect("a folder is removed");
    write(root, "folder", "a file now");
    write(root, "new", "new");
}

#[track_caller]
fn assert_as_filled(root: &Path) {
    let expected = [
        "appended",
        "chmodded",
        "folder",
        "moved",
        "overwritten",
        "removed",
        "truncated",
    ];
    assert_eq!(names(root), expected);
    for name in expected.iter().filter(|name| **name != "folder") {
        assert_eq!(read(root, name), "as it was", "{name}");
    }
    assert_eq!(read(root, "folder/inner"), "as it was");
    let mode = fs::metadata(root.join("chmodded")).expect("it is there");
    assert_eq!(mode.permissions().mode() & 0o777, 0o644);
}

#[track_caller]
fn assert_as_changed(root: &Path) {
    let expected = [
        "appended",
        "chmodded",
        "elsewhere",
        "folder",
        "new",
        "overwritten",
        "truncated",
    ];
    assert_eq!(names(root), expected);
    for (name, content) in [
        ("appended", "as it wasmore"),
        ("overwritten", "AS it was"),
        ("truncated", "as"),
        ("elsewhere", "as it was"),
        ("folder", "a file now"),
        ("new", "new"),
    ] {
        assert_eq!(read(root, name), content, "{name}");
    }
}

fn fill_for_all(root: &Path) {
    fill(root);
    fs::set_permissions(root.join("chmodded"), Permissions::from_mode(0o644))
        .expect("a mode is set");
}

/// "What is written to one volume is never seen in another, shared bytes included."
pub async fn forked_volume_keeps_parent_bytes<H: VolumeHarness>(harness: H) {
    let volumes = open(&harness).await;
    let parent = frozen_with(&volumes, fill_for_all).await;
    let id = fork(&volumes, parent).await;
    within(&volumes, id, assert_as_filled).await;
    within(&volumes, id, change).await;
    within(&volumes, id, assert_as_changed).await;
    look_into(&volumes, parent, assert_as_filled).await;
}

/// "What is written to one volume is never seen in another, shared bytes included."
pub async fn forks_of_one_parent_are_apart<H: VolumeHarness>(harness: H) {
    let volumes = open(&harness).await;
    let parent = frozen_with(&volumes, fill_for_all).await;
    let (one, other) = (fork(&volumes, parent).await, fork(&volumes, parent).await);
    within(&volumes, one, change).await;
    within(&volumes, other, assert_as_filled).await;
    within(&volumes, one, assert_as_changed).await;
}

/// "What is written to one volume is never seen in another": while both are mounted too.
pub async fn forks_mounted_at_once_are_apart<H: VolumeHarness>(harness: H) {
    let volumes = open(&harness).await;
    let parent = frozen_with(&volumes, fill_for_all).await;
    let (one, other) = (fork(&volumes, parent).await, fork(&volumes, parent).await);
    let (at_one, at_other) = (
        volumes.mount(one).await.expect("a volume is mounted"),
        volumes.mount(other).await.expect("a volume is mounted"),
    );
    assert_as_filled(&at_other);
    change(&at_one);
    assert_as_filled(&at_other);
    assert_as_changed(&at_one);
    for id in [one, other] {
        volumes.unmount(id).await.expect("nobody holds it");
    }
}

/// "A fork and its parent are independent: either may be changed or removed first."
pub async fn fork_outlives_its_parent<H: VolumeHarness>(harness: H) {
    let volumes = open(&harness).await;
    let parent = frozen_with(&volumes, fill_for_all).await;
    let id = fork(&volumes, parent).await;
    remove(&volumes, parent).await;
    volumes.reclaim().await.expect("space is given back");
    within(&volumes, id, assert_as_filled).await;
    within(&volumes, id, change).await;
    let frozen = freeze(&volumes, id).await;
    look_into(&volumes, frozen, assert_as_changed).await;
}

/// "A fork and its parent are independent: either may be changed or removed first."
pub async fn parent_outlives_its_fork<H: VolumeHarness>(harness: H) {
    let volumes = open(&harness).await;
    let parent = frozen_with(&volumes, fill_for_all).await;
    let id = fork(&volumes, parent).await;
    within(&volumes, id, change).await;
    remove(&volumes, id).await;
    volumes.reclaim().await.expect("space is given back");
    look_into(&volumes, parent, assert_as_filled).await;
}

/// "What the three share stays on the disk until the last of them goes."
pub async fn two_clones_of_a_template_outlive_it<H: VolumeHarness>(harness: H) {
    let volumes = open(&harness).await;
    let template = create_with(&volumes, fill_for_all).await;
    let frozen = freeze(&volumes, template).await;
    let (a, b) = (fork(&volumes, frozen).await, fork(&volumes, frozen).await);
    remove(&volumes, frozen).await;
    remove(&volumes, template).await;
    volumes.reclaim().await.expect("space is given back");
    within(&volumes, a, change).await;
    remove(&volumes, a).await;
    volumes.reclaim().await.expect("space is given back");
    within(&volumes, b, assert_as_filled).await;
}

/// "Makes the active volume `id` with the files of the frozen volume `parent`": however long the line of ancestors.
pub async fn long_lines_of_forks_keep_every_step<H: VolumeHarness>(harness: H) {
    const STEPS: usize = 12;
    let volumes = open(&harness).await;
    let mut frozen = frozen_with(&volumes, |_| {}).await;
    for step in 0..STEPS {
        let id = fork(&volumes, frozen).await;
        within(&volumes, id, |path| {
            write(path, "last", step.to_string());
            write(path, &format!("step {step}"), "");
            if step % 3 == 2 {
                let before = path.join(format!("step {}", step - 1));
                fs::remove_file(before).expect("a file is removed");
            }
        })
        .await;
        let next = freeze(&volumes, id).await;
        remove(&volumes, id).await;
        remove(&volumes, frozen).await;
        frozen = next;
    }
    look_into(&volumes, frozen, |path| {
        assert_eq!(read(path, "last"), (STEPS - 1).to_string());
        let kept = (0..STEPS).filter(|step| step % 3 != 1);
        let mut expected: Vec<String> = kept.map(|step| format!("step {step}")).collect();
        expected.push("last".to_owned());
        expected.sort();
        assert_eq!(names(path), expected);
    })
    .await;
}

/// "Calls on different volumes may run at the same time".
pub async fn volumes_worked_on_at_once_stay_apart<H: VolumeHarness>(harness: H) {
    let volumes = open(&harness).await;
    let parent = frozen_with(&volumes, fill_for_all).await;
    let mut tasks = Vec::new();
    for index in 0..6 {
        let volumes: Arc<dyn Volume> = Arc::clone(&volumes);
        tasks.push(tokio::spawn(async move {
            let text = index.to_string();
            let id = fork(&volumes, parent).await;
            within(&volumes, id, |path| write(path, "overwritten", &text)).await;
            let frozen = freeze(&volumes, id).await;
            remove(&volumes, id).await;
            look_into(&volumes, frozen, |path| {
                assert_eq!(read(path, "overwritten"), text);
            })
            .await;
        }));
    }
    for task in tasks {
        task.await.expect("a volume is worked on by one task");
    }
    look_into(&volumes, parent, assert_as_filled).await;
}
