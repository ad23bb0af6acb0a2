//! The Postgres of the benchmark: databases that are copies of one another, sessions with psql, and
//! what both cost.

use super::meter;
use anyhow::{Context, bail, ensure};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use std::{
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};
use tokio::{io::AsyncWriteExt, process::Command};
use url::Url;

/// Begins the names of its databases. Only one benchmark at a time works on a server.
const PREFIX: &str = "muster_bench_";

/// A server on which databases may be made.
#[derive(Debug, Clone)]
pub(super) struct Server(Url);

/// A database that is dropped when it is no longer needed.
#[derive(Debug)]
pub(super) struct Database {
    server: Server,
    name: String,
}

impl Server {
    /// The one that the URL names; databases of killed runs go.
    pub(super) async fn open(url: &str) -> anyhow::Result<Self> {
        let server = Self(Url::parse(url).context("the address of the server")?);
        let left: Vec<String> = sqlx::query_scalar(
            "SELECT datname::text FROM pg_database WHERE starts_with(datname, $1)",
        )
        .bind(PREFIX)
        .fetch_all(&mut server.connect().await?)
        .await?;
        for name in left {
            server
                .say(&format!("DROP DATABASE {name} WITH (FORCE)"))
                .await?;
        }
        Ok(server)
    }

    async fn connect(&self) -> anyhow::Result<PgConnection> {
        Ok(PgConnection::connect(self.0.as_str()).await?)
    }

    async fn say(&self, statement: &str) -> anyhow::Result<()> {
        sqlx::raw_sql(AssertSqlSafe(statement.to_owned()))
            .execute(&mut self.connect().await?)
            .await?;
        Ok(())
    }

    /// A new database, empty.
    pub(super) async fn make(&self, name: &str) -> anyhow::Result<Database> {
        let name = format!("{PREFIX}{name}");
        self.say(&format!("CREATE DATABASE {name}")).await?;
        Ok(Database {
            server: self.clone(),
            name,
        })
    }

    /// What the server says it is.
    pub(super) async fn version(&self) -> anyhow::Result<String> {
        Ok(sqlx::query_scalar("SHOW server_version")
            .fetch_one(&mut self.connect().await?)
            .await?)
    }

    /// Settings that are not the server's defaults, and matter to speed or safety.
    pub(super) async fn settings(&self) -> anyhow::Result<Vec<(String, String)>> {
        let names = "'shared_buffers', 'max_wal_size', 'checkpoint_timeout', 'fsync', 'synchronous_commit', 'full_page_writes', \
                     'wal_compression', 'random_page_cost', 'jit', 'effective_io_concurrency', 'work_mem', 'autovacuum'";
        let statement = format!(
            "SELECT name, current_setting(name) FROM pg_settings WHERE name IN ({names}) ORDER BY name"
        );
        Ok(sqlx::query_as(AssertSqlSafe(statement))
            .fetch_all(&mut self.connect().await?)
            .await?)
    }

    /// Seconds of a processor that the server's processes have used; `None`: it runs elsewhere.
    pub(super) async fn cpu_seconds(&self) -> anyhow::Result<Option<f64>> {
        // Held until all is read: its backend is gone soon after it.
        let mut connection = self.connect().await?;
        let backend: i32 = sqlx::query_scalar("SELECT pg_backend_pid()")
            .fetch_one(&mut connection)
            .await?;
        Ok(meter::cpu_seconds_of_family(backend as u32))
    }

    /// Bytes of the log that were ever written.
    pub(super) async fn wal_bytes(&self) -> anyhow::Result<i64> {
        let statement = "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint";
        Ok(sqlx::query_scalar(statement)
            .fetch_one(&mut self.connect().await?)
            .await?)
    }
}

impl Database {
    /// Its address.
    pub(super) fn url(&self) -> String {
        let mut url = self.server.0.clone();
        url.set_path(&self.name);
        url.into()
    }

    /// A session.
    pub(super) async fn connect(&self) -> anyhow::Result<PgConnection> {
        Ok(PgConnection::connect(&self.url()).await?)
    }

    /// A copy of it, made as files are copied, all on disk before anything is measured.
    pub(super) async fn copy(&self, name: &str) -> anyhow::Result<Database> {
        let name = format!("{PREFIX}{name}");
        self.server
            .say(&format!(
                "CREATE DATABASE {name} TEMPLATE {} STRATEGY file_copy",
                self.name
            ))
            .await?;
        self.server.say("CHECKPOINT").await?;
        Ok(Self {
            server: self.server.clone(),
            name,
        })
    }

    /// Runs a script in one session of psql; what it took.
    pub(super) async fn psql(&self, script: &str, folder: &Path) -> anyhow::Result<Duration> {
        let begun = Instant::now();
        let url = Url::parse(&self.url())?;
        let mut psql = Command::new("psql")
            .args(["-X", "-q"])
            .env("PGHOST", url.host_str().unwrap_or_default())
            .env("PGPORT", url.port().unwrap_or(5432).to_string())
            .env("PGUSER", url.username())
            .env("PGPASSWORD", url.password().unwrap_or_default())
            .env("PGDATABASE", &self.name)
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("psql is not on the PATH")?;
        psql.stdin
            .take()
            .context("psql takes what it is told")?
            .write_all(script.as_bytes())
            .await?;
        let output = psql.wait_with_output().await?;
        ensure!(
            output.status.success(),
            "psql failed:\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(begun.elapsed())
    }

    /// Drops it.
    pub(super) async fn drop(self) -> anyhow::Result<()> {
        self.server
            .say(&format!(
                "DROP DATABASE IF EXISTS {} WITH (FORCE)",
                self.name
            ))
            .await
    }

    /// Rows of each table that a load fills.
    pub(super) async fn rows(&self) -> anyhow::Result<Rows> {
        let statement = "SELECT (SELECT count(*) FROM lms.users), (SELECT count(*) FROM lms.segment_members),
                                (SELECT count(*) FROM lms.enrolments), (SELECT count(*) FROM lms.role_assignments)";
        let (users, segment_members, enrolments, role_assignments) = sqlx::query_as(statement)
            .fetch_one(&mut self.connect().await?)
            .await?;
        Ok(Rows {
            users,
            segment_members,
            enrolments,
            role_assignments,
        })
    }
}

/// How many rows there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rows {
    users: i64,
    segment_members: i64,
    enrolments: i64,
    role_assignments: i64,
}

impl Rows {
    /// Fails if two ways of doing the same came to different ends.
    pub(super) fn must_equal(self, other: Self) -> anyhow::Result<()> {
        if self == other {
            return Ok(());
        }
        bail!("Muster left {self:?}, and the script {other:?}")
    }
}
