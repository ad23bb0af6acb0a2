//! What is open of a stage, and whose turn it is.

use crate::model::{batch::Step, ids::ImportNo, stage::Stage};
use crate::store::StoreError;
use sqlx::PgConnection;

/// The batches of a stage that are not done.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Open {
    /// Lanes hold them.
    pub claimed: i64,
    /// They can be claimed, now or later.
    pub waiting: i64,
    /// They gave up.
    pub failed: i64,
    /// The first step that is not through; only its batches may be claimed. `None`: nothing is
    /// open.
    pub step: Option<Step>,
    /// Those of that step that wait. What waits in later ones while none does here, waits for what
    /// gave up.
    pub waiting_in_turn: i64,
}

impl Open {
    /// Adds the open batches of a step.
    fn add(&mut self, step: Step, claimed: i64, waiting: i64, failed: i64) {
        self.claimed += claimed;
        self.waiting += waiting;
        self.failed += failed;
        if self.step.is_none_or(|first| step < first) {
            self.step = Some(step);
            self.waiting_in_turn = waiting;
        }
    }
}

/// What is open of a stage. To be asked after the import's row is locked, in this statement of its
/// own.
pub async fn open(
    conn: &mut PgConnection,
    import: ImportNo,
    stage: Stage,
) -> Result<Open, StoreError> {
    let steps = sqlx::query!(
        r#"SELECT step,
                  count(*) FILTER (WHERE state = 'claimed') AS "claimed!",
                  count(*) FILTER (WHERE state = 'waiting') AS "waiting!",
                  count(*) FILTER (WHERE state = 'failed') AS "failed!"
             FROM muster.import_batches WHERE import_no = $1 AND stage = $2 AND state <> 'done' GROUP BY step"#,
        import.0,
        stage.name(),
    )
    .fetch_all(conn)
    .await?;
    let mut open = Open::default();
    for row in steps {
        let step = row
            .step
            .parse()
            .map_err(|_| StoreError::inconsistent("import_batches.step", &row.step))?;
        open.add(step, row.claimed, row.waiting, row.failed);
    }
    Ok(open)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_step_that_is_not_through_has_its_turn() {
        use Step::{After, Before, Main};
        for (steps, step, [claimed, waiting, failed, waiting_in_turn]) in [
            (&[][..], None, [0, 0, 0, 0]),
            (&[(Main, 1, 2, 0)], Some(Main), [1, 2, 0, 2]),
            (
                &[(After, 0, 1, 0), (Main, 0, 5, 0), (Before, 1, 0, 0)],
                Some(Before),
                [1, 6, 0, 0],
            ),
            (
                &[(Main, 0, 5, 0), (Before, 0, 0, 1)],
                Some(Before),
                [0, 5, 1, 0],
            ),
            (
                &[(Main, 0, 3, 1), (After, 0, 1, 0)],
                Some(Main),
                [0, 4, 1, 3],
            ),
            (
                &[(After, 0, 1, 0), (Main, 0, 0, 2)],
                Some(Main),
                [0, 1, 2, 0],
            ),
        ] {
            let mut open = Open::default();
            for &(step, claimed, waiting, failed) in steps {
                open.add(step, claimed, waiting, failed);
            }
            assert_eq!(
                open,
                Open {
                    claimed,
                    waiting,
                    failed,
                    step,
                    waiting_in_turn
                },
                "{steps:?}"
            );
        }
    }
}
