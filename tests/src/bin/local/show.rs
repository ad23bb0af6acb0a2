//! Progress: bars where there is somebody to see them, and a line for each stage that is through.

use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use muster_tests::client::view::Progress;
use std::{
    io::IsTerminal,
    time::{Duration, Instant},
};

/// What a stage counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    Bytes,
    Rows,
}

/// One stage while it goes on.
pub(crate) struct Bar {
    label: &'static str,
    unit: Unit,
    since: Instant,
    /// It was through before it was looked at, so nobody knows how long it took.
    is_missed: bool,
    shown: Option<ProgressBar>,
}

impl Bar {
    /// Begins a stage; `total` may be told later.
    pub(crate) fn begin(label: &'static str, unit: Unit, done: u64, total: u64) -> Self {
        let shown = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(total)
                .with_style(style(
                    "{prefix:9} {bar:32} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} to go",
                ))
                .with_prefix(label);
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        Self {
            label,
            unit,
            since: Instant::now(),
            is_missed: done > 0 && done >= total,
            shown,
        }
    }

    /// So far, as Muster tells it.
    pub(crate) fn at(&self, progress: &Progress) {
        if let Some(bar) = &self.shown {
            bar.set_style(style("{prefix:9} {bar:32} {msg}"));
            bar.set_length(progress.total);
            bar.set_position(progress.done);
            bar.set_message(message(self.unit, progress));
        }
    }

    /// A handle for whoever counts on another task.
    pub(crate) fn counter(&self) -> impl Fn(u64) + Send + 'static {
        let bar = self.shown.clone();
        move |more| {
            if let Some(bar) = &bar {
                bar.inc(more);
            }
        }
    }

    /// The stage is through: the bar goes, a line stays.
    pub(crate) fn end(self, done: u64) {
        self.clear();
        eprintln!(
            "{}",
            line(
                self.label,
                self.unit,
                done,
                (!self.is_missed).then(|| self.since.elapsed())
            )
        );
    }

    /// The stage is left: nothing stays.
    pub(crate) fn clear(&self) {
        if let Some(bar) = &self.shown {
            bar.finish_and_clear();
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// `59 631 of 150 000 rows, 59 286 rows a second, 2 s to go`
fn message(unit: Unit, progress: &Progress) -> String {
    let speed = amount(unit, progress.per_second);
    let rest = progress
        .eta_seconds
        .map(|seconds| format!(", {seconds} s to go"))
        .unwrap_or_default();
    let done = match unit {
        Unit::Bytes => HumanBytes(progress.done).to_string(),
        Unit::Rows => grouped(progress.done as i64),
    };
    format!(
        "{done} of {}, {speed} a second{rest}",
        amount(unit, progress.total)
    )
}

fn amount(unit: Unit, amount: u64) -> String {
    match unit {
        Unit::Bytes => HumanBytes(amount).to_string(),
        Unit::Rows => format!("{} rows", grouped(amount as i64)),
    }
}

fn line(label: &str, unit: Unit, done: u64, took: Option<Duration>) -> String {
    let amount = amount(unit, done);
    let Some(seconds) = took.map(|took| took.as_secs_f64()) else {
        return format!("{label:9} {amount}");
    };
    let rate = match unit {
        // Of so few bytes or in so short a time a speed says nothing.
        Unit::Rows if seconds >= 0.1 => {
            format!(", {} a second", grouped((done as f64 / seconds) as i64))
        }
        Unit::Bytes | Unit::Rows => String::new(),
    };
    format!("{label:9} {amount} in {seconds:.1} s{rate}")
}

/// A number with its thousands apart.
pub(crate) fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = if number < 0 {
        "-".to_owned()
    } else {
        String::new()
    };
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        let cases = [
            (0, "0"),
            (999, "999"),
            (1_204, "1 204"),
            (1_000_000, "1 000 000"),
            (-12_345, "-12 345"),
        ];
        for (number, expected) in cases {
            assert_eq!(grouped(number), expected);
        }
    }

    #[test]
    fn a_stage_tells_how_far_it_is() {
        let progress = |eta_seconds| Progress {
            stage: "apply".to_owned(),
            done: 59_631,
            total: 150_000,
            unit: "rows".to_owned(),
            per_second: 59_286,
            eta_seconds,
        };
        assert_eq!(
            message(Unit::Rows, &progress(Some(2))),
            "59 631 of 150 000 rows, 59 286 rows a second, 2 s to go"
        );
        assert_eq!(
            message(Unit::Bytes, &progress(None)),
            "58.23 KiB of 146.48 KiB, 57.90 KiB a second"
        );
    }

    #[test]
    fn a_stage_that_is_through_leaves_a_line() {
        let two_seconds = Some(Duration::from_secs(2));
        assert_eq!(
            line("preview", Unit::Rows, 5_000, two_seconds),
            "preview   5 000 rows in 2.0 s, 2 500 a second"
        );
        assert_eq!(line("preview", Unit::Rows, 50, None), "preview   50 rows");
        assert_eq!(
            line("upload", Unit::Bytes, 2_048, two_seconds),
            "upload    2.00 KiB in 2.0 s"
        );
    }
}
