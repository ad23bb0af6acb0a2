//! Plans and issues on their way into the database. It must write all of a plan or nothing.

use crate::{error::StageError, process::crash};
use muster_shared::{
    model::{ids::ImportNo, issue::Issue, stage::Stage},
    plan::Plan,
    store::{
        copy::{CopyRows, SEND_BYTES},
        plans,
    },
};
use sqlx::PgConnection;

/// Writes plans and their issues, in the order of their lines: neighbours in the index are then
/// written one after the other.
pub(super) async fn write(
    conn: &mut PgConnection,
    import: ImportNo,
    plans: &[Plan],
) -> Result<(), StageError> {
    let mut plans: Vec<&Plan> = plans.iter().collect();
    plans.sort_unstable_by_key(|plan| plan.line);
    let copy = plans::copying(&mut *conn, import, &plans).await?;
    crash::point(Stage::Preview, "copying");
    copy.finish().await?;
    if plans.iter().all(|plan| plan.issues.is_empty()) {
        return Ok(());
    }
    let mut copy = conn
        .copy_in_raw(
            "COPY muster.import_issues (import_no, line, nth, code, severity, column_name, value, message, suggestion)
             FROM STDIN (FORMAT binary)",
        )
        .await?;
    let mut rows = CopyRows::new();
    for plan in &plans {
        for (nth, issue) in plan.issues.iter().enumerate() {
            put_issue(&mut rows, import, plan.line, nth as i16 + 1, issue);
        }
    }
    for chunk in rows.end().chunks(SEND_BYTES) {
        copy.send(chunk).await?;
    }
    copy.finish().await?;
    Ok(())
}

fn put_issue(rows: &mut CopyRows, import: ImportNo, line: i32, nth: i16, issue: &Issue) {
    rows.row(9);
    rows.bigint(import.0);
    rows.integer(line);
    rows.smallint(nth);
    rows.text(issue.code.into());
    rows.letter(issue.severity.letter());
    rows.optional_text(issue.column.as_deref());
    rows.optional_text(issue.value.as_deref());
    rows.text(&issue.message);
    rows.optional_text(issue.suggestion.as_deref());
}
