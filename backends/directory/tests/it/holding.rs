//! Whether a volume that is in use is left alone.

use std::fs::File;

use workdisk::BackendErrorKind;
use workdisk::model::VolumeId;
use workdisk::volume::Volume;

use crate::support::Place;

#[tokio::test]
async fn volume_with_an_open_file_is_neither_unmounted_nor_frozen_nor_removed() {
    let place = Place::new().await;
    let (id, disk) = place.disk().await;
    place.volumes.mount(id).await.unwrap();
    let file = File::create(disk.join("open")).unwrap();
    let error = place.volumes.unmount(id).await.unwrap_err();
    let BackendErrorKind::Busy { holders } = error.kind() else {
        panic!("{error}");
    };
    assert_eq!(holders[0].pid, std::process::id());
    assert!(place.volumes.status(id).await.unwrap().unwrap().mounted);
    drop(file);
    place.volumes.unmount(id).await.unwrap();
    let _file = File::open(disk.join("open")).unwrap();
    assert!(
        place
            .volumes
            .freeze(id, VolumeId::new())
            .await
            .unwrap_err()
            .is_busy()
    );
    assert!(place.volumes.remove(id).await.unwrap_err().is_busy());
    assert_eq!(place.count("frozen") + place.count("staging"), 0);
}

#[tokio::test]
async fn volume_mounted_by_its_recipe_is_busy() {
    use rustix::mount::{UnmountFlags, mount_bind, unmount};

    let place = Place::new().await;
    let (id, _) = place.disk().await;
    let recipe = place.volumes.recipe(id).await.unwrap();
    let target = place.folder.path().join("elsewhere");
    std::fs::create_dir(&target).unwrap();
    // Without the right to mount there is nobody who could use the recipe.
    if mount_bind(&recipe.source, &target).is_err() {
        return;
    }
    let mounted = place.volumes.mount(id).await;
    let frozen = place.volumes.freeze(id, VolumeId::new()).await;
    let removed = place.volumes.remove(id).await;
    unmount(&target, UnmountFlags::empty()).unwrap();
    assert!(mounted.unwrap_err().is_busy());
    assert!(frozen.unwrap_err().is_busy());
    assert!(removed.unwrap_err().is_busy());
    place.volumes.mount(id).await.unwrap();
}
