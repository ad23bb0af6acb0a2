//! `bench`: how fast Muster is, against the best script by hand, on the server that
//! `deploy/local.sh` has started for it.

use crate::trouble::Trouble;
use clap::ValueEnum;
use muster_tests::bench::{Extra, Load, Run, run};
use std::{path::PathBuf, process::ExitCode};
use tokio::signal::unix::{SignalKind, signal};

/// What is measured, on what.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// What to measure: W1 to W5, idle, beside, intake, growth
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "W1,W2,W3,W4,W5,idle,beside,intake"
    )]
    loads: Vec<What>,
    /// Lines of a load
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(100..=20_000_000))]
    lines: u64,
    /// People of the site
    #[arg(long, default_value_t = 2_000_000, value_parser = clap::value_parser!(u64).range(100..=50_000_000))]
    users: u64,
    /// Worker processes
    #[arg(long, default_value_t = 2)]
    workers: usize,
    /// How often the script and Muster run in turn
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Where to write all figures
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// The server on which the databases are made
    #[arg(
        long,
        env = "MUSTER_BENCH_DATABASE_URL",
        hide_env_values = true,
        hide = true
    )]
    server: String,
}

/// A load, or something else that can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum What {
    #[value(name = "W1")]
    W1,
    #[value(name = "W2")]
    W2,
    #[value(name = "W3")]
    W3,
    #[value(name = "W4")]
    W4,
    #[value(name = "W5")]
    W5,
    Idle,
    Beside,
    Intake,
    Growth,
}

impl What {
    fn load(self) -> Option<Load> {
        Some(match self {
            Self::W1 => Load::W1,
            Self::W2 => Load::W2,
            Self::W3 => Load::W3,
            Self::W4 => Load::W4,
            Self::W5 => Load::W5,
            _ => return None,
        })
    }

    fn extra(self) -> Option<Extra> {
        Some(match self {
            Self::Idle => Extra::Idle,
            Self::Beside => Extra::Beside,
            Self::Intake => Extra::Intake,
            Self::Growth => Extra::Growth,
            _ => return None,
        })
    }
}

/// Measures, and prints what came out.
pub(crate) async fn start(arguments: Arguments) -> Result<ExitCode, Trouble> {
    let Arguments {
        loads,
        lines,
        users,
        workers,
        rounds,
        json,
        server,
    } = arguments;
    let wanted = Run {
        server_url: server,
        loads: loads.iter().filter_map(|what| what.load()).collect(),
        extras: loads.iter().filter_map(|what| what.extra()).collect(),
        lines,
        users,
        workers,
        rounds,
    };
    let left = || {
        Err(Trouble::Left(
            "Left; all that it started is stopped.".to_owned(),
        ))
    };
    let mut end =
        signal(SignalKind::terminate()).map_err(|error| Trouble::Refused(error.to_string()))?;
    let measured = tokio::select! {
        measured = run(wanted, |result| eprintln!("{result}")) => measured,
        _ = tokio::signal::ctrl_c() => return left(),
        _ = end.recv() => return left(),
    };
    let report = match measured {
        Ok(report) => report,
        Err(error) => {
            eprintln!("{error:#}");
            return Ok(ExitCode::FAILURE);
        }
    };
    if let Some(file) = json {
        let text = serde_json::to_string_pretty(&report).unwrap_or_default();
        std::fs::write(&file, text)
            .map_err(|error| Trouble::Refused(format!("{}: {error}", file.display())))?;
    }
    println!("{}", report.table());
    Ok(ExitCode::SUCCESS)
}
