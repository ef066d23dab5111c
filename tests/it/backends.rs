//! The main job on each of the bundled backends.

use workdisk::manager::{CloneWorkspace, Force, RestoreSnapshot};

use crate::support::{Bench, in_session, read, write};

#[tokio::test]
async fn main_job_works_in_memory() {
    main_job(Bench::in_memory().await).await;
}

#[tokio::test]
async fn main_job_works_on_sled_and_directories() {
    main_job(Bench::new().await).await;
}

#[tokio::test]
async fn main_job_works_on_sled_and_overlayfs() {
    if let Some(bench) = Bench::on_overlayfs().await {
        main_job(bench).await;
    }
}

/// Fill, snapshot, clone, break, restore, delete; a crash between; and nothing is left behind.
async fn main_job(mut bench: Bench) {
    let source = bench.sandbox("source").await.id;
    in_session(&bench.account, source, |root| {
        std::fs::create_dir(root.join("folder")).unwrap();
        std::fs::write(root.join("folder/inside"), "inside").unwrap();
    })
    .await;
    write(&bench.account, source, "one").await;
    bench
        .account
        .create_snapshot(source, "one", Force::No)
        .await
        .unwrap();
    let clone = bench
        .account
        .clone_workspace(source, CloneWorkspace::of_head())
        .await
        .unwrap();
    in_session(&bench.account, clone.id, |root| {
        // A folder that came from a layer below is moved, which fails with EXDEV where redirects are off.
        std::fs::rename(root.join("folder"), root.join("moved")).unwrap();
    })
    .await;
    write(&bench.account, source, "two").await;
    bench.crash().await;
    let options = RestoreSnapshot::default().with_save_head_as("two");
    bench.account.restore(source, "one", options).await.unwrap();
    assert_eq!(read(&bench.account, source).await, "one");
    bench.account.measure(source).await.unwrap();
    let again = bench
        .account
        .clone_workspace(clone.id, CloneWorkspace::of_head())
        .await
        .unwrap();
    bench.account.delete(clone.id, Force::No).await.unwrap();
    let moved = in_session(&bench.account, again.id, |root| {
        (
            std::fs::read_to_string(root.join("moved/inside")).unwrap(),
            root.join("folder").exists(),
        )
    });
    assert_eq!(moved.await, ("inside".to_owned(), false));
    let two = CloneWorkspace::of_snapshot("two");
    let two = bench.account.clone_workspace(source, two).await.unwrap();
    bench.account.delete_snapshot(source, "two").await.unwrap();
    assert_eq!(read(&bench.account, two.id).await, "two");
    bench.assert_no_orphan().await;
    for id in [source, again.id, two.id] {
        bench.account.delete(id, Force::No).await.unwrap();
    }
    bench.manager.reclaim().await.unwrap();
    assert_eq!(bench.volume.list(None, 10).await.unwrap(), []);
}
