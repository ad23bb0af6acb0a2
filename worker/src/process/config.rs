//! The worker's settings, from the environment.

use muster_shared::ops::env::{Env, EnvError};
use std::{fmt::Display, net::SocketAddr, ops::RangeInclusive, str::FromStr};

/// The worker's settings.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    pub(crate) database_url: String,
    pub(crate) redis_url: String,
    pub(crate) files_url: String,
    /// Where the liveness probe is answered; `None`: nowhere.
    pub(crate) health_bind: Option<SocketAddr>,
    /// Lanes for large imports.
    pub(crate) lanes: usize,
    /// Lanes for small imports.
    pub(crate) express_lanes: usize,
    /// The most lanes that work on one import, over all workers.
    pub(crate) lanes_per_import: i64,
    /// Seconds for which a claim is good without a sign of life.
    pub(crate) lease_seconds: f64,
    /// Between two looks for what has expired.
    pub(crate) prune_seconds: u64,
    /// In logs and in the batches that it finished.
    pub(crate) name: String,
}

impl Config {
    /// Reads them.
    pub(crate) fn read(env: &Env) -> Result<Self, EnvError> {
        let host = std::env::var("HOSTNAME").unwrap_or_else(|_| "worker".to_owned());
        let health_bind = env.or("MUSTER_HEALTH_BIND", String::new())?;
        let health_bind = if health_bind.is_empty() {
            None
        } else {
            Some(env.or("MUSTER_HEALTH_BIND", SocketAddr::from(([127, 0, 0, 1], 0)))?)
        };
        Ok(Self {
            database_url: env.text("MUSTER_DATABASE_URL")?,
            redis_url: env.text("MUSTER_REDIS_URL")?,
            files_url: env.text("MUSTER_FILES_URL")?,
            health_bind,
            lanes: in_range(env, "MUSTER_LANES", 2, 1..=64)?,
            express_lanes: in_range(env, "MUSTER_EXPRESS_LANES", 1, 1..=64)?,
            lanes_per_import: in_range(env, "MUSTER_LANES_PER_IMPORT", 4, 1..=1_000)?,
            lease_seconds: in_range(env, "MUSTER_LEASE_SECONDS", 60.0, 1.0..=3_600.0)?,
            prune_seconds: in_range(env, "MUSTER_PRUNE_SECONDS", 60, 1..=3_600)?,
            name: env.or(
                "MUSTER_WORKER_NAME",
                format!("{host}-{}", std::process::id()),
            )?,
        })
    }
}

/// A number that must lie in a range.
fn in_range<T: FromStr<Err: Display> + PartialOrd + Display>(
    env: &Env,
    name: &str,
    default: T,
    range: RangeInclusive<T>,
) -> Result<T, EnvError> {
    let value = env.or(name, default)?;
    if range.contains(&value) {
        return Ok(value);
    }
    let reason = format!(
        "{value} is not between {} and {}",
        range.start(),
        range.end()
    );
    Err(EnvError::Bad {
        name: name.to_owned(),
        reason,
    })
}
