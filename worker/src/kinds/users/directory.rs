//! The segments, courses and roles that lines may name, held in memory for a stage: looking them up
//! costs nothing then.

use super::row::Columns;
use crate::error::StageError;
use muster_shared::model::{
    budget::Budget,
    ids::SiteId,
    suggest::{Lexicon, nearest},
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
    segments_like: Likes,
    courses_like: Likes,
    /// Characters that may still be compared for the rows in hand; then suggestions cease. A file
    /// whose every line names something else that is unknown needs another look than suggestions.
    pub(super) comparisons: u64,
}

/// A segment that lines may name.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) id: i64,
    /// Its members are chosen by a rule.
    pub(super) is_managed: bool,
}

/// What was looked for in vain among some names, and what it was like.
#[derive(Debug, Default)]
struct Likes {
    /// Made when first needed.
    lexicon: Option<Lexicon>,
    found: HashMap<String, Option<String>>,
}

impl Likes {
    fn of<T>(
        &mut self,
        given: &str,
        known: &HashMap<String, T>,
        comparisons: &mut u64,
    ) -> Option<String> {
        if let Some(found) = self.found.get(given) {
            return found.clone();
        }
        let lexicon = self
            .lexicon
            .get_or_insert_with(|| Lexicon::of(known.keys().cloned()));
        let near = lexicon.nearest(given, comparisons).map(str::to_owned);
        self.found.insert(given.to_owned(), near.clone());
        near
    }
}

impl Directory {
    /// Loads what the file's columns can name.
    pub(super) async fn load(
        conn: &mut PgConnection,
        site: SiteId,
        columns: &Columns,
    ) -> Result<Self, StageError> {
        let mut directory = Self::default();
        if !columns.segments.is_empty() {
            let rows =
                sqlx::query!("SELECT id, idnumber, name, is_managed FROM lms.segments WHERE site_id = $1 ORDER BY idnumber DESC", site.0)
                    .fetch_all(&mut *conn)
                    .await?;
            directory.by_name = rows
                .iter()
                .map(|row| (row.name.to_lowercase(), row.idnumber.clone()))
                .collect();
            directory.segments = rows
                .into_iter()
                .map(|row| {
                    (
                        row.idnumber,
                        Segment {
                            id: row.id,
                            is_managed: row.is_managed,
                        },
                    )
                })
                .collect();
        }
        if !columns.courses.is_empty() {
            let rows = sqlx::query!(
                "SELECT id, shortname FROM lms.courses WHERE site_id = $1",
                site.0
            )
            .fetch_all(&mut *conn)
            .await?;
            directory.courses = rows
                .into_iter()
                .map(|row| (row.shortname, row.id))
                .collect();
            let rows = sqlx::query!("SELECT id, shortname FROM lms.roles")
                .fetch_all(conn)
                .await?;
            directory.roles = rows
                .into_iter()
                .map(|row| (row.shortname, row.id))
                .collect();
        }
        Ok(directory)
    }

    /// Other rows are in hand now.
    pub(super) fn begin(&mut self) {
        self.comparisons = Budget::PIECE.comparisons();
        self.segments_like.found.clear();
        self.courses_like.found.clear();
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
        self.segments_like
            .of(given, &self.segments, &mut self.comparisons)
    }

    /// A course that was probably meant.
    pub(super) fn like_course(&mut self, given: &str) -> Option<String> {
        self.courses_like
            .of(given, &self.courses, &mut self.comparisons)
    }

    /// The roles there are, for messages, and the one that was probably meant.
    pub(super) fn like_role(&self, given: &str) -> (String, Option<&str>) {
        let mut roles: Vec<_> = self.roles.keys().map(String::as_str).collect();
        roles.sort_unstable();
        (roles.join(", "), nearest(given, roles))
    }
}
