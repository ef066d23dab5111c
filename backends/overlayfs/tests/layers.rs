//! A merge shows what its layers showed, whoever wrote them.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends where it meets what it does not expect"
)]

#[path = "../../../tests/layers/mod.rs"]
mod layers;
#[expect(dead_code, reason = "the tests of volumes use more of it")]
#[path = "../../../tests/tree/mod.rs"]
mod tree;

use proptest::prelude::*;
use workdisk_conformance::Skip;
use workdisk_overlayfs::OverlayVolume;

use self::layers::{Layer, Stack, layer, sound_layer};

const LINKS: [u64; 3] = [1, 2, u64::MAX];

fn check(layers: &[Layer], merged: usize, max_links: u64, is_sound: bool) {
    let place = tempfile::tempdir().unwrap();
    if let Err(error) = OverlayVolume::probe(place.path()) {
        return Skip::new(error.to_string()).announce();
    }
    let stack = Stack {
        layers,
        merged: 1 + merged % layers.len(),
        max_links,
        is_sound,
    };
    stack.check(place.path());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn merge_of_the_kernel_s_layers_shows_what_they_showed(
        layers in prop::collection::vec(sound_layer(), 1..6), merged in any::<usize>(), links in prop::sample::select(&LINKS[..]),
    ) {
        check(&layers, merged, links, true);
    }

    #[test]
    fn merge_of_forged_layers_shows_what_they_showed_or_is_refused(
        layers in prop::collection::vec(layer(), 1..6), merged in any::<usize>(), links in prop::sample::select(&LINKS[..]),
    ) {
        check(&layers, merged, links, false);
    }
}
