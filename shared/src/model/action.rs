//! What a line would do, and what it did, in a word.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};
use strum::{Display, EnumString, IntoStaticStr, VariantArray};

/// What a line would do.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    Serialize,
    Deserialize,
    Display,
    EnumString,
    IntoStaticStr,
    VariantArray,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Action {
    /// A new subject.
    Create,
    /// Fields or memberships of one that exists.
    Update,
    /// All is as the line says.
    Unchanged,
    /// Left alone, with the reason as an issue.
    Skip,
    /// Taken away.
    Delete,
    /// Wrong, with the reasons as issues.
    Reject,
}

impl Action {
    /// The name as it is stored and shown.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// The letter under which it is stored.
    #[must_use]
    pub fn letter(self) -> u8 {
        match self {
            Self::Create => b'c',
            Self::Update => b'u',
            Self::Unchanged => b'n',
            Self::Skip => b's',
            Self::Delete => b'd',
            Self::Reject => b'r',
        }
    }

    /// The action stored as this letter.
    #[must_use]
    pub fn of_letter(letter: u8) -> Option<Self> {
        Self::VARIANTS
            .iter()
            .copied()
            .find(|action| action.letter() == letter)
    }

    /// What comes out when all goes as planned.
    #[must_use]
    pub fn outcome(self) -> Outcome {
        match self {
            Self::Create => Outcome::Created,
            Self::Update => Outcome::Updated,
            Self::Unchanged => Outcome::Unchanged,
            Self::Skip => Outcome::Skipped,
            Self::Delete => Outcome::Deleted,
            Self::Reject => Outcome::Rejected,
        }
    }
}

/// What a line did.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    Serialize,
    Deserialize,
    Display,
    EnumString,
    IntoStaticStr,
    VariantArray,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Outcome {
    /// A new subject is there.
    Created,
    /// Fields or memberships were changed.
    Updated,
    /// All was as the line says.
    Unchanged,
    /// Left alone.
    Skipped,
    /// Taken away.
    Deleted,
    /// Wrong, so nothing was done.
    Rejected,
    /// The target was no longer as the plan found it, so it was not touched.
    Held,
    /// The database refused it.
    Failed,
}

impl Outcome {
    /// The name as it is stored and shown.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// What became of a line, as filters and requests name it; `None`: apply never came to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LineResult(pub Option<Outcome>);

impl LineResult {
    /// The word for lines to which apply never came.
    pub const NEVER: &'static str = "none";

    /// All words there are, in the order of [`Outcome`].
    #[must_use]
    pub fn names() -> Vec<&'static str> {
        Outcome::VARIANTS
            .iter()
            .map(|outcome| outcome.name())
            .chain([Self::NEVER])
            .collect()
    }
}

impl FromStr for LineResult {
    type Err = strum::ParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == Self::NEVER {
            Ok(Self(None))
        } else {
            text.parse().map(|outcome| Self(Some(outcome)))
        }
    }
}

impl fmt::Display for LineResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.map_or(Self::NEVER, Outcome::name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_became_of_a_line_is_read_as_it_is_written() {
        for name in LineResult::names() {
            assert_eq!(
                name.parse::<LineResult>().expect("a word").to_string(),
                name
            );
        }
        assert!("never".parse::<LineResult>().is_err());
    }
}
