//! What a site must hold, row by row, in the words in which the real one is read.

use super::{
    Id, State,
    state::{Record, Shelf},
};
use std::collections::BTreeMap;

/// Rows by what they are about.
pub(crate) type Rows = BTreeMap<String, String>;

/// A row of a person, a segment or a course ends with how often it was written.
fn told(record: &Record, fields: &[Option<String>]) -> String {
    let fields: Vec<&str> = fields
        .iter()
        .map(|field| field.as_deref().unwrap_or_default())
        .collect();
    format!(
        "{} v{} by {}",
        fields.join(" | "),
        record.version,
        record.source
    )
}

impl State {
    /// Every row.
    pub(crate) fn rows(&self) -> Rows {
        let mut rows = Rows::new();
        for record in self.people.records.values() {
            rows.insert(
                format!("person {}", record.key),
                told(record, &record.fields),
            );
        }
        for record in self.segments.records.values() {
            rows.insert(
                format!("segment {}", record.key),
                told(record, &record.fields),
            );
        }
        for record in self.courses.records.values() {
            let mut fields = record.fields.clone();
            fields[super::state::CATEGORY] = record.category.map(|category| self.path(category));
            rows.insert(format!("course {}", record.key), told(record, &fields));
        }
        for (id, node) in &self.categories {
            rows.insert(
                format!("category {}", self.path(*id)),
                format!("by {}", node.source),
            );
        }
        self.memberships(&mut rows);
        rows
    }

    fn memberships(&self, rows: &mut Rows) {
        let name = |shelf: &Shelf, id: Id| shelf.key(id).to_owned();
        for ((person, segment), source) in &self.members {
            let what = format!(
                "member {} of {}",
                name(&self.people, *person),
                name(&self.segments, *segment)
            );
            rows.insert(
                what,
                format!("by {}", self.shown(('s', *person, *segment, ""), *source)),
            );
        }
        for ((person, course), source) in &self.enrolments {
            let what = format!(
                "enrolment {} in {}",
                name(&self.people, *person),
                name(&self.courses, *course)
            );
            rows.insert(
                what,
                format!(
                    "active from midnight by {}",
                    self.shown(('e', *person, *course, ""), *source)
                ),
            );
        }
        for ((person, course, role), source) in &self.roles {
            let what = format!(
                "role {} in {} as {role}",
                name(&self.people, *person),
                name(&self.courses, *course)
            );
            rows.insert(
                what,
                format!("by {}", self.shown(('r', *person, *course, role), *source)),
            );
        }
    }
}
