//! The parts of one Muster, and what an operator or a power cut may do to them.

use super::{
    base::Base,
    binaries,
    builder::Builder,
    patience::{eventually, within},
    ports,
    process::{Process, limited},
    redis::Redis,
    site::Site,
    story,
};
use crate::client::Client;
use muster_shared::model::access::Role;
use serde_json::{Value, json};
use sqlx::PgPool;
use std::{
    ops::Deref,
    path::{Path, PathBuf},
    process::{Command, ExitStatus},
    sync::{Mutex, MutexGuard},
};
use tempfile::TempDir;

/// A whole Muster. It is also its first site, `acme`, with an administrator's token.
#[derive(Debug)]
pub struct Muster {
    pub(super) first: Site,
}

/// What a Muster is made of. The processes go first when it is dropped, then what they work on.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) workers: Mutex<Vec<Process>>,
    pub(super) api: Mutex<Process>,
    pub(super) redis: Mutex<Redis>,
    pub(super) pool: PgPool,
    pub(super) base: Base,
    pub(super) folder: TempDir,
    pub(super) settings: Vec<(String, String)>,
    pub(super) client: Client,
}

/// One worker; the first that was started has number 0.
#[derive(Debug, Clone, Copy)]
pub struct Worker<'a> {
    workers: &'a Mutex<Vec<Process>>,
    nth: usize,
}

impl Muster {
    /// With one worker and every default.
    pub async fn start() -> Self {
        Self::with().start().await
    }

    /// To be described.
    pub fn with() -> Builder {
        Builder::new()
    }

    /// Makes another site, with every default; the handle speaks as its administrator.
    pub async fn site(&self, slug: &str) -> Site {
        Site::create(self.first.parts(), slug, &json!({})).await
    }

    /// The same, with settings of its own.
    pub async fn site_with(&self, slug: &str, settings: &Value) -> Site {
        Site::create(self.first.parts(), slug, settings).await
    }

    /// Starts one more worker and waits until it is ready.
    pub async fn start_worker(&self) -> Worker<'_> {
        let nth = self.first.parts().start_worker().await;
        self.worker(nth)
    }

    /// Starts one more worker, which dies when it comes to that point (see
    /// `worker/src/process/crash.rs`).
    #[must_use]
    pub fn start_doomed_worker(&self, crash_at: &str) -> Worker<'_> {
        let nth = self.first.parts().start_doomed_worker(crash_at);
        self.worker(nth)
    }

    /// A worker, by the order in which they were started.
    #[must_use]
    pub fn worker(&self, nth: usize) -> Worker<'_> {
        Worker {
            workers: &self.first.parts().workers,
            nth,
        }
    }

    /// The worker that was started last.
    #[must_use]
    pub fn newest_worker(&self) -> Worker<'_> {
        let workers = held(&self.first.parts().workers).len();
        self.worker(workers - 1)
    }

    /// The api's process.
    pub fn api(&self) -> MutexGuard<'_, Process> {
        held(&self.first.parts().api)
    }

    /// Takes away all that Redis has.
    pub fn redis_flushall(&self) {
        assert_eq!(
            held(&self.first.parts().redis)
                .say("FLUSHALL")
                .expect("Redis is up"),
            "+OK"
        );
    }

    /// Where its Redis is.
    #[must_use]
    pub fn redis_url(&self) -> String {
        held(&self.first.parts().redis).url()
    }

    /// Stops the Redis process for a while (`sigstop`, `sigcont`), or for good.
    pub fn with_redis(&self, change: impl FnOnce(&mut Process)) {
        change(held(&self.first.parts().redis).process());
    }

    /// Runs one of `muster-api`'s commands, which must succeed; what it printed.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> String {
        run(&self.first.parts().settings, arguments)
    }

    /// The system administrator who made the sites.
    #[must_use]
    pub fn system_admin(&self) -> &Client {
        &self.first.parts().client
    }

    /// The folder in which uploads are stored.
    #[must_use]
    pub fn files(&self) -> PathBuf {
        self.first.parts().folder.path().join("files")
    }

    /// Connections to the database.
    #[must_use]
    pub fn sql(&self) -> &PgPool {
        self.first.parts().sql()
    }

    /// Waits until no import works.
    pub async fn quiet(&self) {
        let working = "SELECT id::text FROM muster.imports WHERE status IN ('validating', 'previewing', 'applying', 'cancelling') LIMIT 1";
        let look = async || {
            let found: Option<String> = sqlx::query_scalar(working)
                .fetch_optional(self.sql())
                .await
                .expect("the database is up");
            found.is_none().then_some(())
        };
        if within(look).await.is_none() {
            let id: String = sqlx::query_scalar(working)
                .fetch_one(self.sql())
                .await
                .expect("an import that works");
            panic!(
                "Muster does not come to rest\n{}",
                story::story(self.sql(), &id).await
            );
        }
    }
}

impl Deref for Muster {
    type Target = Site;
    fn deref(&self) -> &Site {
        &self.first
    }
}

