//! A column that a kind understands.

/// A column that a kind understands.
#[derive(Debug)]
pub struct ColumnSpec {
    /// Its name, in lower case; of a numbered column without the number.
    pub name: &'static str,
    /// Other names for it.
    pub aliases: &'static [&'static str],
    /// May it stand several times, with numbers (`cohort1`, `cohort2`)?
    pub is_numbered: bool,
    /// The numbered column without which it means nothing (`role1` belongs to `course1`).
    pub companion_of: Option<&'static str>,
    /// The most characters that a cell may have, after trimming.
    pub max_chars: usize,
}

impl ColumnSpec {
    /// The most characters of a heading. It is repeated with every issue of its column and every
    /// line that is shown.
    pub const HEADING_CHARS: usize = 255;

    /// A plain column.
    #[must_use]
    pub const fn plain(name: &'static str, max_chars: usize) -> Self {
        Self {
            name,
            aliases: &[],
            is_numbered: false,
            companion_of: None,
            max_chars,
        }
    }

    /// A column that may stand several times.
    #[must_use]
    pub const fn numbered(
        name: &'static str,
        aliases: &'static [&'static str],
        max_chars: usize,
    ) -> Self {
        Self {
            name,
            aliases,
            is_numbered: true,
            companion_of: None,
            max_chars,
        }
    }

    /// A numbered column that goes with another.
    #[must_use]
    pub const fn companion(name: &'static str, of: &'static str, max_chars: usize) -> Self {
        Self {
            name,
            aliases: &[],
            is_numbered: true,
            companion_of: Some(of),
            max_chars,
        }
    }
}
