//! The header of an import: read, made, and moved from status to status.

mod record;

use super::{StoreError, sites};
use crate::model::{
    action::{Action, LineResult, Outcome},
    ids::{AccountId, ImportId, ImportNo, SiteId},
    issue::FileIssue,
    kind::Kind,
    reading::{Delimiter, Found, Reading},
    recipe::Recipe,
    settings::Settings,
    stage::Stage,
    status::{Command, Mover, Status, may_be_moved},
};
use chrono::{DateTime, Utc};
use record::select;
use serde::{Serialize, de::DeserializeOwned};
use sqlx::PgConnection;
use std::collections::BTreeMap;
use strum::VariantArray;

/// The header of an import.
#[derive(Debug, Clone)]
pub struct Import {
    /// For the world.
    pub id: ImportId,
    /// For the big tables.
    pub no: ImportNo,
    /// Whose it is.
    pub site_id: SiteId,
    /// What the admin wants.
    pub recipe: Recipe,
    /// What a line describes.
    pub kind: Kind,
    /// How it is read and applied.
    pub settings: Settings,
    /// Heading → column, or → `ignore`.
    pub mapping: BTreeMap<String, String>,
    /// Meaning of the positions of plans.
    pub fields: Vec<String>,
    /// Where it stands.
    pub status: Status,
    /// Counts changes of status.
    pub status_version: i32,
    /// The stage that gave up.
    pub stage_failed: Option<Stage>,
    /// Why it gave up: code, detail, attempts.
    pub failure: Option<serde_json::Value>,
    /// Why the file as a whole cannot be read.
    pub rejected: Option<Vec<FileIssue>>,
    /// Goes over the express queue.
    pub is_small: bool,
    /// The uploaded file.
    pub file: File,
    /// Records staged; known when the file is read.
    pub lines: Option<i32>,
    /// Who uploaded it.
    pub created_by: AccountId,
    /// When it was accepted.
    pub created_at: DateTime<Utc>,
    /// When its present or last stage began; a rest in the middle of it does not count.
    pub stage_started_at: DateTime<Utc>,
    /// Since when nothing moves it but a request.
    pub rested_at: Option<DateTime<Utc>>,
    /// When its preview was complete.
    pub ready_at: Option<DateTime<Utc>>,
    /// Who confirmed it.
    pub applied_by: Option<AccountId>,
    /// When it was confirmed.
    pub applied_at: Option<DateTime<Utc>>,
    /// When it came to its end.
    pub settled_at: Option<DateTime<Utc>>,
    /// When its file, lines and plans may go.
    pub expires_at: DateTime<Utc>,
    /// Since when they are gone.
    pub pruned_at: Option<DateTime<Utc>>,
    /// The import whose lines this one goes on with.
    pub parent: Option<ImportId>,
    /// What became there of the lines that are carried on; `None`: it has a file of its own.
    pub carries: Option<Vec<LineResult>>,
    /// The import whose plans this one reverses.
    pub undoes: Option<ImportNo>,
    /// Under whose number the lines are: its own, but in an undo.
    pub lines_of: ImportNo,
    /// The newest import before it of the same file, recipe and settings.
    pub same_file_as: Option<ImportId>,
}

/// The uploaded file, and what was found out about it.
#[derive(Debug, Clone)]
pub struct File {
    /// As the client called it.
    pub name: Option<String>,
    /// Under which the file store has it; `None`: the lines are those of another import.
    pub key: Option<String>,
    /// Bytes as uploaded.
    pub bytes: i64,
    /// Bytes after decompression.
    pub expanded_bytes: i64,
    /// Of the bytes as uploaded.
    pub sha256: Vec<u8>,
    /// `gzip`, or nothing.
    pub compression: Option<String>,
    /// As found by intake; what the settings give wins, see [`File::reading`].
    pub found: Reading,
    /// Headings, once the header is read.
    pub columns: Vec<String>,
    /// Cells of the first records.
    pub sample: Vec<Vec<String>>,
    /// Issues of the file as a whole that do not reject it.
    pub issues: Vec<FileIssue>,
}

impl Import {
    /// What may be asked of it now, in the order in which it is offered.
    #[must_use]
    pub fn can(&self) -> Vec<Command> {
        Command::VARIANTS
            .iter()
            .copied()
            .filter(|&command| self.allows(command))
            .collect()
    }

