//! The command line that `deploy/local.sh` calls: imports a file, or shows what Muster does with
//! files that it makes. It knows Muster only over HTTP, as anybody else does.
//!
//! Exit codes: 0 clean; 1 lines were rejected, held, failed or not found; 2 wrong usage; 3 the
//! import, or the upload, was refused.

#![allow(clippy::print_stdout, reason = "this is a command line")]

mod bench;
mod chaos;
mod demo;
mod import;
mod journey;
mod show;
mod tell;
mod trouble;

use clap::{Args, Parser, Subcommand};
use muster_tests::client::Client;
use std::process::ExitCode;
use trouble::Trouble;

/// Works with a running Muster.
#[derive(Parser)]
#[command(name = "muster-local", version)]
struct Cli {
    #[command(flatten)]
    service: Service,
    #[command(subcommand)]
    command: Command,
}

/// Which Muster, and who asks.
#[derive(Args)]
struct Service {
    /// Where Muster is
    #[arg(long, env = "MUSTER_URL", global = true)]
    url: Option<String>,
    /// A token of an account
    #[arg(long, env = "MUSTER_TOKEN", hide_env_values = true, global = true)]
    token: Option<String>,
}

#[derive(Subcommand)]
enum Command {
    /// Uploads a file, waits for its preview, prints it; with --apply applies it
    Import(import::Arguments),
    /// Makes segments, courses and 10 000 people, imports them, then a spreadsheet full of mistakes
    Demo(demo::Arguments),
    /// Starts a Muster of its own, breaks it in every way while imports run, and compares what each
    /// site holds with what it must
    Chaos(chaos::Arguments),
    /// Measures how fast Muster is, against the best script by hand
    Bench(bench::Arguments),
}

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let end = match cli.command {
        Command::Chaos(arguments) => Box::pin(chaos::start(arguments)).await,
        Command::Bench(arguments) => Box::pin(bench::start(arguments)).await,
        command => Box::pin(at_work(cli.service, command)).await,
    };
    match end {
        Ok(code) => code,
        Err(trouble) => {
            eprintln!("{trouble}");
            ExitCode::from(trouble.exit_code())
        }
    }
}

/// Works with the Muster that is there.
async fn at_work(service: Service, command: Command) -> Result<ExitCode, Trouble> {
    let (Some(url), Some(token)) = (service.url, service.token) else {
        let text = "MUSTER_URL and MUSTER_TOKEN are not set. `deploy/local.sh up` writes them to .local/env.";
        return Err(Trouble::Usage(text.to_owned()));
    };
    let client = Client::new(&url, Some(&token));
    match command {
        Command::Import(arguments) => import::run(&client, arguments).await,
        Command::Demo(arguments) => demo::run(&client, &arguments).await,
        Command::Chaos(arguments) => chaos::start(arguments).await,
        Command::Bench(arguments) => bench::start(arguments).await,
    }
}
