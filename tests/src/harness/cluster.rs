//! A Postgres of its own that may be stopped, crashed and started again, for tests of what happens then. Its data are gone with it.
//!
//! `postgres` refuses to run as root: there the cluster is the user `postgres`'s.

use super::{
    patience::{eventually, within},
    ports,
    process::Process,
};
use rustix::process::{Pid, Signal, kill_process};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use std::{
    net::SocketAddr,
    os::unix::{fs::chown, process::CommandExt},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};
use tempfile::TempDir;

/// Who may connect, without a password: it listens on 127.0.0.1 only, and holds nothing but made-up people.
const USER: &str = "muster";

/// A Postgres of its own.
#[derive(Debug)]
pub struct Cluster {
    server: Process,
    address: SocketAddr,
    programs: PathBuf,
    owner: Option<Owner>,
    folder: TempDir,
    logs: PathBuf,
}

/// The user that Postgres runs as when root calls.
#[derive(Debug, Clone, Copy)]
struct Owner {
    user: u32,
    group: u32,
}

impl Cluster {
    /// Makes one and starts it; its log goes to `logs`.
    pub async fn start(logs: &Path) -> Self {
        let (programs, owner) = (programs(), owner());
        // The other user must reach it, which below a folder of root's it could not.
        let folder = match owner {
            Some(_) => TempDir::with_prefix_in("muster-cluster-", "/tmp"),
            None => TempDir::with_prefix("muster-cluster-"),
        };
        let folder = folder.expect("a temporary folder");
        if let Some(Owner { user, group }) = owner {
            chown(folder.path(), Some(user), Some(group)).expect("root may give a folder away");
        }
        make(&programs, owner, folder.path());
        let address = ports::free();
        let server = Process::start("postgres", server(&programs, owner, folder.path(), address), logs);
        let mut cluster = Self { server, address, programs, owner, folder, logs: logs.to_owned() };
        cluster.restart().await;
        cluster
    }

    /// Where one of its databases is.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!("postgres://{USER}@{}/{database}", self.address)
    }

    /// Makes an empty database.
    pub async fn create(&self, database: &str) {
        let mut conn = self.connect("postgres").await.expect("it has just answered");
        let statement = AssertSqlSafe(format!("CREATE DATABASE {database}"));
        sqlx::raw_sql(statement).execute(&mut conn).await.expect("a new database");
    }

    /// Ends every session and stops it in good order.
    pub async fn stop(&mut self) {
        self.server.signal(Signal::INT);
        self.server.exit().await;
    }

    /// Stops it as a power cut does; it recovers when it is started again.
    pub async fn crash(&mut self) {
        self.server.signal(Signal::QUIT);
        self.server.exit().await;
    }

    /// Starts it at its address, if it does not run, and waits until it answers.
    pub async fn restart(&mut self) {
        let again = async || {
            if self.server.ended().is_some() {
                let command = server(&self.programs, self.owner, self.folder.path(), self.address);
                self.server = Process::start("postgres", command, &self.logs);
            }
            self.connect("postgres").await.ok().map(drop)
        };
        let is_up = within(again).await.is_some();
        assert!(is_up, "Postgres does not start\n{}", self.server.log());
    }

    /// Cuts about `percent` of 100 connections to a database; how many.
    pub async fn cut(&self, database: &str, percent: u8) -> usize {
        let statement = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                          WHERE datname = $1 AND pid <> pg_backend_pid() AND random() * 100 < $2";
        let Ok(mut conn) = self.connect("postgres").await else { return 0 };
        let cut = sqlx::query(statement).bind(database).bind(i32::from(percent)).fetch_all(&mut conn).await;
        cut.map_or(0, |cut| cut.len())
    }

    /// Kills one of the server's sessions as the system does when memory is short; Postgres then ends all of them and recovers.
    pub async fn kill_session(&self, database: &str) -> bool {
        let statement = "SELECT pid FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid() ORDER BY random() LIMIT 1";
        let Ok(mut conn) = self.connect("postgres").await else { return false };
        let pid: Result<Option<i32>, _> = sqlx::query_scalar(statement).bind(database).fetch_optional(&mut conn).await;
        let pid = pid.ok().flatten().and_then(Pid::from_raw);
        pid.is_some_and(|pid| kill_process(pid, Signal::KILL).is_ok())
    }

    /// A connection to one of its databases.
    pub async fn connect(&self, database: &str) -> sqlx::Result<PgConnection> {
        PgConnection::connect(&self.url(database)).await
    }

    /// A connection to one of its databases, when it answers again.
    pub async fn connected(&self, database: &str) -> PgConnection {
        eventually("Postgres answers", async || self.connect(database).await.ok()).await
    }
}

