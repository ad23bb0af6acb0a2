//! What came out: recorded by line only where it is otherwise than planned, counted for all.

use crate::{
    error::{StageError, kind_of},
    kinds::importer::Piece,
};
use muster_shared::model::{
    issue::Code,
    plan::{Action, Outcome},
    tally::Outcomes,
};
use sqlx::PgConnection;

/// Why subjects are held that changed, or whose name somebody took.
pub(super) const CHANGED: &str = "It was changed since the preview, so it was not touched. Preview the line again.";
/// Why subjects are held whose plans name what is gone.
pub(super) const GONE: &str = "What the line names, such as a segment or a course, is gone since the preview, so nothing was done. Preview the line again.";
const HELD_AFTER_FAILURE: &str = "An earlier line about the same one failed, so this one was not tried.";

/// What racing writers take from each other: no defect of the line.
const TAKEN_MEANWHILE: &[&str] = &["users_username", "users_email"];

/// Records all lines of some subjects as held, and why.
pub(super) async fn record_held(conn: &mut PgConnection, piece: Piece, subjects: &[i64], why: &str) -> Result<(), StageError> {
    if subjects.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "INSERT INTO muster.import_outcomes (import_no, line, outcome, code, message)
         SELECT import_no, line, $5, $6, $7 FROM muster.plans_of($1, $2, $3)
          WHERE subject = ANY ($4)",
        piece.import_no.0,
        piece.low,
        piece.high,
        subjects,
        Outcome::Held.name(),
        <&str>::from(Code::TargetChanged),
        why,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Records the line of a turn as failed, and the later ones of its subject as held.
pub(super) async fn record_failed(conn: &mut PgConnection, piece: Piece, turn: i16, error: &sqlx::Error) -> Result<(), StageError> {
    let constraint = error.as_database_error().and_then(sqlx::error::DatabaseError::constraint).unwrap_or_default();
    let (outcome, code, message) = if TAKEN_MEANWHILE.contains(&constraint) {
        (Outcome::Held, Code::TargetChanged, "Its username or e-mail was taken by somebody else since the preview.".to_owned())
    } else {
        (Outcome::Failed, Code::NotApplied, format!("The database refused the line ({}).", kind_of(error)))
    };
    sqlx::query!(
        "INSERT INTO muster.import_outcomes (import_no, line, outcome, code, message)
         SELECT import_no, line, CASE WHEN turn = $4 THEN $5 ELSE $6 END, $7, CASE WHEN turn = $4 THEN $8 ELSE $9 END
           FROM muster.plans_of($1, $2, $3)
          WHERE turn >= $4
             ON CONFLICT DO NOTHING",
        piece.import_no.0,
        piece.low,
        piece.high,
        turn,
        outcome.name(),
        Outcome::Held.name(),
        <&str>::from(code),
        message,
        HELD_AFTER_FAILURE,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Counts the lines of a piece by what came out.
pub(super) async fn count(conn: &mut PgConnection, piece: Piece) -> Result<Outcomes, StageError> {
    let rows = sqlx::query!(
        r#"SELECT p.action AS "action!: i8", o.outcome AS "outcome?", count(*) AS "lines!"
             FROM muster.plans_of($1, $2, $3) p
             LEFT JOIN muster.import_outcomes o ON o.import_no = p.import_no AND o.line = p.line
            GROUP BY 1, 2"#,
        piece.import_no.0,
        piece.low,
        piece.high,
    )
    .fetch_all(conn)
    .await?;
    let mut outcomes = Outcomes::default();
    for row in rows {
        let planned = Action::of_letter(row.action as u8).map(Action::outcome);
        if let Some(outcome) = row.outcome.and_then(|outcome| outcome.parse().ok()).or(planned) {
            outcomes.add(outcome, row.lines);
        }
    }
    Ok(outcomes)
}
