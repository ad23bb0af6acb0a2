//! The segments, courses and roles that lines may name, held in memory for a stage: looking them up costs nothing then.

use super::row::Columns;
use crate::error::StageError;
use muster_shared::model::{ids::SiteId, suggest::nearest};
use sqlx::PgConnection;
use std::collections::HashMap;

/// What lines may name.
#[derive(Debug, Default)]
pub(super) struct Directory {
    segments: HashMap<String, Segment>,
    courses: HashMap<String, i64>,
    roles: HashMap<String, i32>,
}

/// A segment that lines may name.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) id: i64,
    pub(super) name: String,
    /// Its members are chosen by a rule.
    pub(super) is_managed: bool,
}

impl Directory {
    /// Loads what the file's columns can name.
    pub(super) async fn load(conn: &mut PgConnection, site: SiteId, columns: &Columns) -> Result<Self, StageError> {
        let mut directory = Self::default();
        if !columns.segments.is_empty() {
            let rows = sqlx::query!("SELECT id, idnumber, name, is_managed FROM lms.segments WHERE site_id = $1", site.0)
                .fetch_all(&mut *conn)
                .await?;
            directory.segments =
                rows.into_iter().map(|row| (row.idnumber, Segment { id: row.id, name: row.name, is_managed: row.is_managed })).collect();
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
    pub(super) fn like_segment(&self, given: &str) -> Option<&str> {
        let by_name = self.segments.iter().find(|(_, segment)| segment.name.eq_ignore_ascii_case(given));
        by_name.map(|(idnumber, _)| idnumber.as_str()).or_else(|| nearest(given, self.segments.keys().map(String::as_str)))
    }

    /// A course that was probably meant.
    pub(super) fn like_course(&self, given: &str) -> Option<&str> {
        nearest(given, self.courses.keys().map(String::as_str))
    }

    /// The roles there are, for messages, and the one that was probably meant.
    pub(super) fn like_role(&self, given: &str) -> (String, Option<&str>) {
        let mut roles: Vec<_> = self.roles.keys().map(String::as_str).collect();
        roles.sort_unstable();
        (roles.join(", "), nearest(given, roles))
    }
}
