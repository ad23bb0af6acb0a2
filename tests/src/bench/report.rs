//! What was measured: as JSON for programs, as a table for people.

use super::{loads::Load, meter, server::Server};
use serde::Serialize;
use std::fmt::Write;

/// All that one run of the benchmark measured.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// Where it was measured.
    pub machine: Machine,
    /// Lines of a load.
    pub lines: u64,
    /// People of the site.
    pub users: u64,
    /// Worker processes.
    pub workers: usize,
    /// Pairs of floor and Muster, in the order in which they ran.
    pub pairs: Vec<Pair>,
    /// Small imports when nothing else runs.
    pub idle: Option<Small>,
    /// Small imports of another site, and looks at the large one, while that runs.
    pub beside: Option<Beside>,
    /// Taking a large file.
    pub intake: Option<Intake>,
    /// How the cost of a line grows.
    pub growth: Vec<Grown>,
}

/// The machine, the versions and the settings.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Machine {
    /// Its processor.
    pub processor: String,
    /// How many of them.
    pub cores: usize,
    /// GiB of memory.
    pub memory_gib: u64,
    /// Of Postgres.
    pub postgres: String,
    /// Of Postgres.
    pub settings: Vec<(String, String)>,
}

/// A load, once by the script and once by Muster, on equal databases.
#[derive(Debug, Clone, Serialize)]
pub struct Pair {
    /// Which.
    pub load: &'static str,
    /// The script's seconds.
    pub floor: f64,
    /// What it cost.
    pub floor_cost: Cost,
    /// Muster's.
    pub muster: Journey,
    /// Muster's seconds for one of the script's.
    pub ratio: f64,
}

/// An import from the accepted upload to `applied`.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Journey {
    /// Seconds until every line was staged.
    pub validate: f64,
    /// Seconds from there to the full preview.
    pub preview: f64,
    /// Seconds of apply.
    pub apply: f64,
    /// Seconds in all.
    pub total: f64,
    /// Lines of the file for each of these seconds.
    pub lines_per_second: f64,
    /// What it cost.
    pub cost: Cost,
    /// MiB of the worker that had most.
    pub worker_mib: Option<f64>,
    /// MiB of the api.
    pub api_mib: Option<f64>,
}

/// Seconds of processors, and what was written ahead.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Cost {
    /// Of Postgres.
    pub postgres_cpu: Option<f64>,
    /// Of all workers.
    pub workers_cpu: Option<f64>,
    /// Of the api.
    pub api_cpu: Option<f64>,
    /// MiB of Postgres' log.
    pub wal_mib: f64,
}

/// Small imports: seconds.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Small {
    /// How many.
    pub imports: usize,
    /// From the upload to the full preview.
    pub ready: Spread,
    /// From the request to `applied`.
    pub applied: Spread,
}

/// Beside a large import.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Beside {
    /// Small imports of another site.
    pub small: Small,
    /// Looks at the large import: seconds.
    pub polls: Spread,
}

/// A middle and what is beyond it.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Spread {
    /// Half were faster.
    pub median: f64,
    /// 99 of 100 were faster.
    pub p99: f64,
    /// The slowest.
    pub worst: f64,
}

/// Taking a large file, against a plain store. Seconds are those of each round, ratios the median
/// of the rounds.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Intake {
    /// Bytes of the file.
    pub bytes: u64,
    /// Seconds of Muster, which answers when the disk has the file.
    pub muster: Vec<f64>,
    /// Seconds of a server that only stores, and answers when the disk has the file.
    pub synced: Vec<f64>,
    /// Seconds of a server that only stores, and answers when the kernel has the file.
    pub unsynced: Vec<f64>,
    /// Muster's seconds for one of the server that syncs.
    pub ratio: f64,
    /// Muster's seconds for one of the server that does not.
    pub unsynced_ratio: f64,
    /// MiB of the api.
    pub api_mib: Option<f64>,
}

/// New people, on a site of so many.
#[derive(Debug, Clone, Serialize)]
pub struct Grown {
    /// Lines of the file.
    pub lines: u64,
    /// People who were there.
    pub users: u64,
    /// How it went.
    pub muster: Journey,
}

impl Cost {
    /// What the server has cost since it was started.
    pub(super) async fn of_server(server: &Server) -> anyhow::Result<Self> {
        let wal_mib = server.wal_bytes().await? as f64 / f64::from(1 << 20);
        Ok(Self {
            postgres_cpu: server.cpu_seconds().await?,
            wal_mib,
            ..Self::default()
        })
    }

    /// What it cost between two looks.
    pub(super) fn since(self, before: Self) -> Self {
        let difference = |now: Option<f64>, then: Option<f64>| Some(now? - then?);
        Self {
            postgres_cpu: difference(self.postgres_cpu, before.postgres_cpu),
            workers_cpu: difference(self.workers_cpu, before.workers_cpu),
            api_cpu: difference(self.api_cpu, before.api_cpu),
            wal_mib: self.wal_mib - before.wal_mib,
        }
    }
}

impl Spread {
    /// Of these seconds.
    pub(super) fn of(mut seconds: Vec<f64>) -> Self {
        seconds.sort_by(f64::total_cmp);
        let at = |share: f64| {
            seconds
                .get(((seconds.len() as f64 * share) as usize).min(seconds.len().saturating_sub(1)))
                .copied()
        };
        Self {
            median: at(0.5).unwrap_or(0.0),
            p99: at(0.99).unwrap_or(0.0),
            worst: seconds.last().copied().unwrap_or(0.0),
        }
    }
}

