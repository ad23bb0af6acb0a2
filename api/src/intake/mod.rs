//! The one door: takes a file with what is wanted of it, stores it, and makes an import of it.
//!
//! What can be refused without the body is refused before it is read. An import is there for good
//! when the 202 is sent; a file that becomes no import is left nowhere. No byte may be stored under
//! a key that the database does not know: nobody would ever delete it.

mod continuation;
mod duplicate;
mod form;
mod mapping;
mod open_import_quota;
mod sniff;
mod throttled;
pub(crate) mod upload;
pub(crate) mod upload_params;

use crate::{auth::Account, problem::Problem, state::App, time_limit::in_time};
use axum::extract::Request;
use chrono::{DateTime, Utc};
use muster_shared::{
    model::{
        ids::{ImportId, SiteId},
        site::Site,
    },
    store::{
        batches,
        imports::{self, File, Import, NewImport},
        uploads,
    },
};
use sqlx::PgTransaction;
use tracing::Instrument;
use upload::StoredFile;
use upload_params::UploadParams;

pub(crate) use continuation::continue_lines;
pub(crate) use mapping::read_mapping;
pub(crate) use open_import_quota::reserve as reserve_open_import;

/// The most bytes of an upload that goes over the express queue, as it came and expanded: reading
/// it costs both.
const SMALL_BYTES: u64 = 1_000_000;

/// When an import that is made now for a site goes if nobody does anything.
pub(crate) fn expires_at(site: &Site) -> DateTime<Utc> {
    Utc::now() + site.settings.keeping.of_unfinished()
}

/// Where a file goes, and within which limits.
struct Destination {
    app: App,
    site: Site,
    account: Account,
    import: ImportId,
    file_key: String,
    parent: Option<ImportId>,
}

/// Takes an upload in, as a file of its own or to go on with what its `parent` left. Goes on to its
/// end even when the client goes away: what is stored is either an import or taken back.
pub(crate) async fn accept(
    app: &App,
    account: Account,
    site: Site,
    parent: Option<Import>,
    request: Request,
) -> Result<ImportId, Problem> {
    let parent_id = parent.as_ref().map(|parent| parent.id);
    let form = form::open(request, &site.settings.limits, parent).await?;
    in_time(open_import_quota::check_early(app, &site)).await?;
    let permit = app
        .upload_permits
        .take(site.id)
        .ok_or(Problem::TooManyUploads)?;
    let import = ImportId::fresh();
    let file_key = format!("{}/{import}", site.id);
    let destination = Destination {
        app: app.clone(),
        site,
        account,
        import,
        file_key,
        parent: parent_id,
    };
    let taking = async move {
        let _permit = permit;
        let (params, stored) = form.take(&destination).await?;
        keep(&destination, params, stored).await
    };
    let taken = tokio::spawn(taking.in_current_span()).await;
    taken.map_err(|error| Problem::Internal(format!("taking an upload in ended early: {error}")))?
}

/// Makes an import of a stored file.
async fn keep(
    destination: &Destination,
    params: UploadParams,
    stored: StoredFile,
) -> Result<ImportId, Problem> {
    let is_small = stored.content.bytes.max(stored.content.expanded_bytes) <= SMALL_BYTES;
    let mut new = new_import(destination, params, stored, is_small);
    match insert(destination, &mut new).await {
        Ok(()) => {}
        Err(Failure::Nothing(problem)) => {
            destination.discard().await;
            return Err(problem);
        }
        // The file stays: an import may need it. One that none needs is a file too much, the other
        // way round it would be a loss.
        Err(Failure::Unknown(problem)) => return Err(problem),
    }
    tracing::Span::current().record("import.id", destination.import.to_string());
    destination.app.enqueue(destination.import, is_small);
    tracing::info!(
        bytes = new.file.bytes,
        recipe = new.recipe.name(),
        "an import was accepted"
    );
    Ok(destination.import)
}

/// What is known after an import could not be written.
enum Failure {
    /// It is not there.
    Nothing(Problem),
    /// The connection was lost while it was committed; it may be there.
    Unknown(Problem),
}

