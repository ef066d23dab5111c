//! Mounts through `mount(2)`, for kernels without the newer calls.

use std::ffi::CString;
use std::path::Path;

use rustix::io::Errno;
use rustix::mount::{MountFlags, mount};
use workdisk::volume::MountRecipe;

/// The kernel cuts a longer text, in silence, and would mount another stack.
const MAX_BYTES: usize = 4095;

/// Mounts an overlay at `target`.
///
/// # Errors
/// `E2BIG` if the options do not fit in what `mount(2)` takes.
pub(crate) fn mount_overlay(
    recipe: &MountRecipe,
    target: &Path,
    flags: MountFlags,
) -> Result<(), Errno> {
    let text = options_text(recipe);
    if text.len() > MAX_BYTES {
        return Err(Errno::TOOBIG);
    }
    let data = CString::new(text).map_err(|_| Errno::INVAL)?;
    mount(
        recipe.source.as_str(),
        target,
        "overlay",
        flags,
        data.as_c_str(),
    )
}

fn options_text(recipe: &MountRecipe) -> String {
    let mut parts = Vec::new();
    let lowers: Vec<String> = values(recipe, "lowerdir+")
        .map(|lower| escaped(lower, &['\\', ':', ',']))
        .collect();
    if !lowers.is_empty() {
        parts.push(format!("lowerdir={}", lowers.join(":")));
    }
    for (key, value) in &recipe.options {
        match value {
            _ if key == "lowerdir+" => {}
            Some(value) => parts.push(format!("{key}={}", escaped(value, &['\\', ',']))),
            None => parts.push(key.clone()),
        }
    }
    parts.join(",")
}

fn values<'a>(recipe: &'a MountRecipe, wanted: &'a str) -> impl Iterator<Item = &'a str> {
    recipe
        .options
        .iter()
        .filter(move |(key, _)| key == wanted)
        .filter_map(|(_, value)| value.as_deref())
}

fn escaped(path: &str, special: &[char]) -> String {
    let mut text = String::with_capacity(path.len());
    for c in path.chars() {
        if special.contains(&c) {
            text.push('\\');
        }
        text.push(c);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lower_layers_become_one_escaped_list_in_their_order() {
        let recipe = MountRecipe::new("overlay", "x")
            .with_option("lowerdir+", "/a:b,c")
            .with_option("lowerdir+", "/d")
            .with_option("upperdir", "/e,f:g")
            .with_option("index", "off");
        assert_eq!(
            options_text(&recipe),
            r"lowerdir=/a\:b\,c:/d,upperdir=/e\,f:g,index=off"
        );
    }

    #[test]
    fn options_that_the_kernel_would_cut_are_refused() {
        let mut recipe = MountRecipe::new("overlay", "x");
        for n in 0..200 {
            recipe = recipe.with_option("lowerdir+", format!("/a/long/path/to/layer/{n}"));
        }
        let refused = mount_overlay(&recipe, Path::new("/nowhere"), MountFlags::empty());
        assert_eq!(refused, Err(Errno::TOOBIG));
    }
}
