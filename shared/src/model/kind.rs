//! What one line of a file describes.

use super::{column::ColumnSpec, kinds, tally::Effect};
use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr, VariantArray};

/// What one line of a file describes.
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
pub enum Kind {
    /// A person, with segments and courses.
    Users,
    /// A segment.
    Segments,
    /// A course.
    Courses,
}

/// What differs from kind to kind in the files.
#[derive(Debug)]
pub struct KindSpec {
    /// What a subject is called; its id is shown as `<subject>_id`.
    pub subject: &'static str,
    /// The column that names the subject of a line.
    pub key: &'static str,
    /// All columns that are understood.
    pub columns: &'static [ColumnSpec],
    /// Columns of other systems' templates that are passed over, with a warning.
    pub unused: &'static [&'static str],
    /// Columns that ask for something which no recipe does yet: they reject the file, since it must
    /// not silently not happen.
    pub refused: &'static [&'static str],
    /// The positions of `before` and `after` in a plan. Only ever appended to: stored plans refer
    /// to them.
    pub fields: &'static [&'static str],
    /// Those fields that follow from others and are not shown.
    pub derived: &'static [&'static str],
    /// How many fields of its own a site may add to those.
    pub max_profile_fields: usize,
    /// The effects that count subjects which are made, changed in their fields, taken away.
    pub effects: SubjectEffects,
    /// The effects that count what is made besides.
    pub other_effects: &'static [Effect],
    /// Does `existing_details` apply?
    pub has_details: bool,
}

/// Effects on subjects.
#[derive(Debug)]
pub struct SubjectEffects {
    /// Subjects that are made.
    pub created: Effect,
    /// Subjects whose fields change.
    pub updated: Effect,
    /// Subjects that are taken away.
    pub deleted: Effect,
}

impl Kind {
    /// The name as it is stored and shown.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// A key as it is compared: the same for all that mean the same subject.
    #[must_use]
    pub fn standard_key(self, text: &str) -> String {
        match self {
            Self::Users => kinds::users::standard_username(text),
            Self::Segments | Self::Courses => text.trim().to_owned(),
        }
    }

    /// What its files look like.
    #[must_use]
    pub fn spec(self) -> &'static KindSpec {
        match self {
            Self::Users => &kinds::users::SPEC,
            Self::Segments => &kinds::segments::SPEC,
            Self::Courses => &kinds::courses::SPEC,
        }
    }
}

impl KindSpec {
    /// The column of that name or alias.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&'static ColumnSpec> {
        self.columns
            .iter()
            .find(|column| column.name == name || column.aliases.contains(&name))
    }
}
