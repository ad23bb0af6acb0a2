//! `GET …/segments`: with how many people belong to each, by ID number.

use crate::{
    auth::{Access, Viewer},
    problem::Problem,
    state::App,
    v1::paging::Page,
};
use axum::{extract::State, response::Response};
use serde::Serialize;

/// A segment.
#[derive(Debug, Serialize)]
struct SegmentView {
    id: i64,
    idnumber: String,
    name: String,
    description: String,
    visible: bool,
    managed: bool,
    members: i64,
}

/// A page of segments. Members are counted for the page, never stored: a stored count would turn
/// joining into one queue.
pub(crate) async fn list(
    access: Access<Viewer>,
    State(app): State<App>,
    page: Page<(), String>,
) -> Result<Response, Problem> {
    let mut connection = app.reader(access.site.id).await?;
    let mut segments = sqlx::query_as!(
        SegmentView,
        r#"SELECT s.id, s.idnumber, s.name, s.description, s.visible, s.is_managed AS managed, counted.members AS "members!"
             FROM (SELECT *
                     FROM lms.segments
                    WHERE site_id = $1 AND ($2::text IS NULL OR idnumber > $2)
                    ORDER BY idnumber
                    LIMIT $3) s
            CROSS JOIN LATERAL (SELECT count(*) AS members FROM lms.segment_members m WHERE m.segment_id = s.id) counted
            ORDER BY s.idnumber"#,
        access.site.id.0,
        page.after,
        page.look_for(),
    )
    .fetch_all(&mut *connection)
    .await?;
    let next = page.cut(&mut segments, |last| last.idnumber.clone());
    Ok(page.answer("segments", &segments, next.as_ref()))
}
