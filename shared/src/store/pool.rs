//! Connections to Postgres.

use sqlx::{
    Connection, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use std::{str::FromStr, time::Duration};

/// How long a connection may take to be had: while Postgres is away, or all of the pool are in use, whoever asks hears so after this.
const PATIENCE: Duration = Duration::from_secs(5);

/// For how long a connection that was given back is taken to be alive. To ask it is a round trip, and most of a request's time is
/// round trips. Whoever meets one that was lost meanwhile is told what those are told whose statements were under way.
const TRUST: Duration = Duration::from_secs(1);

/// A pool of at most `size` connections that name themselves `name`. Connects when first used, so that a process starts while
/// Postgres is away. Every session has `settings` put over the server's.
pub fn connect(address: &str, name: &str, size: u32, settings: &[(&str, &str)]) -> Result<PgPool, sqlx::Error> {
    let options = PgConnectOptions::from_str(address)?.application_name(name).options(settings.iter().copied());
    let pool = PgPoolOptions::new().max_connections(size).acquire_timeout(PATIENCE).test_before_acquire(false);
    let pool = pool
        .before_acquire(|connection, metadata| Box::pin(async move { Ok(metadata.idle_for < TRUST || connection.ping().await.is_ok()) }));
    Ok(pool.connect_lazy_with(options))
}
