//! A claim: the hold of a lane on its batch, and its only way to a transaction.
//!
//! The lock on the batch's own row, taken as a transaction begins and kept to its commit, is the
//! true lease: the expiry only says when somebody may try to take it. So nobody sees a transaction
//! of [`BatchPool`] before [`Claim::begin`] has locked the row and renewed the lease, and nothing
//! is marked done but in such a transaction.

use crate::{
    batch::context::Context,
    error::StageError,
    process::{config::Config, crash},
};
use muster_shared::{
    model::{
        batch::Step,
        ids::ImportId,
        tally::{Effects, Tally},
    },
    store::{
        batches::{self, Batch, Part},
        imports::{self, Import},
        pool,
    },
};
use sqlx::{PgConnection, PgPool, Postgres, Transaction};
use std::{
    ops::{Deref, DerefMut},
    sync::Arc,
    time::Duration,
};

/// A batch is tried so often, then it has failed. A lane that dies counts, one that gives back in
/// good order does not.
const MAX_ATTEMPTS: i16 = 5;
/// So often the system may be in the way of one batch.
const MAX_RETRIES: i16 = 20;

/// What a claim rests on: no statement, no lock and no idle transaction of a lane outlives its
/// lease.
///
/// And how its statements are planned: each is some thousands of look-ups by an index, whatever the
/// planner thinks, whose statistics do not know an import that is minutes old. Left alone it read
/// all users for each batch, or compared each plan with each user. They are planned each time,
/// since a plan made when a site had ten people would be kept when it has a million.
const SETTINGS: &[(&str, &str)] = &[
    ("statement_timeout", "30s"),
    ("lock_timeout", "5s"),
    ("idle_in_transaction_session_timeout", "20s"),
    // A statement of a worker that is gone ends, and what it locks is free.
    ("client_connection_check_interval", "1s"),
    ("jit", "off"),
    ("plan_cache_mode", "force_custom_plan"),
    ("enable_seqscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
];

/// The connections for the transactions of batches. Whoever wants one needs a claim.
#[derive(Clone)]
pub(crate) struct BatchPool(PgPool);

impl BatchPool {
    /// For so many lanes. One connection more: that of a statement that was given up is busy until
    /// the server has ended it.
    pub(crate) fn connect(config: &Config, lanes: usize) -> Result<Self, sqlx::Error> {
        Ok(Self(pool::connect(
            &config.database_url,
            "muster-worker lane",
            lanes as u32 + 1,
            SETTINGS,
        )?))
    }
}

/// A batch that this lane holds, as far as it knows.
pub(crate) struct Claim {
    batch: Batch,
    pool: BatchPool,
    control: PgPool,
    config: Arc<Config>,
}

/// What a lane that asked for work got.
pub(crate) struct Claimed {
    pub(crate) import: Import,
    pub(crate) claim: Claim,
    /// Nobody else has had one of its stage yet.
    pub(crate) is_first: bool,
    /// So many more batches wait.
    pub(crate) waiting: i64,
}

/// A transaction under a claim, which was confirmed as it began.
pub(crate) struct Work<'a> {
    claim: &'a Claim,
    tx: Transaction<'static, Postgres>,
}

impl Claim {
    /// Claims the next batch of an import, in a transaction of its own. `None`: there is nothing to
    /// do now.
    pub(crate) async fn take(
        context: &Context,
        id: ImportId,
    ) -> Result<Option<Claimed>, StageError> {
        let mut tx = context.control.begin().await?;
        let Some(import) = imports::lock(&mut tx, id).await? else {
            return Ok(None);
        };
        let Some(stage) = import.status.working_stage() else {
            return Ok(None);
        };
        batches::revoke_expired(&mut tx, import.no).await?;
        let open = batches::open(&mut tx, import.no, stage).await?;
        let taken = match open.step {
            Some(step) if open.claimed < context.config.lanes_per_import => {
                batches::take(
                    &mut tx,
                    import.no,
                    stage,
                    step,
                    context.config.lease_seconds,
                )
                .await?
            }
            _ => None,
        };
        let Some(taken) = taken else {
            tx.commit().await?;
            return Ok(None);
        };
        if taken.attempts > MAX_ATTEMPTS {
            batches::fail(
                &mut tx,
                &taken.batch,
                "attempts",
                "Every lane that took this batch was lost.",
            )
            .await?;
            tx.commit().await?;
            return Ok(None);
        }
        sqlx::query!(
            "UPDATE muster.imports SET served_at = clock_timestamp() WHERE no = $1",
            import.no.0
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        let is_first = taken.batch.step == Step::Main && open.claimed == 0 && !taken.has_done;
        let claim = Self {
            batch: taken.batch,
            pool: context.batch_pool.clone(),
            control: context.control.clone(),
            config: Arc::clone(&context.config),
        };
        Ok(Some(Claimed {
            import,
            claim,
            is_first,
            waiting: open.waiting - 1,
        }))
    }

    /// What is held.
    pub(crate) fn batch(&self) -> &Batch {
        &self.batch
    }

    /// Begins a transaction, each of whose statements sees what is committed by then.
    pub(crate) async fn begin(&self) -> Result<Work<'_>, StageError> {
        self.lock_claim(self.pool.0.begin().await?).await
    }

