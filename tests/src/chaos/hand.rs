//! The unruly hand: kills, freezes, cuts off and starts again whatever there is, at random and without end.

use super::figures::Counting;
use crate::{
    harness::{Fleet, Member},
    make::Chance,
};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Past the lease of a claim that the fleet is given.
const FROZEN_MOST: usize = 14_000;

/// Harms apis or workers until it is told to stop; what is frozen is thawed then.
pub(super) async fn on_members(members: &[Member], mut chance: Chance, counting: &Counting, stop: &CancellationToken) {
    while pause(&mut chance, 400..4_000, stop).await {
        let member = chance.of(members);
        let sort = match chance.below(10) {
            0..5 => {
                member.process().lock().await.kill9();
                "SIGKILL"
            }
            5..8 => {
                member.process().lock().await.sigterm();
                "SIGTERM"
            }
            _ => {
                freeze(member, &mut chance).await;
                "SIGSTOP"
            }
        };
        let who = if member.name().starts_with("api") { "api" } else { "worker" };
        counting.harm(&format!("{sort} {who}"));
    }
}

async fn freeze(member: &Member, chance: &mut Chance) {
    let mut process = member.process().lock().await;
    process.sigstop();
    tokio::time::sleep(Duration::from_millis(500 + chance.below(FROZEN_MOST) as u64)).await;
    process.sigcont();
}

/// Harms Redis until it is told to stop.
pub(super) async fn on_redis(fleet: &Fleet, mut chance: Chance, counting: &Counting, stop: &CancellationToken) {
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
pub(super) async fn on_postgres(fleet: &Fleet, mut chance: Chance, counting: &Counting, stop: &CancellationToken) {
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
async fn pause(chance: &mut Chance, milliseconds: std::ops::Range<u64>, stop: &CancellationToken) -> bool {
    let time = milliseconds.start + chance.below((milliseconds.end - milliseconds.start) as usize) as u64;
    tokio::select! {
        () = stop.cancelled() => false,
        () = tokio::time::sleep(Duration::from_millis(time)) => true,
    }
}
