//! Texts that are the same on every run.

/// Replaces ids and times by others of the same length, so that tables keep their form.
pub(crate) fn mask(text: &str) -> String {
    const MASKS: [(&str, &str); 2] = [
        (
            "hhhhhhhh-hhhh-hhhh-hhhh-hhhhhhhhhhhh",
            "00000000-0000-0000-0000-000000000000",
        ),
        ("dddd-dd-dd dd:dd", "2000-01-01 00:00"),
    ];
    let (mut masked, mut rest) = (String::new(), text);
    'text: while let Some(next) = rest.chars().next() {
        for (pattern, mask) in MASKS {
            if let Some((start, end)) = rest.split_at_checked(pattern.len())
                && matches(pattern, start)
            {
                masked.push_str(mask);
                rest = end;
                continue 'text;
            }
        }
        masked.push(next);
        rest = &rest[next.len_utf8()..];
    }
    masked
}

fn matches(pattern: &str, text: &str) -> bool {
    pattern
        .chars()
        .zip(text.chars())
        .all(|(pattern, c)| match pattern {
            'h' => c.is_ascii_hexdigit(),
            'd' => c.is_ascii_digit(),
            other => c == other,
        })
}
