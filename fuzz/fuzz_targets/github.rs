//! What is taken for a repository can stand in a URL as one owner and one name, what is taken for a ref can be no option and
//! no range, and anything else is refused without a panic.

#![no_main]

use libfuzzer_sys::fuzz_target;
use workdisk::model::{GitRef, GithubRepo};

fuzz_target!(|text: &str| {
    if let Ok(repo) = GithubRepo::parse(text) {
        assert_eq!(repo.as_str(), text);
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte);
        assert!(text.bytes().all(plain), "{text:?}");
        let parts: Vec<&str> = text.split('/').collect();
        assert_eq!(parts.len(), 2, "{text:?}");
        assert!(parts.iter().all(|part| !["", ".", ".."].contains(part)), "{text:?}");
        assert!(!text.starts_with('-'), "{text:?}");
    }
    if let Ok(reference) = GitRef::parse(text) {
        assert!(reference.as_str().eq_ignore_ascii_case(text));
        assert!(!text.starts_with('-') && !text.contains(".."), "{text:?}");
        assert!(!text.contains([':', '*', ' ', '\n', '\0']), "{text:?}");
        assert_eq!(GitRef::parse(reference.as_str()).unwrap(), reference);
    }
});
