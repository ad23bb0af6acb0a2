//! A line that describes a person.

use crate::model::{
    column::ColumnSpec,
    kind::{KindSpec, SubjectEffects},
    tally::Effect,
};

/// A username as it is stored: trimmed, in lower case, without the characters that none may have.
#[must_use]
pub fn standard_username(text: &str) -> String {
    text.trim()
        .to_lowercase()
        .chars()
        .filter(|&c| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-_@".contains(c))
        .collect()
}

/// What files of people look like.
pub static SPEC: KindSpec = KindSpec {
    subject: "user",
    key: "username",
    columns: &[
        ColumnSpec::plain("username", 100),
        ColumnSpec::plain("firstname", 100),
        ColumnSpec::plain("lastname", 100),
        ColumnSpec::plain("email", 100),
        ColumnSpec::plain("idnumber", 255),
        ColumnSpec::plain("institution", 255),
        ColumnSpec::plain("department", 255),
        ColumnSpec::plain("city", 120),
        ColumnSpec::plain("country", 2),
        ColumnSpec::numbered("cohort", &["segment"], 100),
        ColumnSpec::numbered("course", &[], 100),
        ColumnSpec::companion("role", "course", 100),
    ],
    unused: &[
        "mnethostid",
        "theme",
        "calendartype",
        "trackforums",
        "url",
        "htmleditor",
        "descriptionformat",
    ],
    refused: &[
        "oldusername",
        "deleted",
        "suspended",
        "auth",
        "password",
        "sysrole",
    ],
    fields: &[
        "username",
        "firstname",
        "lastname",
        "email",
        "email_key",
        "idnumber",
        "institution",
        "department",
        "city",
        "country",
    ],
    derived: &["email_key"],
    max_profile_fields: 30,
    effects: SubjectEffects {
        created: Effect::new("users_created", "people created"),
        updated: Effect::new("users_updated", "people whose details change"),
        deleted: Effect::new("users_deleted", "people deleted"),
    },
    other_effects: &[],
    has_details: true,
};
