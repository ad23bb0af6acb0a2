//! A Muster of several apis and workers with a Postgres and a Redis of its own, each of which may
//! be killed, frozen and cut off. Who ends is started again at its old place, as an orchestrator
//! would.

use super::{
    cluster::Cluster,
    muster::{create_token, is_ready, program},
    ports,
    process::Process,
    redis::Redis,
};
use crate::client::Client;
use std::{
    net::SocketAddr,
    ops::Deref,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};
use tempfile::TempDir;
use tokio::sync::Mutex;

/// Between two looks for members that ended.
const POLL_INTERVAL: Duration = Duration::from_millis(300);

/// A Muster of several processes, with a Postgres of its own.
#[derive(Debug)]
pub struct Fleet {
    crew: Crew,
    /// Remembers.
    pub cluster: Mutex<Cluster>,
}

/// The processes of a Muster, on a database that is there already.
#[derive(Debug)]
pub struct Crew {
    /// Those who answer.
    pub apis: Vec<Member>,
    /// Those who work.
    pub workers: Vec<Member>,
    /// Rings.
    pub redis: Mutex<Redis>,
    database_url: String,
    redis_url: String,
    settings: Vec<(String, String)>,
    folder: TempDir,
}

/// One api or worker, in whichever process it is now.
#[derive(Debug)]
pub struct Member {
    name: String,
    bind: SocketAddr,
    settings: Vec<(String, String)>,
    logs: PathBuf,
    process: Mutex<Process>,
    starts: AtomicU64,
}

impl Fleet {
    /// Starts so many of each, with these settings, and waits until all are ready.
    pub async fn start(apis: usize, workers: usize, settings: &[(&str, &str)]) -> Self {
        let cluster = Cluster::start().await;
        Self {
            crew: Crew::start(&cluster.url(), apis, workers, settings).await,
            cluster: cluster.into(),
        }
    }

    /// Leaves the logs behind when all else goes; where they are.
    pub fn keep_logs(&mut self) -> PathBuf {
        self.crew.folder.disable_cleanup(true);
        self.crew.folder.path().to_owned()
    }
}

impl Deref for Fleet {
    type Target = Crew;
    fn deref(&self) -> &Crew {
        &self.crew
    }
}

impl Crew {
    /// Starts so many of each on a database, with these settings, and waits until all are ready.
    pub async fn start(
        database_url: &str,
        apis: usize,
        workers: usize,
        settings: &[(&str, &str)],
    ) -> Self {
        let folder = TempDir::with_prefix("muster-fleet-").expect("a temporary folder");
        let redis = Redis::start(folder.path()).await;
        let (database_url, redis_url) = (database_url.to_owned(), redis.url());
        let mut all = vec![
            ("MUSTER_DATABASE_URL".to_owned(), database_url.clone()),
            ("MUSTER_REDIS_URL".to_owned(), redis_url.clone()),
            (
                "MUSTER_FILES_URL".to_owned(),
                format!("file://{}", folder.path().join("files").display()),
            ),
            ("MUSTER_LOG".to_owned(), "info".to_owned()),
        ];
        all.extend(
            settings
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        );
        let member = |name: String| Member::start(name, &all, folder.path());
        let apis: Vec<_> = (1..=apis)
            .map(|number| member(format!("api-{number}")))
            .collect();
        let workers: Vec<_> = (1..=workers)
            .map(|number| member(format!("worker-{number}")))
            .collect();
        let crew = Self {
            apis,
            workers,
            redis: redis.into(),
            database_url,
            redis_url,
            settings: all,
            folder,
        };
        crew.ready().await;
        crew
    }

    /// Waits until every member answers.
    pub async fn ready(&self) {
        for member in self.members() {
            member.ready().await;
        }
    }

    /// Starts members again that have ended, for as long as it is polled.
    pub async fn keep(&self) -> ! {
        loop {
            for member in self.members() {
                member.revive().await;
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    /// Every api and worker.
    pub fn members(&self) -> impl Iterator<Item = &Member> {
        self.apis.iter().chain(&self.workers)
    }

    /// A token of an administrator of a site.
    #[must_use]
    pub fn admin(&self, slug: &str) -> String {
        create_token(
            &self.settings,
            &[
                "--account",
                &format!("admin@{slug}.example"),
                "--site",
                slug,
                "--role",
                "admin",
            ],
        )
    }

    /// A token of somebody who manages sites.
    #[must_use]
    pub fn system_admin(&self) -> String {
        create_token(
            &self.settings,
            &["--account", "root@example.com", "--system-admin"],
        )
    }

    /// Where the database is.
    #[must_use]
    pub fn database_url(&self) -> &str {
        &self.database_url
    }

    /// Where Redis is.
    #[must_use]
    pub fn redis_url(&self) -> &str {
        &self.redis_url
    }

    /// The folder in which uploads are stored.
    #[must_use]
    pub fn files(&self) -> PathBuf {
        self.folder.path().join("files")
    }

    /// The folder of the logs.
    #[must_use]
    pub fn logs(&self) -> &Path {
        self.folder.path()
    }
}

impl Member {
    fn start(name: String, settings: &[(String, String)], logs: &Path) -> Self {
        let bind = ports::free();
        let process = launch(&name, settings, bind, logs).into();
        Self {
            name,
            bind,
            settings: settings.to_vec(),
            logs: logs.to_owned(),
            process,
            starts: AtomicU64::new(1),
        }
    }

    /// What it is called.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it answers.
    #[must_use]
    pub fn base(&self) -> String {
        format!("http://{}", self.bind)
    }

    /// Its process, for whoever means it harm.
    pub fn process(&self) -> &Mutex<Process> {
        &self.process
    }

    /// How often it was started.
    pub fn starts(&self) -> u64 {
        self.starts.load(Ordering::Relaxed)
    }

    /// Starts it again, if it has ended.
    async fn revive(&self) {
        let mut process = self.process.lock().await;
        if process.ended().is_some() {
            *process = launch(&self.name, &self.settings, self.bind, &self.logs);
            self.starts.fetch_add(1, Ordering::Relaxed);
        }
    }

    async fn ready(&self) {
        let probe = format!("{}/livez", self.base());
        loop {
            self.revive().await;
            let mut process = self.process.lock().await;
            if is_ready(&mut process, &probe).await {
                return;
            }
            drop(process);
            // It may have ended since another process had its port for a moment.
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    /// A client without a token that speaks to it.
    #[must_use]
    pub fn client(&self) -> Client {
        Client::new(&self.base(), None)
    }
}

fn launch(name: &str, settings: &[(String, String)], bind: SocketAddr, logs: &Path) -> Process {
    let is_api = name.starts_with("api");
    let mut command = program(
        if is_api {
            "muster-api"
        } else {
            "muster-worker"
        },
        settings,
    );
    if is_api {
        command.arg("serve").env("MUSTER_BIND", bind.to_string());
    } else {
        command
            .env("MUSTER_HEALTH_BIND", bind.to_string())
            .env("MUSTER_WORKER_NAME", name);
    }
    Process::start(name, command, logs)
}
