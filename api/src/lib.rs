#![doc = include_str!("../README.md")]

mod auth;
mod commands;
mod config;
mod connections;
mod control;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod health;
mod intake;
mod live;
mod problem;
mod readers;
mod request;
mod request_id;
mod routes;
mod server;
mod state;
mod time_limit;
mod upload_permits;
mod v1;

use clap::{Parser, Subcommand};
use commands::TokenArguments;
use config::Config;
use muster_shared::ops::{
    env::{self, Env},
    shutdown, telemetry,
};
use std::process::ExitCode;

/// The api of Muster. Its settings are environment variables.
#[derive(Debug, Parser)]
#[command(name = "muster-api", version, after_help = env::help("api"))]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Answer requests until told to stop
    Serve,
    /// Bring the database up to this version
    Migrate {
        /// The number of this Muster among several, 0 to 511: what it makes is numbered from a
        /// range of its own. Refused when the database has numbers of another; say the same each
        /// time. Without it, numbers stay as they are
        #[arg(long, value_parser = clap::value_parser!(i64).range(0..=commands::cell::MAX))]
        cell: Option<i64>,
    },
    /// Make a site
    CreateSite {
        /// In addresses: small letters, digits and hyphens
        slug: String,
        /// For people
        #[arg(long)]
        name: String,
    },
    /// Make a token and print it
    CreateToken(TokenArguments),
}

/// Does what the command line says.
pub async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Before logging has begun, or for somebody at a terminal: plain, with its causes.
            eprintln!("muster-api: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let env = Env::read()?;
    telemetry::start(&env)?;
    match arguments.command {
        Command::Serve => {
            let config = Config::read(&env)?;
            config.log();
            server::serve(&config, shutdown::on_signal()?).await
        }
        Command::Migrate { cell } => commands::migrate(&config::database_url(&env)?, cell).await,
        Command::CreateSite { slug, name } => {
            commands::create_site(&config::database_url(&env)?, &slug, &name).await
        }
        Command::CreateToken(arguments) => {
            commands::create_token(&config::database_url(&env)?, arguments).await
        }
    }
}
