//! Keeps Redis small: forgets wakes that are done and workers that are gone; never touches a wake
//! that waits or runs.
//!
//! The `vacuum` of apalis goes by a task's status, which stays "failed" while it waits for another
//! try: it deletes the task's data, leaves its id, and every worker that draws the id dies. This
//! goes by the sets of what is done and dead, and nothing leaves those.

use apalis_redis::Config;
use muster_shared::queue::{Connection, Queue};
use redis::{RedisResult, Script};
use std::{convert::Infallible, time::Duration};
use tokio::time::{MissedTickBehavior, interval};

/// How often it looks.
const EVERY: Duration = Duration::from_mins(1);

/// How long what is done can still be looked at, in seconds.
const KEEP: u64 = 600;

/// How many ids one step looks at; Redis does nothing else meanwhile.
const STEP: usize = 200;

/// How long what is known about a worker is kept after it was last seen among the living, in
/// seconds.
const KEEP_WORKER: i64 = 3600;

/// One step through a set of finished tasks: answers with the cursor of the next.
const FORGET: &str = r"
local finished, data, meta = KEYS[1], KEYS[2], KEYS[3]
local oldest = redis.call('TIME')[1] - ARGV[3]
local page = redis.call('SSCAN', finished, ARGV[1], 'COUNT', ARGV[2])
for _, id in ipairs(page[2]) do
  local about = meta .. ':' .. id
  if (tonumber(redis.call('HGET', about, 'done_at')) or 0) <= oldest then
    redis.call('HDEL', data, id)
    redis.call('DEL', about)
    redis.call('SREM', finished, id)
  end
end
return page[1]
";

/// Prunes a queue every minute, for ever; what fails is tried again the next time.
pub(super) async fn keep_pruning(mut connection: Connection, queue: Queue) -> Infallible {
    let config = queue.config();
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Err(error) = prune(&mut connection, &config, KEEP).await {
            tracing::warn!(queue = queue.name(), %error, "pruning failed; it is tried again in a minute");
        }
    }
}

/// Forgets what was finished more than `keep` seconds ago.
async fn prune(connection: &mut Connection, config: &Config, keep: u64) -> RedisResult<()> {
    for finished in [config.done_jobs_set(), config.dead_jobs_set()] {
        forget_tasks(connection, config, &finished, keep).await?;
    }
    forget_workers(connection, config).await
}

async fn forget_tasks(
    connection: &mut Connection,
    config: &Config,
    finished: &str,
    keep: u64,
) -> RedisResult<()> {
    let script = Script::new(FORGET);
    let mut cursor = "0".to_owned();
    loop {
        let mut step = script.key(finished);
        step.key(config.job_data_hash()).key(config.job_meta_hash());
        cursor = step
            .arg(cursor)
            .arg(STEP)
            .arg(keep)
            .invoke_async(connection)
            .await?;
        if cursor == "0" {
            return Ok(());
        }
    }
}

/// Puts off the end of what is known about every worker that Redis counts among the living. A dead
/// one stays among them for 180 s, so each is seen at least once, and nobody has to search for the
/// names of the gone.
async fn forget_workers(connection: &mut Connection, config: &Config) -> RedisResult<()> {
    let names: Vec<String> = redis::cmd("ZRANGE")
        .arg(config.workers_set())
        .arg(0)
        .arg(-1)
        .query_async(connection)
        .await?;
    let mut pipeline = redis::pipe();
    for name in names {
        pipeline
            .expire(
                format!("{}:workers:metadata:{name}", config.queue.as_ref()),
                KEEP_WORKER,
            )
            .ignore();
    }
    if pipeline.is_empty() {
        Ok(())
    } else {
        pipeline.exec_async(connection).await
    }
}
