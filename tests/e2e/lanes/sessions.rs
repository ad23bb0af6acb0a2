//! What the sessions of workers do at the moment, as Postgres sees it.

use muster_tests::harness::{Muster, eventually};

/// Writes memberships of segments.
pub(crate) const JOINING: &str = "INSERT INTO lms.segment_members%";
/// Stages rows.
pub(crate) const STAGING: &str = "COPY muster.import_rows%";
/// Writes plans.
pub(crate) const PLANNING: &str = "COPY muster.import_plans%";
/// Locks the row of an import, to claim a batch or to settle.
pub(crate) const LOCKING_IMPORT: &str = "%FROM muster.imports%FOR NO KEY UPDATE";
/// Looks for lanes that stall, as the one who rescues.
pub(crate) const RESCUING: &str = "%pg_terminate_backend%";

/// Sessions of this test's workers.
const OURS: &str = "datname = current_database() AND application_name LIKE 'muster%' AND application_name <> 'muster-api'";

/// How many sessions wait in such a statement for a lock, none of them so long that it might give
/// up before the test has acted.
pub(crate) async fn waiting(muster: &Muster, statement: &str) -> i64 {
    count(
        muster,
        "wait_event_type = 'Lock' AND clock_timestamp() - query_start < '3 s' AND query LIKE $1",
        statement,
    )
    .await
}

/// Waits until so many sessions do.
pub(crate) async fn until_waiting(muster: &Muster, statement: &str, many: i64) {
    eventually(statement, async || {
        (waiting(muster, statement).await == many).then_some(())
    })
    .await;
}

/// Waits until a lock that the test asks for itself waits for others.
pub(crate) async fn until_queued(muster: &Muster) {
    let statement = "SELECT FROM pg_locks l JOIN pg_stat_activity a USING (pid)
                      WHERE NOT l.granted AND a.datname = current_database() AND a.query LIKE 'LOCK TABLE%'";
    let look = async || {
        sqlx::query(statement)
            .fetch_optional(muster.sql())
            .await
            .expect("the database is up")
            .map(drop)
    };
    eventually("the test's lock is queued", look).await;
}

/// How many sessions are in the middle of such a COPY and wait for their client, which is asleep.
pub(crate) async fn forsaken(muster: &Muster, statement: &str) -> i64 {
    count(
        muster,
        "state = 'active' AND wait_event = 'ClientRead' AND query LIKE $1",
        statement,
    )
    .await
}

/// How many lanes have a transaction open and send nothing.
pub(crate) async fn idle_lanes(muster: &Muster) -> i64 {
    count(
        muster,
        "state = 'idle in transaction' AND application_name LIKE $1",
        "muster ________-%",
    )
    .await
}

/// How many sessions claim, settle or rescue at the moment.
pub(crate) async fn in_control(muster: &Muster) -> i64 {
    count(
        muster,
        "xact_start IS NOT NULL AND application_name LIKE $1",
        "muster-worker",
    )
    .await
}

async fn count(muster: &Muster, condition: &str, argument: &str) -> i64 {
    let statement = format!("SELECT count(*) FROM pg_stat_activity WHERE {OURS} AND {condition}");
    sqlx::query_scalar(sqlx::AssertSqlSafe(statement))
        .bind(argument)
        .fetch_one(muster.sql())
        .await
        .expect("the database is up")
}
