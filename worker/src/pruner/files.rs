//! What uploads that became no import left in the file store: an api was killed between storing a
//! file and writing its import, or in the middle of storing it.
//!
//! It must never delete a file whose key this database does not know: that is of another database,
//! such as the one of which this one is an earlier state or a copy.

use crate::{batch::context::Context, error::StageError};
use chrono::{DateTime, TimeDelta, Utc};
use futures::StreamExt;
use muster_shared::{
    files::FilesError,
    model::ids::{ImportId, SiteId},
    store::uploads,
};
use std::time::Duration;

/// Younger ones may belong to an import that is about to be written.
const AGE: Duration = Duration::from_hours(24);
/// Keys that are looked up together.
const AT_ONCE: usize = 500;

/// Goes round all sites, one each look.
#[derive(Debug, Default)]
pub(super) struct Round {
    last: i32,
    /// Files that nobody here knows: in this round so far, and in the one before.
    unknown: u64,
    unknown_before: u64,
}

impl Round {
    /// Looks through the files of the next site.
    pub(super) async fn step(&mut self, context: &Context) -> Result<(), StageError> {
        let mut conn = context.control.acquire().await?;
        let next = sqlx::query_scalar!(
            "SELECT id FROM muster.sites WHERE id > $1 ORDER BY id LIMIT 1",
            self.last
        );
        let site = next.fetch_optional(&mut *conn).await?;
        drop(conn);
        self.last = site.unwrap_or(0);
        let Some(site) = site else {
            self.tell();
            return Ok(());
        };
        sweep(context, SiteId(site)).await?;
        self.unknown += unknown(context, SiteId(site)).await?;
        Ok(())
    }

    /// At the end of a round, unless it found as many as the one before.
    fn tell(&mut self) {
        if self.unknown != self.unknown_before {
            tracing::info!(
                files = self.unknown,
                "old files that this database does not know are left alone"
            );
        }
        self.unknown_before = std::mem::take(&mut self.unknown);
    }
}

/// An upload that became no import.
struct Forgotten {
    key: String,
    import: ImportId,
}

/// Goes through the uploads of a site that became no import.
async fn sweep(context: &Context, site: SiteId) -> Result<(), StageError> {
    let mut after = String::new();
    let mut failed = None;
    loop {
        let page = forgotten(context, site, &after).await?;
        for upload in &page {
            if context.stop.is_cancelled() {
                return Ok(());
            }
            // What cannot be deleted must not keep back what can.
            failed = delete(context, upload).await.err().or(failed);
        }
        let Some(last) = page.into_iter().last() else {
            return failed.map_or(Ok(()), Err);
        };
        after = last.key;
    }
}

/// Deletes what an upload left, with its key: under a lock of the key, on which an import that is
/// just being written waits. Whoever comes after one that was killed in between finds the key, and
/// no file.
async fn delete(context: &Context, upload: &Forgotten) -> Result<(), StageError> {
    let mut tx = context.control.begin().await?;
    let is_forgotten =
        uploads::forget_without_import(&mut tx, &upload.key, AGE.as_secs_f64()).await?;
    if is_forgotten && context.files.delete_stale(&upload.key, long_ago()).await? {
        tx.commit().await?;
        tracing::info!(import.id = %upload.import, "what an upload left that became no import is deleted");
    }
    Ok(())
}

fn long_ago() -> DateTime<Utc> {
    Utc::now() - TimeDelta::from_std(AGE).unwrap_or(TimeDelta::MAX)
}

/// The next uploads of a site that began long ago and whose import is not there, or is swept away.
async fn forgotten(
    context: &Context,
    site: SiteId,
    after: &str,
) -> Result<Vec<Forgotten>, StageError> {
    let mut conn = context.control.acquire().await?;
    Ok(sqlx::query_as!(
        Forgotten,
        r#"SELECT u.key, u.import_id AS "import: ImportId" FROM muster.uploads u
            WHERE u.site_id = $1 AND u.key > $2 AND u.begun_at < now() - make_interval(secs => $3)
              AND NOT EXISTS (SELECT FROM muster.imports i WHERE i.id = u.import_id AND i.emptied_at IS NULL)
            ORDER BY u.key LIMIT $4"#,
        site.0,
        after,
        AGE.as_secs_f64(),
        AT_ONCE as i64,
    )
    .fetch_all(&mut *conn)
    .await?)
}

/// How many old files of a site nobody here knows.
async fn unknown(context: &Context, site: SiteId) -> Result<u64, StageError> {
    let mut pages = context
        .files
        .older_than(&site.to_string(), long_ago())
        .chunks(AT_ONCE);
    let mut unknown = 0;
    while let Some(page) = pages.next().await {
        let keys = page.into_iter().collect::<Result<Vec<_>, FilesError>>()?;
        let mut conn = context.control.acquire().await?;
        let count = sqlx::query_scalar!(
            r#"SELECT count(*) AS "count!" FROM unnest($1::text[]) AS file (key)
                WHERE NOT EXISTS (SELECT FROM muster.uploads u WHERE u.key = file.key)
                  AND NOT EXISTS (SELECT FROM muster.imports i WHERE i.site_id = $2 AND i.file_key = file.key AND i.emptied_at IS NULL)"#,
            &keys,
            site.0,
        );
        unknown += count.fetch_one(&mut *conn).await? as u64;
        if context.stop.is_cancelled() {
            break;
        }
    }
    Ok(unknown)
}
