//! Texts as files and requests have them: what stands unseen at their edges, and how much of one is
//! repeated.

use icu_properties::{CodePointMapData, props::GeneralCategory};

/// A text without what nobody sees at its edges: white space, and characters of Unicode's category
/// Cf, such as byte order marks, zero-width and directional characters and soft hyphens.
#[must_use]
pub fn trimmed(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || is_invisible(c))
}

/// Has the character no shape of its own?
fn is_invisible(c: char) -> bool {
    !c.is_ascii() && CodePointMapData::<GeneralCategory>::new().get(c) == GeneralCategory::Format
}

/// The beginning of a text, at most `max` characters of it.
#[must_use]
pub fn cut(text: &str, max: usize) -> &str {
    // Most texts are shorter in bytes already.
    if text.len() <= max {
        return text;
    }
    text.char_indices()
        .nth(max)
        .map_or(text, |(end, _)| &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_unseen_stays_at_the_edges() {
        for (text, expected) in [
            ("anna", "anna"),
            (" \t anna\r\n", "anna"),
            ("\u{feff}anna\u{feff}", "anna"),
            (
                "\u{a0}\u{200b}\u{200e}\u{ad}\u{2066} an\u{200b}na \u{3000}\u{e0001}",
                "an\u{200b}na",
            ),
            ("\u{feff} \u{200d}", ""),
            ("", ""),
            ("é\u{301}", "é\u{301}"),
        ] {
            assert_eq!(trimmed(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_text_is_cut_between_characters() {
        for (text, max, expected) in [
            ("øre", 2, "ør"),
            ("øre", 3, "øre"),
            ("øre", 9, "øre"),
            ("øre", 0, ""),
            ("", 0, ""),
        ] {
            assert_eq!(cut(text, max), expected, "{text} {max}");
        }
    }
}
