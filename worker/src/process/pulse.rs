//! The sign of life that a liveness probe reads: a worker can stop consuming without a word.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::time::Instant;

/// When a queue's worker last lived: Redis took its heartbeat (every 10 s), or it was started anew.
/// One per queue; cheap to clone.
///
/// Starting counts, because a process is not to be killed for an absent Redis: then starts are at
/// most 75 s apart (60 s of retries, 15 s of back-off). So an age of more than 120 s means that the
/// worker itself hangs.
#[derive(Debug, Clone)]
pub(crate) struct Pulse {
    born: Instant,
    /// Milliseconds from birth to the last beat.
    last: Arc<AtomicU64>,
}

impl Pulse {
    /// A pulse that has just beaten.
    pub(crate) fn new() -> Self {
        Self {
            born: Instant::now(),
            last: Arc::default(),
        }
    }

    /// How long ago the worker last lived.
    pub(crate) fn age(&self) -> Duration {
        self.born
            .elapsed()
            .saturating_sub(Duration::from_millis(self.last.load(Ordering::Relaxed)))
    }

    pub(crate) fn beat(&self) {
        self.last
            .store(self.born.elapsed().as_millis() as u64, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beat_makes_it_young() {
        let pulse = Pulse {
            born: Instant::now().checked_sub(Duration::from_mins(1)).unwrap(),
            last: Arc::default(),
        };
        assert!(pulse.age() >= Duration::from_mins(1));
        pulse.clone().beat();
        assert!(pulse.age() < Duration::from_secs(1));
    }
}