    /// May this be asked of it now?
    #[must_use]
    pub fn allows(&self, command: Command) -> bool {
        self.pruned_at.is_none()
            && self.status.allows(command)
            && match command {
                Command::Preview => self.undoes.is_none(),
                Command::Undo => self.applied_at.is_some(),
                Command::Continue => self.applied_at.is_some() && self.undoes.is_none(),
                _ => true,
            }
    }
}

impl Import {
    /// What comes out of an action when all goes as planned. An undo leaves alone what is no longer
    /// as the undone import left it.
    #[must_use]
    pub fn outcome_of(&self, action: Action) -> Outcome {
        match (self.undoes, action) {
            (Some(_), Action::Skip) => Outcome::Held,
            _ => action.outcome(),
        }
    }
}

impl File {
    /// How the file is read under these settings.
    #[must_use]
    pub fn reading(&self, settings: &Settings) -> Reading {
        Reading {
            encoding: settings
                .encoding
                .clone()
                .map_or_else(|| self.found.encoding.clone(), Found::given),
            delimiter: settings
                .delimiter
                .map_or_else(|| self.found.delimiter.clone(), Found::<Delimiter>::given),
        }
    }
}

/// What intake knows of a new import.
#[derive(Debug)]
pub struct NewImport {
    /// For the world.
    pub id: ImportId,
    /// Whose it is.
    pub site_id: SiteId,
    /// What the admin wants.
    pub recipe: Recipe,
    /// What a line describes.
    pub kind: Kind,
    /// How it is read and applied.
    pub settings: Settings,
    /// Heading → column, or → `ignore`.
    pub mapping: BTreeMap<String, String>,
    /// Goes over the express queue.
    pub is_small: bool,
    /// The import whose lines it goes on with.
    pub parent: Option<ImportId>,
    /// What became there of the lines that are carried on; `None`: it has a file of its own.
    pub carries: Option<Vec<LineResult>>,
    /// The newest import before it of the same file, recipe and settings.
    pub same_file_as: Option<ImportId>,
    /// The stored file, or the parent's.
    pub file: File,
    /// Who uploaded it.
    pub created_by: AccountId,
    /// When the file goes if nothing is done.
    pub expires_at: DateTime<Utc>,
}

/// Writes a new import, `validating`, with its first history.
pub async fn insert(conn: &mut PgConnection, new: &NewImport) -> Result<ImportNo, StoreError> {
    let fields: Vec<String> = new
        .kind
        .spec()
        .fields
        .iter()
        .map(|&field| field.to_owned())
        .collect();
    let carries: Option<Vec<String>> = new
        .carries
        .as_ref()
        .map(|carries| carries.iter().map(ToString::to_string).collect());
    let no = sqlx::query_scalar!(
        "INSERT INTO muster.imports (id, site_id, recipe, kind, settings, mapping, fields, status, is_small, file_name, file_key,
                                     file_bytes, file_expanded_bytes, file_sha256, file_compression, file_reading,
                                     created_by, created_at, stage_started_at, expires_at, parent_id, carries, same_file_as,
                                     file_issues)
         VALUES ($1, $2, $3, $4, $5, $6, $7, 'validating', $8, $9, $10, $11, $12, $13, $14, $15, $16, now(), now(), $17, $18, $19, $20, $21)
         RETURNING no",
        new.id.0,
        new.site_id.0,
        new.recipe.name(),
        new.kind.name(),
        to_json(&new.settings),
        to_json(&new.mapping),
        &fields,
        new.is_small,
        new.file.name,
        new.file.key,
        new.file.bytes,
        new.file.expanded_bytes,
        new.file.sha256,
        new.file.compression,
        to_json(&new.file.found),
        new.created_by.0,
        new.expires_at,
        new.parent.map(|parent| parent.0),
        carries.as_deref(),
        new.same_file_as.map(|earlier| earlier.0),
        to_json(&new.file.issues),
    )
    .fetch_one(&mut *conn)
    .await?;
    sqlx::query!(
        "INSERT INTO muster.import_history (import_no, version, status, account_id) VALUES ($1, 1, 'validating', $2)",
        no,
        new.created_by.0
    )
    .execute(conn)
    .await?;
    Ok(ImportNo(no))
}

