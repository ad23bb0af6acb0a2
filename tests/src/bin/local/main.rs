//! The command line that `deploy/local.sh` calls: imports a file, or shows what Muster does with files that it makes. It knows
//! Muster only over HTTP, as anybody else does.
//!
//! Exit codes: 0 clean; 1 lines were rejected, held, failed or not found; 2 wrong usage; 3 the import, or the upload, was refused.

#![allow(clippy::print_stdout, reason = "this is a command line")]

mod demo;
mod import;
mod journey;
mod show;
mod tell;
mod trouble;

use clap::{Args, Parser, Subcommand};
use muster_tests::client::Client;
use std::process::ExitCode;

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
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let (Some(url), Some(token)) = (cli.service.url, cli.service.token) else {
        eprintln!("MUSTER_URL and MUSTER_TOKEN are not set. `deploy/local.sh up` writes them to .local/env.");
        return ExitCode::from(2);
    };
    let client = Client::new(&url, Some(&token));
    let end = match cli.command {
        Command::Import(arguments) => import::run(&client, arguments).await,
        Command::Demo(arguments) => demo::run(&client, &arguments).await,
    };
    match end {
        Ok(code) => code,
        Err(trouble) => {
            eprintln!("{trouble}");
            ExitCode::from(trouble.exit_code())
        }
    }
}
