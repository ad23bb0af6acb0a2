//! The one door: takes a file with what is wanted of it, stores it, and makes an import of it.
//!
//! What can be refused without the body is refused before it is read. An import is there for good when the 202 is sent; a file that
//! becomes no import is left nowhere.

mod carried;
mod expand;
mod form;
mod paced;
mod sniff;
mod upload;
mod wanted;

use crate::{auth::Account, problem::Problem, state::App};
use axum::extract::Request;
use chrono::{DateTime, TimeDelta, Utc};
use muster_shared::{
    model::{
        ids::{ImportId, SiteId},
        site::Site,
    },
    store::{
        batches,
        imports::{self, File, Import, NewImport},
    },
};
use tracing::Instrument;
use upload::Stored;
use wanted::Wanted;

pub(crate) use carried::carry;
pub(crate) use wanted::read_mapping;

/// How long an import waits for somebody before its file goes.
const KEPT: TimeDelta = TimeDelta::days(14);

/// The most bytes of an upload that goes over the express queue.
const SMALL_BYTES: u64 = 1_000_000;

/// When an import that is made now goes if nobody does anything.
pub(crate) fn expires_at() -> DateTime<Utc> {
    Utc::now() + KEPT
}

/// Where a file goes, and within which limits.
struct Target {
    app: App,
    site: Site,
    account: Account,
    import: ImportId,
    file_key: String,
    parent: Option<ImportId>,
}

/// Takes an upload in, as a file of its own or to go on with what its `parent` left. Goes on to its end even when the client goes away: what is stored is either an import or taken back.
pub(crate) async fn accept(app: &App, account: Account, site: Site, parent: Option<Import>, request: Request) -> Result<ImportId, Problem> {
    let parent_id = parent.as_ref().map(|parent| parent.id);
    let form = form::open(request, &site.settings.limits, parent).await?;
    let import = ImportId::fresh();
    let file_key = format!("{}/{import}", site.id);
    let target = Target { app: app.clone(), site, account, import, file_key, parent: parent_id };
    let taking = async move {
        let (wanted, stored) = form.take(&target).await?;
        keep(&target, wanted, stored).await
    };
    let taken = tokio::spawn(taking.in_current_span()).await;
    taken.map_err(|error| Problem::Internal(format!("taking an upload in ended early: {error}")))?
}

/// Makes an import of a stored file.
async fn keep(target: &Target, wanted: Wanted, stored: Stored) -> Result<ImportId, Problem> {
    let is_small = stored.bytes <= SMALL_BYTES;
    let new = new_import(target, wanted, stored, is_small);
    match insert(&target.app, &new).await {
        Ok(()) => {}
        Err(Failure::Nothing(problem)) => {
            target.discard().await;
            return Err(problem);
        }
        // The file stays: an import may need it. One that none needs is a file too much, the other way round it would be a loss.
        Err(Failure::Unknown(problem)) => return Err(problem),
    }
    tracing::Span::current().record("import.id", target.import.to_string());
    target.app.ring(target.import, is_small);
    tracing::info!(bytes = new.file.bytes, recipe = new.recipe.name(), "an import was accepted");
    Ok(target.import)
}

/// What is known after an import could not be written.
enum Failure {
    /// It is not there.
    Nothing(Problem),
    /// The connection was lost while it was committed; it may be there.
    Unknown(Problem),
}

async fn insert(app: &App, new: &NewImport) -> Result<(), Failure> {
    let nothing = |error: sqlx::Error| Failure::Nothing(error.into());
    let mut tx = app.pool.begin().await.map_err(nothing)?;
    let no = imports::insert(&mut tx, new).await.map_err(|error| Failure::Nothing(error.into()))?;
    batches::make_validate(&mut tx, no).await.map_err(|error| Failure::Nothing(error.into()))?;
    match tx.commit().await {
        Ok(()) => Ok(()),
        Err(error) => settle_doubt(app, new.site_id, new.id, error).await,
    }
}

/// Looks whether a commit whose answer was lost has happened.
async fn settle_doubt(app: &App, site: SiteId, id: ImportId, error: sqlx::Error) -> Result<(), Failure> {
    let look = async {
        let mut connection = app.connection().await?;
        imports::in_site(&mut connection, site, id).await
    };
    match look.await {
        Ok(Some(_)) => Ok(()),
        Ok(None) => Err(Failure::Nothing(error.into())),
        Err(_) => Err(Failure::Unknown(error.into())),
    }
}

fn new_import(target: &Target, wanted: Wanted, stored: Stored, is_small: bool) -> NewImport {
    NewImport {
        id: target.import,
        site_id: target.site.id,
        recipe: wanted.recipe,
        kind: wanted.kind,
        settings: wanted.settings,
        mapping: wanted.mapping,
        is_small,
        parent: target.parent,
        carries: None,
        file: File {
            name: wanted.file_name,
            key: Some(target.file_key.clone()),
            bytes: stored.bytes as i64,
            expanded_bytes: stored.expanded_bytes as i64,
            sha256: stored.sha256,
            compression: stored.compression,
            found: stored.reading,
            columns: Vec::new(),
            sample: Vec::new(),
            issues: Vec::new(),
        },
        created_by: target.account.id,
        expires_at: expires_at(),
    }
}

impl Target {
    /// Takes a stored file back.
    async fn discard(&self) {
        if let Err(error) = self.app.files.delete(&self.file_key).await {
            tracing::error!(%error, file.key = self.file_key, "a file that became no import could not be deleted");
        }
    }
}