impl Drop for Cluster {
    /// A postmaster that is killed leaves its sessions to find that out by themselves.
    fn drop(&mut self) {
        self.server.signal(Signal::QUIT);
        let until = std::time::Instant::now() + Duration::from_secs(5);
        while self.server.ended().is_none() && std::time::Instant::now() < until {
            std::thread::yield_now();
        }
    }
}

fn make(programs: &Path, owner: Option<Owner>, folder: &Path) {
    let mut command = program(programs, "initdb", owner, folder);
    command.args(["--username", USER, "--auth", "trust", "--encoding", "UTF8", "--locale", "C", "--no-sync", "--pgdata"]);
    let output = command.arg(folder.join("data")).output().expect("initdb can be started");
    assert!(output.status.success(), "initdb failed\n{}", String::from_utf8_lossy(&output.stderr));
}

/// As `deploy/local.sh test` sets it: processes are killed, machines are not.
fn server(programs: &Path, owner: Option<Owner>, folder: &Path, address: SocketAddr) -> Command {
    let mut command = program(programs, "postgres", owner, folder);
    command.arg("-D").arg(folder.join("data"));
    let port = address.port().to_string();
    let settings = [
        ("listen_addresses", "127.0.0.1"),
        ("port", &port),
        ("unix_socket_directories", ""),
        ("shared_buffers", "256MB"),
        ("max_wal_size", "4GB"),
        ("max_connections", "300"),
        ("fsync", "off"),
        ("full_page_writes", "off"),
        ("random_page_cost", "1.1"),
        ("jit", "off"),
        ("timezone", "UTC"),
    ];
    for (name, value) in settings {
        command.arg("-c").arg(format!("{name}={value}"));
    }
    command
}

fn program(programs: &Path, name: &str, owner: Option<Owner>, folder: &Path) -> Command {
    let mut command = Command::new(programs.join(name));
    // The other user may not be allowed to see where we are.
    command.current_dir(folder).env("LC_ALL", "C");
    if let Some(Owner { user, group }) = owner {
        command.uid(user).gid(group);
    }
    command
}

/// The user `postgres`, if root calls.
fn owner() -> Option<Owner> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    let users = std::fs::read_to_string("/etc/passwd").expect("the list of users");
    let fields = users.lines().find_map(|line| line.strip_prefix("postgres:")).expect("root needs a user `postgres`");
    let numbers: Vec<u32> = fields.split(':').skip(1).take(2).filter_map(|number| number.parse().ok()).collect();
    match numbers[..] {
        [user, group] => Some(Owner { user, group }),
        _ => panic!("the user `postgres` has no number"),
    }
}

/// The folder with `initdb` and `postgres`: `MUSTER_TEST_POSTGRES` names it, or the usual places have it.
fn programs() -> PathBuf {
    if let Some(given) = std::env::var_os("MUSTER_TEST_POSTGRES").filter(|given| !given.is_empty()) {
        return PathBuf::from(given);
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let mut installed: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .map(|versions| versions.filter_map(Result::ok).map(|version| version.path().join("bin")).collect())
        .unwrap_or_default();
    installed.sort();
    places.splice(0..0, installed.into_iter().rev());
    let has_both = |place: &&PathBuf| ["initdb", "postgres"].iter().all(|name| place.join(name).exists());
    places.iter().find(has_both).expect("PostgreSQL is not installed; MUSTER_TEST_POSTGRES may name the folder of its programs").clone()
}
