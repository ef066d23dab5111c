//! Names of workspaces and snapshots: what is allowed, and when two are the same.

use std::fmt;

use icu_casemap::CaseMapper;
use icu_normalizer::ComposingNormalizer;
use icu_properties::props::{DefaultIgnorableCodePoint, GeneralCategory};
use icu_properties::{CodePointMapData, CodePointSetData};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::error::Error;

/// The version of Unicode by which keys are computed. A store keeps it in its format record, because a key that was
/// computed by another version may differ for characters that were added since.
pub const UNICODE_VERSION: &str = "17.0";

/// A rule that a name broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NameRule {
    /// A name has at least one character that shows.
    Empty,
    /// A name has at most 64 characters.
    TooLong,
    /// A name has no control, format or bidirectional-override characters and no line breaks.
    ForbiddenCharacter(char),
    /// A name neither starts nor ends with white space.
    SurroundingWhiteSpace,
    /// A name is not shaped like a UUID, so that a selector has one reading.
    ShapedLikeUuid,
}

impl fmt::Display for NameRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NameRule::Empty => f.write_str("it needs at least one visible character"),
            NameRule::TooLong => {
                write!(f, "it may have at most {} characters", Name::MAX_CHARS)
            }
            NameRule::ForbiddenCharacter(c) => write!(
                f,
                "it holds U+{:04X}, a control, format or line-break character",
                u32::from(*c)
            ),
            NameRule::SurroundingWhiteSpace => f.write_str("it starts or ends with white space"),
            NameRule::ShapedLikeUuid => f.write_str("it is shaped like a UUID"),
        }
    }
}

/// What makes two names the same: the NFKC case folding of the text (UAX #31, `NFKC_Casefold`), to a fixed point.
///
/// - Equal keys mean the same name; the order of keys is that of their bytes.
/// - `key_of(key_of(x)) == key_of(x)`.
/// - A backend stores and compares it as opaque text and never computes it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NameKey(String);

impl NameKey {
    /// Computes the key of any text, allowed as a name or not.
    pub fn of(text: &str) -> Self {
        // One round of folding can give a text whose normal form folds again; four have been enough for every
        // character of Unicode 17, and the bound keeps a hostile text from costing more.
        const ROUNDS: usize = 8;
        let mut key = fold_once(text);
        for _ in 0..ROUNDS {
            let next = fold_once(&key);
            if next == key {
                break;
            }
            key = next;
        }
        Self(key)
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for NameKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NameKey({:?})", self.0)
    }
}

fn fold_once(text: &str) -> String {
    let ignorable = CodePointSetData::new::<DefaultIgnorableCodePoint>();
    let nfkc = ComposingNormalizer::new_nfkc();
    let visible: String = nfkc
        .normalize(text)
        .chars()
        .filter(|c| !ignorable.contains(*c))
        .collect();
    nfkc.normalize(&CaseMapper::new().fold_string(&visible))
        .into_owned()
}

/// A text that keeps the rules, with its key.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Name {
    text: String,
    key: NameKey,
}

impl Name {
    const MAX_CHARS: usize = 64;

    fn parse(text: &str) -> Result<Self, NameRule> {
        let categories = CodePointMapData::<GeneralCategory>::new();
        if let Some(c) = text.chars().find(|c| is_forbidden(categories.get(*c))) {
            return Err(NameRule::ForbiddenCharacter(c));
        }
        if text.starts_with(char::is_whitespace) || text.ends_with(char::is_whitespace) {
            return Err(NameRule::SurroundingWhiteSpace);
        }
        if ComposingNormalizer::new_nfc()
            .normalize(text)
            .chars()
            .count()
            > Self::MAX_CHARS
        {
            return Err(NameRule::TooLong);
        }
        let key = NameKey::of(text);
        if key.0.trim().is_empty() {
            return Err(NameRule::Empty);
        }
        // The key is judged too: full-width digits fold to a text that a selector would read as an id.
        if is_shaped_like_uuid(text) || is_shaped_like_uuid(&key.0) {
            return Err(NameRule::ShapedLikeUuid);
        }
        Ok(Self {
            text: text.to_owned(),
            key,
        })
    }
}

fn is_forbidden(category: GeneralCategory) -> bool {
    matches!(
        category,
        GeneralCategory::Control
            | GeneralCategory::Format
            | GeneralCategory::LineSeparator
            | GeneralCategory::ParagraphSeparator
    )
}

/// Whether a selector of this text is an id. Every form that the uuid crate reads counts: with hyphens, without, in
/// braces, and as a URN.
pub(crate) fn is_shaped_like_uuid(text: &str) -> bool {
    Uuid::try_parse(text).is_ok()
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $error:ident) => {
        $(#[$doc])*
        ///
        /// - 1 to 64 characters, counted as Unicode scalar values of the NFC form.
        /// - No control, format or bidirectional-override characters, no line breaks, no surrounding white space.
        /// - Not shaped like a UUID.
        /// - Shown as it was given; compared by its [`key`](Self::key).
        #[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Name);

        impl $name {
            /// Takes a text that keeps the rules.
            ///
            /// # Errors
            #[doc = concat!("[`Error::", stringify!($error), "`] with the rule that it breaks.")]
            pub fn parse(text: &str) -> Result<Self, Error> {
                Name::parse(text).map(Self).map_err(|rule| Error::$error { rule })
            }

            /// The name as it was given.
            pub fn as_str(&self) -> &str {
                &self.0.text
            }

            /// What two names are compared by.
            pub fn key(&self) -> &NameKey {
                &self.0.key
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0.text)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({:?})"), self.0.text)
            }
        }
    };
}

