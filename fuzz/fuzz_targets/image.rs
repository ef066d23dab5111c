//! The canonical form of a reference is a reference, and is its own canonical form; anything else is refused without a
//! panic.

#![no_main]

use libfuzzer_sys::fuzz_target;
use workdisk::model::ImageRef;

fuzz_target!(|text: &str| {
    let Ok(image) = ImageRef::parse(text) else {
        return;
    };
    let again = ImageRef::parse(image.as_str());
    assert_eq!(again.as_ref().ok(), Some(&image), "{image:?} of {text:?}");
});
