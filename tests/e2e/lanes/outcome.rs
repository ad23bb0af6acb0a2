//! What came out of an import, as far as it must be the same however the import got there.

use super::{
    files::{SEGMENTS, id, new_people},
    ledger::Ledger,
};
use crate::counts::counts;
use muster_tests::harness::Muster;
use tokio::sync::OnceCell;

/// Lines of the file: two chunks of validate, five batches of preview and apply.
pub(super) const LINES: usize = 21_000;

/// What came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Outcome {
    /// `actions | outcomes | effects`.
    counts: String,
    /// Every status, in order.
    statuses: String,
    /// Sums over all rows, plans and issues.
    records: Vec<String>,
    lms: String,
}

impl Outcome {
    /// Of an import that was applied.
    pub(super) async fn of(muster: &Muster, id: &str) -> Self {
        let import = muster.import(id).await;
        let counts = [&import["actions"], &import["outcomes"], &import["effects"]]
            .map(counts)
            .join(" | ");
        Self {
            counts,
            statuses: statuses(muster, id).await,
            records: records(muster, id).await,
            lms: muster.lms().await,
        }
    }

    /// Of the file of [`new_people`] with [`LINES`] lines, when nothing gets in its way.
    pub(super) async fn undisturbed() -> Self {
        static ONCE: OnceCell<Outcome> = OnceCell::const_new();
        let make = async || {
            let muster = Muster::with().workers(2).start().await;
            muster.applied("create-segments", SEGMENTS).await;
            let import = id(&muster.applied("create-users", new_people(LINES)).await);
            let outcome = Self::of(&muster, &import).await;
            assert_eq!(
                outcome.counts,
                "create 20790, reject 210 | created 20790, rejected 210 | segments_joined 41580, users_created 20790"
            );
            assert_eq!(
                outcome.statuses,
                "validating previewing ready applying applied"
            );
            outcome
        };
        ONCE.get_or_init(make).await.clone()
    }

    /// The import came to the end to which it comes undisturbed, and every batch was done once.
    pub(super) async fn assert_undisturbed(ledger: &Ledger<'_>, muster: &Muster, id: &str) {
        let (outcome, undisturbed) = (Self::of(muster, id).await, Self::undisturbed().await);
        let short = |outcome: &Self| {
            (
                outcome.counts.clone(),
                outcome.statuses.clone(),
                outcome.records.clone(),
            )
        };
        assert_eq!(short(&outcome), short(&undisturbed));
        assert!(outcome.lms == undisturbed.lms, "the LMS is another");
        ledger.assert_done_once(id).await;
    }
}

/// Every status that an import had, in order.
pub(super) async fn statuses(muster: &Muster, id: &str) -> String {
    let statement =
        "SELECT string_agg(h.status, ' ' ORDER BY h.version) FROM muster.import_history h
                       JOIN muster.imports i ON i.no = h.import_no WHERE i.id = $1::uuid";
    sqlx::query_scalar(statement)
        .bind(id)
        .fetch_one(muster.sql())
        .await
        .expect("history")
}

/// Number and sum of all rows, plans and issues; ids are left out, since lanes reserve them as they
/// come.
pub(super) async fn records(muster: &Muster, id: &str) -> Vec<String> {
    let statement = "
        WITH this AS (SELECT no FROM muster.imports WHERE id = $1::uuid)
        SELECT format('rows %s %s', count(*), md5(string_agg(concat_ws('|', line, slot, key, claims, cells, issues), ' ' ORDER BY line)))
          FROM muster.import_rows WHERE import_no = (SELECT no FROM this)
         UNION ALL
        SELECT format('plans %s %s', count(*),
                      md5(string_agg(concat_ws('|', line, seq, action, target_version, mask, before, after, membership_what, membership_does), ' ' ORDER BY line)))
          FROM muster.import_plans WHERE import_no = (SELECT no FROM this)
         UNION ALL
        SELECT format('issues %s %s', count(*), md5(string_agg(concat_ws('|', line, nth, code, column_name, value), ' ' ORDER BY line, nth)))
          FROM muster.import_issues WHERE import_no = (SELECT no FROM this)";
    sqlx::query_scalar(statement)
        .bind(id)
        .fetch_all(muster.sql())
        .await
        .expect("records")
}
