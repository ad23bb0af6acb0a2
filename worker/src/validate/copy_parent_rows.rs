//! Carrying on: lines that another import left become the rows of one that has no file of its own.
//! They keep their numbers, which are those of the admin's file.

use super::{PassEnd, PassResult, must_leave};
use crate::{
    batch::{claim::Claim, context::Context},
    error::StageError,
};
use muster_shared::{
    model::{action::LineResult, ids::ImportNo, issue::Code},
    store::{
        imports::{self, Import},
        lines::lines_with_result,
        plans,
    },
};
use sqlx::PgConnection;
use std::time::Instant;

/// Lines of the parent that are gone through in one chunk, few of which may go on.
const CHUNK_LINES: i32 = 50_000;

/// Stages the lines of the parent of which that became, those after `resume_after`.
pub(super) async fn copy_parent_rows(
    context: &Context,
    import: &Import,
    claim: &Claim,
    became: &[LineResult],
    resume_after: i32,
) -> Result<PassEnd, StageError> {
    let (parent, mut staged) = begin(context, import, resume_after).await?;
    let since = Instant::now();
    loop {
        let mut work = claim.begin().await?;
        staged.next(&mut work, import, &parent, became).await?;
        work.record_progress(staged.bytes(&parent), staged.lines)
            .await?;
        work.commit().await?;
        if staged.last >= staged.end {
            let mut of_parent = parent.file;
            of_parent
                .issues
                .retain(|issue| issue.issue.code != Code::SameFile);
            let found = PassResult {
                headings: of_parent.columns,
                warnings: of_parent.issues,
                sample: of_parent.sample,
                lines: staged.lines,
            };
            return Ok(PassEnd::Whole(found));
        }
        context.publish(import.id);
        if must_leave(context, import, Some(since)).await? {
            return Ok(PassEnd::Stopped);
        }
    }
}

/// The import whose lines go on, and how far that is.
async fn begin(
    context: &Context,
    import: &Import,
    resume_after: i32,
) -> Result<(Import, Staged), StageError> {
    let mut conn = context.control.acquire().await?;
    let parent = parent(&mut conn, import).await?;
    let end = plans::last_line(&mut conn, parent.no).await?;
    let lines = count(&mut conn, import.no, resume_after).await?;
    Ok((
        parent,
        Staged {
            last: resume_after,
            end,
            lines,
        },
    ))
}

/// The import whose lines go on.
pub(super) async fn parent(conn: &mut PgConnection, import: &Import) -> Result<Import, StageError> {
    let found = match import.parent {
        Some(parent) => imports::of_id(conn, parent).await?,
        None => None,
    };
    let found =
        found.filter(|parent| parent.site_id == import.site_id && parent.kind == import.kind);
    found.ok_or_else(|| StageError::defect("an import goes on with lines of none"))
}

/// The lines that are staged already; nothing is where an earlier lane has not been.
async fn count(
    conn: &mut PgConnection,
    import: ImportNo,
    resume_after: i32,
) -> Result<i32, StageError> {
    if resume_after == 0 {
        return Ok(0);
    }
    let lines = sqlx::query_scalar!(
        r#"SELECT count(*) AS "lines!" FROM muster.import_rows WHERE import_no = $1"#,
        import.0
    );
    Ok(lines.fetch_one(conn).await? as i32)
}

/// How far it is.
struct Staged {
    /// The line of the parent up to which it went.
    last: i32,
    /// The last line of the parent.
    end: i32,
    /// Lines that go on.
    lines: i32,
}

impl Staged {
    /// Stages the next chunk.
    async fn next(
        &mut self,
        conn: &mut PgConnection,
        import: &Import,
        parent: &Import,
        became: &[LineResult],
    ) -> Result<(), StageError> {
        let up_to = self.end.min(self.last.saturating_add(CHUNK_LINES));
        let lines = lines_with_result(
            conn,
            parent.no,
            became,
            self.last,
            up_to,
            CHUNK_LINES.into(),
        )
        .await?;
        // The range leads to the index by line: to the planner, any index that begins with the
        // import is as good for the lines alone.
        let copied = sqlx::query!(
            "INSERT INTO muster.import_rows (import_no, line, slot, key, claims, cells, issues, parent_line, bytes_held)
             SELECT $1, line, slot, key, claims, cells, issues, line, bytes_held
               FROM muster.import_rows
              WHERE import_no = $2 AND line > $4 AND line <= $5 AND line = ANY ($3)
              ORDER BY line",
            import.no.0,
            parent.no.0,
            &lines,
            self.last,
            up_to,
        )
        .execute(&mut *conn)
        .await?;
        // Looked at last: what was swept away by then may not have been there to be copied.
        let is_pruned = sqlx::query_scalar!(
            r#"SELECT pruned_at IS NOT NULL AS "is!" FROM muster.imports WHERE no = $1"#,
            parent.no.0
        );
        if is_pruned.fetch_one(conn).await? {
            let detail =
                "The lines that it should go on with were swept away meanwhile.".to_owned();
            return Err(StageError::Fail {
                code: "expired",
                detail,
            });
        }
        self.lines += copied.rows_affected() as i32;
        self.last = up_to;
        Ok(())
    }

    /// As many bytes of the parent's file as if it were read; never 0, by which a lane that takes
    /// over knows that nothing is staged.
    fn bytes(&self, parent: &Import) -> i64 {
        let share = f64::from(self.last) / f64::from(self.end.max(1));
        ((parent.file.bytes as f64 * share) as i64).max(1)
    }
}
