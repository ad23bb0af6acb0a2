//! The two queues, and the settings that pushing and consuming must agree on.

use apalis_redis::Config;
use std::time::Duration;

/// Which queue a wake travels in: short imports do not wait behind long ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Queue {
    /// Imports that are done in seconds, and whatever a person waits for.
    Express,
    /// Everything else.
    Bulk,
}

impl Queue {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Express, Self::Bulk];

    /// The queue's name, with which all its keys in Redis begin.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Express => "muster:express",
            Self::Bulk => "muster:bulk",
        }
    }

    /// The queue as apalis has to see it, on both sides.
    #[must_use]
    pub fn config(self) -> Config {
        Config::default()
            .queue(self.name())
            // A worker with a full buffer sends no heartbeats: with 10 at a time 3 of 4 long tasks
            // ran twice at once.
            .batch_size(1)
            // What a dead worker held is given out again after 180 s; this must outlast the 60 s
            // for which a connection retries.
            .heartbeat_interval(Duration::from_secs(10))
            .missed_heartbeats(18)
            // Locking costs a walk through the backlog for each task; the claims in Postgres keep
            // two workers apart.
            .lock_tasks(false)
            // The result is the acknowledgement: without it a task is given out again.
            .persist_results(true)
            .emit_events(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_worker_is_given_up_after_the_retries_of_a_living_one() {
        for queue in Queue::ALL {
            assert_eq!(queue.config().orphaned_duration(), Duration::from_mins(3));
            assert!(queue.config().orphaned_duration() > 2 * super::super::connection::BUDGET);
        }
    }

    #[test]
    fn the_queues_share_no_key() {
        assert_ne!(
            Queue::Express.config().active_jobs_list(),
            Queue::Bulk.config().active_jobs_list()
        );
        assert_eq!(
            Queue::Express.config().active_jobs_list(),
            "muster:express:active"
        );
    }
}