async fn insert(destination: &Destination, new: &mut NewImport) -> Result<(), Failure> {
    let app = &destination.app;
    let tx = in_time(write(destination, new))
        .await
        .map_err(Failure::Nothing)?;
    match in_time(async { Ok(tx.commit().await?) }).await {
        Ok(()) => Ok(()),
        Err(problem) => resolve_unknown_commit(app, new.site_id, new.id, problem).await,
    }
}

/// Writes the import and what belongs to it; it is there when this is committed.
async fn write(
    destination: &Destination,
    new: &mut NewImport,
) -> Result<PgTransaction<'static>, Problem> {
    let mut tx = destination.app.pool.begin().await?;
    open_import_quota::reserve(&mut tx, new.site_id).await?;
    duplicate::mark(&mut tx, new, destination.site.settings.time_zone).await?;
    let no = imports::insert(&mut tx, new).await?;
    batches::make_validate(&mut tx, no).await?;
    // It is known already, but of an upload that took more than a day a pruner may have forgotten
    // it.
    uploads::begin(&mut tx, &destination.file_key, new.site_id, new.id).await?;
    Ok(tx)
}

/// Looks whether a commit whose answer was lost has happened. Its transaction may still be at its
/// end in the server, and holds the site's lock until then.
async fn resolve_unknown_commit(
    app: &App,
    site: SiteId,
    id: ImportId,
    problem: Problem,
) -> Result<(), Failure> {
    let look = async {
        let mut tx = app.pool.begin().await?;
        open_import_quota::lock(&mut tx, site).await?;
        Ok(imports::in_site(&mut tx, site, id).await?)
    };
    match in_time(look).await {
        Ok(Some(_)) => Ok(()),
        Ok(None) => Err(Failure::Nothing(problem)),
        Err(_) => Err(Failure::Unknown(problem)),
    }
}

fn new_import(
    destination: &Destination,
    params: UploadParams,
    stored: StoredFile,
    is_small: bool,
) -> NewImport {
    NewImport {
        id: destination.import,
        site_id: destination.site.id,
        recipe: params.recipe,
        kind: params.kind,
        settings: params.settings,
        mapping: params.mapping,
        is_small,
        parent: destination.parent,
        carries: None,
        same_file_as: None,
        file: File {
            name: params.file_name,
            key: Some(destination.file_key.clone()),
            bytes: stored.content.bytes as i64,
            expanded_bytes: stored.content.expanded_bytes as i64,
            sha256: stored.sha256,
            compression: stored.content.compression,
            found: stored.content.reading,
            columns: Vec::new(),
            sample: Vec::new(),
            issues: Vec::new(),
        },
        created_by: destination.account.id,
        expires_at: expires_at(&destination.site),
    }
}

impl Destination {
    /// Makes the database know the key, for good, before anything is stored under it.
    async fn announce(&self) -> Result<(), Problem> {
        let writing = async {
            let mut connection = self.app.connection().await?;
            Ok(uploads::begin(&mut connection, &self.file_key, self.site.id, self.import).await?)
        };
        in_time(writing).await
    }

    /// Takes back what is stored, then its key. What keeps its key is looked after by a worker's
    /// pruner.
    async fn discard(&self) {
        match self.app.files.delete(&self.file_key).await {
            Ok(()) => self.forget(),
            Err(error) => {
                tracing::error!(%error, file.key = self.file_key, "a file that became no import could not be deleted");
            }
        }
    }

    /// Takes the key back. The client, who has an error to hear of, does not wait for it.
    fn forget(&self) {
        let (app, key) = (self.app.clone(), self.file_key.clone());
        let forgetting = async move {
            let mut connection = app.connection().await?;
            uploads::forget(&mut connection, &key).await
        };
        let forgetting = async {
            if let Err(error) = forgetting.await {
                tracing::warn!(%error, "the key of a file that became no import could not be taken back; a worker will");
            }
        };
        tokio::spawn(forgetting.in_current_span());
    }
}
