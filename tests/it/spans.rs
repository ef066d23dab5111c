//! Every operation has a span, which tells who asked for what and nothing of what is in a file.

use std::collections::BTreeSet;
use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use workdisk::manager::{
    CloneWorkspace, CreateWorkspace, Force, ListWorkspaces, RestoreSnapshot, StartSession,
};

use crate::support::{Bench, SANDBOX};

/// The account of this test alone: others of the same process have spans too.
const ACCOUNT: &str = "spans";

const SECRET: &str = "b4a98c41 is in no span";

/// What the spans of one account, and everything else, said.
#[derive(Clone, Default)]
struct Told {
    verbs: Arc<Mutex<BTreeSet<String>>>,
    text: Arc<Mutex<String>>,
}

#[derive(Default)]
struct Fields(Vec<(&'static str, String)>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.push((field.name(), format!("{value:?}")));
    }
}

impl Told {
    fn note(&self, fields: &Fields) {
        write!(self.text.lock().unwrap(), "{:?}", fields.0).unwrap();
    }
}

impl<S: Subscriber> Layer<S> for Told {
    fn on_new_span(&self, attributes: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        let value = |name: &str| fields.0.iter().find(|(it, _)| *it == name);
        let ours = value("account").is_none_or(|(_, account)| account == ACCOUNT);
        if let (true, Some((_, verb))) = (ours, value("verb")) {
            self.verbs.lock().unwrap().insert(verb.replace('"', ""));
        }
        self.note(&fields);
    }

    fn on_record(&self, _: &Id, record: &Record<'_>, _: Context<'_, S>) {
        let mut fields = Fields::default();
        record.record(&mut fields);
        self.note(&fields);
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        self.note(&fields);
    }
}

#[tokio::test]
async fn every_operation_has_a_span_and_none_tells_what_a_file_holds() {
    let told = Told::default();
    // For the whole process: an operation runs in a task that may be on any thread.
    let subscriber = tracing_subscriber::registry().with(told.clone());
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let bench = Bench::new().await;
    let account = bench.manager.account(ACCOUNT).unwrap();

    let options = CreateWorkspace::new(SANDBOX).with_name("w");
    let w = account.create(options).await.unwrap().id;
    let start = StartSession::default();
    let session = account.start_session(w, SANDBOX, start).await.unwrap();
    std::fs::write(session.path().join("file"), SECRET).unwrap();
    let id = session.detach().id;
    account.session(w, id).await.unwrap();
    account.renew_session(w, id).await.unwrap();
    account.end_session(w, id).await.unwrap();
    account.create_snapshot(w, "s", Force::No).await.unwrap();
    account.snapshots(w).await.unwrap();
    let restore = RestoreSnapshot::default();
    account.restore(w, "s", restore).await.unwrap();
    let clone = CloneWorkspace::of_head();
    let clone = account.clone_workspace(w, clone).await.unwrap().id;
    account.delete_snapshot(w, "s").await.unwrap();
    account.set_name(w, "other").await.unwrap();
    account.clear_name(w).await.unwrap();
    account.set_template(w, true).await.unwrap();
    account.get(w).await.unwrap();
    account.list(ListWorkspaces::default()).await.unwrap();
    account.measure(w).await.unwrap();
    account.delete(w, Force::No).await.unwrap();
    account.bulk_delete([clone], Force::No).await.unwrap();
    account.get(w).await.unwrap_err();
    bench.manager.recover().await.unwrap();
    bench.manager.reclaim().await.unwrap();

    let verbs = told.verbs.lock().unwrap().clone();
    let expected = [
        "bulk_delete",
        "clear_name",
        "clone",
        "create",
        "create_snapshot",
        "delete",
        "delete_snapshot",
        "end_session",
        "get",
        "get_session",
        "list",
        "list_snapshots",
        "measure",
        "open",
        "reclaim",
        "recover",
        "renew_session",
        "restore",
        "rename",
        "template",
        "start_session",
    ];
    let missing: Vec<&str> = expected
        .into_iter()
        .filter(|verb| !verbs.contains(*verb))
        .collect();
    assert_eq!(missing, [""; 0], "of {verbs:?}");
    let text = told.text.lock().unwrap();
    assert!(text.contains("workspace_not_found") && !text.contains(SECRET));
}
