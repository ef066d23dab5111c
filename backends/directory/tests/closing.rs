//! What is left of volumes that were closed.

use workdisk_conformance::copies_of_open_file;
use workdisk_directory::DirectoryVolume;

/// A copy of the lock kept the volumes in use after they were closed.
#[tokio::test]
async fn volumes_that_are_closed_can_be_opened_again_beside_programs_that_start() {
    let folder = tempfile::tempdir().unwrap();
    let volumes = DirectoryVolume::open(folder.path()).await.unwrap();
    let copies = copies_of_open_file(&folder.path().join("lock")).unwrap();
    assert_eq!(copies.len(), 1);
    DirectoryVolume::open(folder.path()).await.unwrap_err();
    drop(volumes);
    DirectoryVolume::open(folder.path()).await.unwrap();
}
