//! Waiting for something that can be seen. No test decides anything by how long it took.

use std::time::Duration;
use tokio::time::Instant;

/// How long a test waits for what must come. A healthy machine needs a hundredth of it.
pub const PATIENCE: Duration = Duration::from_mins(3);

/// Looks again and again until `look` sees something; `None`: it did not in [`PATIENCE`].
pub async fn within<T>(mut look: impl AsyncFnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + PATIENCE;
    let mut pause = Duration::from_millis(5);
    loop {
        if let Some(seen) = look().await {
            return Some(seen);
        }
        if Instant::now() >= deadline {
            return None;
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 3 / 2).min(Duration::from_millis(100));
    }
}

/// Looks again and again until `look` sees something.
///
/// # Panics
/// If it does not in [`PATIENCE`].
pub async fn eventually<T>(what: &str, look: impl AsyncFnMut() -> Option<T>) -> T {
    within(look)
        .await
        .unwrap_or_else(|| panic!("waited in vain: {what}"))
}
