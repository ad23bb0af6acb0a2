//! `chaos`: admins at work while everything is killed, frozen and wiped; ends with one line of
//! JSON.

use crate::trouble::Trouble;
use muster_tests::chaos::{Run, run};
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};

/// How long, and which chances.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// How long imports are begun
    #[arg(long, default_value_t = 1.0)]
    minutes: f64,
    /// The same seed makes the same files and the same wishes
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many sites
    #[arg(long, default_value_t = 5)]
    sites: usize,
    /// Harm nobody: the model alone is tried
    #[arg(long)]
    calm: bool,
}

/// Makes a run, and prints what it did.
pub(crate) async fn start(arguments: Arguments) -> Result<ExitCode, Trouble> {
    let Arguments {
        minutes,
        seed,
        sites,
        calm,
    } = arguments;
    let left = || {
        Err(Trouble::Left(
            "Left; all that it started is stopped.".to_owned(),
        ))
    };
    let mut end =
        signal(SignalKind::terminate()).map_err(|error| Trouble::Refused(error.to_string()))?;
    let (figures, end) = tokio::select! {
        ended = run(Run { minutes, seed, sites, is_calm: calm }) => ended,
        _ = tokio::signal::ctrl_c() => return left(),
        _ = end.recv() => return left(),
    };
    println!("{}", serde_json::to_string(&figures).unwrap_or_default());
    match end {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) => {
            eprintln!("{error:#}");
            Ok(ExitCode::FAILURE)
        }
    }
}