    /// Begins a transaction that sees everything as of one moment.
    pub(crate) async fn begin_as_of_now(&self) -> Result<Work<'_>, StageError> {
        self.lock_claim(
            self.pool
                .0
                .begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ")
                .await?,
        )
        .await
    }

    /// Locks the batch's row if it is still this lane's, and renews the lease.
    async fn lock_claim(
        &self,
        mut tx: Transaction<'static, Postgres>,
    ) -> Result<Work<'_>, StageError> {
        if !batches::lock_claim(&mut tx, &self.batch, self.config.lease_seconds).await? {
            return Err(StageError::Lost);
        }
        crash::point(self.batch.stage, "confirmed");
        Ok(Work { claim: self, tx })
    }

    /// Renews the lease.
    pub(crate) async fn renew(&self) -> Result<(), StageError> {
        self.begin().await?.commit().await
    }

    /// Puts the parts in place of the batch, and ends the claim; each is claimed anew.
    pub(crate) async fn put_parts(
        &self,
        import: ImportId,
        parts: &[Part],
    ) -> Result<(), StageError> {
        let mut tx = self.control.begin().await?;
        imports::lock(&mut tx, import).await?;
        let mut work = self.lock_claim(tx).await?;
        batches::put_parts(&mut work, &self.batch, parts).await?;
        work.commit().await
    }

    /// Ends the claim in good order: the attempt does not count.
    pub(crate) async fn release(&self, conn: &mut PgConnection) -> Result<(), StageError> {
        Ok(batches::release(conn, &self.batch).await?)
    }

    /// Ends the claim because the system was in the way; the batch may be taken again after a
    /// pause: all retries together take some six minutes. Past a ceiling the batch has failed, and
    /// there is no pause.
    pub(crate) async fn snooze(
        &self,
        conn: &mut PgConnection,
        reason: &str,
    ) -> Result<Option<Duration>, StageError> {
        let pause = batches::snooze(conn, &self.batch, MAX_RETRIES).await?;
        if pause.is_none() {
            self.fail(conn, "gave-up", reason).await?;
        }
        Ok(pause)
    }

    /// Ends the claim since the batch will not succeed.
    pub(crate) async fn fail(
        &self,
        conn: &mut PgConnection,
        code: &str,
        detail: &str,
    ) -> Result<(), StageError> {
        Ok(batches::fail(conn, &self.batch, code, detail).await?)
    }

    /// Ends what is still done under the claim: a statement goes on in the server when its lane has
    /// given up.
    pub(crate) async fn end_sessions(&self, conn: &mut PgConnection) -> Result<(), StageError> {
        Ok(batches::end_sessions(conn, &self.batch).await?)
    }
}

impl Work<'_> {
    /// Remembers how far validate is.
    pub(crate) async fn record_progress(
        &mut self,
        bytes: i64,
        lines: i32,
    ) -> Result<(), StageError> {
        Ok(batches::record_progress(&mut self.tx, &self.claim.batch, bytes, lines).await?)
    }

    /// Marks the batch done, as the last statement.
    pub(crate) async fn finish(
        &mut self,
        tally: &Tally,
        effects: &Effects,
    ) -> Result<(), StageError> {
        let is_done = batches::finish(
            &mut self.tx,
            &self.claim.batch,
            tally,
            effects,
            &self.claim.config.name,
        )
        .await?;
        if is_done {
            Ok(())
        } else {
            Err(StageError::Lost)
        }
    }

    pub(crate) async fn commit(self) -> Result<(), StageError> {
        Ok(self.tx.commit().await?)
    }

    pub(crate) async fn rollback(self) -> Result<(), StageError> {
        Ok(self.tx.rollback().await?)
    }
}

impl Deref for Work<'_> {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.tx
    }
}

impl DerefMut for Work<'_> {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.tx
    }
}