name!(
    /// A workspace's name, unique in its account.
    WorkspaceName,
    WorkspaceNameInvalid
);
name!(
    /// A snapshot's name, unique in its workspace.
    SnapshotName,
    SnapshotNameInvalid
);

impl WorkspaceName {
    /// Makes up a readable name: two words and a short suffix. It is not checked against any account.
    pub(crate) fn made_up() -> Self {
        let words = petname::petname(2, "-").unwrap_or_else(|| "new-workspace".to_owned());
        let suffix = Uuid::new_v4().simple().to_string();
        let text = format!("{words}-{}", &suffix[..4]);
        let key = NameKey::of(&text);
        Self(Name { text, key })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(text: &str) -> Option<NameRule> {
        Name::parse(text).err()
    }

    #[test]
    fn names_equal_but_for_case_have_one_key() {
        for (a, b) in [
            ("ΑΣ", "ασ"),
            ("ΑΣ", "ας"),
            ("Straße", "STRASSE"),
            ("ſ", "S"),
            ("ﬁle", "FILE"),
            ("\u{212A}", "k"),
            ("Ａｂｃ", "abc"),
            ("a\u{301}", "\u{e1}"),
            ("A\u{301}", "\u{e1}"),
            ("a\u{fe0f}", "A"),
            ("ẞ", "ss"),
        ] {
            assert_eq!(NameKey::of(a), NameKey::of(b), "{a:?} and {b:?}");
        }
    }

    #[test]
    fn letters_that_only_look_alike_have_two_keys() {
        assert_ne!(NameKey::of("e"), NameKey::of("\u{435}"));
        assert_ne!(NameKey::of("i"), NameKey::of("ı"));
    }

    #[test]
    fn key_of_a_key_is_itself_for_every_character() {
        // Beyond these planes there are only private use and unassigned code points.
        for c in ('\0'..'\u{32000}').chain('\u{e0000}'..'\u{e1000}') {
            let key = NameKey::of(&c.to_string());
            assert_eq!(NameKey::of(key.as_str()), key, "U+{:04X}", u32::from(c));
        }
    }

    #[test]
    fn each_rule_is_named() {
        assert_eq!(rule(""), Some(NameRule::Empty));
        assert_eq!(rule("\u{3164}"), Some(NameRule::Empty));
        assert_eq!(rule(&"x".repeat(65)), Some(NameRule::TooLong));
        assert_eq!(rule("a\nb"), Some(NameRule::ForbiddenCharacter('\n')));
        assert_eq!(rule("a\0"), Some(NameRule::ForbiddenCharacter('\0')));
        assert_eq!(
            rule("\u{1b}[2J"),
            Some(NameRule::ForbiddenCharacter('\u{1b}'))
        );
        assert_eq!(
            rule("\u{202e}abc"),
            Some(NameRule::ForbiddenCharacter('\u{202e}'))
        );
        assert_eq!(
            rule("a\u{2028}b"),
            Some(NameRule::ForbiddenCharacter('\u{2028}'))
        );
        assert_eq!(
            rule("a\u{200b}b"),
            Some(NameRule::ForbiddenCharacter('\u{200b}'))
        );
        assert_eq!(rule(" a"), Some(NameRule::SurroundingWhiteSpace));
        assert_eq!(rule("a\u{a0}"), Some(NameRule::SurroundingWhiteSpace));
        let id = "0193f0a0-0000-7000-8000-000000000000";
        for text in [
            id,
            &id.replace('-', ""),
            &format!("{{{id}}}"),
            &format!("urn:uuid:{id}"),
        ] {
            assert_eq!(rule(text), Some(NameRule::ShapedLikeUuid), "{text}");
        }
        let wide: String = id
            .chars()
            .map(|c| char::from_u32(u32::from(c) + 0xfee0).unwrap_or(c))
            .collect();
        assert_eq!(rule(&wide), Some(NameRule::ShapedLikeUuid), "{wide}");
    }

    #[test]
    fn length_counts_characters_of_the_composed_form() {
        assert_eq!(rule(&"á".repeat(64)), None);
        assert_eq!(rule(&"a\u{301}".repeat(64)), None);
        assert_eq!(rule(&"a\u{301}".repeat(65)), Some(NameRule::TooLong));
    }

    #[test]
    fn anything_else_is_a_name() {
        for text in [
            ".",
            "..",
            "/",
            "CON",
            "a b",
            "日本語",
            "-x",
            "x.",
            "🦀",
            "%2e%2e",
            "a\\b",
        ] {
            assert_eq!(rule(text), None, "{text:?}");
        }
    }

    #[test]
    fn made_up_names_keep_the_rules_and_differ() {
        let names: std::collections::HashSet<_> = (0..100)
            .map(|_| WorkspaceName::made_up().as_str().to_owned())
            .collect();
        assert_eq!(names.len(), 100);
        for name in &names {
            assert_eq!(rule(name), None, "{name:?}");
            assert_eq!(name.split('-').count(), 3, "{name:?}");
        }
    }

    #[test]
    fn unicode_version_is_that_of_the_tables() {
        // U+1ACF is a combining mark that Unicode 17 added; older tables leave it unassigned.
        let category = CodePointMapData::<GeneralCategory>::new().get('\u{1acf}');
        assert_eq!(
            category,
            GeneralCategory::NonspacingMark,
            "tables are not of {UNICODE_VERSION}"
        );
    }
}
