//! Locks of a test, which stop lanes where they would write.

use muster_tests::harness::Muster;
use sqlx::{AssertSqlSafe, PgTransaction};

/// A transaction of the test; what it locks is free again when it is released or dropped.
#[must_use = "it lets go when it is dropped"]
pub(crate) struct Hold {
    tx: PgTransaction<'static>,
}

impl Hold {
    /// Whoever writes into the table waits; whoever reads it does not.
    pub(crate) async fn writers(muster: &Muster, table: &str) -> Self {
        Self::take(muster, &format!("LOCK TABLE {table} IN SHARE MODE")).await
    }

    /// Whoever looks at the table waits.
    pub(crate) async fn readers(muster: &Muster, table: &str) -> Self {
        Self::take(
            muster,
            &format!("LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE"),
        )
        .await
    }

    /// Whoever claims a batch of the import, settles it or moves it waits.
    pub(crate) async fn import(muster: &Muster, id: &str) -> Self {
        Self::take(
            muster,
            &format!("SELECT FROM muster.imports WHERE id = '{id}' FOR NO KEY UPDATE"),
        )
        .await
    }

    /// No rescuer looks: what lanes forget stays forgotten.
    pub(crate) async fn rescuers(muster: &Muster) -> Self {
        Self::take(
            muster,
            "SELECT pg_advisory_xact_lock(hashtext('muster.rescuer'))",
        )
        .await
    }

    /// Whoever stages this line of the import waits, in the middle of COPY, to learn whether it is
    /// there already.
    pub(crate) async fn staged_line(muster: &Muster, id: &str, line: i32) -> Self {
        let no = number(muster, id).await;
        Self::take(muster, &format!("INSERT INTO muster.import_rows (import_no, line, slot, cells) VALUES ({no}, {line}, 0, '{{}}')")).await
    }

    /// Whoever plans one in a hundred of so many lines waits in the same way: that is somebody in
    /// each batch.
    pub(crate) async fn planned_lines(muster: &Muster, id: &str, lines: usize) -> Self {
        let no = number(muster, id).await;
        let statement = format!(
            "INSERT INTO muster.import_plans (import_no, line, action) SELECT {no}, line, 's' FROM generate_series(2, {lines} + 1, 100) line"
        );
        Self::take(muster, &statement).await
    }

    /// Whoever makes the person of that name waits to learn whether there is one already; nobody
    /// else does.
    pub(super) async fn username(muster: &Muster, username: &str) -> Self {
        let statement = "INSERT INTO lms.users (site_id, username, firstname, lastname) SELECT id, '{}', 'Ada', 'Ash' FROM muster.sites";
        Self::take(muster, &statement.replace("{}", username)).await
    }

    /// Lets everybody go on; nothing of the test's own stays.
    pub(crate) async fn release(self) {
        self.tx
            .rollback()
            .await
            .expect("the test's own transaction");
    }

    async fn take(muster: &Muster, statement: &str) -> Self {
        let mut tx = muster.sql().begin().await.expect("a connection");
        sqlx::raw_sql(AssertSqlSafe(statement.to_owned()))
            .execute(&mut *tx)
            .await
            .unwrap_or_else(|error| panic!("{statement}: {error}"));
        Self { tx }
    }
}

/// Looked up on its own, so that the transaction that holds locks nothing else.
async fn number(muster: &Muster, id: &str) -> i64 {
    let number = sqlx::query_scalar("SELECT no FROM muster.imports WHERE id = $1::uuid")
        .bind(id)
        .fetch_one(muster.sql())
        .await;
    number.expect("the import")
}
