//! One connection to Redis for a whole process, which outlasts restarts, hangs and fail-overs of up
//! to a minute.
//!
//! A command may reach Redis twice when its answer was lost, so nothing that is asked here may do
//! harm when done twice.

use super::{Backoff, QueueError};
use redis::{
    Client, Cmd, Pipeline, RedisError, RedisFuture, RedisResult, RetryMethod, Value,
    aio::{ConnectionLike, ConnectionManager, ConnectionManagerConfig},
};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How long a command is tried again; less than the 180 s after which a worker counts as dead.
pub(super) const BUDGET: Duration = Duration::from_mins(1);

/// How long one answer may take. The default of 0.5 s makes a dead worker of every slow answer.
pub(super) const ANSWER: Duration = Duration::from_secs(5);

/// How long connecting may take, once.
pub(super) const CONNECT: Duration = Duration::from_secs(2);

/// A connection that reconnects, and repeats what failed on the way to Redis; cheap to clone.
#[derive(Debug, Clone)]
pub struct Connection(ConnectionManager);

impl Connection {
    /// Prepares a connection to `redis_url` (`redis://` or `rediss://`) that is made when first
    /// needed: a process can start while Redis is away. Needs a tokio runtime.
    pub fn open(redis_url: &str) -> Result<Self, QueueError> {
        let config = ConnectionManagerConfig::new()
            .set_response_timeout(Some(ANSWER))
            .set_connection_timeout(Some(CONNECT))
            .set_number_of_retries(0); // `patiently` retries.
        Ok(Self(ConnectionManager::new_lazy_with_config(
            client(redis_url)?,
            config,
        )?))
    }
}

/// A client for `redis_url`, after which `rediss://` works.
pub(super) fn client(redis_url: &str) -> Result<Client, QueueError> {
    install_crypto();
    Ok(Client::open(redis_url)?)
}

/// Gives the process the cryptography that `rediss://` panics without; does nothing if it has some
/// already.
pub fn install_crypto() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}

impl ConnectionLike for Connection {
    fn req_packed_command<'a>(&'a mut self, cmd: &'a Cmd) -> RedisFuture<'a, Value> {
        Box::pin(patiently(move || {
            let mut manager = self.0.clone();
            async move { manager.send_packed_command(cmd).await }
        }))
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        Box::pin(patiently(move || {
            let mut manager = self.0.clone();
            async move { manager.send_packed_commands(pipeline, offset, count).await }
        }))
    }

    fn get_db(&self) -> i64 {
        self.0.get_db()
    }
}

/// Repeats an attempt while its failure is one that passes and the budget lasts.
async fn patiently<T, F>(mut attempt: impl FnMut() -> F) -> RedisResult<T>
where
    F: Future<Output = RedisResult<T>>,
{
    let end = Instant::now() + BUDGET;
    let mut backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(1));
    let mut silent = true;
    loop {
        match attempt().await {
            Err(error) if passes(&error) && Instant::now() < end => {
                if std::mem::take(&mut silent) {
                    tracing::warn!(%error, budget = ?BUDGET, "Redis failed; trying again");
                }
                sleep(backoff.delay()).await;
            }
            answer => return answer,
        }
    }
}

/// Whether the same command may well succeed later: the network failed, or Redis is loading or
/// changing its leader.
fn passes(error: &RedisError) -> bool {
    matches!(
        error.retry_method(),
        RetryMethod::Reconnect | RetryMethod::RetryImmediately | RetryMethod::WaitAndRetry
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use redis::{ErrorKind, ServerErrorKind};
    use std::io;

    #[test]
    fn what_passes_and_what_does_not() {
        let cases: [(RedisError, bool); 6] = [
            (
                io::Error::from(io::ErrorKind::ConnectionRefused).into(),
                true,
            ),
            (io::Error::from(io::ErrorKind::TimedOut).into(), true),
            (io::Error::from(io::ErrorKind::BrokenPipe).into(), true),
            (
                (ErrorKind::Server(ServerErrorKind::BusyLoading), "loading").into(),
                true,
            ),
            (
                (
                    ErrorKind::Server(ServerErrorKind::ResponseError),
                    "worker not registered",
                )
                    .into(),
                false,
            ),
            ((ErrorKind::InvalidClientConfig, "not a URL").into(), false),
        ];
        for (error, expected) in cases {
            assert_eq!(passes(&error), expected, "{error}");
        }
    }

    #[tokio::test]
    async fn an_attempt_is_repeated_until_it_succeeds() {
        let mut failures = 2;
        let answer = patiently(|| {
            failures -= 1;
            let failed = failures >= 0;
            async move {
                if failed {
                    Err(io::Error::from(io::ErrorKind::ConnectionReset).into())
                } else {
                    Ok(7)
                }
            }
        });
        assert_eq!(answer.await.unwrap(), 7);
    }

    #[tokio::test]
    async fn an_encrypted_address_does_not_panic() {
        install_crypto();
        assert!(Connection::open("rediss://localhost:1/").is_ok());
        assert!(Connection::open("http://localhost").is_err());
    }
}
