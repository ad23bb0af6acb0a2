//! A Postgres of its own for a test that stops it. Everybody else shares the one that
//! `MUSTER_TEST_DATABASE_URL` names.

use super::{database, patience::eventually, ports, process::Process};
use rustix::process::geteuid;
use sqlx::{Connection, PgConnection};
use std::{
    fs::Permissions,
    net::SocketAddr,
    os::unix::{
        fs::{PermissionsExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

/// Connections that it takes in a test that uses them up.
pub(super) const FEW: u16 = 60;

/// As the clusters of `deploy/local/postgres.sh` where it matters to what Postgres does, and quick
/// where it does not. What it logs of an error is its first line: those behind it hold keys, rows
/// and cells.
const SETTINGS: [&str; 7] = [
    "fsync=off",
    "full_page_writes=off",
    "shared_buffers=64MB",
    "dynamic_shared_memory_type=mmap",
    "jit=off",
    "timezone=UTC",
    "log_error_verbosity=terse",
];

/// A Postgres of its own, with a database that has all migrations.
#[derive(Debug)]
pub(super) struct Postgres {
    process: Process,
    programs: PathBuf,
    folder: PathBuf,
    address: SocketAddr,
    password: String,
    connections: u16,
}

impl Postgres {
    /// Makes a cluster in `folder` and starts it; it takes so many connections.
    pub(super) async fn start(folder: &Path, connections: u16) -> Self {
        let (programs, password) = (programs(), uuid::Uuid::new_v4().simple().to_string());
        make_cluster(&programs, folder, &password);
        let address = ports::free();
        let process = run(&programs, folder, address, connections);
        let postgres = Self {
            process,
            programs,
            folder: folder.to_owned(),
            address,
            password,
            connections,
        };
        let mut admin = eventually("Postgres starts", async || {
            PgConnection::connect(&postgres.address_of("postgres"))
                .await
                .ok()
        })
        .await;
        sqlx::raw_sql("CREATE DATABASE muster")
            .execute(&mut admin)
            .await
            .expect("a new cluster");
        database::migrate(&postgres.url());
        postgres
    }

    /// Where its database is.
    pub(super) fn url(&self) -> String {
        self.address_of("muster")
    }

    fn address_of(&self, database: &str) -> String {
        format!(
            "postgres://muster:{}@{}/{database}",
            self.password, self.address
        )
    }

    /// Its process.
    pub(super) fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Starts it once more, at the same address.
    pub(super) fn start_again(&mut self) {
        assert!(self.process.ended().is_some(), "Postgres still runs");
        self.process = run(&self.programs, &self.folder, self.address, self.connections);
    }
}

impl Drop for Postgres {
    /// In good order: one that is killed leaves shared memory behind, of which systems have little.
    #[expect(
        clippy::disallowed_methods,
        reason = "a test may end anywhere, also where nothing can be awaited"
    )]
    fn drop(&mut self) {
        self.process.sigcont();
        self.process.sigint();
        let end = Instant::now() + Duration::from_secs(20);
        while self.process.ended().is_none() && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn data(folder: &Path) -> PathBuf {
    folder.join("postgres/data")
}

fn make_cluster(programs: &Path, folder: &Path, password: &str) {
    let below = folder.join("postgres");
    std::fs::create_dir(&below).expect("the test's own folder");
    if let Some((uid, gid)) = owner() {
        std::fs::set_permissions(folder, Permissions::from_mode(0o711))
            .expect("the test's own folder");
        chown(&below, Some(uid), Some(gid)).expect("root may");
    }
    let secret = below.join("password");
    std::fs::write(&secret, password).expect("the test's own folder");
    let output = as_owner(programs.join("initdb"), &below)
        .args([
            "--username=muster",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
            "--pwfile",
        ])
        .arg(&secret)
        .arg("--pgdata")
        .arg(data(folder))
        .output()
        .expect("initdb was found");
    assert!(
        output.status.success(),
        "initdb failed\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    std::fs::remove_file(secret).expect("the test's own folder");
}

fn run(programs: &Path, folder: &Path, address: SocketAddr, connections: u16) -> Process {
    let mut command = as_owner(programs.join("postgres"), &folder.join("postgres"));
    let (port, connections) = (address.port().to_string(), connections.to_string());
    command.arg("-D").arg(data(folder)).args([
        "-h",
        "127.0.0.1",
        "-p",
        &port,
        "-k",
        "",
        "-N",
        &connections,
    ]);
    for setting in SETTINGS {
        command.args(["-c", setting]);
    }
    Process::start("postgres", command, folder)
}

/// Postgres does not run as root; there its user is `postgres`.
fn as_owner(program: PathBuf, place: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(place).env("LC_ALL", "C");
    if let Some((uid, gid)) = owner() {
        command.uid(uid).gid(gid);
    }
    command
}

/// Whose the cluster has to be; nothing: whoever runs the tests.
fn owner() -> Option<(u32, u32)> {
    let number = |option: &str| {
        let output = Command::new("id")
            .args([option, "postgres"])
            .output()
            .expect("every system has `id`");
        let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        text.parse().unwrap_or_else(|_| {
            panic!("as root this needs a user `postgres`; or run the tests as an ordinary user")
        })
    };
    geteuid().is_root().then(|| (number("-u"), number("-g")))
}

/// The folder of `initdb` and `postgres`: the first on the `PATH`, where `pg_config` says, or where
/// Debian has the newest.
pub(super) fn programs() -> PathBuf {
    let on_path = std::env::var_os("PATH")
        .into_iter()
        .flat_map(|path| std::env::split_paths(&path).collect::<Vec<_>>());
    let told = Command::new("pg_config").arg("--bindir").output().ok();
    let told = told.map(|output| PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()));
    let mut debian: Vec<_> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path().join("bin"))
        .collect();
    let version = |path: &PathBuf| {
        path.components()
            .filter_map(|part| part.as_os_str().to_str()?.parse::<u32>().ok())
            .next_back()
    };
    debian.sort_by_key(|path| std::cmp::Reverse(version(path)));
    on_path
        .chain(told)
        .chain(debian)
        .find(|folder| folder.join("initdb").is_file() && folder.join("postgres").is_file())
        .unwrap_or_else(|| {
            panic!("no initdb is on the PATH: a test that stops Postgres needs one of its own")
        })
}
