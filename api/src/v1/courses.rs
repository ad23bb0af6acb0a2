//! `GET …/courses`: with how many people are enrolled in each, by short name.

use crate::{
    auth::{Access, Viewer},
    problem::Problem,
    state::App,
    v1::paging::Page,
};
use axum::{extract::State, response::Response};
use chrono::NaiveDate;
use serde::Serialize;

/// A course.
#[derive(Debug, Serialize)]
struct CourseView {
    id: i64,
    shortname: String,
    fullname: String,
    idnumber: String,
    category_path: String,
    summary: String,
    visible: bool,
    startdate: Option<NaiveDate>,
    enddate: Option<NaiveDate>,
    members: i64,
}

/// A page of courses. People are counted for the page, never stored: a stored count would turn
/// enrolling into one queue.
pub(crate) async fn list(
    access: Access<Viewer>,
    State(app): State<App>,
    page: Page<(), String>,
) -> Result<Response, Problem> {
    let mut connection = app.reader(access.site.id).await?;
    let mut courses = sqlx::query_as!(
        CourseView,
        r#"SELECT c.id, c.shortname, c.fullname, c.idnumber, path.path AS "category_path!", c.summary, c.visible,
                  lms.readable(c.startdate) AS startdate, lms.readable(c.enddate) AS enddate,
                  counted.members AS "members!"
             FROM (SELECT *
                     FROM lms.courses
                    WHERE site_id = $1 AND ($2::text IS NULL OR shortname > $2)
                    ORDER BY shortname
                    LIMIT $3) c
            CROSS JOIN LATERAL (SELECT count(*) AS members FROM lms.enrolments e WHERE e.course_id = c.id) counted
            CROSS JOIN LATERAL (
               WITH RECURSIVE upwards AS (
                  SELECT parent_id, name, 0 AS height FROM lms.categories WHERE id = c.category_id
                   UNION ALL
                  SELECT parent.parent_id, parent.name, child.height + 1
                    FROM upwards child
                    JOIN lms.categories parent ON parent.id = child.parent_id)
               SELECT string_agg(name, ' / ' ORDER BY height DESC) AS path FROM upwards) path
            ORDER BY c.shortname"#,
        access.site.id.0,
        page.after,
        page.look_for(),
    )
    .fetch_all(&mut *connection)
    .await?;
    let next = page.cut(&mut courses, |last| last.shortname.clone());
    Ok(page.answer("courses", &courses, next.as_ref()))
}
