//! The benchmark: how fast Muster is, as a ratio to the best that a script by hand does on the same
//! database in the same run. `tests/bench/README.md` tells the method and what was measured last.

mod floor;
mod ground;
mod intake;
mod journey;
mod latency;
mod loads;
mod meter;
mod names;
mod report;
mod server;

pub use loads::Load;
pub use report::Report;

use anyhow::Context;
use journey::Muster;
use report::{Cost, Grown, Journey, Machine, Pair};
use server::{Database, Rows, Server};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// The same seed makes the same files.
const SEED: u64 = 1;

/// What is to be measured.
#[derive(Debug, Clone)]
pub struct Run {
    /// A server on which databases may be made.
    pub server_url: String,
    /// Loads against the floor.
    pub loads: Vec<Load>,
    /// Everything else.
    pub extras: Vec<Extra>,
    /// Lines of a load.
    pub lines: u64,
    /// People of the site.
    pub users: u64,
    /// Worker processes.
    pub workers: usize,
    /// How often floor and Muster run in turn.
    pub rounds: usize,
}

/// What is measured besides the loads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extra {
    /// Small imports when nothing else runs.
    Idle,
    /// Small imports, and looks at its status, while W2 runs for another site.
    Beside,
    /// A file of a thousand bytes for each line of a load, against a plain store.
    Intake,
    /// From a hundredth of the lines to ten times as many, and from nobody to five times as many
    /// people.
    Growth,
}

/// Measures; each result is told to `tell` when it is there.
pub async fn run(run: Run, tell: impl Fn(&str)) -> anyhow::Result<Report> {
    let server = Server::open(&run.server_url).await?;
    let folder = TempDir::with_prefix("muster-bench-")?;
    let machine = Machine::look(&server).await?;
    let mut report = Report {
        machine,
        lines: run.lines,
        users: run.users,
        workers: run.workers,
        ..Report::default()
    };
    tell(&format!("making a site of {} people", run.users));
    let site = ground::make(&server, run.users).await?;
    let bench = Bench {
        run,
        server,
        folder: folder.path().to_owned(),
        site,
    };
    bench.pairs(&mut report, &tell).await?;
    bench.extras(&mut report, &tell).await?;
    bench.site.drop().await?;
    Ok(report)
}

/// The loads, each with what comes after it in the same database. W4 is W1 once more, so W1 runs
/// even if only W4 is asked for.
fn tours(loads: &[Load]) -> Vec<Vec<Load>> {
    let mut tours: Vec<Vec<Load>> = Vec::new();
    for &load in loads {
        let first = if load == Load::W4 { Load::W1 } else { load };
        if tours.iter().all(|tour| tour[0] != first) {
            let again = first == Load::W1 && loads.contains(&Load::W4);
            tours.push(if again {
                vec![Load::W1, Load::W4]
            } else {
                vec![first]
            });
        }
    }
    tours
}

/// The files of a load.
struct Files {
    load: Load,
    /// What Muster gets.
    whole: PathBuf,
    /// What the script gets: the lines without a mistake.
    right: PathBuf,
}

/// A load by the script.
struct Floor {
    seconds: f64,
    cost: Cost,
    rows: Rows,
}

/// A run of the benchmark.
struct Bench<T> {
    run: Run,
    server: Server,
    folder: PathBuf,
    site: T,
}

impl Bench<Database> {
    /// Each load, by the script and by Muster in turn.
    async fn pairs(&self, report: &mut Report, tell: &impl Fn(&str)) -> anyhow::Result<()> {
        for tour in tours(&self.run.loads) {
            let files = self.files(&tour)?;
            for round in 1..=self.run.rounds {
                let is_floor_first = round % 2 == 1;
                let pairs = self
                    .pair(&files, is_floor_first)
                    .await
                    .with_context(|| format!("{} of round {round}", tour[0].name()))?;
                for pair in pairs {
                    let (floor, muster, ratio) = (pair.floor, pair.muster.total, pair.ratio);
                    tell(&format!(
                        "{} round {round}: {muster:.2} s against {floor:.2} s: {ratio:.2}",
                        pair.load
                    ));
                    report.pairs.push(pair);
                }
            }
        }
        Ok(())
    }

    /// The file of each load, and the one that the script gets: it cannot read one with mistakes.
    fn files(&self, tour: &[Load]) -> anyhow::Result<Vec<Files>> {
        let Run { lines, users, .. } = self.run;
        tour.iter()
            .map(|&load| {
                let whole = load.write(&self.folder, lines, users, SEED)?;
                let right = if load == Load::W5 {
                    load.write_right(&self.folder, lines, users, SEED)?
                } else {
                    whole.clone()
                };
                Ok(Files { load, whole, right })
            })
            .collect()
    }

