//! The merge of layers shows through the kernel what the layers showed. It mounts, and takes root.

#![no_main]

#[expect(dead_code, reason = "the tests use more of it")]
#[path = "../../tests/layers/mod.rs"]
mod layers;
#[expect(dead_code, reason = "the tests use more of it")]
#[path = "../../tests/tree/mod.rs"]
mod tree;

use libfuzzer_sys::fuzz_target;
use workdisk_fuzz::values;

use self::layers::{Stack, layer, sound_layer};

fuzz_target!(|bytes: &[u8]| {
    let Some(([choice], seeds)) = bytes.split_first_chunk() else {
        return;
    };
    // Each layer takes a good while to write, and five show all that more do.
    let seeds = &seeds[..seeds.len().min(5 * 4)];
    let is_sound = choice & 1 == 0;
    let layers = if is_sound {
        values(&sound_layer(), seeds)
    } else {
        values(&layer(), seeds)
    };
    if layers.is_empty() {
        return;
    }
    let stack = Stack {
        merged: 1 + usize::from(choice >> 3) % layers.len(),
        layers: &layers,
        max_links: [1, 2, u64::MAX, u64::MAX][usize::from(choice >> 1 & 3)],
        is_sound,
    };
    let place = tempfile::tempdir().unwrap();
    stack.check(place.path());
});
