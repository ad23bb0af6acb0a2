//! What an earlier try of a stage has left: swept away before the stage begins anew.

use crate::error::StageError;
use muster_shared::{model::ids::ImportNo, store::plans};
use sqlx::PgConnection;

/// All that was planned of an import.
pub(crate) async fn of_preview(
    conn: &mut PgConnection,
    import: ImportNo,
) -> Result<(), StageError> {
    plans::delete_all(&mut *conn, import).await?;
    sqlx::query!(
        "DELETE FROM muster.import_issues WHERE import_no = $1",
        import.0
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        "DELETE FROM muster.import_issue_groups WHERE import_no = $1",
        import.0
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        "DELETE FROM muster.import_makes WHERE import_no = $1",
        import.0
    )
    .execute(&mut *conn)
    .await?;
    Ok(())
}

/// All that was read of an import, and planned.
pub(crate) async fn of_validate(
    conn: &mut PgConnection,
    import: ImportNo,
) -> Result<(), StageError> {
    of_preview(conn, import).await?;
    sqlx::query!(
        "DELETE FROM muster.import_slots WHERE import_no = $1",
        import.0
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        "DELETE FROM muster.import_clashes WHERE import_no = $1",
        import.0
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        "DELETE FROM muster.import_rows WHERE import_no = $1",
        import.0
    )
    .execute(&mut *conn)
    .await?;
    Ok(())
}
