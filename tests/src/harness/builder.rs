//! How a Muster is to be, and its start.

use super::{
    base::Base,
    database,
    muster::{Muster, Parts, create_token, start_api},
    redis::Redis,
    site::Site,
};
use crate::client::Client;
use serde_json::{Value, json};
use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex},
};
use tempfile::TempDir;

/// How a Muster is to be.
#[derive(Debug)]
#[must_use]
pub struct Builder {
    workers: usize,
    settings: Vec<(String, String)>,
    site: Value,
    has_own_postgres: bool,
    descriptors: Option<u32>,
    /// The folder of a fixture with a dump of the database, and the files.
    restored: Option<PathBuf>,
}

impl Builder {
    /// With one worker and every default.
    pub(super) fn new() -> Self {
        Self {
            workers: 1,
            settings: Vec::new(),
            site: json!({}),
            has_own_postgres: false,
            descriptors: None,
            restored: None,
        }
    }

    /// With so many workers.
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = workers;
        self
    }

    /// With a setting of the environment, for all processes.
    pub fn setting(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With settings of the first site.
    pub fn site(mut self, settings: Value) -> Self {
        self.site = settings;
        self
    }

    /// With a Postgres of its own, which may be stopped.
    pub fn own_postgres(mut self) -> Self {
        self.has_own_postgres = true;
        self
    }

    /// With an api that may have so many files and connections open.
    pub fn descriptors(mut self, descriptors: u32) -> Self {
        self.descriptors = Some(descriptors);
        self
    }

    /// With what another Muster left: a folder with its database as `database.sql` and its `files`.
    /// Its first site is `acme` too.
    pub fn restored(mut self, folder: &Path) -> Self {
        self.restored = Some(folder.to_owned());
        self
    }

    /// Starts everything and waits until it is ready.
    pub async fn start(self) -> Muster {
        let folder = TempDir::with_prefix("muster-test-").expect("a temporary folder");
        let base = match &self.restored {
            Some(left) => restore(left, folder.path()).await,
            None => Base::make(self.has_own_postgres, folder.path()).await,
        };
        let redis = Redis::start(folder.path()).await;
        let mut settings = vec![
            ("MUSTER_DATABASE_URL".to_owned(), base.url()),
            ("MUSTER_REDIS_URL".to_owned(), redis.url()),
            (
                "MUSTER_FILES_URL".to_owned(),
                format!("file://{}", folder.path().join("files").display()),
            ),
            ("MUSTER_LOG".to_owned(), "info".to_owned()),
        ];
        settings.extend(self.settings);
        let system_admin = create_token(
            &settings,
            &["--account", "root@example.com", "--system-admin"],
        );
        let (api, address) = start_api(&settings, self.descriptors, folder.path()).await;
        let pool = database::pool(&base.url()).await;
        let client = Client::new(&address, Some(&system_admin));
        let (workers, api, redis) = (Mutex::new(Vec::new()), Mutex::new(api), Mutex::new(redis));
        let parts = Arc::new(Parts {
            workers,
            api,
            redis,
            pool,
            base,
            folder,
            settings,
            client,
        });
        for _ in 0..self.workers {
            parts.start_worker().await;
        }
        let first = match self.restored {
            Some(_) => Site::existing(&parts, "acme"),
            None => Site::create(&parts, "acme", &self.site).await,
        };
        Muster { first }
    }
}

/// Puts back what another Muster left.
async fn restore(left: &Path, folder: &Path) -> Base {
    let copied = Command::new("cp")
        .arg("-r")
        .arg(left.join("files"))
        .arg(folder.join("files"))
        .status()
        .expect("cp");
    assert!(copied.success(), "the files are copied");
    let dump = std::fs::read_to_string(left.join("database.sql")).expect("a dump");
    Base::restore(&dump).await
}
