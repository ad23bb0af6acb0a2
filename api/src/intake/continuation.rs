//! A child without a file of its own: lines of another import that go on in it. A worker copies
//! them.

use super::{Problem, expires_at, open_import_quota};
use crate::{auth::Account, problem::Asked, request::path::PathName, state::App};
use muster_shared::{
    model::{
        action::LineResult,
        ids::{ImportId, ImportNo},
        site::Site,
        status::Command,
    },
    store::{
        StoreError,
        batches::{self, BATCH_LINES, never_tried},
        imports::{self, File, Import, NewImport},
        lines::lines_with_result,
    },
};
use sqlx::PgConnection;

/// Makes an import of those lines of another of which that became.
pub(crate) async fn continue_lines(
    app: &App,
    account: Account,
    site: &Site,
    parent: ImportId,
    became: Vec<LineResult>,
) -> Result<ImportId, Problem> {
    let absent = || Problem::NotFound(ImportId::ABSENT);
    let mut tx = app.pool.begin().await?;
    imports::in_site(&mut tx, site.id, parent)
        .await?
        .ok_or_else(absent)?;
    // Locked, so that its lines are not swept away before anybody can see that they are needed.
    let parent = imports::lock(&mut tx, parent).await?.ok_or_else(absent)?;
    if !parent.allows(Command::Continue) {
        return Err(Problem::wrong_status(
            Asked::Command(Command::Continue),
            &parent,
        ));
    }
    if let Some(child) = under_way(&mut tx, parent.id, &became).await? {
        return Ok(child);
    }
    let lines = about_how_many(&mut tx, parent.no, &became).await?;
    if lines == 0 {
        return Err(Problem::NothingToContinue);
    }
    open_import_quota::reserve(&mut tx, site.id).await?;
    let is_small = parent.is_small || lines <= BATCH_LINES;
    let new = child(parent, site, account, became, is_small);
    let no = imports::insert(&mut tx, &new).await?;
    batches::make_validate(&mut tx, no).await?;
    tx.commit().await?;
    app.enqueue(new.id, is_small);
    tracing::info!(import.parent = %new.parent.unwrap_or(new.id), recipe = new.recipe.name(), "an import goes on with lines of another");
    Ok(new.id)
}

/// A child that goes on with just these lines and was not applied yet: asked for again, it is what
/// was asked for.
async fn under_way(
    conn: &mut PgConnection,
    parent: ImportId,
    became: &[LineResult],
) -> Result<Option<ImportId>, StoreError> {
    let words: Vec<String> = became.iter().map(ToString::to_string).collect();
    let child = sqlx::query_scalar!(
        "SELECT id FROM muster.imports
          WHERE parent_id = $1 AND carries @> $2 AND carries <@ $2 AND applied_at IS NULL AND status NOT IN ('cancelling', 'cancelled')
          ORDER BY id DESC LIMIT 1",
        parent.0,
        &words,
    )
    .fetch_optional(conn)
    .await?;
    Ok(child.map(ImportId))
}

/// How many lines became that; past a batch it is not counted exactly.
async fn about_how_many(
    conn: &mut PgConnection,
    import: ImportNo,
    became: &[LineResult],
) -> Result<i64, StoreError> {
    // Looked for line by line those that were never tried may lie behind all that were.
    let (never, tried): (Vec<LineResult>, Vec<LineResult>) =
        became.iter().partition(|became| became.0.is_none());
    let untried = if never.is_empty() {
        0
    } else {
        never_tried(conn, import).await?
    };
    let tried = lines_with_result(conn, import, &tried, 0, i32::MAX, BATCH_LINES + 1).await?;
    Ok(untried + tried.len() as i64)
}

/// Like its parent, but for the file, of which it has the facts only.
fn child(
    parent: Import,
    site: &Site,
    account: Account,
    became: Vec<LineResult>,
    is_small: bool,
) -> NewImport {
    NewImport {
        id: ImportId::fresh(),
        site_id: parent.site_id,
        recipe: parent.recipe,
        kind: parent.kind,
        settings: parent.settings,
        mapping: parent.mapping,
        is_small,
        parent: Some(parent.id),
        carries: Some(became),
        same_file_as: None,
        file: File {
            key: None,
            compression: None,
            issues: Vec::new(),
            ..parent.file
        },
        created_by: account.id,
        expires_at: expires_at(site),
    }
}
