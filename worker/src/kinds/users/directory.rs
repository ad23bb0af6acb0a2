//! The segments, courses and roles that lines may name, held in memory for a stage: looking them up costs nothing then.

use super::row::Columns;
use crate::error::StageError;
use muster_shared::model::{
    ids::SiteId,
    suggest::{MAX_CHARS, nearest},
};
use sqlx::PgConnection;
use std::collections::HashMap;

/// What lines may name.
#[derive(Debug, Default)]
pub(super) struct Directory {
    segments: HashMap<String, Segment>,
    courses: HashMap<String, i64>,
    roles: HashMap<String, i32>,
    /// ID numbers of segments by their names in lower case: people type what they see.
    by_name: HashMap<String, String>,
    /// What was looked for in vain, and what it was like.
    segments_like: HashMap<String, Option<String>>,
    courses_like: HashMap<String, Option<String>>,
    compared: usize,
}

/// So many names are compared in a stage by one lane, some 2 s of work; then suggestions cease. A file whose every line names
/// something else that is unknown needs another look than suggestions.
const MAX_COMPARED: usize = 1_000_000;
/// Each name counts for so many at least, so that those that are kept have a bound too.
const MIN_COMPARED: usize = 100;

/// A segment that lines may name.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) id: i64,
    /// Its members are chosen by a rule.
    pub(super) is_managed: bool,
}

impl Directory {
    /// Loads what the file's columns can name.
    pub(super) async fn load(conn: &mut PgConnection, site: SiteId, columns: &Columns) -> Result<Self, StageError> {
        let mut directory = Self::default();
        if !columns.segments.is_empty() {
            let rows =
                sqlx::query!("SELECT id, idnumber, name, is_managed FROM lms.segments WHERE site_id = $1 ORDER BY idnumber DESC", site.0)
                    .fetch_all(&mut *conn)
                    .await?;
            directory.by_name = rows.iter().map(|row| (row.name.to_lowercase(), row.idnumber.clone())).collect();
            directory.segments = rows.into_iter().map(|row| (row.idnumber, Segment { id: row.id, is_managed: row.is_managed })).collect();
        }
        if !columns.courses.is_empty() {
            let rows = sqlx::query!("SELECT id, shortname FROM lms.courses WHERE site_id = $1", site.0).fetch_all(&mut *conn).await?;
            directory.courses = rows.into_iter().map(|row| (row.shortname, row.id)).collect();
            let rows = sqlx::query!("SELECT id, shortname FROM lms.roles").fetch_all(conn).await?;
            directory.roles = rows.into_iter().map(|row| (row.shortname, row.id)).collect();
        }
        Ok(directory)
    }

    pub(super) fn segment(&self, idnumber: &str) -> Option<&Segment> {
        self.segments.get(idnumber)
    }

    pub(super) fn course(&self, shortname: &str) -> Option<i64> {
        self.courses.get(shortname).copied()
    }

    pub(super) fn role(&self, shortname: &str) -> Option<i32> {
        self.roles.get(shortname).copied()
    }

    /// A segment that was probably meant: one with that name, or the nearest ID number.
    pub(super) fn like_segment(&mut self, given: &str) -> Option<String> {
        if let Some(idnumber) = self.by_name.get(&given.to_lowercase()) {
            return Some(idnumber.clone());
        }
        like(given, &self.segments, &mut self.segments_like, &mut self.compared)
    }

    /// A course that was probably meant.
    pub(super) fn like_course(&mut self, given: &str) -> Option<String> {
        like(given, &self.courses, &mut self.courses_like, &mut self.compared)
    }

    /// The roles there are, for messages, and the one that was probably meant.
    pub(super) fn like_role(&self, given: &str) -> (String, Option<&str>) {
        let mut roles: Vec<_> = self.roles.keys().map(String::as_str).collect();
        roles.sort_unstable();
        (roles.join(", "), nearest(given, roles))
    }
}

/// The nearest of the known keys, looked for once.
fn like<T>(given: &str, known: &HashMap<String, T>, found: &mut HashMap<String, Option<String>>, compared: &mut usize) -> Option<String> {
    if let Some(found) = found.get(given) {
        return found.clone();
    }
    if *compared > MAX_COMPARED || given.chars().count() > MAX_CHARS {
        return None;
    }
    // What is found is kept, even where there is nothing to compare with.
    *compared += known.len().max(MIN_COMPARED);
    let near = nearest(given, known.keys().map(String::as_str)).map(str::to_owned);
    found.insert(given.to_owned(), near.clone());
    near
}
