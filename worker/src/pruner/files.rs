//! Files that belong to no import: an api was killed between storing one and writing its import, or in the middle of storing it.

use crate::{context::Context, error::StageError};
use chrono::{TimeDelta, Utc};
use futures::{StreamExt, TryStreamExt};
use muster_shared::{files::FilesError, model::ids::ImportId};
use std::{collections::HashSet, time::Duration};

/// Younger files may belong to an import that is about to be written.
const AGE: Duration = Duration::from_hours(24);
/// Files that are looked up together.
const AT_ONCE: usize = 500;

/// Goes round all sites, one each look.
#[derive(Debug, Default)]
pub(super) struct Round {
    last: i32,
}

impl Round {
    /// Looks through the files of the next site.
    pub(super) async fn step(&mut self, context: &Context) -> Result<(), StageError> {
        let mut conn = context.control.acquire().await?;
        let next = sqlx::query_scalar!("SELECT id FROM muster.sites WHERE id > $1 ORDER BY id LIMIT 1", self.last);
        let site = next.fetch_optional(&mut *conn).await?;
        drop(conn);
        self.last = site.unwrap_or(0);
        match site {
            Some(site) => sweep(context, &site.to_string()).await,
            None => Ok(()),
        }
    }
}

async fn sweep(context: &Context, folder: &str) -> Result<(), StageError> {
    let then = Utc::now() - TimeDelta::from_std(AGE).unwrap_or(TimeDelta::MAX);
    let mut pages = context.files.older_than(folder, then).chunks(AT_ONCE);
    while let Some(page) = pages.next().await {
        let keys = page.into_iter().collect::<Result<Vec<_>, FilesError>>()?;
        for key in of_no_import(context, keys).await? {
            context.files.delete(&key).await?;
            tracing::info!(file.key = key, "a file that belonged to no import is deleted");
        }
        if context.stop.is_cancelled() {
            return Ok(());
        }
    }
    Ok(context.files.delete_forgotten(folder, AGE).await?)
}

/// Of the files that are named after an import, those whose import is not there or is emptied. Others were put there by somebody else.
async fn of_no_import(context: &Context, keys: Vec<String>) -> Result<Vec<String>, StageError> {
    let named: Vec<(ImportId, String)> = keys.into_iter().filter_map(|key| Some((import_of(&key)?, key))).collect();
    let ids: Vec<_> = named.iter().map(|(id, _)| id.0).collect();
    let mut conn = context.control.acquire().await?;
    let there = sqlx::query_scalar!("SELECT id FROM muster.imports WHERE id = ANY ($1) AND emptied_at IS NULL", &ids);
    let there: HashSet<_> = there.fetch(&mut *conn).map_ok(ImportId).try_collect().await?;
    Ok(named.into_iter().filter(|(id, _)| !there.contains(id)).map(|(_, key)| key).collect())
}

fn import_of(key: &str) -> Option<ImportId> {
    key.rsplit('/').next()?.parse().ok()
}
