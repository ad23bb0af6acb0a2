//! Starts the api, or does another of its commands.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    muster_api::main().await
}
