//! Asking that an import be undone: an import of its own, whose plans will be the other's read
//! backwards. It is looked at before it is applied, and it can be paused, cancelled and undone like
//! any other.

use super::{Target, allowed, lock, none_unknown};
use crate::{
    problem::{Asked, Problem},
    request::{if_match::IfMatch, path::PathName},
    state::App,
};
use chrono::{DateTime, Utc};
use muster_shared::{
    model::{
        ids::{AccountId, ImportId, ImportNo},
        recipe::Recipe,
        status::{Command, Status},
    },
    store::{
        batches,
        imports::{self, Import},
    },
};
use serde_json::{Map, Value, json};
use sqlx::PgConnection;

/// Asks for it: the undo. One that is under way already is what was asked for.
pub(crate) async fn undo(
    app: &App,
    target: Target,
    if_match: &IfMatch,
    expires_at: DateTime<Utc>,
    body: &Map<String, Value>,
) -> Result<ImportId, Problem> {
    none_unknown(body, &json!({}))?;
    let mut tx = app.pool.begin().await?;
    let import = lock(&mut tx, target).await?;
    if_match.check(import.status_version)?;
    allowed(&import, Command::Undo)?;
    match latest(&mut tx, import.no).await? {
        Some(undo) if undo.is_ending => return Err(ending(&mut tx, undo.id).await?),
        Some(undo) if undo.is_open => return Ok(undo.id),
        Some(undo) if !undo.left_something => return Err(already(&mut tx, import.no).await?),
        _ => {}
    }
    let id = ImportId::fresh();
    let no = insert(&mut tx, &import, id, target.by.id, expires_at).await?;
    remember_makes(&mut tx, no, import.no).await?;
    batches::make_preview_of_undo(&mut tx, no, import.no).await?;
    tx.commit().await?;
    tracing::info!(undo.id = %id, "an import was asked to be undone");
    app.enqueue(id, import.is_small);
    Ok(id)
}

/// An undo of an import.
struct Undo {
    id: ImportId,
    is_open: bool,
    /// It is being cancelled, and nothing will come of it.
    is_ending: bool,
    /// Something was held, and it has not been undone itself: another may take back the rest.
    left_something: bool,
}

/// The newest undo that is not cancelled.
async fn latest(conn: &mut PgConnection, import: ImportNo) -> Result<Option<Undo>, Problem> {
    let found = sqlx::query!(
        r#"SELECT u.id, u.status <> 'applied' AS "is_open!", u.status = 'cancelling' AS "is_ending!",
                  NOT EXISTS (SELECT FROM muster.imports again WHERE again.undoes_no = u.no AND again.status <> 'cancelled')
                  AND (EXISTS (SELECT FROM muster.results_of(u.no) r WHERE r.action = 's')
                       OR EXISTS (SELECT FROM muster.import_outcomes o WHERE o.import_no = u.no AND o.outcome IN ('held', 'failed')))
                  AS "left_something!"
             FROM muster.imports u
            WHERE u.undoes_no = $1 AND u.status <> 'cancelled'
            ORDER BY u.id DESC
            LIMIT 1"#,
        import.0,
    )
    .fetch_optional(conn)
    .await?;
    Ok(found.map(|row| Undo {
        id: ImportId(row.id),
        is_open: row.is_open,
        is_ending: row.is_ending,
        left_something: row.left_something,
    }))
}

/// Why there can be no other at all: the last undo that there was of the last undo, and so on.
async fn already(conn: &mut PgConnection, import: ImportNo) -> Result<Problem, Problem> {
    let last = sqlx::query!(
        r#"WITH RECURSIVE undos AS (
            SELECT no, id, 1 AS nth FROM muster.imports WHERE undoes_no = $1 AND status = 'applied'
             UNION ALL
            SELECT u.no, u.id, undos.nth + 1 FROM undos JOIN muster.imports u ON u.undoes_no = undos.no AND u.status = 'applied')
         SELECT id AS "id!", nth % 2 = 0 AS "is_back!" FROM undos ORDER BY nth DESC, no DESC LIMIT 1"#,
        import.0,
    )
    .fetch_one(conn)
    .await?;
    Ok(Problem::AlreadyUndone {
        last: ImportId(last.id),
        is_back: last.is_back,
    })
}

/// Why there can be no other yet.
async fn ending(conn: &mut PgConnection, undo: ImportId) -> Result<Problem, Problem> {
    let undo = imports::of_id(conn, undo)
        .await?
        .ok_or(Problem::NotFound(ImportId::ABSENT))?;
    Ok(Problem::wrong_status(Asked::Command(Command::Undo), &undo))
}

/// The import that undoes: the facts about the file are those of the undone one, whose lines it
/// shows.
async fn insert(
    conn: &mut PgConnection,
    undone: &Import,
    id: ImportId,
    by: AccountId,
    expires_at: DateTime<Utc>,
) -> Result<ImportNo, Problem> {
    let applied = batches::sums(conn, undone.no).await?.applied;
    let no = sqlx::query_scalar!(
        "INSERT INTO muster.imports (id, site_id, recipe, kind, settings, mapping, fields, status, is_small, file_name, file_bytes,
                                     file_expanded_bytes, file_sha256, file_compression, file_reading, file_columns, file_sample,
                                     lines, created_by, created_at, stage_started_at, expires_at, undoes_no, lines_of)
         SELECT $2, site_id, $3, kind, settings, mapping, fields, $4, is_small, file_name, file_bytes,
                file_expanded_bytes, file_sha256, file_compression, file_reading, file_columns, file_sample,
                $8, $5, now(), now(), $6, no, $7
           FROM muster.imports WHERE no = $1
         RETURNING no",
        undone.no.0,
        id.0,
        Recipe::Undo.name(),
        Status::Previewing.name(),
        by.0,
        expires_at,
        undone.lines_of.0,
        applied.0 as i32,
    )
    .fetch_one(&mut *conn)
    .await?;
    sqlx::query!(
        "INSERT INTO muster.import_history (import_no, version, status, account_id) VALUES ($1, 1, $2, $3)",
        no,
        Status::Previewing.name(),
        by.0,
    )
    .execute(conn)
    .await?;
    Ok(ImportNo(no))
}

/// What the undone import made and others may use too, such as categories, goes last; what an
/// undone undo took away comes back first.
async fn remember_makes(
    conn: &mut PgConnection,
    undo: ImportNo,
    undone: ImportNo,
) -> Result<(), Problem> {
    sqlx::query!(
        "INSERT INTO muster.import_makes (import_no, what, scope, key, depth, reserved_id, removes)
         SELECT $1, m.what, coalesce(parent.actual_id, m.scope), m.key, m.depth, m.actual_id, NOT m.removes
           FROM muster.import_makes m
           LEFT JOIN muster.import_makes parent
             ON parent.import_no = m.import_no AND parent.what = m.what AND parent.reserved_id = m.scope
          WHERE m.import_no = $2 AND m.is_ours",
        undo.0,
        undone.0,
    )
    .execute(conn)
    .await?;
    Ok(())
}
