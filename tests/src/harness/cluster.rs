//! What can happen to a Postgres of one's own: stopped, crashed, its sessions cut or killed, and
//! started again.

use super::{patience::eventually, postgres::Postgres};
use rustix::process::{Pid, Signal, geteuid, kill_process};
use sqlx::{Connection, PgConnection};
use std::path::Path;
use tempfile::TempDir;

/// Enough for every process that a fleet has, and for those who look.
const MANY: u16 = 300;

/// A Postgres of one's own, with a database that has all migrations.
#[derive(Debug)]
pub struct Cluster {
    postgres: Postgres,
    _folder: TempDir,
}

impl Cluster {
    /// Makes one and starts it.
    pub(super) async fn start() -> Self {
        let folder = if geteuid().is_root() {
            // Another user's, who may not be able to reach what is below a folder of root's.
            TempDir::with_prefix_in("muster-cluster-", Path::new("/tmp"))
        } else {
            TempDir::with_prefix("muster-cluster-")
        };
        let folder = folder.expect("a temporary folder");
        Self {
            postgres: Postgres::start(folder.path(), MANY).await,
            _folder: folder,
        }
    }

    /// Where its database is.
    #[must_use]
    pub fn url(&self) -> String {
        self.postgres.url()
    }

    /// Ends every session and stops it in good order; then starts it again after a pause, and waits
    /// until it answers.
    pub async fn restart(&mut self, pause: impl Future<Output = ()>) {
        self.postgres.process().sigint();
        self.back_after(pause).await;
    }

    /// Stops it as a power cut does; then starts it again after a pause, and waits until it has
    /// recovered.
    pub async fn crash(&mut self, pause: impl Future<Output = ()>) {
        self.postgres.process().signal(Signal::QUIT);
        self.back_after(pause).await;
    }

    async fn back_after(&mut self, pause: impl Future<Output = ()>) {
        self.postgres.process().exit().await;
        pause.await;
        self.postgres.start_again();
        self.connected().await;
    }

    /// Cuts about `percent` of 100 connections.
    pub async fn cut(&self, percent: u8) {
        let statement = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                          WHERE datname = current_database() AND pid <> pg_backend_pid() AND random() * 100 < $1";
        let mut conn = self.connected().await;
        // Whoever is cut meanwhile is cut.
        let _ = sqlx::query(statement)
            .bind(i32::from(percent))
            .execute(&mut conn)
            .await;
    }

    /// Kills one of its sessions, as the system does when memory is short; Postgres then ends all
    /// of them and recovers.
    pub async fn kill_session(&self) {
        let statement = "SELECT pid FROM pg_stat_activity
                          WHERE datname = current_database() AND pid <> pg_backend_pid() ORDER BY random() LIMIT 1";
        let mut conn = self.connected().await;
        let pid: Option<i32> = sqlx::query_scalar(statement)
            .fetch_optional(&mut conn)
            .await
            .ok()
            .flatten();
        if let Some(pid) = pid.and_then(Pid::from_raw) {
            // It may have ended by itself.
            let _ = kill_process(pid, Signal::KILL);
        }
    }

    /// A connection to its database, as soon as it answers.
    pub async fn connected(&self) -> PgConnection {
        eventually("Postgres answers", async || {
            PgConnection::connect(&self.url()).await.ok()
        })
        .await
    }
}
