//! The settings of this process, read once in `main`.

use muster_shared::ops::env::{Env, EnvError, masked};
use std::net::SocketAddr;

/// What `serve` needs.
#[derive(Debug)]
pub(crate) struct Config {
    /// Where Postgres is. Holds a password.
    pub(crate) database_url: String,
    /// Where Redis is. Holds a password.
    pub(crate) redis_url: String,
    /// Where uploads lie.
    pub(crate) files_url: String,
    /// On what it listens.
    pub(crate) bind: SocketAddr,
}

impl Config {
    /// From the environment.
    pub(crate) fn read(env: &Env) -> Result<Self, EnvError> {
        Ok(Self {
            database_url: database_url(env)?,
            redis_url: env.text("MUSTER_REDIS_URL")?,
            files_url: env.text("MUSTER_FILES_URL")?,
            bind: env.or("MUSTER_BIND", SocketAddr::from(([127, 0, 0, 1], 8080)))?,
        })
    }

    /// Tells the log, without secrets.
    pub(crate) fn log(&self) {
        tracing::info!(
            bind = %self.bind,
            database = masked(&self.database_url),
            redis = masked(&self.redis_url),
            files = masked(&self.files_url),
            "starting"
        );
    }
}

/// All that the other commands need.
pub(crate) fn database_url(env: &Env) -> Result<String, EnvError> {
    env.text("MUSTER_DATABASE_URL")
}