    /// The loads one after the other, each way on a fresh copy of the site.
    async fn pair(&self, files: &[Files], is_floor_first: bool) -> anyhow::Result<Vec<Pair>> {
        let (floors, journeys) = if is_floor_first {
            let floors = self.floors(files).await?;
            (floors, self.journeys(files).await?)
        } else {
            let journeys = self.journeys(files).await?;
            (self.floors(files).await?, journeys)
        };
        let pair = |((files, floor), (muster, rows)): ((&Files, Floor), (Journey, Rows))| {
            rows.must_equal(floor.rows)?;
            let ratio = muster.total / floor.seconds;
            Ok(Pair {
                load: files.load.name(),
                floor: floor.seconds,
                floor_cost: floor.cost,
                muster,
                ratio,
            })
        };
        files.iter().zip(floors).zip(journeys).map(pair).collect()
    }

    /// The loads by the script, and what is there after each.
    async fn floors(&self, files: &[Files]) -> anyhow::Result<Vec<Floor>> {
        let copy = self.site.copy("floor").await?;
        let mut floors = Vec::new();
        for Files { load, right, .. } in files {
            let (seconds, cost) = floor::run(&self.server, &copy, *load, right).await?;
            floors.push(Floor {
                seconds,
                cost,
                rows: copy.rows().await?,
            });
        }
        copy.drop().await?;
        Ok(floors)
    }

    /// The loads by Muster, and what is there after each.
    async fn journeys(&self, files: &[Files]) -> anyhow::Result<Vec<(Journey, Rows)>> {
        let copy = self.site.copy("muster").await?;
        let muster = Muster::start(&copy, self.run.workers).await;
        let mut journeys = Vec::new();
        for Files { load, whole, .. } in files {
            let journey = muster
                .load(&self.server, &copy, load.recipe(), whole, self.run.lines)
                .await?;
            journeys.push((journey, copy.rows().await?));
        }
        drop(muster);
        copy.drop().await?;
        Ok(journeys)
    }

    async fn extras(&self, report: &mut Report, tell: &impl Fn(&str)) -> anyhow::Result<()> {
        let wants = |extra: Extra| self.run.extras.contains(&extra);
        if wants(Extra::Idle) || wants(Extra::Beside) {
            let copy = self.site.copy("latency").await?;
            let muster = Muster::start(&copy, self.run.workers).await;
            if wants(Extra::Idle) {
                tell("small imports, idle");
                report.idle = Some(latency::idle(&muster).await?);
            }
            if wants(Extra::Beside) {
                tell("small imports beside W2");
                let file = Load::W2.write(&self.folder, self.run.lines, self.run.users, SEED)?;
                report.beside = Some(latency::beside(&muster, Load::W2.recipe(), &file).await?);
            }
            drop(muster);
            copy.drop().await?;
        }
        if wants(Extra::Intake) {
            tell("intake of a large file");
            let copy = self.site.copy("intake").await?;
            let muster = Muster::start(&copy, 0).await;
            report.intake = Some(
                intake::run(
                    &muster,
                    &self.folder,
                    self.run.lines * 1_000,
                    self.run.rounds,
                )
                .await?,
            );
            drop(muster);
            copy.drop().await?;
        }
        if wants(Extra::Growth) {
            self.growth(report, tell).await?;
        }
        Ok(())
    }

    /// One thing grows at a time.
    async fn growth(&self, report: &mut Report, tell: &impl Fn(&str)) -> anyhow::Result<()> {
        let Run { lines, users, .. } = self.run;
        for lines in [lines / 100, lines / 10, lines, lines * 10] {
            report
                .growth
                .push(self.grown(&self.site, lines.max(1), users, tell).await?);
        }
        for people in [0, users / 10, users * 5] {
            let site = ground::make(&self.server, people).await?;
            report
                .growth
                .push(self.grown(&site, lines, people, tell).await?);
            site.drop().await?;
        }
        Ok(())
    }

    async fn grown(
        &self,
        site: &Database,
        lines: u64,
        users: u64,
        tell: &impl Fn(&str),
    ) -> anyhow::Result<Grown> {
        let file = Load::W1.write(&self.folder, lines, users, SEED)?;
        let copy = site.copy("growth").await?;
        let muster = Muster::start(&copy, self.run.workers).await;
        let journey = muster
            .load(
                &self.server,
                &copy,
                Load::W1.recipe(),
                Path::new(&file),
                lines,
            )
            .await?;
        drop(muster);
        copy.drop().await?;
        tokio::fs::remove_file(file).await?;
        tell(&format!(
            "{lines} lines on {users} people: {:.2} s",
            journey.total
        ));
        Ok(Grown {
            lines,
            users,
            muster: journey,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn w4_comes_after_w1_whoever_asks_for_it() {
        use Load::{W1, W2, W4};
        assert_eq!(tours(&[W4]), [vec![W1, W4]]);
        assert_eq!(tours(&[W4, W2, W1]), [vec![W1, W4], vec![W2]]);
        assert_eq!(tours(&[W1, W2]), [vec![W1], vec![W2]]);
    }
}
