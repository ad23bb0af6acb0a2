#![doc = include_str!("../README.md")]

mod apply;
mod batch;
mod error;
mod header;
mod kinds;
mod lanes;
mod preview;
mod process;
mod pruner;
mod staging;
mod validate;
mod wakeups;

#[cfg(any(test, fuzzing))]
pub use validate::fuzz;

use batch::{claim::BatchPool, context::Context};
use clap::Parser;
use lanes::rescuer;
use muster_shared::{
    files::Files,
    ops::{
        env::{self, Env, masked},
        shutdown, telemetry,
    },
    queue::{self, QueueClient},
    store::pool,
};
use process::{config::Config, health, memory, pulse::Pulse};
use sqlx::PgPool;
use std::sync::Arc;
use wakeups::Consume;

/// Short transactions lock what others need: an import's row, or the right to rescue. A process
/// that stalls in one gives it back.
const CONTROL_SETTINGS: &[(&str, &str)] = &[
    ("statement_timeout", "30s"),
    ("lock_timeout", "2s"),
    ("idle_in_transaction_session_timeout", "10s"),
    ("jit", "off"),
];

/// A worker of Muster: takes wakes and works until told to stop. Its settings are environment
/// variables.
#[derive(Debug, Parser)]
#[command(name = "muster-worker", version, after_help = env::help("worker"))]
struct Arguments {}

/// Does what the command line says: works until told to stop.
pub fn main() -> anyhow::Result<()> {
    // Before the process begins once again for its allocator, so that a mistyped argument is told once.
    Arguments::parse();
    memory::give_back_at_once();
    run()
}

#[tokio::main]
async fn run() -> anyhow::Result<()> {
    let env = Env::read()?;
    telemetry::start(&env)?;
    let express = context(Config::read(&env)?)?;
    let bulk = on_its_own(&express)?;
    rescuer::make_partitions(&express).await;
    let pulses = [Pulse::new(), Pulse::new()];
    let health = match express.config.health_bind {
        Some(bind) => Some(tokio::spawn(health::serve(
            health::bind(bind).await?,
            pulses.to_vec(),
            express.stop.clone(),
        ))),
        None => None,
    };
    tokio::join!(
        consume(&express, express.config.express_lanes, pulses[0].clone()),
        consume(&bulk, bulk.config.lanes, pulses[1].clone()),
        rescuer::run(&express),
        pruner::run(&express),
    );
    if let Some(health) = health {
        health.await??;
    }
    tracing::info!("ended");
    Ok(())
}

/// The context of the express queue, and of the rescuer.
fn context(config: Config) -> anyhow::Result<Context> {
    tracing::info!(
        worker.name = config.name,
        database = masked(&config.database_url),
        redis = masked(&config.redis_url),
        files = masked(&config.files_url),
        lanes = config.lanes,
        express_lanes = config.express_lanes,
        "starting"
    );
    Ok(Context {
        queue: queue::Queue::Express,
        control: control(
            &config,
            config.express_lanes + rescuer::CONNECTIONS + pruner::CONNECTIONS,
        )?,
        batch_pool: BatchPool::connect(&config, config.express_lanes)?,
        files: Files::open(&config.files_url)?,
        queue_client: QueueClient::connect(&config.redis_url)?,
        stop: shutdown::on_signal()?,
        config: Arc::new(config),
    })
}

/// The context of the queue of large imports, with connections of its own: express lanes never wait
/// for one that these hold.
fn on_its_own(express: &Context) -> anyhow::Result<Context> {
    let config = &express.config;
    let connections = (
        control(config, config.lanes)?,
        BatchPool::connect(config, config.lanes)?,
    );
    Ok(Context {
        queue: queue::Queue::Bulk,
        control: connections.0,
        batch_pool: connections.1,
        ..express.clone()
    })
}

/// One connection more than there are lanes: that of a statement that was given up is busy until
/// the server has ended it.
fn control(config: &Config, lanes: usize) -> Result<PgPool, sqlx::Error> {
    pool::connect(
        &config.database_url,
        "muster-worker",
        lanes as u32 + 1,
        CONTROL_SETTINGS,
    )
}

/// Consumes the context's queue: each wake is a lane that serves its imports.
async fn consume(context: &Context, concurrency: usize, pulse: Pulse) {
    let settings = Consume {
        redis_url: context.config.redis_url.clone(),
        queue: context.queue,
        concurrency,
    };
    let handler = {
        let context = context.clone();
        move |wake: queue::Wake| {
            let context = context.clone();
            async move { lanes::run(&context, wake.import).await }
        }
    };
    if let Err(error) = wakeups::supervise(settings, handler, context.stop.clone(), pulse).await {
        tracing::error!(%error, "the queue cannot be consumed");
        context.stop.cancel();
    }
}
