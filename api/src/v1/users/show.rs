//! `GET …/users/{username}`: a person, with what they belong to.

use super::UserView;
use crate::{
    auth::{Access, Viewer},
    problem::Problem,
    request::{
        Named, Query,
        path::{PathName, Username},
    },
    state::App,
};
use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use muster_shared::model::ids::SiteId;
use serde::Serialize;
use sqlx::PgConnection;
use std::collections::BTreeMap;

/// A person, whole.
#[derive(Debug, Serialize)]
pub(crate) struct WholeUserView {
    #[serde(flatten)]
    user: UserView,
    profile: BTreeMap<String, String>,
    segments: Vec<String>,
    site_roles: Vec<String>,
    enrolments: Vec<EnrolmentView>,
}

#[derive(Debug, Serialize)]
struct EnrolmentView {
    course: String,
    status: &'static str,
    starts_at: Option<DateTime<Utc>>,
    ends_at: Option<DateTime<Utc>>,
    roles: Vec<String>,
    groups: Vec<String>,
}

/// One person. Someone who is deleted has no username any more.
pub(crate) async fn show(
    access: Access<Viewer>,
    Named(Username(username)): Named<Username>,
    _: Query<()>,
    State(app): State<App>,
) -> Result<Json<WholeUserView>, Problem> {
    let mut connection = app.reader(access.site.id).await?;
    let user = user(&mut connection, access.site.id, &username)
        .await?
        .ok_or(Problem::NotFound(Username::ABSENT))?;
    let segments = sqlx::query_scalar!(
        "SELECT s.idnumber
           FROM lms.segment_members m
           JOIN lms.segments s ON s.id = m.segment_id AND s.site_id = $2
          WHERE m.user_id = $1
          ORDER BY s.idnumber",
        user.id,
        access.site.id.0,
    )
    .fetch_all(&mut *connection)
    .await?;
    let site_roles = sqlx::query_scalar!(
        "SELECT r.shortname
           FROM lms.role_assignments a
           JOIN lms.roles r ON r.id = a.role_id
          WHERE a.user_id = $1 AND a.course_id IS NULL
          ORDER BY r.id",
        user.id,
    )
    .fetch_all(&mut *connection)
    .await?;
    let enrolments = enrolments(&mut connection, access.site.id, user.id).await?;
    Ok(Json(WholeUserView {
        user,
        profile: BTreeMap::new(),
        segments,
        site_roles,
        enrolments,
    }))
}

async fn user(
    conn: &mut PgConnection,
    site: SiteId,
    username: &str,
) -> Result<Option<UserView>, Problem> {
    let user = sqlx::query_as!(
        UserView,
        r#"SELECT id, username, firstname, lastname, email, idnumber, institution, department, city, country, auth, suspended,
                  deleted_at IS NOT NULL AS "deleted!", email_key
             FROM lms.users
            WHERE site_id = $1 AND username = $2 AND deleted_at IS NULL"#,
        site.0,
        username,
    )
    .fetch_optional(conn)
    .await?;
    Ok(user)
}

async fn enrolments(
    conn: &mut PgConnection,
    site: SiteId,
    user: i64,
) -> Result<Vec<EnrolmentView>, Problem> {
    let rows = sqlx::query!(
        r#"SELECT c.shortname, e.status, lms.readable(e.starts_at) AS starts_at, lms.readable(e.ends_at) AS ends_at,
                  ARRAY(SELECT r.shortname
                          FROM lms.role_assignments a
                          JOIN lms.roles r ON r.id = a.role_id
                         WHERE a.user_id = e.user_id AND a.course_id = e.course_id
                         ORDER BY r.id) AS "roles!"
             FROM lms.enrolments e
             JOIN lms.courses c ON c.id = e.course_id AND c.site_id = $2
            WHERE e.user_id = $1
            ORDER BY c.shortname"#,
        user,
        site.0,
    )
    .fetch_all(conn)
    .await?;
    let enrolments = rows.into_iter().map(|row| EnrolmentView {
        course: row.shortname,
        status: if row.status == 0 {
            "active"
        } else {
            "suspended"
        },
        starts_at: row.starts_at,
        ends_at: row.ends_at,
        roles: row.roles,
        groups: Vec::new(),
    });
    Ok(enrolments.collect())
}
