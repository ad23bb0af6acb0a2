//! The worker's allocator, told to give memory back to the system at once.
//!
//! Lanes fill and empty a few megabytes with every batch, on whatever thread is free. glibc's
//! allocator keeps as much for each thread again, and mimalloc for some time what the next batch
//! may need elsewhere.

use std::{env, os::unix::process::CommandExt, process::Command};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Milliseconds for which mimalloc keeps what is free. It reads this before `main`, and can be told
/// later only by unsafe code.
const PURGE_DELAY: &str = "MIMALLOC_PURGE_DELAY";

/// Begins the program again in this process, with the setting, unless it is set. Where that cannot
/// be, all goes on with more memory.
pub(crate) fn give_back_at_once() {
    if env::var_os(PURGE_DELAY).is_some() {
        return;
    }
    if let Ok(program) = env::current_exe() {
        let error = Command::new(program)
            .args(env::args_os().skip(1))
            .env(PURGE_DELAY, "0")
            .exec();
        eprintln!("muster-worker: freed memory is kept for a while: {error}");
    }
}
