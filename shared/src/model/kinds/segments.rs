//! A line that describes a segment.

use crate::model::{
    column::ColumnSpec,
    kind::{KindSpec, SubjectEffects},
    tally::Effect,
};

/// What files of segments look like.
pub static SPEC: KindSpec = KindSpec {
    subject: "segment",
    key: "idnumber",
    columns: &[
        ColumnSpec::plain("idnumber", 100),
        ColumnSpec::plain("name", 254),
        ColumnSpec::plain("description", 65_536),
        ColumnSpec::plain("visible", 255),
    ],
    unused: &[
        "descriptionformat",
        "contextid",
        "context",
        "category_id",
        "id",
        "theme",
    ],
    refused: &[],
    fields: &["idnumber", "name", "description", "visible"],
    derived: &[],
    max_profile_fields: 0,
    effects: SubjectEffects {
        created: Effect::new("segments_created", "segments created"),
        updated: Effect::new("segments_updated", "segments changed"),
        deleted: Effect::new("segments_deleted", "segments deleted"),
    },
    other_effects: &[],
    has_details: false,
};
