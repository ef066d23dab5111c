//! Records of workspaces that differ in their numbers.

use workdisk::Error;
use workdisk::model::{
    AccountId, SessionType, Timestamp, VolumeId, WorkspaceId, WorkspaceName, WorkspaceRecord,
};

pub(crate) fn name(number: u64) -> String {
    format!("workspace {number}")
}

pub(crate) fn record(account: &AccountId, number: u64) -> Result<WorkspaceRecord, Error> {
    let mut record = WorkspaceRecord::new(
        WorkspaceId::new(),
        account.clone(),
        SessionType::Sandbox,
        VolumeId::new(),
        Timestamp::now(),
    );
    record.name = Some(WorkspaceName::parse(&name(number))?);
    Ok(record)
}
