//! The names of what plans name by id, looked up once for a page.

use super::plans::Plan;
use muster_shared::{model::ids::SiteId, store::StoreError};
use sqlx::PgConnection;
use std::collections::HashMap;

/// How a thing of the LMS is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name {
    /// The ID number of a segment, the short name of a course.
    pub(crate) key: String,
    /// For people.
    pub(crate) name: String,
}

/// The names that a page needs.
#[derive(Debug, Default)]
pub(crate) struct Names {
    pub(crate) segments: HashMap<i64, Name>,
    pub(crate) courses: HashMap<i64, Name>,
    pub(crate) roles: HashMap<i32, String>,
}

impl Names {
    /// Looks them up; nothing is asked for that no plan names.
    pub(crate) async fn of<'a>(
        conn: &mut PgConnection,
        site: SiteId,
        plans: impl Iterator<Item = &'a Plan> + Clone,
    ) -> Result<Self, StoreError> {
        let segments = |plan: &'a Plan| plan.segments_joined.iter().chain(&plan.segments_there).chain(&plan.segments_left);
        let segments = distinct(plans.clone().flat_map(segments));
        let courses = distinct(plans.flat_map(|plan| &plan.courses));
        let mut names = Self::default();
        if !segments.is_empty() {
            let found = sqlx::query!("SELECT id, idnumber, name FROM lms.segments WHERE id = ANY ($1) AND site_id = $2", &segments, site.0)
                .fetch_all(&mut *conn)
                .await?;
            names.segments = found.into_iter().map(|row| (row.id, Name { key: row.idnumber, name: row.name })).collect();
        }
        if !courses.is_empty() {
            let found =
                sqlx::query!("SELECT id, shortname, fullname FROM lms.courses WHERE id = ANY ($1) AND site_id = $2", &courses, site.0)
                    .fetch_all(&mut *conn)
                    .await?;
            names.courses = found.into_iter().map(|row| (row.id, Name { key: row.shortname, name: row.fullname })).collect();
            let roles = sqlx::query!("SELECT id, shortname FROM lms.roles").fetch_all(conn).await?;
            names.roles = roles.into_iter().map(|row| (row.id, row.shortname)).collect();
        }
        Ok(names)
    }
}

fn distinct<'a>(ids: impl Iterator<Item = &'a i64>) -> Vec<i64> {
    let mut ids: Vec<i64> = ids.copied().collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}
