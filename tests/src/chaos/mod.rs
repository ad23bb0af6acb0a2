//! The chaos run: admins of several sites at work while whatever there is gets killed, frozen, cut
//! off and wiped; and a model that knows from the files, the settings and the order of applies
//! alone what each site must hold in the end.
//!
//! What the admins do repeats itself with the seed. When things happen does not, so the model asks
//! Muster for the one thing that depends on it: which lines an import that was cancelled half-way
//! had come to.

mod asker;
mod figures;
mod hand;
mod lms;
mod look;
mod model;
mod script;
mod sheet;

pub use figures::Figures;

use crate::{
    client::Client,
    harness::{Fleet, within},
    make::Chance,
};
use anyhow::{Context, bail};
use asker::Asker;
use figures::Counting;
use model::State;
use script::Script;
use serde_json::json;
use sheet::Cast;
use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// What each site's day begins by.
const ZONES: &[&str] = &["UTC", "Europe/Oslo", "America/New_York", "Asia/Kolkata"];
const WORKERS: usize = 3;
const APIS: usize = 2;
/// Minutes of a run that is long enough to wait for whatever takes minutes at its end.
const LONG: f64 = 5.0;
/// Short, so that who is killed or frozen is soon replaced.
const SETTINGS: &[(&str, &str)] = &[("MUSTER_LEASE_SECONDS", "8")];

/// How a run is to be.
#[derive(Debug, Clone, Copy)]
pub struct Run {
    /// How long new imports are begun.
    pub minutes: f64,
    /// What happens is chosen by it.
    pub seed: u64,
    /// How many sites.
    pub sites: usize,
    /// Nobody is harmed: only the model is tried.
    pub is_calm: bool,
}

/// Makes a run; the figures, and what was wrong.
pub async fn run(run: Run) -> (Figures, anyhow::Result<()>) {
    let counting = Arc::new(Counting::default());
    let mut fleet = Fleet::start(APIS, WORKERS, SETTINGS).await;
    let end = Box::pin(disturbed(&fleet, run, &counting)).await;
    let mut figures = counting.figures().clone();
    (figures.seed, figures.minutes, figures.sites) = (run.seed, run.minutes, run.sites);
    figures.restarts = fleet.members().map(|member| member.starts() - 1).sum();
    figures.ok = end.is_ok();
    let end = end.map_err(|error| {
        let logs = fleet.keep_logs();
        error.context(format!("the logs are in {}", logs.display()))
    });
    (figures, end)
}

async fn disturbed(fleet: &Fleet, run: Run, counting: &Arc<Counting>) -> anyhow::Result<()> {
    let mut scripts = scripts(fleet, run, counting).await?;
    let stop = CancellationToken::new();
    let hands = async {
        if !run.is_calm {
            let chance = |nth: u64| Chance::new(run.seed.wrapping_add(nth << 32));
            tokio::join!(
                hand::on_workers(fleet, chance(1), counting, &stop),
                hand::with_frost(fleet, chance(5), counting, &stop),
                hand::on_apis(fleet, chance(2), counting, &stop),
                hand::on_redis(fleet, chance(3), counting, &stop),
                hand::on_postgres(fleet, chance(4), counting, &stop),
            );
        }
    };
    let work = async {
        let mut end = Ok(());
        while let Some(ended) = scripts.join_next().await {
            let ended = ended.context("a script panicked").flatten();
            if end.is_ok() && ended.is_err() {
                // What the others would find follows from it.
                scripts.abort_all();
                end = ended;
            }
        }
        stop.cancel();
        end
    };
    let all = async { tokio::join!(work, hands).0 };
    tokio::select! {
        end = all => end?,
        never = fleet.keep() => never,
    }
    tokio::select! {
        end = settled(fleet, run, counting) => end,
        never = fleet.keep() => never,
    }
}

