//! Points at which a test lets the worker die as in a power cut. In release builds they are
//! nothing.

use muster_shared::model::stage::Stage;

/// Dies here if `MUSTER_TEST_CRASH_AT` says so: `stage.point`, and `:n` for the n-th time that the
/// point is reached.
#[cfg(debug_assertions)]
pub(crate) fn point(stage: Stage, name: &str) {
    use std::sync::{
        LazyLock,
        atomic::{AtomicU32, Ordering},
    };
    static WANTED: LazyLock<Option<(String, u32)>> = LazyLock::new(|| {
        let wanted = std::env::var("MUSTER_TEST_CRASH_AT").ok()?;
        let (point, nth) = wanted.split_once(':').unwrap_or((&wanted, "1"));
        Some((point.to_owned(), nth.parse().ok()?))
    });
    static REACHED: AtomicU32 = AtomicU32::new(0);
    if let Some((point, nth)) = &*WANTED
        && *point == format!("{stage}.{name}")
        && REACHED.fetch_add(1, Ordering::SeqCst) + 1 == *nth
    {
        // Another process sends the signal: a process cannot kill itself without unsafe code.
        let _ = std::process::Command::new("kill")
            .args(["-9", &std::process::id().to_string()])
            .status();
        loop {
            std::thread::park();
        }
    }
}

/// Nothing.
#[cfg(not(debug_assertions))]
pub(crate) fn point(_: Stage, _: &str) {}