/// The import of that id, in whatever site; `None`: there is none. The api asks [`in_site`].
pub async fn of_id(conn: &mut PgConnection, id: ImportId) -> Result<Option<Import>, StoreError> {
    let stored = select!("WHERE id = $1", id.0).fetch_optional(conn).await?;
    stored.map(Import::try_from).transpose()
}

/// The import of that id in that site; `None`: there is none.
pub async fn in_site(
    conn: &mut PgConnection,
    site: SiteId,
    id: ImportId,
) -> Result<Option<Import>, StoreError> {
    let stored = select!("WHERE id = $1 AND site_id = $2", id.0, site.0)
        .fetch_optional(conn)
        .await?;
    stored.map(Import::try_from).transpose()
}

/// Bytes of what is wide in headers, such as headings and reasons of rejections, that one page of
/// imports may hold.
const PAGE_BYTES: i64 = 4 << 20;

/// A page of a site's imports, newest first, from before that one on; of some statuses and recipes
/// if they are named. At least one, and as many more, up to `limit`, as may be in memory together:
/// `true` if that was why there are not more.
pub async fn page(
    conn: &mut PgConnection,
    site: SiteId,
    before: Option<ImportId>,
    statuses: Option<&[Status]>,
    recipes: Option<&[Recipe]>,
    limit: i64,
) -> Result<(Vec<Import>, bool), StoreError> {
    let statuses: Option<Vec<String>> =
        statuses.map(|statuses| statuses.iter().map(ToString::to_string).collect());
    let recipes: Option<Vec<String>> =
        recipes.map(|recipes| recipes.iter().map(ToString::to_string).collect());
    let found = sqlx::query!(
        r#"WITH found AS (
              SELECT id, octet_length(file_columns::text) + octet_length(file_sample::text) + octet_length(file_issues::text)
                         + octet_length(mapping::text) + coalesce(octet_length(rejected::text), 0) AS bytes
                FROM muster.imports
               WHERE site_id = $1
                 AND ($2::uuid IS NULL OR id < $2)
                 AND ($3::text[] IS NULL OR status = ANY ($3))
                 AND ($4::text[] IS NULL OR recipe = ANY ($4))
               ORDER BY id DESC
               LIMIT $5)
           SELECT id, coalesce(sum(bytes) OVER (ORDER BY id DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) < $6::bigint AS "fits!"
             FROM found ORDER BY id DESC"#,
        site.0,
        before.map(|before| before.0),
        statuses.as_deref(),
        recipes.as_deref(),
        limit,
        PAGE_BYTES,
    )
    .fetch_all(&mut *conn)
    .await?;
    let fitting: Vec<_> = found
        .iter()
        .take_while(|row| row.fits)
        .map(|row| row.id)
        .collect();
    let stored = select!("WHERE id = ANY ($1) ORDER BY id DESC", &fitting)
        .fetch_all(conn)
        .await?;
    let imports = stored
        .into_iter()
        .map(Import::try_from)
        .collect::<Result<_, _>>()?;
    Ok((imports, fitting.len() < found.len()))
}

/// Locks the header against every other change of status until the transaction ends, and reads it.
/// What is decided on it must be looked up in a later statement: a statement that waits for this
/// lock sees the rest as it was before it waited.
pub async fn lock(conn: &mut PgConnection, id: ImportId) -> Result<Option<Import>, StoreError> {
    let stored = select!("WHERE id = $1 FOR NO KEY UPDATE", id.0)
        .fetch_optional(conn)
        .await?;
    stored.map(Import::try_from).transpose()
}

