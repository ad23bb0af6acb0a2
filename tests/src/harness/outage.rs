//! What takes Postgres or Redis away from a whole Muster, and gives it back.

use super::{
    muster::{Muster, held},
    patience::eventually,
    postgres::Postgres,
};

impl Muster {
    /// Starts Redis again, which knows nothing any more, after it was stopped for good.
    pub async fn start_redis(&self) {
        held(&self.parts().redis).start_again();
        eventually("Redis answers", || {
            std::future::ready(held(&self.parts().redis).answers().then_some(()))
        })
        .await;
    }

    /// Where its database is.
    #[must_use]
    pub fn database_url(&self) -> String {
        self.parts().base.url()
    }

    /// Stops its own Postgres, without waiting for anybody.
    pub async fn stop_postgres(&self) {
        self.with_postgres(|postgres| postgres.process().sigint());
        eventually("Postgres stops", || {
            std::future::ready(self.with_postgres(|postgres| postgres.process().ended()))
        })
        .await;
    }

    /// Starts its own Postgres again and waits until it answers.
    pub async fn start_postgres(&self) {
        self.with_postgres(Postgres::start_again);
        eventually("Postgres answers", async || {
            sqlx::query("SELECT").execute(self.sql()).await.ok()
        })
        .await;
    }

    /// Everything that its own Postgres logged.
    #[must_use]
    pub fn postgres_log(&self) -> String {
        self.with_postgres(|postgres| postgres.process().log())
    }

    fn with_postgres<T>(&self, what: impl FnOnce(&mut Postgres) -> T) -> T {
        what(&mut held(self.parts().base.own()))
    }
}
