//! Imports: made, listed, looked at, asked to move.

pub(crate) mod apply;
pub(crate) mod command;
mod command_request;
pub(crate) mod continue_import;
pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod issues;
pub(crate) mod list;
pub(crate) mod preview;
pub(crate) mod show;
pub(crate) mod undo;

use crate::{
    problem::Problem,
    request::{if_match::etag, path::PathName},
    state::App,
    time_limit::in_time,
    v1::view::{ImportView, Related},
};
use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Utc};
use muster_shared::{
    model::{
        ids::{ImportId, ImportNo, SiteId},
        site::Site,
    },
    store::{
        StoreError,
        batches::sums_of,
        imports::{self, Import},
    },
};
use sqlx::PgConnection;
use std::collections::HashMap;

/// After how many seconds it pays to look again at an import that works.
const LOOK_AGAIN: HeaderValue = HeaderValue::from_static("1");

/// The import of that id in that site.
pub(crate) async fn of_site(
    conn: &mut PgConnection,
    site: SiteId,
    id: ImportId,
) -> Result<Import, Problem> {
    imports::in_site(conn, site, id)
        .await?
        .ok_or(Problem::NotFound(ImportId::ABSENT))
}

/// The answer that shows a new import, and says where it is.
async fn created_response(app: &App, site: &Site, id: ImportId) -> Result<Response, Problem> {
    let mut response = in_time(answer(app, StatusCode::ACCEPTED, site, id)).await?;
    let location = format!("/api/v1/sites/{}/imports/{id}", site.slug);
    if let Ok(location) = HeaderValue::from_str(&location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

/// The same, if its lines are still there.
pub(crate) async fn kept_of_site(
    conn: &mut PgConnection,
    site: SiteId,
    id: ImportId,
) -> Result<Import, Problem> {
    let import = of_site(conn, site, id).await?;
    import
        .pruned_at
        .map_or(Ok(import), |since| Err(Problem::Expired(since)))
}

/// Since when the lines of an import are deleted; `None`: what was read of them before this was
/// asked is whole.
pub(crate) async fn pruned_at(
    conn: &mut PgConnection,
    import: &Import,
) -> Result<Option<DateTime<Utc>>, StoreError> {
    Ok(sqlx::query_scalar!(
        "SELECT pruned_at FROM muster.imports WHERE no = $1",
        import.no.0
    )
    .fetch_one(conn)
    .await?)
}

/// To be called with what was read of lines: not a part of it may be gone.
pub(crate) async fn still_kept(conn: &mut PgConnection, import: &Import) -> Result<(), Problem> {
    pruned_at(conn, import)
        .await?
        .map_or(Ok(()), |since| Err(Problem::Expired(since)))
}

/// The answer that shows an import as it is now.
async fn answer(
    app: &App,
    status: StatusCode,
    site: &Site,
    id: ImportId,
) -> Result<Response, Problem> {
    let mut connection = app.connection().await?;
    let import = of_site(&mut connection, site.id, id).await?;
    answer_with(&mut connection, status, site, import).await
}

/// The answer that shows this import.
async fn answer_with(
    conn: &mut PgConnection,
    status: StatusCode,
    site: &Site,
    import: Import,
) -> Result<Response, Problem> {
    let (version, is_at_rest) = (import.status_version, import.status.is_at_rest());
    let views = views(conn, site, vec![import]).await?;
    let view = views
        .into_iter()
        .next()
        .ok_or(Problem::NotFound(ImportId::ABSENT))?;
    let mut response = (status, [(header::ETAG, etag(version))], Json(view)).into_response();
    if !is_at_rest {
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, LOOK_AGAIN);
    }
    Ok(response)
}

/// Imports of one site as they are shown.
async fn views(
    conn: &mut PgConnection,
    site: &Site,
    imports: Vec<Import>,
) -> Result<Vec<ImportView>, Problem> {
    let numbers: Vec<_> = imports.iter().map(|import| import.no).collect();
    let mut sums = sums_of(&mut *conn, &numbers).await?;
    let mut surroundings = surroundings(conn, &numbers).await?;
    let now = Utc::now();
    let view = |import: Import| {
        let sums = sums.remove(&import.no).unwrap_or_default();
        let related = surroundings.remove(&import.no).unwrap_or_default();
        ImportView::new(&site.slug, import, &sums, related, now)
    };
    Ok(imports.into_iter().map(view).collect())
}

/// The people, other imports and lanes that these have to do with.
async fn surroundings(
    conn: &mut PgConnection,
    imports: &[ImportNo],
) -> Result<HashMap<ImportNo, Related>, StoreError> {
    let numbers: Vec<_> = imports.iter().map(|import| import.0).collect();
    let found = sqlx::query!(
        r#"SELECT i.no AS "no!",
                  (SELECT a.email FROM muster.accounts a WHERE a.id = i.created_by) AS created_by,
                  (SELECT a.email FROM muster.accounts a WHERE a.id = i.applied_by) AS applied_by,
                  (SELECT u.id FROM muster.imports u WHERE u.no = i.undoes_no) AS undoes,
                  (SELECT u.id FROM muster.imports u
                    WHERE u.undoes_no = i.no AND u.status <> 'cancelled' ORDER BY u.id DESC LIMIT 1) AS undone_by,
                  ARRAY (SELECT c.id FROM muster.imports c WHERE c.parent_id = i.id ORDER BY c.id) AS "children!",
                  CASE WHEN i.status IN ('validating', 'previewing', 'applying')
                       THEN greatest(i.served_at, i.stage_started_at) END AS served_at
             FROM muster.imports i WHERE i.no = ANY ($1)"#,
        &numbers,
    )
    .fetch_all(conn)
    .await?;
    let surroundings = found.into_iter().map(|row| {
        let related = Related {
            created_by: row.created_by,
            applied_by: row.applied_by,
            children: row.children.into_iter().map(ImportId).collect(),
            undoes: row.undoes.map(ImportId),
            undone_by: row.undone_by.map(ImportId),
            served_at: row.served_at,
        };
        (ImportNo(row.no), related)
    });
    Ok(surroundings.collect())
}
