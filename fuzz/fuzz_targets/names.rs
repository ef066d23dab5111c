//! A name that is taken keeps the rules, and its key is a fixed point; anything else is refused without a panic. A selector
//! has one reading, and finds a name by its key.

#![no_main]

use libfuzzer_sys::fuzz_target;
use workdisk::model::{
    AccountId, Cursor, NameKey, Selector, SnapshotName, SnapshotSelector, WorkspaceId,
    WorkspaceName,
};

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
    if let Ok(name) = workspace {
        keeps_the_rules(&name, text, &key);
    }
    has_one_reading(text, &key);
    // Neither has a reason to panic.
    let _account = AccountId::parse(text).map(|account| account.to_string());
    let _cursor = text.parse::<Cursor>();
});

fn keeps_the_rules(name: &WorkspaceName, text: &str, key: &NameKey) {
    assert_eq!(name.as_str(), text, "a name is shown as it was given");
    assert_eq!(name.key(), key);
    assert_eq!(text.trim(), text);
    assert!(!text.chars().any(char::is_control));
    assert!(
        !key.as_str().trim().is_empty(),
        "a name has something that shows"
    );
    assert!(text.parse::<WorkspaceId>().is_err(), "a name is no id");
    assert!(
        key.as_str().parse::<WorkspaceId>().is_err(),
        "nor is what it is found by"
    );
}

fn has_one_reading(text: &str, key: &NameKey) {
    let id = text.parse::<WorkspaceId>();
    match Selector::parse(text) {
        Selector::Id(found) => assert_eq!(Ok(found), id),
        Selector::Name {
            text: kept,
            key: by,
        } => {
            assert!(id.is_err() && kept == text && by == *key);
        }
    }
    let again = Selector::parse(Selector::parse(text).to_string());
    assert_eq!(again, Selector::parse(text), "what is shown reads back");
    let of_snapshot = SnapshotSelector::parse(text);
    assert_eq!(matches!(of_snapshot, SnapshotSelector::Id(_)), id.is_ok());
}
