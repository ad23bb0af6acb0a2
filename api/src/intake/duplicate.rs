//! The same file again: the same bytes, recipe, kind, settings and mapping as an earlier import of
//! the site that was neither rejected nor cancelled. It is accepted, with a warning.

use crate::problem::Problem;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use muster_shared::{
    model::{
        ids::ImportId,
        issue::{Code, FileIssue, Issue},
        status::Status,
    },
    store::{
        StoreError,
        imports::{NewImport, to_json},
    },
};
use sqlx::PgConnection;

/// Looks for the newest such import, and remembers it in the new one.
pub(super) async fn mark(
    conn: &mut PgConnection,
    new: &mut NewImport,
    time_zone: Tz,
) -> Result<(), Problem> {
    let earlier = sqlx::query!(
        "SELECT id, status, created_at FROM muster.imports
          WHERE site_id = $1 AND file_sha256 = $2 AND recipe = $3 AND kind = $4 AND settings = $5 AND mapping = $6
            AND carries IS NULL AND status NOT IN ('rejected', 'cancelled')
          ORDER BY id DESC
          LIMIT 1",
        new.site_id.0,
        new.file.sha256,
        new.recipe.name(),
        new.kind.name(),
        to_json(&new.settings),
        to_json(&new.mapping),
    )
    .fetch_optional(conn)
    .await?;
    let Some(earlier) = earlier else {
        return Ok(());
    };
    let status = earlier
        .status
        .parse()
        .map_err(|_| StoreError::inconsistent("imports.status", &earlier.status))?;
    let issue = Issue::warning(
        Code::SameFile,
        message(earlier.created_at, time_zone, status),
    );
    new.same_file_as = Some(ImportId(earlier.id));
    new.file.issues.push(FileIssue {
        issue,
        line: None,
        count: 1,
    });
    Ok(())
}

/// In the past tense: it is read later, when the earlier import may stand elsewhere.
fn message(at: DateTime<Utc>, time_zone: Tz, status: Status) -> String {
    let at = at.with_timezone(&time_zone).format("%Y-%m-%d at %H:%M");
    let stood = match status {
        Status::Validating => "was being validated",
        Status::Rejected => "was rejected",
        Status::Previewing => "was being previewed",
        Status::Ready => "was ready to be applied",
        Status::Applying => "was being applied",
        Status::Pausing => "was being paused",
        Status::Paused => "was paused",
        Status::Applied => "was applied",
        Status::Cancelling => "was being cancelled",
        Status::Cancelled => "was cancelled",
        Status::Failed => "had failed",
    };
    format!(
        "The same file was uploaded with the same recipe and settings on {at} ({time_zone}); that import {stood} when this one came. Cancel \
         this one if it is here by mistake."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_says_when_and_where_it_stood() {
        let at = "2025-06-30T22:05:00Z".parse().unwrap();
        let text = message(at, Tz::Europe__Oslo, Status::Failed);
        assert!(
            text.contains("on 2025-07-01 at 00:05 (Europe/Oslo); that import had failed when"),
            "{text}"
        );
    }
}
