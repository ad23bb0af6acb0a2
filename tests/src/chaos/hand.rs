//! The unruly hand: kills, freezes, cuts off and starts again whatever there is, at random and
//! without end.

use super::{figures::Counting, lms};
use crate::{
    harness::{Fleet, Member},
    make::Chance,
};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Longer than a claim is good without a sign of life, and than it then takes until somebody is
/// rung to take over.
const LONG: Duration = Duration::from_secs(14);

/// Kills or ends apis until it is told to stop.
pub(super) async fn on_apis(
    fleet: &Fleet,
    mut chance: Chance,
    counting: &Counting,
    stop: &CancellationToken,
) {
    while pause(&mut chance, 400..4_000, stop).await {
        let api = chance.of(&fleet.apis);
        let sort = match chance.below(10) {
            0..5 => kill(api).await,
            5..8 => end(api).await,
            _ => freeze(api, frost(&mut chance)).await,
        };
        counting.harm(&format!("{sort} api"));
    }
}

/// Kills or ends workers until it is told to stop, mostly while somebody is at work.
pub(super) async fn on_workers(
    fleet: &Fleet,
    mut chance: Chance,
    counting: &Counting,
    stop: &CancellationToken,
) {
    while pause(&mut chance, 400..4_000, stop).await {
        let worker = chance.of(&fleet.workers);
        if chance.is(60) {
            lms::until_at_work(fleet.database_url(), chance.is(70)).await;
        }
        let sort = if chance.is(60) {
            kill(worker).await
        } else {
            end(worker).await
        };
        counting.harm(&format!("{sort} worker"));
    }
}

/// Freezes workers until it is told to stop, mostly in the middle of something.
pub(super) async fn with_frost(
    fleet: &Fleet,
    mut chance: Chance,
    counting: &Counting,
    stop: &CancellationToken,
) {
    while pause(&mut chance, 500..6_000, stop).await {
        // Who is at work cannot be seen; of two, one often is, and the third takes over.
        let (nth, is_pair) = (chance.below(fleet.workers.len()), chance.is(40));
        let time = frost(&mut chance);
        if chance.is(80) {
            lms::until_at_work(fleet.database_url(), chance.is(70)).await;
        }
        let (one, other) = (
            &fleet.workers[nth],
            &fleet.workers[(nth + 1) % fleet.workers.len()],
        );
        if is_pair {
            tokio::join!(freeze(one, time), freeze(other, time));
        } else {
            freeze(one, time).await;
        }
        counting.harm("SIGSTOP worker");
    }
}

async fn kill(member: &Member) -> &'static str {
    member.process().lock().await.kill9();
    "SIGKILL"
}

async fn end(member: &Member) -> &'static str {
    member.process().lock().await.sigterm();
    "SIGTERM"
}

/// How long somebody is frozen.
fn frost(chance: &mut Chance) -> Duration {
    let least = if chance.is(60) { LONG } else { Duration::ZERO };
    least + Duration::from_millis(chance.below(3_000) as u64)
}

/// What is frozen is always thawed.
async fn freeze(member: &Member, time: Duration) -> &'static str {
    let mut process = member.process().lock().await;
    process.sigstop();
    tokio::time::sleep(time).await;
    process.sigcont();
    "SIGSTOP"
}

/// Harms Redis until it is told to stop.
pub(super) async fn on_redis(
    fleet: &Fleet,
    mut chance: Chance,
    counting: &Counting,
    stop: &CancellationToken,
) {
    while pause(&mut chance, 1_000..8_000, stop).await {
        let mut redis = fleet.redis.lock().await;
        let away = Duration::from_millis(chance.below(5_000) as u64);
        let sort = match chance.below(8) {
            0..3 => {
                redis.process().kill9();
                tokio::time::sleep(away).await;
                redis.restart().await;
                "Redis restarted empty"
            }
            3..5 => {
                let _ = redis.say("FLUSHALL");
                "Redis wiped"
            }
            5 => {
                let _ = redis.say("CLIENT KILL TYPE normal");
                "Redis connections cut"
            }
            _ => {
                redis.process().sigstop();
                tokio::time::sleep(away * 2).await;
                redis.process().sigcont();
                "Redis frozen"
            }
        };
        counting.harm(sort);
    }
}

/// Harms Postgres until it is told to stop.
pub(super) async fn on_postgres(
    fleet: &Fleet,
    mut chance: Chance,
    counting: &Counting,
    stop: &CancellationToken,
) {
    while pause(&mut chance, 3_000..15_000, stop).await {
        let mut cluster = fleet.cluster.lock().await;
        let away = Duration::from_millis(chance.below(3_000) as u64);
        let sort = match chance.below(8) {
            0..4 => {
                cluster.cut(10 + chance.below(90) as u8).await;
                "Postgres connections cut"
            }
            4..6 => {
                cluster.restart(tokio::time::sleep(away)).await;
                "Postgres restarted"
            }
            6 => {
                cluster.crash(tokio::time::sleep(away)).await;
                "Postgres crashed"
            }
            _ => {
                cluster.kill_session().await;
                "Postgres session killed"
            }
        };
        counting.harm(sort);
    }
}

/// Waits a while; `false`: it is time to stop.
async fn pause(
    chance: &mut Chance,
    milliseconds: std::ops::Range<u64>,
    stop: &CancellationToken,
) -> bool {
    let time =
        milliseconds.start + chance.below((milliseconds.end - milliseconds.start) as usize) as u64;
    tokio::select! {
        () = stop.cancelled() => false,
        () = tokio::time::sleep(Duration::from_millis(time)) => true,
    }
}
