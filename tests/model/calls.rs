//! Each operation as the call that a caller would make.

use workdisk::Error;
use workdisk::manager::{CloneWorkspace, CreateWorkspace, RestoreSnapshot, StartSession};
use workdisk::model::SessionId;

use super::operation::Operation;
use super::oracle::{IMAGES, NAMES, nth, session_type};
use super::{Run, forced};

impl Run {
    /// Makes a call as a caller would.
    pub(super) async fn call(&self, call: &Operation) -> Result<(), Error> {
        let named = |n: &usize| nth(&NAMES, *n).0;
        match call {
            Operation::Create {
                of_stranger,
                browser,
                image,
                name,
                template,
            } => {
                let mut options =
                    CreateWorkspace::new(session_type(*browser)).with_template(*template);
                if let Some(name) = name {
                    options = options.with_name(named(name));
                }
                if let Some(image) = image {
                    options = options.with_image(nth(&IMAGES, *image).0);
                }
                self.account(*of_stranger).create(options).await.map(drop)
            }
            Operation::Clone {
                source,
                snapshot,
                name,
                template,
            } => {
                let (account, target) = self.target(*source);
                let mut options = match snapshot {
                    Some(n) => {
                        CloneWorkspace::of_snapshot(self.oracle.snapshot(*source, *n).as_str())
                    }
                    None => CloneWorkspace::of_head(),
                };
                options = options.with_template(*template);
                if let Some(name) = name {
                    options = options.with_name(named(name));
                }
                account
                    .clone_workspace(target.selector.as_str(), options)
                    .await
                    .map(drop)
            }
            Operation::Rename(at, name) => {
                let (account, target) = self.target(*at);
                match name {
                    Some(name) => account
                        .set_name(target.selector.as_str(), named(name))
                        .await
                        .map(drop),
                    None => account.clear_name(target.selector.as_str()).await.map(drop),
                }
            }
            Operation::Template(at, template) => {
                let (account, target) = self.target(*at);
                account
                    .set_template(target.selector.as_str(), *template)
                    .await
                    .map(drop)
            }
            Operation::Start(at, matching) => {
                let (account, target) = self.target(*at);
                let expected = target.found.map(|id| &self.oracle.workspaces[&id]);
                let browser = expected.is_some_and(|it| it.matches(Some(true), None, None));
                let session_type = session_type(browser == *matching);
                let options = StartSession::default();
                let session = account
                    .start_session(target.selector.as_str(), session_type, options)
                    .await?;
                session.detach();
                Ok(())
            }
            Operation::End(at) => {
                let (account, target) = self.target(*at);
                let shown = account.get(target.selector.as_str()).await?;
                let session = shown.active_session_id.unwrap_or_else(SessionId::new);
                account
                    .end_session(target.selector.as_str(), session)
                    .await
                    .map(drop)
            }
            Operation::Snapshot(at, name, force) => {
                let (account, target) = self.target(*at);
                account
                    .create_snapshot(target.selector.as_str(), named(name), forced(*force))
                    .await
                    .map(drop)
            }
            Operation::Restore {
                workspace,
                snapshot,
                save_as,
                force,
            } => {
                let (account, target) = self.target(*workspace);
                let mut options = RestoreSnapshot::default().with_force(forced(*force));
                if let Some(name) = save_as {
                    options = options.with_save_head_as(named(name));
                }
                let snapshot = self.oracle.snapshot(*workspace, *snapshot);
                account
                    .restore(target.selector.as_str(), snapshot.as_str(), options)
                    .await
                    .map(drop)
            }
            Operation::DeleteSnapshot(at, snapshot) => {
                let (account, target) = self.target(*at);
                let snapshot = self.oracle.snapshot(*at, *snapshot);
                account
                    .delete_snapshot(target.selector.as_str(), snapshot.as_str())
                    .await
                    .map(drop)
            }
            Operation::Delete(at, force) => {
                let (account, target) = self.target(*at);
                account
                    .delete(target.selector.as_str(), forced(*force))
                    .await
            }
            other => panic!("{other:?} is no call"),
        }
    }
}
