//! Asking something of an import: apply it, preview it again, pause, resume, retry, cancel, undo
//! it. Each is one transaction that locks the import, looks whether its status allows it, and moves
//! it; then a wake is enqueued. The api only asks: it completes alone only what ends where nothing
//! runs.

mod undo;

use crate::{
    auth::Account,
    intake::{read_mapping, reserve_open_import},
    problem::{Asked, Fault, Needs, Problem},
    request::{body::unknown_members, if_match::IfMatch, path::PathName},
    state::App,
};
use muster_shared::{
    files::FilesError,
    model::{
        access::Role,
        ids::{ImportId, SiteId},
        settings::Settings,
        status::{Command, Status},
    },
    store::{
        batches,
        imports::{self, Import, to_json},
    },
};
use serde_json::{Map, Value, json};
use sqlx::{PgConnection, PgTransaction};
use std::collections::BTreeMap;

pub(crate) use undo::undo;

/// Which import, for whom.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target {
    /// The site of the address.
    pub(crate) site: SiteId,
    /// The import of the address.
    pub(crate) import: ImportId,
    /// Who asks.
    pub(crate) by: Account,
    /// What they are in the site.
    pub(crate) role: Role,
}

/// Asks that the plans be executed.
pub(crate) async fn apply(
    app: &App,
    target: Target,
    if_match: &IfMatch,
    body: &Map<String, Value>,
) -> Result<(), Problem> {
    none_unknown(body, &json!({"deletes": null}))?;
    let mut tx = app.pool.begin().await?;
    let import = lock(&mut tx, target).await?;
    if import.status.is_satisfied_by(Command::Apply) && import.pruned_at.is_none() {
        return Ok(());
    }
    if_match.check(import.status_version)?;
    allowed(&import, Command::Apply)?;
    says_deletes(
        body,
        batches::sums(&mut tx, import.no).await?.actions.delete,
    )?;
    move_on(app, tx, &import, Status::Applying, target).await
}

/// Whoever applies plans that delete says how many do, so that nobody deletes unawares.
fn says_deletes(body: &Map<String, Value>, planned: i64) -> Result<(), Problem> {
    let said = match body.get("deletes") {
        None | Some(Value::Null) => 0,
        Some(said) => said.as_i64().unwrap_or(-1),
    };
    if said == planned {
        return Ok(());
    }
    let detail = format!(
        "{planned} lines of this import would delete. Confirm it with {{\"deletes\": {planned}}}."
    );
    Err(Fault::new("body", "unconfirmed-deletes", detail)
        .at("/deletes")
        .into())
}

/// Asks for what needs no more than a word: pause, resume, retry or cancel. What was applied before
/// stays in any case. Once apply was asked for it takes an admin.
pub(crate) async fn command(
    app: &App,
    target: Target,
    command: Command,
    if_match: &IfMatch,
    body: &Map<String, Value>,
) -> Result<(), Problem> {
    none_unknown(body, &json!({}))?;
    let mut tx = app.pool.begin().await?;
    let import = lock(&mut tx, target).await?;
    // Who may not have lines executed may not stop those who may.
    if import.applied_at.is_some() && target.role < Role::Admin {
        return Err(Problem::Forbidden(Needs::Role(Role::Admin)));
    }
    if import.status.is_satisfied_by(command) {
        return Ok(());
    }
    if_match.check(import.status_version)?;
    allowed(&import, command)?;
    let to = match command {
        Command::Pause => Status::Pausing,
        Command::Cancel if import.status.is_at_rest() => Status::Cancelled,
        Command::Cancel => Status::Cancelling,
        Command::Retry => again(&mut tx, &import).await?,
        _ => Status::Applying,
    };
    move_on(app, tx, &import, to, target).await
}

/// Lets the batches that gave up begin anew; the status in which they do.
async fn again(conn: &mut PgConnection, import: &Import) -> Result<Status, Problem> {
    let stage = import
        .stage_failed
        .ok_or_else(|| Problem::Internal("an import failed in no stage".to_owned()))?;
    batches::reset_failed(conn, import.no, stage).await?;
    Ok(Status::working_on(stage))
}

/// Asks for another preview, with other settings or another mapping. What changes how the file is
/// read makes it be read again.
pub(crate) async fn preview(
    app: &App,
    target: Target,
    if_match: &IfMatch,
    body: &Map<String, Value>,
) -> Result<(), Problem> {
    none_unknown(body, &json!({"settings": null, "mapping": null}))?;
    let mut tx = app.pool.begin().await?;
    let import = lock(&mut tx, target).await?;
    if_match.check(import.status_version)?;
    allowed(&import, Command::Preview)?;
    let Wish { settings, mapping } = Wish::read(&import, body)?;
    let reads_anew = import.status == Status::Rejected
        || import.mapping != mapping
        || import.settings.reads_differently(&settings);
    let to = if reads_anew {
        Status::Validating
    } else {
        Status::Previewing
    };
    if reads_anew {
        has_file(app, &import).await?;
    }
    store_wish(&mut tx, &import, &settings, &mapping, to).await?;
    if import.status == Status::Rejected {
        reserve_open_import(&mut tx, import.site_id).await?;
    }
    if reads_anew {
        batches::make_validate(&mut tx, import.no).await?;
    } else {
        batches::make_preview_again(&mut tx, import.no).await?;
    }
    move_on(app, tx, &import, to, target).await
}

