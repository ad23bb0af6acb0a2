//! Connections to Postgres.

use sqlx::{
    PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use std::{str::FromStr, time::Duration};

/// How long a connection may take to be had: while Postgres is away, or all of the pool are in use,
/// whoever asks hears so after this.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// A pool of at most `size` connections that name themselves `name`. Connects when first used, so
/// that a process starts while Postgres is away. Every session has `settings` put over the
/// server's.
pub fn connect(
    address: &str,
    name: &str,
    size: u32,
    settings: &[(&str, &str)],
) -> Result<PgPool, sqlx::Error> {
    let options = PgConnectOptions::from_str(address)?
        .application_name(name)
        .options(settings.iter().copied());
    Ok(PgPoolOptions::new()
        .max_connections(size)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .connect_lazy_with(options))
}