/// The middle one, or the mean of the two in the middle.
pub(super) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => 0.0,
        odd if odd % 2 == 1 => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    }
}

impl Machine {
    /// This one, and the server.
    pub(super) async fn look(server: &Server) -> anyhow::Result<Self> {
        let processors = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let name = processors
            .lines()
            .find(|line| line.starts_with("model name"))
            .and_then(|line| Some(line.split_once(':')?.1.trim()));
        Ok(Self {
            processor: name.unwrap_or(std::env::consts::ARCH).to_owned(),
            cores: std::thread::available_parallelism().map_or(0, std::num::NonZero::get),
            memory_gib: meter::memory_bytes().unwrap_or(0).div_ceil(1 << 30),
            postgres: server.version().await?,
            settings: server.settings().await?,
        })
    }
}

impl Report {
    /// The ratios of a load, pair by pair.
    #[must_use]
    pub fn ratios(&self, load: Load) -> Vec<f64> {
        self.pairs
            .iter()
            .filter(|pair| pair.load == load.name())
            .map(|pair| pair.ratio)
            .collect()
    }

    /// As a table.
    #[must_use]
    pub fn table(&self) -> String {
        let mut text = String::new();
        // Writing into memory does not fail.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        let Machine {
            processor,
            cores,
            memory_gib,
            postgres,
            settings,
        } = &self.machine;
        writeln!(
            out,
            "{processor}, {cores} cores, {memory_gib} GiB; PostgreSQL {postgres}"
        )?;
        let settings: Vec<_> = settings
            .iter()
            .map(|(name, value)| format!("{name} {value}"))
            .collect();
        writeln!(
            out,
            "{}\n{} lines, {} people, {} workers\n",
            settings.join(", "),
            self.lines,
            self.users,
            self.workers
        )?;
        self.write_pairs(out)?;
        let told = |spread: &Spread| {
            format!(
                "median {:.3} s, p99 {:.3} s, worst {:.3} s",
                spread.median, spread.p99, spread.worst
            )
        };
        let mut small = |what: &str, small: &Small| {
            writeln!(
                out,
                "{} small imports {what}: ready {}; applied {}",
                small.imports,
                told(&small.ready),
                told(&small.applied)
            )
        };
        if let Some(idle) = &self.idle {
            small("idle", idle)?;
        }
        if let Some(beside) = &self.beside {
            small("beside W2", &beside.small)?;
            writeln!(out, "status of W2 while it runs: {}", told(&beside.polls))?;
        }
        if let Some(Intake {
            bytes,
            muster,
            synced,
            unsynced,
            ratio,
            unsynced_ratio,
            api_mib,
        }) = &self.intake
        {
            writeln!(
                out,
                "intake of {bytes} bytes: {muster:.2?} s; api {:.0} MiB",
                api_mib.unwrap_or(0.0)
            )?;
            writeln!(
                out,
                "a plain store that syncs: {synced:.2?} s, ratio {ratio:.2}; that does not: {unsynced:.2?} s, {unsynced_ratio:.2}"
            )?;
        }
        for Grown {
            lines,
            users,
            muster,
        } in &self.growth
        {
            let of_million = muster.total / *lines as f64 * 1e6;
            let (total, mib) = (muster.total, muster.worker_mib.unwrap_or(0.0));
            writeln!(
                out,
                "{lines} lines of W1 on {users} people: {total:.2} s, {of_million:.1} s a million lines; worker {mib:.0} MiB"
            )?;
        }
        Ok(())
    }

    fn write_pairs(&self, out: &mut String) -> std::fmt::Result {
        if self.pairs.is_empty() {
            return Ok(());
        }
        let cpu = |seconds: Option<f64>| {
            seconds.map_or_else(|| "–".to_owned(), |seconds| format!("{seconds:.1}"))
        };
        writeln!(
            out,
            "load  floor s | validate preview apply  total s  lines/s | ratio | CPU s: floor; Postgres workers api | WAL MiB: floor, Muster | MiB: worker api"
        )?;
        for pair in &self.pairs {
            let Journey {
                validate,
                preview,
                apply,
                total,
                lines_per_second,
                cost,
                worker_mib,
                api_mib,
            } = &pair.muster;
            writeln!(
                out,
                "{:4} {:8.2} | {validate:8.2} {preview:7.2} {apply:5.2} {total:8.2} {lines_per_second:8.0} | {:5.2} | {}; {} {} {} | {:.0}, {:.0} | {:.0} {:.0}",
                pair.load,
                pair.floor,
                pair.ratio,
                cpu(pair.floor_cost.postgres_cpu),
                cpu(cost.postgres_cpu),
                cpu(cost.workers_cpu),
                cpu(cost.api_cpu),
                pair.floor_cost.wal_mib,
                cost.wal_mib,
                worker_mib.unwrap_or(0.0),
                api_mib.unwrap_or(0.0),
            )?;
        }
        let mut loads: Vec<&str> = self.pairs.iter().map(|pair| pair.load).collect();
        loads.sort_unstable();
        loads.dedup();
        for load in loads {
            let of_load = || self.pairs.iter().filter(move |pair| pair.load == load);
            let (ratio, total) = (
                median(of_load().map(|pair| pair.ratio)),
                median(of_load().map(|pair| pair.muster.total)),
            );
            let floor = median(of_load().map(|pair| pair.floor));
            writeln!(
                out,
                "{load}: ratio {ratio:.2} (median of {}), {total:.2} s against {floor:.2} s",
                of_load().count()
            )?;
        }
        writeln!(out)
    }
}