/// Settings and mapping of another preview, complete.
struct Wish {
    settings: Settings,
    mapping: BTreeMap<String, String>,
}

impl Wish {
    /// What is given is put over what the import has; a mapping is given whole.
    fn read(import: &Import, body: &Map<String, Value>) -> Result<Self, Problem> {
        let mut faults = Vec::new();
        let mut wish = Self {
            settings: import.settings.clone(),
            mapping: import.mapping.clone(),
        };
        match body.get("settings") {
            None | Some(Value::Null) => {}
            Some(Value::Object(given)) => {
                match wish.settings.with(import.recipe, import.kind, given) {
                    Ok(settings) => wish.settings = settings,
                    Err(found) => faults.extend(
                        found
                            .into_iter()
                            .map(|fault| Fault::of_setting("body", "/settings", fault)),
                    ),
                }
            }
            Some(_) => faults.push(
                Fault::new("body", "invalid-value", "`settings` is an object.").at("/settings"),
            ),
        }
        match body.get("mapping") {
            None | Some(Value::Null) => {}
            Some(Value::Object(given)) => {
                match read_mapping(import.kind, "body", "/mapping", given) {
                    Ok(mapping) => wish.mapping = mapping,
                    Err(found) => faults.extend(found),
                }
            }
            Some(_) => faults.push(
                Fault::new("body", "invalid-value", "`mapping` is an object.").at("/mapping"),
            ),
        }
        if faults.is_empty() {
            Ok(wish)
        } else {
            Err(Problem::InvalidRequest(faults))
        }
    }
}

async fn store_wish(
    conn: &mut PgConnection,
    import: &Import,
    settings: &Settings,
    mapping: &BTreeMap<String, String>,
    to: Status,
) -> Result<(), Problem> {
    // Who reads the file again knows nothing of it, and whoever looks must not take the earlier
    // reading for the new one.
    sqlx::query!(
        "UPDATE muster.imports
            SET settings = $2, mapping = $3, preview_try = preview_try + 1, ready_at = NULL,
                lines = CASE WHEN $4 THEN NULL ELSE lines END
          WHERE id = $1",
        import.id.0,
        to_json(settings),
        to_json(mapping),
        to == Status::Validating,
    )
    .execute(conn)
    .await?;
    Ok(())
}

async fn has_file(app: &App, import: &Import) -> Result<(), Problem> {
    let Some(key) = &import.file.key else {
        return Err(Problem::FileGone);
    };
    match app.files.read(key).await {
        Ok(_) => Ok(()),
        Err(FilesError::Gone) => Err(Problem::FileGone),
        Err(error) => Err(error.into()),
    }
}

/// Locks the import, if it is in the site: not for a moment may one site hold up another.
async fn lock(conn: &mut PgConnection, target: Target) -> Result<Import, Problem> {
    let absent = || Problem::NotFound(ImportId::ABSENT);
    imports::in_site(&mut *conn, target.site, target.import)
        .await?
        .ok_or_else(absent)?;
    imports::lock(conn, target.import).await?.ok_or_else(absent)
}

fn allowed(import: &Import, command: Command) -> Result<(), Problem> {
    if import.allows(command) {
        Ok(())
    } else {
        Err(Problem::wrong_status(Asked::Command(command), import))
    }
}

/// Moves the import, commits, and enqueues a wake.
async fn move_on(
    app: &App,
    mut tx: PgTransaction<'_>,
    import: &Import,
    to: Status,
    target: Target,
) -> Result<(), Problem> {
    if !imports::move_to(&mut tx, import, to, Some(target.by.id)).await? {
        // It is locked, so nobody else can have moved it.
        return Err(Problem::Internal(format!(
            "an import could not go from {} to {to}",
            import.status
        )));
    }
    tx.commit().await?;
    tracing::info!(
        from = import.status.name(),
        to = to.name(),
        "an import was asked to move"
    );
    // Who asks to stop must not wait behind those who work.
    app.enqueue(import.id, import.is_small || to.working_stage().is_none());
    Ok(())
}

fn none_unknown(body: &Map<String, Value>, known: &Value) -> Result<(), Problem> {
    let faults = unknown_members("body", "", body, known);
    if faults.is_empty() {
        Ok(())
    } else {
        Err(Problem::InvalidRequest(faults))
    }
}
