//! How labels lie on the disk.

use workdisk::BackendErrorKind;
use workdisk::volume::Volume;

use crate::support::Place;

/// That is where it is on a file system without extended attributes.
#[tokio::test]
async fn label_in_the_content_of_its_file_is_read_and_can_be_replaced() {
    let place = Place::new().await;
    let (id, disk) = place.disk().await;
    let file = disk.parent().unwrap().join("label");
    std::fs::write(&file, "by content").unwrap();
    let read = place.volumes.label(id).await.unwrap();
    assert_eq!(read.as_deref(), Some("by content"));
    place.volumes.set_label(id, "next").await.unwrap();
    assert_eq!(
        place.volumes.label(id).await.unwrap().as_deref(),
        Some("next")
    );
}

#[tokio::test]
async fn file_that_is_no_label_is_corrupt() {
    let place = Place::new().await;
    let (id, disk) = place.disk().await;
    std::fs::write(disk.parent().unwrap().join("label"), b"\xff\xfe").unwrap();
    let error = place.volumes.label(id).await.unwrap_err();
    assert!(
        matches!(error.kind(), BackendErrorKind::Corrupt { .. }),
        "{error:?}"
    );
}
