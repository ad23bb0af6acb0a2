//! The batches of an import, summed up for whoever looks.

use crate::model::{
    batch::BatchState,
    ids::ImportNo,
    stage::Stage,
    tally::{Actions, Effects, IssueCounts, Outcomes, Tally},
};
use crate::store::StoreError;
use futures::TryStreamExt as _;
use sqlx::{PgConnection, types::Json};
use std::collections::HashMap;

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
    /// A batch waits.
    pub has_waiting: bool,
    /// A lane holds a batch.
    pub has_claimed: bool,
}

impl Sums {
    /// Does a batch wait, and no lane hold any?
    #[must_use]
    pub fn are_waiting(&self) -> bool {
        self.has_waiting && !self.has_claimed
    }

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

/// How many lines apply has not come to, in an import for which it was asked.
pub async fn never_tried(conn: &mut PgConnection, import: ImportNo) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar!(
        r#"SELECT coalesce(sum(lines), 0) AS "lines!"
             FROM muster.import_batches
            WHERE import_no = $1 AND stage = 'apply' AND step = 'main' AND state <> 'done'"#,
        import.0,
    )
    .fetch_one(conn)
    .await?)
}

/// Sums up the batches of an import.
pub async fn sums(conn: &mut PgConnection, import: ImportNo) -> Result<Sums, StoreError> {
    Ok(sums_of(conn, &[import])
        .await?
        .remove(&import)
        .unwrap_or_default())
}

/// Sums up the batches of some imports.
pub async fn sums_of(
    conn: &mut PgConnection,
    imports: &[ImportNo],
) -> Result<HashMap<ImportNo, Sums>, StoreError> {
    let numbers: Vec<i64> = imports.iter().map(|import| import.0).collect();
    let mut all: HashMap<ImportNo, Sums> = HashMap::new();
    // What several batches name is made once, so no batch can count it ahead, but one that comes
    // after all of them.
    let mut batches = sqlx::query!(
        r#"SELECT import_no AS "import_no!", stage AS "stage!", state AS "state!", lines AS "lines!", progress AS "progress!",
                  coalesce(expires_at > clock_timestamp(), FALSE) AS "is_held!",
                  tally AS "tally!: Json<Tally>", effects AS "effects!: Json<Effects>"
             FROM muster.import_batches WHERE import_no = ANY ($1)
            UNION ALL
           SELECT import_no, 'preview', 'done', 0, 0, FALSE, '{}',
                  jsonb_build_object('categories_created', count(*) FILTER (WHERE NOT removes),
                                     'categories_deleted', count(*) FILTER (WHERE removes))
             FROM muster.import_makes m
            WHERE import_no = ANY ($1) AND what = 'category'
              AND NOT EXISTS (SELECT FROM muster.import_batches b
                               WHERE b.import_no = m.import_no AND b.stage = 'preview' AND b.step = 'after')
            GROUP BY import_no"#,
        &numbers,
    )
    .fetch(conn);
    while let Some(batch) = batches.try_next().await? {
        let stage = batch
            .stage
            .parse()
            .map_err(|_| StoreError::inconsistent("import_batches.stage", &batch.stage))?;
        let is: BatchState = batch
            .state
            .parse()
            .map_err(|_| StoreError::inconsistent("import_batches.state", &batch.state))?;
        let is_done = is == BatchState::Done;
        let sums = all.entry(ImportNo(batch.import_no)).or_default();
        sums.has_waiting |= is == BatchState::Waiting;
        sums.has_claimed |= batch.is_held;
        sums.add(stage, is_done, batch.lines.into(), batch.progress);
        if is_done {
            sums.count(stage, &batch.tally, batch.effects.0);
        }
    }
    Ok(all)
}

/// How many cells of each heading were passed over since details of people who exist are kept, by
/// all batches of preview together.
pub async fn ignored_by_details(
    conn: &mut PgConnection,
    import: ImportNo,
) -> Result<Vec<(String, i64)>, StoreError> {
    Ok(sqlx::query!(
        r#"SELECT c.key AS "heading!", sum(c.value::bigint)::bigint AS "count!"
             FROM muster.import_batches b CROSS JOIN jsonb_each_text(b.tally -> 'ignored_by_details') c
            WHERE b.import_no = $1 AND b.stage = 'preview' GROUP BY c.key"#,
        import.0,
    )
    .map(|row| (row.heading, row.count))
    .fetch_all(conn)
    .await?)
}

/// Lets go of the headings in what batches counted.
pub async fn forget_headings(
    conn: &mut PgConnection,
    imports: &[ImportNo],
) -> Result<(), StoreError> {
    let numbers: Vec<i64> = imports.iter().map(|import| import.0).collect();
    sqlx::query!(
        "UPDATE muster.import_batches SET tally = tally - 'ignored_by_details' WHERE import_no = ANY ($1) AND tally ? 'ignored_by_details'",
        &numbers,
    )
    .execute(conn)
    .await?;
    Ok(())
}
