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
        Self {
            time_zone: Tz::UTC,
            limits: Limits::default(),
            keeping: Keeping::default(),
        }
    }
}

/// How large a file may be, in every dimension, and how many imports may be open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Bytes as uploaded.
    pub file_bytes: u64,
    /// Bytes after decompression.
    pub expanded_bytes: u64,
    /// Expanded bytes for each uploaded byte: those of the whole file, once it expands to more than
    /// 10 MB.
    pub expansion_ratio: u64,
    /// Records without the header.
    pub lines: u64,
    /// Columns.
    pub columns: u64,
    /// Columns of one numbered name, such as `cohort1`, `cohort2`.
    pub numbered_columns: u64,
    /// Bytes of one record, line breaks inside quotes included.
    pub record_bytes: u64,
    /// Lines about one subject.
    pub lines_of_one_subject: u64,
    /// Imports that are neither applied, cancelled nor rejected. Those that undo another are
    /// neither refused nor counted.
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

impl Limits {
    /// The limits that are beyond what Muster is made for, with their highest values.
    #[must_use]
    pub fn beyond(&self) -> Vec<(&'static str, u64)> {
        let mut limits = self.clone();
        let beyond = limits
            .each()
            .into_iter()
            .filter(|(_, value, highest)| **value > *highest);
        beyond.map(|(name, _, highest)| (name, highest)).collect()
    }

    /// Takes down what is beyond its highest value; such may have been stored before there was one.
    pub fn take_down(&mut self) {
        for (_, value, highest) in self.each() {
            *value = highest.min(*value);
        }
    }

    /// Each with its name and its highest value.
    fn each(&mut self) -> [(&'static str, &mut u64, u64); 9] {
        [
            ("file_bytes", &mut self.file_bytes, 1_000_000_000_000),
            (
                "expanded_bytes",
                &mut self.expanded_bytes,
                1_000_000_000_000,
            ),
            ("expansion_ratio", &mut self.expansion_ratio, 10_000),
            ("lines", &mut self.lines, 1_000_000_000),
            ("columns", &mut self.columns, 10_000),
            ("numbered_columns", &mut self.numbered_columns, 10_000),
            ("record_bytes", &mut self.record_bytes, 16 << 20),
            (
                "lines_of_one_subject",
                &mut self.lines_of_one_subject,
                10_000,
            ),
            ("open_imports", &mut self.open_imports, 10_000),
        ]
    }
}

/// How long files, lines and plans are kept, in whole days. It counts when an import is made and
/// when it comes to its end: a date that was shown stays when this changes.
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
        Self {
            unfinished_days: 14,
            undo_days: 30,
        }
    }
}

impl Keeping {
    /// From when an import was made.
    #[must_use]
    pub fn of_unfinished(&self) -> TimeDelta {
        TimeDelta::days(self.unfinished_days.into())
    }
}

/// How many days something may be kept.
const DAYS: RangeInclusive<u32> = 1..=3_650;

fn days<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let days = u32::deserialize(deserializer)?;
    if DAYS.contains(&days) {
        Ok(days)
    } else {
        Err(D::Error::custom(format!(
            "{days} days are not between 1 and 3650"
        )))
    }
}
