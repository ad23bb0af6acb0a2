//! A line that describes a course.

use crate::model::{
    column::ColumnSpec,
    kind::{KindSpec, SubjectEffects},
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
    fields: &["shortname", "fullname", "idnumber", "category_path", "category_id", "summary", "visible", "startdate", "enddate"],
    derived: &["category_id"],
    max_profile_fields: 0,
    effects: SubjectEffects { created: "courses_created", updated: "courses_updated", deleted: "courses_deleted" },
    other_effects: &["categories_created", "categories_deleted"],
    has_details: false,
};
