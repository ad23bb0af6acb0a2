//! A line that describes a course.

use crate::model::{
    column::ColumnSpec,
    kind::{KindSpec, SubjectEffects},
    tally::Effect,
};

/// What files of courses look like.
pub static SPEC: KindSpec = KindSpec {
    subject: "course",
    key: "shortname",
    columns: &[
        ColumnSpec::plain("shortname", 100),
        ColumnSpec::plain("fullname", 254),
        ColumnSpec::plain("idnumber", 100),
        ColumnSpec::plain("category_path", 2_000),
        ColumnSpec::plain("summary", 65_536),
        ColumnSpec::plain("visible", 255),
        ColumnSpec::plain("startdate", 255),
        ColumnSpec::plain("enddate", 255),
    ],
    unused: &["theme", "id", "category_id", "context", "contextid"],
    refused: &[],
    fields: &[
        "shortname",
        "fullname",
        "idnumber",
        "category_path",
        "category_id",
        "summary",
        "visible",
        "startdate",
        "enddate",
    ],
    derived: &["category_id"],
    max_profile_fields: 0,
    effects: SubjectEffects {
        created: Effect::new("courses_created", "courses created"),
        updated: Effect::new("courses_updated", "courses changed"),
        deleted: Effect::new("courses_deleted", "courses deleted"),
    },
    other_effects: &[
        Effect::new("categories_created", "course categories created"),
        Effect::new("categories_deleted", "course categories deleted"),
    ],
    has_details: false,
};
