//! The texts of the codes, which never change.

use workdisk::ErrorCode;

#[test]
fn codes_are_as_documented() {
    let texts: Vec<&str> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(
        texts,
        [
            "invalid_request",
            "workspace_name_invalid",
            "snapshot_name_invalid",
            "image_invalid",
            "image_not_allowed",
            "workspace_not_found",
            "snapshot_not_found",
            "session_not_found",
            "workspace_name_taken",
            "snapshot_name_taken",
            "workspace_name_ambiguous",
            "workspace_active",
            "workspace_busy",
            "workspace_failed",
            "session_type_mismatch",
            "session_termination_failed",
            "session_fenced",
            "storage_full",
            "storage_unavailable",
            "storage_corrupt",
            "unsupported",
        ]
    );
    for code in ErrorCode::ALL {
        assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
    }
}
