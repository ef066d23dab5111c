//! Files that are not to stand in UTF-8: those with `working-tree-encoding` in one of the wide forms of Unicode.
//!
//! gix writes other encodings by itself. The wide forms are none that it can write, so that it leaves UTF-8 in their place.

/// A wide form of Unicode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wide {
    bytes: usize,
    big_endian: bool,
    mark: bool,
}

impl Wide {
    /// Reads a name as git does: in any case, with a hyphen after `UTF` or without.
    pub(super) fn of(name: &[u8]) -> Option<Self> {
        let name = name.to_ascii_uppercase();
        let form = name.strip_prefix(b"UTF")?;
        let form = form.strip_prefix(b"-").unwrap_or(form);
        let (bytes, form) = match (form.strip_prefix(b"16"), form.strip_prefix(b"32")) {
            (Some(form), _) => (2, form),
            (None, Some(form)) => (4, form),
            (None, None) => return None,
        };
        let (big_endian, mark) = match form {
            b"LE" => (false, false),
            b"BE" => (true, false),
            // As iconv writes it on most machines.
            b"" => (false, true),
            b"LE-BOM" if bytes == 2 => (false, true),
            b"BE-BOM" if bytes == 2 => (true, true),
            _ => return None,
        };
        Some(Self {
            bytes,
            big_endian,
            mark,
        })
    }

    pub(super) fn encode(self, text: &str) -> Vec<u8> {
        let mut encoded = Vec::with_capacity(text.len() * self.bytes);
        let mark = self.mark.then_some('\u{feff}');
        for c in mark.into_iter().chain(text.chars()) {
            match self.bytes {
                2 => {
                    let mut units = [0; 2];
                    for unit in c.encode_utf16(&mut units) {
                        encoded.extend(match self.big_endian {
                            true => unit.to_be_bytes(),
                            false => unit.to_le_bytes(),
                        });
                    }
                }
                _ => encoded.extend(match self.big_endian {
                    true => u32::from(c).to_be_bytes(),
                    false => u32::from(c).to_le_bytes(),
                }),
            }
        }
        encoded
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_named_and_written_as_git_does() {
        let encoded = |name: &str| Wide::of(name.as_bytes()).map(|form| form.encode("a\u{1f600}"));
        for (name, bytes) in [
            ("UTF-16LE", &b"a\0\x3d\xd8\0\xde"[..]),
            ("utf16le", b"a\0\x3d\xd8\0\xde"),
            ("UTF-16BE", b"\0a\xd8\x3d\xde\0"),
            ("UTF-16", b"\xff\xfea\0\x3d\xd8\0\xde"),
            ("UTF-16LE-BOM", b"\xff\xfea\0\x3d\xd8\0\xde"),
            ("UTF-16BE-BOM", b"\xfe\xff\0a\xd8\x3d\xde\0"),
            ("UTF-32LE", b"a\0\0\0\0\xf6\x01\0"),
            ("UTF-32BE", b"\0\0\0a\0\x01\xf6\0"),
        ] {
            assert_eq!(encoded(name).as_deref(), Some(bytes), "{name}");
        }
        for name in ["UTF-8", "ISO-8859-1", "UTF-160", "UTF-32LE-BOM", "16LE"] {
            assert_eq!(encoded(name), None, "{name}");
        }
    }
}
