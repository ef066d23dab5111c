//! What a person or a script is told when a command fails.

use serde_json::{Map, Value, json};
use workdisk::manager::EndSessionError;
use workdisk::{BackendErrorKind, Error};

/// The exit statuses of failures, as `workdisk --help` lists them.
const REFUSED: u8 = 1;
const USAGE: u8 = 2;
const STORAGE: u8 = 3;
const SERVER: u8 = 4;

/// What to do about records that are lost.
pub(crate) const REBUILD: &str = "`workdisk rebuild` makes the records anew from what stands beside the files; `workdisk load` reads an export instead";

/// Why a command failed: a stable code, what happened, and what to do next.
#[derive(Debug)]
pub(crate) struct Failure {
    code: String,
    detail: String,
    advice: Option<String>,
    data: Map<String, Value>,
    status: u8,
}

impl Failure {
    /// A failure of a code that a library or server gave, which tells the exit status and the advice too.
    pub(crate) fn new(code: impl Into<String>, detail: impl Into<String>) -> Self {
        let code = code.into();
        Self {
            status: status(&code),
            advice: advice(&code).map(str::to_owned),
            detail: detail.into(),
            data: Map::new(),
            code,
        }
    }

    /// The command cannot be done as it was given.
    pub(crate) fn usage(code: &str, detail: impl Into<String>) -> Self {
        Self {
            status: USAGE,
            ..Self::new(code, detail)
        }
    }

    /// Says what to do next.
    pub(crate) fn with_advice(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    /// Leaves the advice out that the code alone would give.
    pub(crate) fn without_advice(mut self) -> Self {
        self.advice = None;
        self
    }

    /// Sets the exit status.
    pub(crate) fn with_status(mut self, status: u8) -> Self {
        self.status = status;
        self
    }

    /// Adds what a script can act on.
    pub(crate) fn with_data(mut self, data: Map<String, Value>) -> Self {
        self.data = data;
        self
    }

    pub(crate) fn code(&self) -> &str {
        &self.code
    }

    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }

    pub(crate) fn advice(&self) -> Option<&str> {
        self.advice.as_deref()
    }

    pub(crate) fn status(&self) -> u8 {
        self.status
    }

    /// The JSON form: that of a server's problem, with the advice.
    pub(crate) fn json(&self) -> Value {
        let mut json = self.data.clone();
        json.insert("code".to_owned(), json!(self.code));
        json.insert("detail".to_owned(), json!(self.detail));
        json.insert("advice".to_owned(), json!(self.advice));
        Value::Object(json)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let failure = Failure::new(error.code().as_str(), error.to_string());
        let failure = failure.with_data(data(&error));
        match &error {
            Error::StorageUnavailable { source, .. }
                if *source.kind() == BackendErrorKind::InUse =>
            {
                failure.with_advice(
                    "wait longer with --wait SECONDS, or, if a server has it open, ask that with --url",
                )
            }
            // What does not open cannot be checked or repaired.
            Error::StorageCorrupt { operation, source, .. }
                if *source.kind() == BackendErrorKind::Mismatch
                    || operation.starts_with("open") =>
            {
                failure.with_advice(REBUILD)
            }
            _ => failure,
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Failure::new("io", error.to_string())
    }
}

impl From<EndSessionError> for Failure {
    fn from(error: EndSessionError) -> Self {
        error.error.into()
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        let detail = format!("the answer is not of a form that this release knows: {error}");
        Failure::new("server_unknown", detail)
    }
}

/// What an error carries beside its text, as a server's problem does.
fn data(error: &Error) -> Map<String, Value> {
    let data = match error {
        Error::WorkspaceNameAmbiguous { candidates, .. } => json!({ "candidates": candidates }),
        Error::WorkspaceActive {
            active_session_id,
            force_would_help,
            ..
        } => json!({
            "active_session_id": active_session_id,
            "force_would_help": force_would_help,
        }),
        Error::WorkspaceBusy { operation, .. } => json!({ "operation": operation }),
        Error::WorkspaceFailed { failure, .. } => json!({ "failure": failure }),
        Error::SessionTerminationFailed { holders, .. } => json!({ "holders": holders }),
        Error::StorageCorrupt { object, .. } => json!({ "object": object }),
        _ => Value::Null,
    };
    match data {
        Value::Object(data) => data,
        _ => Map::new(),
    }
}

fn status(code: &str) -> u8 {
    match code {
        "unauthorized" | "server_unreachable" | "server_unknown" => SERVER,
        "io" => STORAGE,
        _ if code.starts_with("storage_") => STORAGE,
        _ => REFUSED,
    }
}

/// What to do next, where the code alone tells.
fn advice(code: &str) -> Option<&'static str> {
    Some(match code {
        "workspace_not_found" => {
            "`workdisk list` shows what there is, and --account chooses another account"
        }
        "snapshot_not_found" => "`workdisk snapshot list WORKSPACE` shows what there is",
        "session_not_found" => "`workdisk show WORKSPACE` tells which session runs",
        "workspace_active" => {
            "`workdisk session end WORKSPACE` ends the session; delete and snapshot do so with --force"
        }
        "workspace_busy" => "try again when it is done; `workdisk show WORKSPACE` tells",
        "workspace_failed" => {
            "`workdisk snapshot restore WORKSPACE SNAPSHOT` or `workdisk delete WORKSPACE`"
        }
        "session_termination_failed" => {
            "end the processes that are named, or `workdisk session end WORKSPACE --force`"
        }
        "storage_full" => "delete what is not needed; `workdisk gc` waits for its space",
        "storage_corrupt" => {
            "`workdisk check` tells what is damaged, and `workdisk repair` mends what it can"
        }
        "github_repo_invalid" => "a repository is given as OWNER/REPO, and not as a URL",
        "import_not_found" | "import_unauthorized" => {
            "is the name right? What is private needs a token, in GITHUB_TOKEN or at the server"
        }
        "import_ref_not_found" => "name a branch, a tag or a full commit id of the repository",
        "import_too_large" => "--depth 1 leaves the history out, and with it most of the bytes",
        "import_unreachable" => "try again; nothing is left of what was begun",
        "unauthorized" => "give the account's key with --api-key or WORKDISK_API_KEY",
        "server_unreachable" => "is the server running, and is --url or WORKDISK_URL right?",
        _ => return None,
    })
}
