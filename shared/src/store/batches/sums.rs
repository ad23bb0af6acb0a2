//! The batches of an import as both processes see them: made when a stage begins, summed up for whoever looks.
//! Claiming and finishing them is the worker's own.

use super::StoreError;
use crate::model::{
    ids::ImportNo,
    stage::Stage,
    tally::{Actions, Effects, IssueCounts, Outcomes, Tally},
};
use futures::TryStreamExt as _;
use sqlx::{PgConnection, types::Json};
use std::collections::HashMap;

/// Rows in one batch of preview, about; plans in one batch of apply, at least. Measured: smaller ones cost more statements, larger
/// ones more memory, and neither gains speed.
pub const BATCH_LINES: i64 = 5_000;

/// Bytes of the file behind one batch of preview, at most about: what a lane holds in memory.
const BATCH_BYTES: i64 = 16 << 20;

/// What a line weighs besides its bytes: so many lines fill a batch as so many bytes do.
pub const LINE_WEIGHT: i64 = BATCH_BYTES / BATCH_LINES;

/// Makes the one batch of validate. Whatever earlier readings of the file left is swept away by that batch itself.
pub async fn make_validate(conn: &mut PgConnection, import: ImportNo) -> Result<(), StoreError> {
    sqlx::query!("DELETE FROM muster.import_batches WHERE import_no = $1", import.0).execute(&mut *conn).await?;
    sqlx::query!("INSERT INTO muster.import_batches (import_no, stage, number, low, high) VALUES ($1, 'validate', 1, 0, 0)", import.0)
        .execute(conn)
        .await?;
    Ok(())
}

