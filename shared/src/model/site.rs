//! A tenant, its settings and its limits.

use super::ids::SiteId;
use chrono::TimeDelta;
use chrono_tz::Tz;
use serde::{Deserialize, Deserializer, Serialize, de::Error};
use std::ops::RangeInclusive;

/// One LMS with its own people, segments and courses.
#[derive(Debug, Clone)]
pub struct Site {
    /// Inside.
    pub id: SiteId,
    /// In addresses.
    pub slug: String,
    /// For people.
    pub name: String,
    /// What it allows.
    pub settings: SiteSettings,
}

/// What a site allows. Every setting has a default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SiteSettings {
    /// Where a day begins: a new enrolment starts at 00:00 of the day of the preview.
    pub time_zone: Tz,
    /// How large files may be, and how many imports open.
    pub limits: Limits,
    /// How long what was uploaded is kept.
    pub keeping: Keeping,
}

impl Default for SiteSettings {
    fn default() -> Self {
        Self { time_zone: Tz::UTC, limits: Limits::default(), keeping: Keeping::default() }
    }
}

/// How large a file may be, in every dimension, and how many imports may be open. Each has a highest value, up to which the rest was
/// made for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Bytes as uploaded.
    #[serde(deserialize_with = "at_most::<TERABYTE, _>")]
    pub file_bytes: u64,
    /// Bytes after decompression.
    #[serde(deserialize_with = "at_most::<TERABYTE, _>")]
    pub expanded_bytes: u64,
    /// Expanded bytes for each uploaded byte, looked at from the first 10 MB of expanded bytes on.
    #[serde(deserialize_with = "at_most::<10_000, _>")]
    pub expansion_ratio: u64,
    /// Records without the header.
    #[serde(deserialize_with = "at_most::<1_000_000_000, _>")]
    pub lines: u64,
    /// Columns.
    #[serde(deserialize_with = "at_most::<10_000, _>")]
    pub columns: u64,
    /// Columns of one numbered name, such as `cohort1`, `cohort2`.
    #[serde(deserialize_with = "at_most::<10_000, _>")]
    pub numbered_columns: u64,
    /// Bytes of one record, line breaks inside quotes included.
    #[serde(deserialize_with = "at_most::<{ 16 << 20 }, _>")]
    pub record_bytes: u64,
    /// Lines about one subject.
    #[serde(deserialize_with = "at_most::<10_000, _>")]
    pub lines_of_one_subject: u64,
    /// Imports that are neither applied, cancelled nor rejected. Those that undo another are neither refused nor counted.
    #[serde(deserialize_with = "at_most::<10_000, _>")]
    pub open_imports: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            file_bytes: 2_000_000_000,
            expanded_bytes: 8_000_000_000,
            expansion_ratio: 200,
            lines: 20_000_000,
            columns: 500,
            numbered_columns: 100,
            record_bytes: 1 << 20,
            lines_of_one_subject: 1_000,
            open_imports: 100,
        }
    }
}

/// How long files, lines and plans are kept, in whole days. It counts when an import is made and when it comes to its end: a date that
/// was shown stays when this changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Keeping {
    /// Of an import that nobody applies, from when it was made.
    #[serde(deserialize_with = "days")]
    pub unfinished_days: u32,
    /// Of one that was applied, from its end: for so long it can be undone.
    #[serde(deserialize_with = "days")]
    pub undo_days: u32,
}

impl Default for Keeping {
    fn default() -> Self {
        Self { unfinished_days: 14, undo_days: 30 }
    }
}

impl Keeping {
    /// From when an import was made.
    #[must_use]
    pub fn of_unfinished(&self) -> TimeDelta {
        TimeDelta::days(self.unfinished_days.into())
    }
}

const TERABYTE: u64 = 1_000_000_000_000;

fn at_most<'de, const MOST: u64, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let given = u64::deserialize(deserializer)?;
    if given <= MOST { Ok(given) } else { Err(D::Error::custom(format!("{given} is more than {MOST}"))) }
}

/// How many days something may be kept.
const DAYS: RangeInclusive<u32> = 1..=3_650;

fn days<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let days = u32::deserialize(deserializer)?;
    if DAYS.contains(&days) { Ok(days) } else { Err(D::Error::custom(format!("{days} days are not between 1 and 3650"))) }
}
