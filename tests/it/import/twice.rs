//! The same import more than once at a time.

use std::collections::BTreeSet;

use tokio::task::JoinSet;
use workdisk::Account;
use workdisk::manager::{ImportRepository, ListWorkspaces};
use workdisk::model::{RequestKey, WorkspaceId};

use super::git::{Origin, git, listing};
use super::{Stage, wanted};
use crate::support::{OK, in_session};

const TIMES: usize = 8;

/// Imports many times at once. Answers what each came to, and all workspaces that there are then.
async fn at_once(
    stage: &Stage,
    each: impl Fn(&Account) -> (Account, ImportRepository),
) -> (Vec<&'static str>, Vec<WorkspaceId>) {
    let mut tasks = JoinSet::new();
    for _ in 0..TIMES {
        let (account, wanted) = each(&stage.bench.account);
        tasks.spawn(async move {
            let imported = async { account.import(wanted).await?.finish().await };
            let imported: Result<_, workdisk::Error> = imported.await;
            imported.map_or_else(|error| error.code().as_str(), |_| OK)
        });
    }
    let codes = tasks.join_all().await;
    stage.bench.assert_no_orphan().await;
    let all = stage.bench.account.list(ListWorkspaces::default()).await;
    let all = all.unwrap().workspaces;
    (codes, all.into_iter().map(|it| it.id).collect())
}

async fn is_whole(stage: &Stage, workspace: WorkspaceId) {
    let work = listing(&stage.origin.work());
    in_session(&stage.bench.account, workspace, |root| {
        let root = root.join("workspace");
        assert_eq!(git(&root, &["status", "--porcelain"]), "");
        assert_eq!(git(&root, &["rev-parse", "HEAD"]), stage.origin.id("main"));
        let names = |all: &std::collections::BTreeMap<_, _>| -> BTreeSet<std::path::PathBuf> {
            all.keys().cloned().collect()
        };
        let without_git = |all: BTreeSet<std::path::PathBuf>| -> BTreeSet<_> {
            let ours = all.into_iter().filter(|it| !it.starts_with(".git"));
            ours.collect()
        };
        assert_eq!(
            without_git(names(&listing(&root))),
            without_git(names(&work))
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn imports_of_one_repository_at_once_are_each_whole() {
    let stage = Stage::of(Origin::small()).await;
    let (codes, made) = at_once(&stage, |account| (account.clone(), wanted())).await;
    assert_eq!(codes, [OK; TIMES]);
    assert_eq!(made.len(), TIMES);
    for workspace in made {
        is_whole(&stage, workspace).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_many_imports_gets_a_name() {
    let stage = Stage::of(Origin::small()).await;
    let named = |account: &Account| (account.clone(), wanted().with_name("same"));
    let (mut codes, made) = at_once(&stage, named).await;
    codes.sort_unstable();
    codes.dedup();
    assert_eq!(codes, [OK, "workspace_name_taken"]);
    assert_eq!(made.len(), 1);
    is_whole(&stage, made[0]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_imports_under_a_key_are_one_and_all_get_its_answer() {
    let stage = Stage::of(Origin::small()).await;
    let under_a_key = |account: &Account| {
        let key = RequestKey::new("k", "import o/r").unwrap();
        (account.once(key), wanted())
    };
    let (codes, made) = at_once(&stage, under_a_key).await;
    assert_eq!(codes, [OK; TIMES]);
    assert_eq!(made.len(), 1);
    is_whole(&stage, made[0]).await;
}