/// Makes the batches of preview for the staged lines, of a file that has so many bytes when it is expanded. A batch is some slots:
/// about as many as fill it, and never a part of one.
pub async fn make_preview(conn: &mut PgConnection, import: ImportNo, lines: i64, bytes: i64) -> Result<(), StoreError> {
    sqlx::query!("DELETE FROM muster.import_batches WHERE import_no = $1 AND stage <> 'validate'", import.0).execute(&mut *conn).await?;
    sqlx::query!(
        "WITH known AS (
            SELECT slot, count(*) AS lines, NULL::integer AS line_weight FROM muster.import_rows WHERE import_no = $1 GROUP BY slot
             UNION ALL
            SELECT w.nth - 1, 0, w.line_weight
              FROM muster.import_slots s CROSS JOIN LATERAL unnest(s.line_weights) WITH ORDINALITY AS w (line_weight, nth)
             WHERE s.import_no = $1
             UNION ALL
            SELECT 0, 0, NULL),
         weighed AS (
            SELECT slot, sum(lines) AS lines, sum(lines) * coalesce(max(line_weight), $2::bigint) AS weight FROM known GROUP BY slot),
         cut AS (
            SELECT slot, lines, floor((sum(weight) OVER (ORDER BY slot) - weight) / $3::bigint) AS number FROM weighed)
         INSERT INTO muster.import_batches (import_no, stage, number, low, high, lines)
         SELECT $1, 'preview', row_number() OVER (ORDER BY number), min(slot), max(slot) + 1, sum(lines)
           FROM cut GROUP BY number HAVING sum(lines) > 0 OR number = 0",
        import.0,
        LINE_WEIGHT + bytes / lines.max(1),
        BATCH_BYTES,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Makes the batches of another preview as those of the last one were. Batch 0 sweeps away what that has left.
pub async fn make_preview_again(conn: &mut PgConnection, import: ImportNo) -> Result<(), StoreError> {
    sqlx::query!(
        "WITH gone AS (
            DELETE FROM muster.import_batches WHERE import_no = $1 AND stage <> 'validate' RETURNING stage, number, low, high, lines)
         INSERT INTO muster.import_batches (import_no, stage, number, low, high, lines)
         SELECT $1, stage, number, low, high, lines FROM gone WHERE stage = 'preview' AND number > 0
          UNION ALL
         SELECT $1, 'preview', 0, 0, 0, 0",
        import.0,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Lets the batches of a stage that gave up begin anew.
pub async fn unstick(conn: &mut PgConnection, import: ImportNo, stage: Stage) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE muster.import_batches SET state = 'waiting', attempts = 0, retries = 0
          WHERE import_no = $1 AND stage = $2 AND state = 'stuck'",
        import.0,
        stage.name(),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The batches of an import, summed up.
#[derive(Debug, Clone, Default)]
pub struct Sums {
    /// Lines of preview's batches that are done, and of all.
    pub previewed: (i64, i64),
    /// Lines of apply's batches that are done, and of all.
    pub applied: (i64, i64),
    /// Bytes of the file that are staged.
    pub staged_bytes: i64,
    /// What the planned lines would do.
    pub actions: Actions,
    /// Issues of the planned lines.
    pub issues: IssueCounts,
    /// What the executed lines did. Skips and rejects are in no batch of apply.
    pub outcomes: Outcomes,
    /// What the planned lines would bring about.
    pub planned_effects: Effects,
    /// What the executed lines brought about.
    pub effects: Effects,
}

impl Sums {
    /// Adds a batch, done or not.
    fn add(&mut self, stage: Stage, is_done: bool, lines: i64, bytes: i64) {
        let (done, all) = match stage {
            Stage::Validate => return self.staged_bytes += bytes,
            Stage::Preview => &mut self.previewed,
            Stage::Apply => &mut self.applied,
        };
        *done += if is_done { lines } else { 0 };
        *all += lines;
    }

    /// Adds what a batch that is done counted.
    fn count(&mut self, stage: Stage, tally: &Tally, effects: Effects) {
        match stage {
            Stage::Validate => {}
            Stage::Preview => {
                self.actions += tally.actions.unwrap_or_default();
                self.issues += tally.issues.unwrap_or_default();
                self.planned_effects += effects;
            }
            Stage::Apply => {
                self.outcomes += tally.outcomes.unwrap_or_default();
                self.effects += effects;
            }
        }
    }
}

/// Sums up the batches of an import.
pub async fn sums(conn: &mut PgConnection, import: ImportNo) -> Result<Sums, StoreError> {
    Ok(sums_of(conn, &[import]).await?.remove(&import).unwrap_or_default())
}

/// Sums up the batches of some imports.
pub async fn sums_of(conn: &mut PgConnection, imports: &[ImportNo]) -> Result<HashMap<ImportNo, Sums>, StoreError> {
    let numbers: Vec<i64> = imports.iter().map(|import| import.0).collect();
    let mut all: HashMap<ImportNo, Sums> = HashMap::new();
    // What several batches name is made once, so no batch can count it ahead.
    let mut batches = sqlx::query!(
        r#"SELECT import_no AS "import_no!", stage AS "stage!", state = 'done' AS "is_done!", lines AS "lines!", progress AS "progress!",
                  tally AS "tally!: Json<Tally>", effects AS "effects!: Json<Effects>"
             FROM muster.import_batches WHERE import_no = ANY ($1)
            UNION ALL
           SELECT import_no, 'preview', TRUE, 0, 0, '{}',
                  jsonb_build_object('categories_created', count(*) FILTER (WHERE NOT removes),
                                     'categories_deleted', count(*) FILTER (WHERE removes))
             FROM muster.import_makes WHERE import_no = ANY ($1) AND what = 'category' GROUP BY import_no"#,
        &numbers,
    )
    .fetch(conn);
    while let Some(batch) = batches.try_next().await? {
        let stage = batch.stage.parse().map_err(|_| StoreError::inconsistent("import_batches.stage", &batch.stage))?;
        let sums = all.entry(ImportNo(batch.import_no)).or_default();
        sums.add(stage, batch.is_done, batch.lines.into(), batch.progress);
        if batch.is_done {
            sums.count(stage, &batch.tally, *batch.effects);
        }
    }
    Ok(all)
}
