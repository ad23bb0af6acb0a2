//! A database of its own for every test: a copy of a template that is migrated once, by
//! `muster-api migrate` itself.

use super::{binaries, files::sha256, patience::eventually};
use sqlx::{AssertSqlSafe, Connection, PgConnection, PgPool, postgres::PgPoolOptions};
use std::path::Path;
use tokio::sync::OnceCell;
use url::Url;

/// A database of its own.
#[derive(Debug)]
pub struct Database {
    name: String,
    /// Holds a lock by which others see that the database is in use; it goes with this process,
    /// however that ends.
    _lease: PgConnection,
}

impl Database {
    /// Copies the template.
    pub async fn create() -> Self {
        static TEMPLATE: OnceCell<String> = OnceCell::const_new();
        Self::of(TEMPLATE.get_or_init(template).await).await
    }

    /// One that holds nothing.
    pub(super) async fn empty() -> Self {
        Self::of("template1").await
    }

    async fn of(template: &str) -> Self {
        let name = format!("{}{}", prefix(), uuid::Uuid::new_v4().simple());
        let mut admin = connect().await;
        lock(&mut admin, &name).await;
        let create = format!("CREATE DATABASE {name} TEMPLATE {template}");
        eventually("the template is not in use", async || {
            execute(&mut *fresh().await, &create).await
        })
        .await;
        Self {
            name,
            _lease: admin,
        }
    }

    /// Makes one from a dump, and brings it up to this version.
    pub(super) async fn restore(dump: &str) -> Self {
        let name = format!("{}{}", prefix(), uuid::Uuid::new_v4().simple());
        let mut admin = connect().await;
        lock(&mut admin, &name).await;
        sqlx::raw_sql(AssertSqlSafe(format!("CREATE DATABASE {name}")))
            .execute(&mut admin)
            .await
            .expect("a database");
        let database = Self {
            name,
            _lease: admin,
        };
        let mut conn = PgConnection::connect(&database.url())
            .await
            .expect("a database that was just made");
        sqlx::raw_sql(AssertSqlSafe(dump.to_owned()))
            .execute(&mut conn)
            .await
            .expect("a dump that can be read");
        migrate(&database.url());
        database
    }

    /// Where it is.
    pub(super) fn url(&self) -> String {
        address(&self.name)
    }

    /// Connections to it.
    pub async fn connect(&self) -> PgPool {
        pool(&self.url()).await
    }
}

impl Drop for Database {
    /// On a thread of its own: a test may end in the middle of anything.
    fn drop(&mut self) {
        let statement = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        let drop = move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(async {
                let dropped = sqlx::raw_sql(AssertSqlSafe(statement))
                    .execute(&mut connect().await)
                    .await;
                if let Err(error) = dropped {
                    eprintln!("a test's database stays behind: {error}");
                }
            });
        };
        if std::thread::spawn(drop).join().is_err() {
            eprintln!("a test's database stays behind");
        }
    }
}

/// Connections to a database for the test itself.
pub(super) async fn pool(url: &str) -> PgPool {
    PgPoolOptions::new()
        .max_connections(4)
        .connect(url)
        .await
        .expect("a database that was just made")
}

/// The server on which tests may make databases.
fn server() -> Url {
    let given = std::env::var("MUSTER_TEST_DATABASE_URL").unwrap_or_else(|_| {
        panic!(
            "MUSTER_TEST_DATABASE_URL is not set. The tests need a PostgreSQL server on which they may create databases: run \
             `deploy/local.sh test`, which starts one and runs them."
        )
    });
    Url::parse(&given)
        .unwrap_or_else(|error| panic!("MUSTER_TEST_DATABASE_URL is no address: {error}"))
}

fn address(database: &str) -> String {
    let mut url = server();
    url.set_path(database);
    url.into()
}

/// What the names of tests' databases begin with. Locks hold within the database that one is
/// connected to, so only those who come through the same one may share databases, or sweep each
/// other's away.
fn prefix() -> String {
    format!("muster_test_{}_", &sha256(server().path().as_bytes())[..8])
}

async fn connect() -> PgConnection {
    PgConnection::connect(server().as_str())
        .await
        .unwrap_or_else(|error| panic!("MUSTER_TEST_DATABASE_URL: no connection: {error}"))
}

async fn fresh() -> Box<PgConnection> {
    Box::new(connect().await)
}

async fn lock(admin: &mut PgConnection, name: &str) {
    sqlx::query("SELECT pg_advisory_lock(hashtext($1))")
        .bind(name)
        .execute(admin)
        .await
        .expect("a lock");
}

/// Executes a statement about whole databases; `None`: one that it needs is in use just now.
async fn execute(admin: &mut PgConnection, statement: &str) -> Option<()> {
    match sqlx::raw_sql(AssertSqlSafe(statement.to_owned()))
        .execute(admin)
        .await
    {
        Ok(_) => Some(()),
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("55006") => None,
        Err(error) => panic!("{statement}: {error}"),
    }
}

/// The name of a database with all migrations and nothing else. It is made under another name and
/// renamed when it is complete, so that whoever finds it can use it; the name holds a hash of the
/// migrations, so that it serves until they change.
async fn template() -> String {
    let mut admin = connect().await;
    sweep(&mut admin).await;
    let name = format!("{}template_{}", prefix(), fingerprint());
    lock(&mut admin, &name).await;
    let exists = sqlx::query("SELECT FROM pg_database WHERE datname = $1")
        .bind(&name)
        .fetch_optional(&mut admin)
        .await;
    if exists.expect("the catalogue can be read").is_none() {
        let making = format!("{name}_making");
        execute(
            &mut admin,
            &format!("DROP DATABASE IF EXISTS {making} WITH (FORCE)"),
        )
        .await;
        execute(&mut admin, &format!("CREATE DATABASE {making}")).await;
        migrate(&address(&making));
        let rename = format!("ALTER DATABASE {making} RENAME TO {name}");
        eventually("the migration has left", async || {
            execute(&mut *fresh().await, &rename).await
        })
        .await;
    }
    admin.close().await.expect("the lock is given back");
    name
}

/// Brings a database up to this version.
pub(crate) fn migrate(url: &str) {
    let output = std::process::Command::new(binaries::folder().join("muster-api"))
        .arg("migrate")
        .env("MUSTER_DATABASE_URL", url)
        .output()
        .expect("muster-api was just built");
    assert!(
        output.status.success(),
        "muster-api migrate failed\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn fingerprint() -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrations");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .expect("migrations")
        .map(|entry| entry.expect("a file").path())
        .collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "sql"));
    files.sort();
    let mut all = Vec::new();
    for file in files {
        all.extend_from_slice(file.file_name().expect("a name").as_encoded_bytes());
        all.extend(std::fs::read(&file).expect("a migration"));
    }
    sha256(&all)[..16].to_owned()
}

/// Drops the databases of test runs that were killed: nobody holds their lock.
async fn sweep(admin: &mut PgConnection) {
    let left: Vec<String> =
        sqlx::query_scalar("SELECT datname::text FROM pg_database WHERE starts_with(datname, $1) AND datname !~ 'template'")
            .bind(prefix())
            .fetch_all(&mut *admin)
            .await
            .expect("the catalogue can be read");
    for name in left {
        let free: bool = sqlx::query_scalar("SELECT pg_try_advisory_lock(hashtext($1))")
            .bind(&name)
            .fetch_one(&mut *admin)
            .await
            .expect("a lock can be tried");
        if free {
            execute(
                admin,
                &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"),
            )
            .await;
        }
    }
}
