//! `GET …/users?q=&segment=&course=`: those whose username begins with `q`, by username, then those
//! whose e-mail address does, by address. Each of the two is a range of an index, so a page costs
//! the same wherever it is.

use super::UserView;
use crate::{
    auth::{Access, Viewer},
    problem::Problem,
    request::query::{Given, Parameters},
    state::App,
    v1::paging::Page,
};
use axum::{extract::State, response::Response};
use muster_shared::model::ids::SiteId;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;

/// Who.
#[derive(Debug)]
pub(crate) struct Filters {
    q: Option<String>,
    segment: Option<String>,
    course: Option<String>,
}

impl Parameters for Filters {
    const KNOWN: &'static [&'static str] = &["q", "segment", "course"];

    fn read(given: &mut Given) -> Self {
        let q = given
            .text("q")
            .map(|q| q.trim().to_lowercase())
            .filter(|q| !q.is_empty());
        Self {
            q,
            segment: given.text("segment"),
            course: given.text("course"),
        }
    }
}

/// Where a page ended.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Cursor {
    /// Among the usernames.
    #[serde(rename = "u")]
    Username(String),
    /// Among the addresses, which several people may share.
    #[serde(rename = "e")]
    Email(String, i64),
}

/// What is looked for, with names resolved.
struct Search<'a> {
    site: SiteId,
    q: Option<&'a str>,
    /// Past all texts that begin with `q`.
    end: Option<String>,
    segment: Option<i64>,
    course: Option<i64>,
}

/// A person, and where they stand.
type Listed = (Cursor, UserView);

/// A page of people who are not deleted.
pub(crate) async fn list(
    access: Access<Viewer>,
    State(app): State<App>,
    page: Page<Filters, Cursor>,
) -> Result<Response, Problem> {
    let mut connection = app.reader(access.site.id).await?;
    let mut found = Vec::new();
    // A segment or course that is not there has nobody.
    if let Some(search) = Search::new(&mut connection, access.site.id, &page.filters).await? {
        if !matches!(page.after, Some(Cursor::Email(..))) {
            found = search
                .by_username(&mut connection, page.after.as_ref(), page.look_for())
                .await?;
        }
        let left = page.look_for() - found.len() as i64;
        if search.q.is_some() && left > 0 {
            found.extend(
                search
                    .by_email(&mut connection, page.after.as_ref(), left)
                    .await?,
            );
        }
    }
    drop(connection);
    let next = page.cut(&mut found, |(place, _)| place.clone());
    let users: Vec<_> = found.into_iter().map(|(_, user)| user).collect();
    Ok(page.answer("users", &users, next.as_ref()))
}

impl<'a> Search<'a> {
    async fn new(
        conn: &mut PgConnection,
        site: SiteId,
        filters: &'a Filters,
    ) -> Result<Option<Self>, Problem> {
        let q = filters.q.as_deref();
        // No character is behind U+10FFFF, and no text that begins with `q` is behind `q` and that
        // character.
        let mut search = Self {
            site,
            q,
            end: q.map(|q| format!("{q}\u{10ffff}")),
            segment: None,
            course: None,
        };
        if let Some(idnumber) = &filters.segment {
            let id = sqlx::query_scalar!(
                "SELECT id FROM lms.segments WHERE site_id = $1 AND idnumber = $2",
                site.0,
                idnumber
            );
            search.segment = id.fetch_optional(&mut *conn).await?;
        }
        if let Some(shortname) = &filters.course {
            let id = sqlx::query_scalar!(
                "SELECT id FROM lms.courses WHERE site_id = $1 AND shortname = $2",
                site.0,
                shortname
            );
            search.course = id.fetch_optional(conn).await?;
        }
        let is_known = filters.segment.is_some() == search.segment.is_some()
            && filters.course.is_some() == search.course.is_some();
        Ok(is_known.then_some(search))
    }

    async fn by_username(
        &self,
        conn: &mut PgConnection,
        after: Option<&Cursor>,
        limit: i64,
    ) -> Result<Vec<Listed>, Problem> {
        let after = match after {
            Some(Cursor::Username(username)) => Some(username.as_str()),
            _ => None,
        };
        let users = sqlx::query_as!(
            UserView,
            r#"SELECT u.id, u.username, u.firstname, u.lastname, u.email, u.idnumber, u.institution, u.department, u.city, u.country,
                      u.auth, u.suspended, u.deleted_at IS NOT NULL AS "deleted!", u.email_key
                 FROM lms.users u
                WHERE u.site_id = $1 AND u.deleted_at IS NULL
                  AND ($2::text IS NULL OR u.username > $2)
                  AND ($3::text IS NULL OR u.username >= $3 AND u.username < $4)
                  AND ($5::bigint IS NULL OR EXISTS (SELECT FROM lms.segment_members m WHERE m.user_id = u.id AND m.segment_id = $5))
                  AND ($6::bigint IS NULL OR EXISTS (SELECT FROM lms.enrolments e WHERE e.user_id = u.id AND e.course_id = $6))
                ORDER BY u.username
                LIMIT $7"#,
            self.site.0,
            after,
            self.q,
            self.end,
            self.segment,
            self.course,
            limit,
        )
        .fetch_all(conn)
        .await?;
        Ok(users
            .into_iter()
            .map(|user| (Cursor::Username(user.username.clone()), user))
            .collect())
    }

    async fn by_email(
        &self,
        conn: &mut PgConnection,
        after: Option<&Cursor>,
        limit: i64,
    ) -> Result<Vec<Listed>, Problem> {
        let (after_email, after_id) = match after {
            Some(Cursor::Email(email, id)) => (Some(email.as_str()), Some(*id)),
            _ => (None, None),
        };
        let users = sqlx::query_as!(
            UserView,
            r#"SELECT u.id, u.username, u.firstname, u.lastname, u.email, u.idnumber, u.institution, u.department, u.city, u.country,
                      u.auth, u.suspended, u.deleted_at IS NOT NULL AS "deleted!", u.email_key
                 FROM lms.users u
                WHERE u.site_id = $1 AND u.deleted_at IS NULL
                  AND ($2::text IS NULL OR u.email_key >= $2 AND (u.email_key, u.id) > ($2, $3::bigint))
                  AND u.email_key >= $4 AND u.email_key < $5
                  AND NOT (u.username >= $4 AND u.username < $5)
                  AND ($6::bigint IS NULL OR EXISTS (SELECT FROM lms.segment_members m WHERE m.user_id = u.id AND m.segment_id = $6))
                  AND ($7::bigint IS NULL OR EXISTS (SELECT FROM lms.enrolments e WHERE e.user_id = u.id AND e.course_id = $7))
                ORDER BY u.email_key, u.id
                LIMIT $8"#,
            self.site.0,
            after_email,
            after_id,
            self.q,
            self.end,
            self.segment,
            self.course,
            limit,
        )
        .fetch_all(conn)
        .await?;
        Ok(users
            .into_iter()
            .map(|user| {
                (
                    Cursor::Email(user.email_key.clone().unwrap_or_default(), user.id),
                    user,
                )
            })
            .collect())
    }
}
