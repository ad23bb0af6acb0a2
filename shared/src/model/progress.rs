//! How far a stage is.

use super::stage::Stage;
use chrono::{DateTime, Utc};
use serde::Serialize;

/// How far a stage is, and when it will be through if it goes on like this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// Which stage.
    pub stage: Stage,
    /// Units that are done.
    pub done: i64,
    /// Units in all.
    pub total: i64,
    /// `bytes` while the file is read, then `rows`.
    pub unit: &'static str,
    /// Units a second since the stage began.
    pub per_second: i64,
    /// Seconds to go; `None`: nothing is done yet.
    pub eta_seconds: Option<i64>,
}

impl Progress {
    /// Of a stage that began at `since`.
    #[must_use]
    pub fn new(
        stage: Stage,
        done: i64,
        total: i64,
        since: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Self {
        let unit = if stage == Stage::Validate {
            "bytes"
        } else {
            "rows"
        };
        let milliseconds = (now - since).num_milliseconds().max(1);
        let per_second = done.saturating_mul(1000) / milliseconds;
        let eta_seconds = if done >= total {
            Some(0)
        } else {
            (per_second > 0).then(|| (total - done) / per_second)
        };
        Self {
            stage,
            done,
            total,
            unit,
            per_second,
            eta_seconds,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;

    #[test]
    fn speed_and_remaining_time_follow_from_what_is_done() {
        let since = DateTime::UNIX_EPOCH;
        let after = |seconds| since + TimeDelta::seconds(seconds);
        let cases = [
            (0, 100, 0, 0, None),
            (50, 100, 10, 5, Some(10)),
            (100, 100, 10, 10, Some(0)),
            (0, 0, 10, 0, Some(0)),
        ];
        for (done, total, seconds, per_second, eta) in cases {
            let progress = Progress::new(Stage::Apply, done, total, since, after(seconds));
            assert_eq!(
                (progress.per_second, progress.eta_seconds),
                (per_second, eta),
                "{done} of {total} after {seconds} s"
            );
        }
    }
}
