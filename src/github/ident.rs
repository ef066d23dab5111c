//! The keyword `$Id$` of files with the attribute `ident`, as git expands it.
//!
//! gix leaves out the blank before the second dollar, and does not expand a keyword anew that was expanded when it was
//! committed.

/// Puts the object's id into every keyword, but into those of other systems: their expansion holds blanks.
pub(super) fn expand(content: &[u8], id: &str) -> Vec<u8> {
    let mut expanded = Vec::with_capacity(content.len() + 64);
    let mut rest = content;
    while let Some(at) = rest.iter().position(|byte| *byte == b'$') {
        let (before, after) = rest.split_at(at + 1);
        expanded.extend_from_slice(before);
        rest = after;
        if let Some(length) = keyword(rest) {
            expanded.extend_from_slice(format!("Id: {id} $").as_bytes());
            rest = &rest[length..];
        }
    }
    expanded.extend_from_slice(rest);
    expanded
}

/// How long a keyword is that begins here, behind its first dollar and with its second.
fn keyword(text: &[u8]) -> Option<usize> {
    let text = text.strip_prefix(b"Id")?;
    match text.first()? {
        b'$' => Some(b"Id$".len()),
        b':' => {
            let end = text.iter().position(|byte| *byte == b'$')?;
            let value = &text[1..end];
            let inner = value
                .get(1..value.len().saturating_sub(1))
                .unwrap_or_default();
            let foreign = value.contains(&b'\n') || inner.contains(&b' ');
            (!foreign).then_some(b"Id".len() + end + 1)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keywords_are_expanded_and_those_of_other_systems_are_kept() {
        for (given, expected) in [
            ("$Id$", "$Id: 0f $"),
            ("a $Id$ b $Id$", "a $Id: 0f $ b $Id: 0f $"),
            ("$Id: 12$", "$Id: 0f $"),
            ("$Id: 12 $", "$Id: 0f $"),
            ("$Id:12$", "$Id: 0f $"),
            ("$Id: $", "$Id: 0f $"),
            ("$Id:$", "$Id: 0f $"),
            ("$Id: file,v 1.2 2001 $", "$Id: file,v 1.2 2001 $"),
            ("$Id: 12\n$", "$Id: 12\n$"),
            ("$Id: 12", "$Id: 12"),
            ("$Idx$ $ $$Id$", "$Idx$ $ $$Id: 0f $"),
            ("", ""),
        ] {
            let expanded = expand(given.as_bytes(), "0f");
            assert_eq!(String::from_utf8(expanded).unwrap(), expected, "{given:?}");
        }
    }
}
