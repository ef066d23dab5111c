//! A name that is taken keeps the rules, and its key is a fixed point; anything else is refused without a panic.

#![no_main]

use libfuzzer_sys::fuzz_target;
use workdisk::model::{NameKey, SnapshotName, WorkspaceName};

fuzz_target!(|text: &str| {
    let key = NameKey::of(text);
    assert_eq!(NameKey::of(key.as_str()), key, "a key is its own key");

    let workspace = WorkspaceName::parse(text);
    let snapshot = SnapshotName::parse(text);
    assert_eq!(
        workspace.is_ok(),
        snapshot.is_ok(),
        "both have the same rules"
    );
    let Ok(name) = workspace else {
        return;
    };
    assert_eq!(name.as_str(), text, "a name is shown as it was given");
    assert_eq!(*name.key(), key);
    assert_eq!(text.trim(), text);
    assert!(!text.chars().any(char::is_control));
    assert!(
        !key.as_str().trim().is_empty(),
        "a name has something that shows"
    );
    assert!(
        text.parse::<workdisk::model::WorkspaceId>().is_err(),
        "a name is no id"
    );
});
