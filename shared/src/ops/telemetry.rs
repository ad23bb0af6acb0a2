//! Logs, on standard error. Cells, names and addresses of people must never be in them.

use super::env::{Env, EnvError};
use std::{io::IsTerminal, str::FromStr};
use tracing_subscriber::EnvFilter;

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LogFormat {
    /// For people.
    Text,
    /// For machines, one object a line.
    Json,
}

impl FromStr for LogFormat {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err("it is text or json".to_owned()),
        }
    }
}

/// Starts logging as `MUSTER_LOG` (written as for `tracing`'s `EnvFilter`, such as `info` or
/// `muster_worker=debug`) and `MUSTER_LOG_FORMAT` say, and warns of settings that nobody reads.
pub fn start(env: &Env) -> Result<(), EnvError> {
    let bad = |reason: String| EnvError::Bad {
        name: "MUSTER_LOG".to_owned(),
        reason,
    };
    let filter = EnvFilter::try_new(env.or("MUSTER_LOG", "info".to_owned())?)
        .map_err(|error| bad(error.to_string()))?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    match env.or("MUSTER_LOG_FORMAT", LogFormat::Text)? {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().try_init(),
    }
    .map_err(|error| bad(error.to_string()))?;
    env.warn_of_unknown();
    Ok(())
}
