//! Plans and issues on their way into the database. It must write all of a plan or nothing.

use crate::{
    copy::{CopyRows, SEND_BYTES},
    crash,
    error::StageError,
    kinds::importer::Plan,
};
use muster_shared::model::{ids::ImportNo, issue::Issue, stage::Stage};
use sqlx::PgConnection;

/// Writes plans and their issues, in the order of their lines: neighbours in the index are then written one after the
/// other.
pub(super) async fn write(conn: &mut PgConnection, import: ImportNo, plans: &[Plan]) -> Result<(), StageError> {
    let mut plans: Vec<&Plan> = plans.iter().collect();
    plans.sort_unstable_by_key(|plan| plan.line);
    let mut copy = conn
        .copy_in_raw(
            "COPY muster.import_plans (import_no, line, subject, turn, action, target_id, target_version, mask, before, after,
                                       segments_joined, segments_there, segments_left, courses, course_roles, course_does)
             FROM STDIN (FORMAT binary)",
        )
        .await?;
    let mut rows = CopyRows::new();
    for plan in &plans {
        put_plan(&mut rows, import, plan);
    }
    for piece in rows.end().chunks(SEND_BYTES) {
        copy.send(piece).await?;
    }
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
    for piece in rows.end().chunks(SEND_BYTES) {
        copy.send(piece).await?;
    }
    copy.finish().await?;
    Ok(())
}

fn put_plan(rows: &mut CopyRows, import: ImportNo, plan: &Plan) {
    rows.row(16);
    rows.bigint(import.0);
    rows.integer(plan.line);
    rows.optional_bigint(plan.subject);
    rows.smallint(plan.turn);
    rows.letter(plan.action.letter());
    rows.optional_bigint(plan.subject);
    rows.optional_bigint(plan.target_version);
    rows.bigint(plan.changes.mask);
    put_fields(rows, &plan.changes.before);
    put_fields(rows, &plan.changes.after);
    rows.bigints(&plan.memberships.segments_joined);
    rows.bigints(&plan.memberships.segments_there);
    rows.bigints(&plan.memberships.segments_left);
    rows.bigints(&plan.memberships.courses);
    rows.integers(&plan.memberships.course_roles);
    rows.smallints(&plan.memberships.course_does);
}

fn put_fields(rows: &mut CopyRows, fields: &[Option<String>]) {
    if fields.iter().all(Option::is_none) { rows.null() } else { rows.texts(fields.iter().map(Option::as_deref)) }
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