impl Parts {
    /// Makes an account's token with `muster-api create-token`.
    pub(super) fn token(&self, site: &str, role: Role) -> String {
        let account = format!("{role}@{site}.example");
        create_token(
            &self.settings,
            &["--account", &account, "--site", site, "--role", role.into()],
        )
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    pub(super) fn sql(&self) -> &PgPool {
        &self.pool
    }

    pub(super) async fn start_worker(&self) -> usize {
        let name = format!("worker-{}", held(&self.workers).len());
        for _ in 0..5 {
            let health = ports::free();
            let mut command = program("muster-worker", &self.settings);
            command
                .env("MUSTER_HEALTH_BIND", health.to_string())
                .env("MUSTER_WORKER_NAME", &name);
            let mut worker = Process::start(&name, command, self.folder.path());
            if is_ready(&mut worker, &format!("http://{health}/livez")).await {
                let mut workers = held(&self.workers);
                workers.push(worker);
                return workers.len() - 1;
            }
            eprintln!("{name} did not start:\n{}", worker.log());
        }
        panic!("no worker starts");
    }

    /// It may die before anybody could see that it is ready.
    fn start_doomed_worker(&self, crash_at: &str) -> usize {
        let mut workers = held(&self.workers);
        let name = format!("worker-{}", workers.len());
        let mut command = program("muster-worker", &self.settings);
        command
            .env("MUSTER_WORKER_NAME", &name)
            .env("MUSTER_TEST_CRASH_AT", crash_at);
        workers.push(Process::start(&name, command, self.folder.path()));
        workers.len() - 1
    }

    fn print_logs(&self) {
        let held = held(&self.workers);
        for log in [self::held(&self.api).log()].into_iter().chain(
            held.iter()
                .map(|worker| format!("{}\n{}", worker.name(), worker.log())),
        ) {
            eprintln!("---- log ----\n{log}");
        }
    }
}

impl Drop for Parts {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.print_logs();
        }
    }
}

impl Worker<'_> {
    /// Stops it as a power cut does.
    pub fn kill9(&self) {
        self.process(Process::kill9);
    }

    /// Asks it to stop in good order.
    pub fn sigterm(&self) {
        self.process(Process::sigterm);
    }

    /// Freezes it.
    pub fn sigstop(&self) {
        self.process(Process::sigstop);
    }

    /// Thaws it.
    pub fn sigcont(&self) {
        self.process(Process::sigcont);
    }

    /// What it is called; the name under which batches say that it finished them.
    #[must_use]
    pub fn name(&self) -> String {
        self.process(|process| process.name().to_owned())
    }

    /// The number of its process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process(|process| process.pid())
    }

    /// Everything that it logged.
    #[must_use]
    pub fn log(&self) -> String {
        self.process(|process| process.log())
    }

    /// Waits until it has ended by itself.
    pub async fn exit(&self) -> ExitStatus {
        eventually("a worker ends", || {
            std::future::ready(self.process(Process::ended))
        })
        .await
    }

    fn process<T>(&self, what: impl FnOnce(&mut Process) -> T) -> T {
        what(
            held(self.workers)
                .get_mut(self.nth)
                .expect("a worker that was started"),
        )
    }
}

/// A lock that is good even after a test panicked while it held it.
pub(super) fn held<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

pub(super) async fn start_api(
    settings: &[(String, String)],
    descriptors: Option<u32>,
    folder: &Path,
) -> (Process, String) {
    for _ in 0..5 {
        let bind = ports::free();
        let mut command = program("muster-api", settings);
        if let Some(descriptors) = descriptors {
            command = limited(&command, descriptors);
        }
        command.arg("serve").env("MUSTER_BIND", bind.to_string());
        let mut api = Process::start("api", command, folder);
        let base = format!("http://{bind}");
        if is_ready(&mut api, &format!("{base}/readyz")).await {
            return (api, base);
        }
        eprintln!("the api did not start:\n{}", api.log());
    }
    panic!("no api starts");
}

/// False if it ended instead, perhaps since somebody else took its port.
pub(super) async fn is_ready(process: &mut Process, probe: &str) -> bool {
    let client = Client::new(probe, None);
    let ready = within(async || {
        if process.ended().is_some() {
            return Some(false);
        }
        client
            .get("")
            .await
            .is_ok_and(|answer| answer.status == 200)
            .then_some(true)
    });
    match ready.await {
        Some(ready) => ready,
        None => panic!("{} does not get ready\n{}", process.name(), process.log()),
    }
}

pub(super) fn create_token(settings: &[(String, String)], arguments: &[&str]) -> String {
    let all: Vec<_> = ["create-token"].iter().chain(arguments).copied().collect();
    run(settings, &all)
}

fn run(settings: &[(String, String)], arguments: &[&str]) -> String {
    let output = program("muster-api", settings)
        .args(arguments)
        .output()
        .expect("muster-api was just built");
    assert!(
        output.status.success(),
        "{arguments:?} failed\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout)
        .expect("tokens are ASCII")
        .trim()
        .to_owned()
}

/// One of Muster's programs with these settings, and none of those that this process happens to
/// have.
#[must_use]
pub fn program(name: &str, settings: &[(String, String)]) -> Command {
    let mut command = Command::new(binaries::folder().join(name));
    for (variable, _) in std::env::vars_os() {
        if variable
            .to_str()
            .is_some_and(|variable| variable.starts_with("MUSTER_"))
        {
            command.env_remove(variable);
        }
    }
    command.envs(settings.iter().map(|(name, value)| (name, value)));
    command
}
