//! A fault for a person: what it is, and the command that mends it.

use workdisk::manager::{Fault, Mend};

/// A fault on two lines.
pub(crate) fn fault(fault: &Fault) -> String {
    let account = fault.account.as_ref();
    let account = account.map(|account| format!(" of account {account}"));
    format!(
        "{}{}: {}\n  {}\n",
        fault.object,
        account.unwrap_or_default(),
        fault.effect,
        advice(fault)
    )
}

fn advice(fault: &Fault) -> String {
    let workspace = fault.workspace.map(|id| id.to_string());
    let workspace = workspace.as_deref().unwrap_or("WORKSPACE");
    match fault.mend {
        Mend::Repair => "`workdisk repair` mends it".to_owned(),
        Mend::Restore => format!(
            "`workdisk snapshot restore {workspace} SNAPSHOT`, or `workdisk delete {workspace}`"
        ),
        Mend::DeleteSnapshot => {
            let snapshot = fault.snapshot.map(|id| id.to_string());
            let snapshot = snapshot.as_deref().unwrap_or("SNAPSHOT");
            format!("`workdisk snapshot delete {workspace} {snapshot}`")
        }
        Mend::DeleteWorkspace => {
            format!("`workdisk delete {workspace}`; it has no snapshot to restore")
        }
        Mend::CloneThenDelete => format!(
            "`workdisk clone {workspace}` what is needed, then `workdisk delete` the workspaces that share it"
        ),
        Mend::Rename => format!("`workdisk rename {workspace} NAME`"),
        Mend::BringBack => {
            "`workdisk load` an export, or `workdisk rebuild`, with `metadata` moved away first"
                .to_owned()
        }
        Mend::CheckAgain => "`workdisk check` again".to_owned(),
        mend => mend.to_string(),
    }
}

/// "1 fault", "2 faults".
pub(crate) fn count(number: u64, what: &str) -> String {
    match number {
        1 => format!("1 {what}"),
        many => format!("{many} {what}s"),
    }
}