/// The admins, each at work already.
async fn scripts(
    fleet: &Fleet,
    run: Run,
    counting: &Arc<Counting>,
) -> anyhow::Result<JoinSet<anyhow::Result<()>>> {
    let system_admin = fleet.apis[0]
        .client()
        .with_token(Some(&fleet.system_admin()));
    let until = Instant::now() + Duration::from_secs_f64(run.minutes * 60.0);
    let mut scripts = JoinSet::new();
    for number in 0..run.sites {
        let site = format!("site-{}", number + 1);
        let settings = json!({"time_zone": ZONES[number % ZONES.len()]});
        let made = system_admin
            .post(
                "/api/v1/sites",
                Some(&json!({"slug": site, "name": site, "settings": settings})),
            )
            .await?;
        let _ = made.expect(201);
        let token = fleet.admin(&site);
        let apis: Vec<Client> = fleet
            .apis
            .iter()
            .map(|api| api.client().with_token(Some(&token)))
            .collect();
        let seed = Chance::new(run.seed.wrapping_add(number as u64 + 1)).below(usize::MAX) as u64;
        let script = Script {
            asker: Asker::new(apis, &site, fleet.database_url(), Arc::clone(counting)),
            site,
            seed,
            cast: Cast::new(seed),
            database: fleet.database_url().to_owned(),
            counting: Arc::clone(counting),
            until,
            state: State::default(),
            imports: Vec::new(),
        };
        scripts.spawn(script.run());
    }
    Ok(scripts)
}

/// When nobody does anything any more: is everything at rest, and nothing left lying about?
async fn settled(fleet: &Fleet, run: Run, counting: &Counting) -> anyhow::Result<()> {
    fleet.ready().await;
    let mut conn = fleet.cluster.lock().await.connected().await;
    let quiet = async || {
        lms::contradictions(&mut conn)
            .await
            .ok()
            .filter(Vec::is_empty)
            .map(drop)
    };
    if within(quiet).await.is_none() {
        bail!(
            "Muster does not come to rest:\n  {}",
            lms::contradictions(&mut conn).await?.join("\n  ")
        );
    }
    for (status, count) in lms::statuses(&mut conn).await? {
        counting.figures().imports.insert(status, count as u64);
    }
    counting.tell_strays();
    if within(async || is_empty(fleet, WAITING).await.then_some(()))
        .await
        .is_none()
    {
        bail!("wakes wait in Redis, and nobody takes them");
    }
    // What a worker held that was killed is given to another after three minutes, which is as long
    // as anybody waits here.
    let let_go = async || {
        within(async || is_empty(fleet, HELD).await.then_some(()))
            .await
            .is_some()
    };
    if run.minutes >= LONG && !let_go().await && !let_go().await {
        bail!("wakes are held in Redis by workers that are gone");
    }
    let stray = stray_files(fleet, &lms::files(&mut conn).await?)?;
    counting.figures().stray_files = stray.len() as u64;
    // An api that is killed between storing a file and inserting its import can leave that one.
    if stray.len() as u64 > counting.harmed("SIGKILL api") {
        bail!(
            "{} files belong to no import, such as {}",
            stray.len(),
            stray[0].display()
        );
    }
    Ok(())
}

/// What Redis is asked for wakes that wait, and for those that are held: the answer must be 0.
const WAITING: &str = "EVAL \"local n = 0 for _, q in ipairs({'express', 'bulk'}) do \
                       n = n + redis.call('ZCARD', 'muster:'..q..':scheduled') + redis.call('LLEN', 'muster:'..q..':active') end return n\" 0";
const HELD: &str = "EVAL \"local n = 0 for _, k in ipairs(redis.call('KEYS', 'muster:*:inflight*')) do \
                    if redis.call('TYPE', k).ok == 'set' then n = n + redis.call('SCARD', k) end end return n\" 0";

async fn is_empty(fleet: &Fleet, question: &str) -> bool {
    fleet
        .redis
        .lock()
        .await
        .say(question)
        .is_ok_and(|answer| answer == ":0")
}

/// Stored files that belong to no import.
fn stray_files(fleet: &Fleet, known: &[String]) -> std::io::Result<Vec<PathBuf>> {
    let mut folders = vec![fleet.files()];
    let mut stray = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if !known.iter().any(|key| path.ends_with(key)) {
                stray.push(path);
            }
        }
    }
    Ok(stray)
}
