//! What a caller asks for, what it is promised by the answer, and how it is asked.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use workdisk::manager::{
    CloneWorkspace, CreateWorkspace, Force, LeaseTerm, RestoreSnapshot, StartSession,
};
use workdisk::model::{Selector, SessionType, WorkspaceId};
use workdisk::{Account, Error};

use crate::state::{Held, State};
use crate::{Result, files};

/// A call that changes something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Call {
    Create {
        name: String,
        template: bool,
    },
    Clone {
        source: WorkspaceId,
        snapshot: Option<String>,
        name: String,
    },
    /// A session in which every file is given the word.
    Work {
        workspace: WorkspaceId,
        word: String,
    },
    Snapshot {
        workspace: WorkspaceId,
        name: String,
    },
    Restore {
        workspace: WorkspaceId,
        snapshot: String,
        save_head_as: Option<String>,
    },
    DeleteSnapshot {
        workspace: WorkspaceId,
        name: String,
    },
    SetName {
        workspace: WorkspaceId,
        name: Option<String>,
    },
    SetTemplate {
        workspace: WorkspaceId,
        template: bool,
    },
    Delete {
        workspace: WorkspaceId,
    },
}

impl Call {
    /// The workspace that it changes; none if it makes one.
    pub(crate) fn target(&self) -> Option<WorkspaceId> {
        match self {
            Self::Create { .. } | Self::Clone { .. } => None,
            Self::Work { workspace, .. }
            | Self::Snapshot { workspace, .. }
            | Self::Restore { workspace, .. }
            | Self::DeleteSnapshot { workspace, .. }
            | Self::SetName { workspace, .. }
            | Self::SetTemplate { workspace, .. }
            | Self::Delete { workspace } => Some(*workspace),
        }
    }

    /// What the workspace that it changes or makes holds afterwards; nothing if it is gone then.
    pub(crate) fn outcome(&self, account: &str, before: &State) -> Option<Held> {
        let held = |id: &WorkspaceId| before.0.get(id).cloned().unwrap_or_default();
        let mut after = self.target().as_ref().map(held).unwrap_or_default();
        match self {
            Self::Create { name, template } => {
                after.account = account.to_owned();
                after.name = Some(name.clone());
                after.template = *template;
            }
            Self::Clone {
                source,
                snapshot,
                name,
            } => {
                let source = held(source);
                after.account = account.to_owned();
                after.name = Some(name.clone());
                after.head = match snapshot {
                    Some(snapshot) => source.snapshots.get(snapshot).cloned().unwrap_or_default(),
                    None => source.head,
                };
            }
            Self::Work { word, .. } => after.head.clone_from(word),
            Self::Snapshot { name, .. } => {
                after.snapshots.insert(name.clone(), after.head.clone());
            }
            Self::Restore {
                snapshot,
                save_head_as,
                ..
            } => {
                let restored = after.snapshots.get(snapshot).cloned().unwrap_or_default();
                let replaced = std::mem::replace(&mut after.head, restored);
                if let Some(name) = save_head_as {
                    after.snapshots.insert(name.clone(), replaced);
                }
            }
            Self::DeleteSnapshot { name, .. } => drop(after.snapshots.remove(name)),
            Self::SetName { name, .. } => after.name.clone_from(name),
            Self::SetTemplate { template, .. } => after.template = *template,
            Self::Delete { .. } => return None,
        }
        Some(after)
    }

    /// Makes the call, and answers which workspace it was about.
    pub(crate) async fn perform(&self, account: &Account) -> Result<WorkspaceId> {
        let made = match self {
            Self::Create { name, template } => {
                let options = CreateWorkspace::new(SessionType::Sandbox).with_name(name);
                account.create(options.with_template(*template)).await?
            }
            Self::Clone {
                source,
                snapshot,
                name,
            } => {
                let options = match snapshot {
                    Some(snapshot) => CloneWorkspace::of_snapshot(snapshot.as_str()),
                    None => CloneWorkspace::of_head(),
                };
                let options = options.with_name(name);
                account.clone_workspace(*source, options).await?
            }
            Self::Work { workspace, word } => {
                in_session(account, *workspace, |disk| files::write(disk, word)).await??;
                return Ok(*workspace);
            }
            Self::Snapshot { workspace, name } => {
                account.create_snapshot(*workspace, name, Force::No).await?;
                return Ok(*workspace);
            }
            Self::Restore {
                workspace,
                snapshot,
                save_head_as,
            } => {
                let mut options = RestoreSnapshot::default();
                options.save_head_as.clone_from(save_head_as);
                let snapshot = snapshot.as_str();
                account.restore(*workspace, snapshot, options).await?
            }
            Self::DeleteSnapshot { workspace, name } => {
                account.delete_snapshot(*workspace, name.as_str()).await?;
                return Ok(*workspace);
            }
            Self::SetName { workspace, name } => match name {
                Some(name) => account.set_name(*workspace, name).await?,
                None => account.clear_name(*workspace).await?,
            },
            Self::SetTemplate {
                workspace,
                template,
            } => account.set_template(*workspace, *template).await?,
            Self::Delete { workspace } => {
                account.delete(*workspace, Force::No).await?;
                return Ok(*workspace);
            }
        };
        Ok(made.id)
    }
}

/// The shortest lease, so that whatever stands still outlives its own.
pub(crate) const LEASE: Duration = Duration::from_secs(1);

/// Works on a workspace's disk in a session.
pub(crate) async fn in_session<T>(
    account: &Account,
    workspace: impl Into<Selector>,
    work: impl FnOnce(&std::path::Path) -> T,
) -> Result<T, Error> {
    let options = StartSession::default().with_lease(LeaseTerm::Renewing(LEASE));
    let session = account.start_session(workspace, SessionType::Sandbox, options);
    let session = session.await?;
    let done = work(session.path());
    session.end().await.map_err(|failed| failed.error)?;
    Ok(done)
}
