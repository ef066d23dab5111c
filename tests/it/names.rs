//! Names and selectors.

use workdisk::Error;
use workdisk::manager::{CloneWorkspace, CreateWorkspace};
use workdisk::model::SessionType;

use crate::support::{Bench, SANDBOX, code};

#[tokio::test]
async fn name_is_unique_in_its_account_ignoring_case_and_free_in_another() {
    let bench = Bench::new().await;
    bench.sandbox("Straße").await;
    let again = bench
        .account
        .create(CreateWorkspace::new(SANDBOX).with_name("STRASSE"))
        .await;
    assert!(matches!(&again, Err(Error::WorkspaceNameTaken { name }) if name == "STRASSE"));
    let other = bench.manager.account("other").unwrap();
    other
        .create(CreateWorkspace::new(SANDBOX).with_name("STRASSE"))
        .await
        .unwrap();
}

#[tokio::test]
async fn own_name_in_another_case_is_a_rename() {
    let bench = Bench::new().await;
    let workspace = bench.sandbox("project").await;
    let renamed = bench.account.set_name("project", "PROJECT").await.unwrap();
    assert_eq!(
        (renamed.id, renamed.name.as_deref()),
        (workspace.id, Some("PROJECT"))
    );
    assert!(renamed.revision > workspace.revision);
    let same = bench.account.set_name("project", "PROJECT").await.unwrap();
    assert_eq!(same.revision, renamed.revision);
}

#[tokio::test]
async fn cleared_name_is_free_and_its_workspace_is_reached_by_id() {
    let bench = Bench::new().await;
    let workspace = bench.sandbox("a").await;
    assert_eq!(bench.account.clear_name("a").await.unwrap().name, None);
    assert_eq!(code(bench.account.get("a").await), "workspace_not_found");
    assert_eq!(
        bench
            .account
            .get(workspace.id.to_string())
            .await
            .unwrap()
            .id,
        workspace.id
    );
    bench.sandbox("a").await;
}

#[tokio::test]
async fn workspace_without_a_name_gets_a_readable_one() {
    let bench = Bench::new().await;
    let made = bench
        .account
        .create(CreateWorkspace::new(SANDBOX))
        .await
        .unwrap();
    let name = made.name.unwrap();
    assert_eq!(name.split('-').count(), 3, "{name}");
    let clone = bench
        .account
        .clone_workspace(&name, CloneWorkspace::of_head())
        .await
        .unwrap();
    assert_ne!(clone.name.unwrap(), name);
}

#[tokio::test]
async fn bad_input_is_refused_with_its_code_and_changes_nothing() {
    let bench = Bench::new().await;
    let new = |name: &str| CreateWorkspace::new(SANDBOX).with_name(name);
    let account = &bench.account;
    assert_eq!(
        code(account.create(new("")).await),
        "workspace_name_invalid"
    );
    assert_eq!(
        code(account.create(new(" x")).await),
        "workspace_name_invalid"
    );
    assert_eq!(
        code(account.create(new("a").with_image("a b")).await),
        "image_invalid"
    );
    let browser = CreateWorkspace::new(SessionType::Browser).with_image("ubuntu");
    assert_eq!(code(account.create(browser).await), "image_not_allowed");
    let workspace = bench.sandbox("w").await;
    assert_eq!(
        code(account.set_name("w", "a\u{202e}").await),
        "workspace_name_invalid"
    );
    assert_eq!(account.get("w").await.unwrap(), workspace);
    bench.assert_no_orphan().await;
}

#[tokio::test]
async fn image_is_stored_in_its_canonical_form_and_inherited() {
    let bench = Bench::new().await;
    let options = CreateWorkspace::new(SANDBOX)
        .with_name("w")
        .with_image("ubuntu");
    let workspace = bench.account.create(options).await.unwrap();
    assert_eq!(
        workspace.image.as_deref(),
        Some("docker.io/library/ubuntu:latest")
    );
    let clone = bench
        .account
        .clone_workspace("w", CloneWorkspace::of_head())
        .await
        .unwrap();
    assert_eq!(clone.image, workspace.image);
}

#[tokio::test]
async fn what_is_of_another_account_is_not_found_like_what_never_was() {
    let bench = Bench::new().await;
    let ours = bench.sandbox("secret").await;
    let other = bench.manager.account("other").unwrap();
    let never = workdisk::model::WorkspaceId::new();
    let (foreign, missing) = (other.get(ours.id).await, other.get(never).await);
    let told = foreign
        .unwrap_err()
        .to_string()
        .replace(&ours.id.to_string(), "");
    assert_eq!(
        told,
        missing
            .unwrap_err()
            .to_string()
            .replace(&never.to_string(), "")
    );
    assert_eq!(code(other.get("secret").await), "workspace_not_found");
}