/// Moves an import along an arrow of [`crate::model::status::ARROWS`] and writes history; the one
/// place that does. `by`: the account that asked the api; `None`: a worker moves it. `false`: it
/// has moved meanwhile (or the mover has no such arrow, which is a defect of the caller).
pub async fn move_to(
    conn: &mut PgConnection,
    import: &Import,
    to: Status,
    by: Option<AccountId>,
) -> Result<bool, StoreError> {
    let mover = if by.is_some() {
        Mover::Api
    } else {
        Mover::Worker
    };
    let may = may_be_moved(import.status, to, mover);
    debug_assert!(may, "{} → {to} by {mover:?}", import.status);
    if !may {
        return Ok(false);
    }
    let settings = match to {
        Status::Ready | Status::Applied | Status::Cancelled => {
            Some(sites::of_id(&mut *conn, import.site_id).await?.settings)
        }
        _ => None,
    };
    let undo_days = settings
        .as_ref()
        .filter(|_| to != Status::Ready)
        .map(|settings| settings.keeping.undo_days);
    let version = sqlx::query_scalar!(
        "UPDATE muster.imports
            SET status = $4, status_version = status_version + 1,
                stage_failed     = CASE WHEN $4 = 'failed' THEN coalesce(failure ->> 'stage', $6) END,
                failure          = CASE WHEN $2 <> 'failed' THEN failure END,
                rejected         = CASE WHEN $4 = 'validating' THEN NULL ELSE rejected END,
                stage_started_at = CASE WHEN $2 IN ('paused', 'failed') OR $4 = 'cancelled' AND rested_at IS NOT NULL
                                        THEN stage_started_at + (now() - rested_at)
                                        WHEN $4 IN ('validating', 'previewing', 'applying') THEN now()
                                        ELSE stage_started_at END,
                rested_at        = CASE WHEN $7 THEN now() END,
                ready_at         = CASE WHEN $4 = 'ready' THEN now() ELSE ready_at END,
                enrols_from      = CASE WHEN $4 = 'ready' THEN date_trunc('day', now() AT TIME ZONE $9) AT TIME ZONE $9 ELSE enrols_from END,
                applied_at       = CASE WHEN $4 = 'applying' THEN coalesce(applied_at, now()) ELSE applied_at END,
                applied_by       = CASE WHEN $4 = 'applying' THEN coalesce(applied_by, $5) ELSE applied_by END,
                settled_at       = CASE WHEN $4 IN ('applied', 'cancelled', 'failed') THEN now() END,
                expires_at       = coalesce(CASE WHEN applied_at IS NOT NULL THEN now() + make_interval(days => $8) END,
                                            -- Whoever waits for somebody waits a day at least.
                                            greatest(expires_at, CASE WHEN $4 IN ('rejected', 'ready', 'paused', 'failed')
                                                                      THEN now() + interval '1 day' END)),
                rung_at          = NULL
          WHERE id = $1 AND status = $2 AND status_version = $3
          RETURNING status_version",
        import.id.0,
        import.status.name(),
        import.status_version,
        to.name(),
        by.map(|account| account.0),
        import.status.working_stage().map(Stage::name),
        to.is_at_rest(),
        undo_days.map(|days| days as i32),
        settings.map(|settings| settings.time_zone.name().to_owned()),
    )
    .fetch_optional(&mut *conn)
    .await?;
    let Some(version) = version else {
        return Ok(false);
    };
    sqlx::query!(
        "INSERT INTO muster.import_history (import_no, version, status, account_id) VALUES ($1, $2, $3, $4)",
        import.no.0,
        version,
        to.name(),
        by.map(|account| account.0),
    )
    .execute(conn)
    .await?;
    Ok(true)
}

/// Under whose number an import makes what it makes: its own; or, where an undo of an undo makes it
/// anew, that of the import which made it first.
pub async fn origin(conn: &mut PgConnection, import: &Import) -> Result<ImportNo, StoreError> {
    if import.undoes.is_none() {
        return Ok(import.no);
    }
    let first = sqlx::query_scalar!(
        r#"WITH RECURSIVE made_anew AS (
                SELECT no, undoes_no, 0 AS depth FROM muster.imports WHERE no = $1
                 UNION ALL
                SELECT first.no, first.undoes_no, m.depth + 1
                  FROM made_anew m
                  JOIN muster.imports undo ON undo.no = m.undoes_no
                  JOIN muster.imports first ON first.no = undo.undoes_no)
           SELECT no AS "no!" FROM made_anew ORDER BY depth DESC LIMIT 1"#,
        import.no.0,
    );
    Ok(ImportNo(first.fetch_one(conn).await?))
}

/// A value as it is stored in a `jsonb` column.
///
/// # Panics
/// Never: the types that are stored have string keys only.
#[must_use]
pub fn to_json(value: &impl Serialize) -> serde_json::Value {
    serde_json::to_value(value).expect("a value with string keys")
}

/// A value as it was stored in a `jsonb` column. What is wrong with it is not said in the error's
/// own words, which may repeat cells.
pub fn from_json<T: DeserializeOwned>(
    stored: serde_json::Value,
    place: &'static str,
) -> Result<T, StoreError> {
    serde_json::from_value(stored)
        .map_err(|error| StoreError::inconsistent(place, format!("{:?} error", error.classify())))
}
