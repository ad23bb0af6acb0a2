//! Preview: a batch of slots becomes plans, in one transaction that sees the site as of one moment.
//! It only reads the site. Of an undo it is a batch of subjects, and what is planned reverses the
//! plans of the undone import.

mod record;
mod subject;

use crate::{
    batch::{claim::Claim, parts::cut},
    error::StageError,
    kinds::importer::{Importer, Planned},
    process::crash,
    staging::{leftovers, rows::RowReader},
};
use muster_shared::{
    model::{
        batch::Step,
        budget::Budget,
        issue::{Issue, Severity},
        tally::{Actions, Effects, IssueCounts, Tally},
    },
    plan::effects_of,
    store::{batches::Batch, imports::Import, plans},
};
use sqlx::PgConnection;
use std::{collections::BTreeMap, mem::take};
use subject::Watch;

/// Plans one batch.
pub(crate) async fn run(
    import: &Import,
    claim: &Claim,
    importer: &mut dyn Importer,
) -> Result<(), StageError> {
    let mut work = claim.begin_as_of_now().await?;
    let batch = claim.batch();
    let (tally, effects) = match batch.step {
        Step::Before => {
            allow_long_statements(&mut work).await?;
            leftovers::of_preview(&mut work, import.no).await?;
            (Tally::default(), Effects::default())
        }
        Step::Main => plan(&mut work, import, batch, importer).await?,
        Step::After => {
            allow_long_statements(&mut work).await?;
            (
                Tally::default(),
                importer.count_prerequisites(&mut work, import.no).await?,
            )
        }
    };
    work.finish(&tally, &effects).await?;
    crash::point(batch.stage, "finished");
    work.commit().await?;
    crash::point(batch.stage, "committed");
    Ok(())
}

/// What concerns all lines is done while no other batch of the import is.
async fn allow_long_statements(conn: &mut PgConnection) -> Result<(), StageError> {
    sqlx::query!("SET LOCAL statement_timeout = '10min'")
        .execute(conn)
        .await?;
    Ok(())
}

/// Plans what there is, piece by piece: at no time is more in memory than a lane may hold.
async fn plan(
    conn: &mut PgConnection,
    import: &Import,
    batch: &Batch,
    importer: &mut dyn Importer,
) -> Result<(Tally, Effects), StageError> {
    let mut sums = Sums::default();
    if let Some(undone) = import.undoes {
        let subjects = plans::loads(&mut *conn, undone, batch.low, batch.high).await?;
        for part in cut(&subjects, batch.low, batch.high, Budget::PIECE) {
            let done = plans::done(conn, undone, part.low, part.high, None).await?;
            let planned = importer.reverse(conn, undone, &done).await?;
            sums.take(conn, import, planned).await?;
        }
    } else {
        let memberships = importer.memberships_of_line();
        let mut reader = RowReader::of_slots(
            batch.import_no,
            batch.low as i16,
            batch.high as i16,
            memberships,
        );
        let mut watch = Watch::new(memberships);
        while let Some(mut rows) = reader.next(conn).await? {
            watch.bound(&mut rows.all);
            let planned = importer.plan(conn, &rows).await?;
            sums.take(conn, import, planned).await?;
        }
    }
    Ok(sums.end())
}

/// What the plans of a batch add up to.
#[derive(Default)]
struct Sums {
    actions: Actions,
    issues: IssueCounts,
    ignored_by_details: BTreeMap<String, i64>,
    effects: Effects,
}

impl Sums {
    /// Writes the plans of a piece, and counts them.
    async fn take(
        &mut self,
        conn: &mut PgConnection,
        import: &Import,
        mut planned: Planned,
    ) -> Result<(), StageError> {
        for plan in &mut planned.plans {
            plan.issues = Issue::told(take(&mut plan.issues));
            self.actions.add(plan.action());
            for issue in &plan.issues {
                self.issues.add(issue.severity, 1);
            }
        }
        record::write(conn, import.no, &planned.plans).await?;
        self.effects += effects_of(import.kind.spec(), &planned.plans);
        for (heading, count) in planned.ignored_by_details {
            self.issues.add(Severity::Warning, count);
            *self.ignored_by_details.entry(heading).or_default() += count;
        }
        Ok(())
    }

    fn end(self) -> (Tally, Effects) {
        let Self {
            actions,
            issues,
            ignored_by_details,
            effects,
        } = self;
        (
            Tally {
                actions: Some(actions),
                issues: Some(issues),
                outcomes: None,
                ignored_by_details,
            },
            effects,
        )
    }
}
