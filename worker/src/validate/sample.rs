//! What the keys of a file are like: a sample of them, read before the first line is staged.
//! Reading is a fraction of what staging takes.

use super::{
    must_leave,
    records::Item,
    source::{Source, is_of_excel},
};
use crate::{
    batch::{claim::Claim, context::Context},
    error::StageError,
    header::{Expect, Header, understand},
    kinds::{self, cells::Cells, importer::Importer},
};
use muster_shared::{
    model::{
        site::Limits,
        slot::{SLOTS, stand_in},
    },
    store::{batches::LINE_WEIGHT, imports::Import},
};
use sqlx::PgPool;
use std::time::{Duration, Instant};
use xxhash_rust::xxh3::xxh3_64;

/// Keys that are worth drawing: four for a slot. With fewer, some slots would be many times as full
/// as others.
const SAMPLE: usize = 4 * SLOTS;

/// After so long the claim is renewed.
const RENEWS: Duration = Duration::from_secs(1);

/// Reads the file through once and finds bounds between slots that weigh about the same. `None`: it
/// must be left.
pub(super) async fn bounds(
    context: &Context,
    import: &Import,
    claim: &Claim,
    limits: &Limits,
) -> Result<Option<Bounds>, StageError> {
    let mut source = Source::open(context, import, limits).await?;
    let mut drawing = Drawing {
        control: &context.control,
        import,
        limits,
        reader: None,
        sample: Sample::new(),
    };
    let mut renewed = Instant::now();
    loop {
        match source.next().await? {
            Item::Record { line } if drawing.take(line, &source) => {}
            Item::OpenQuote { .. } | Item::More => {}
            // A file that is rejected needs no slots; why it is, the pass will say that follows.
            Item::Record { .. } | Item::TooLong { .. } | Item::TooManyLines | Item::End => break,
        }
        if renewed.elapsed() >= RENEWS {
            claim.renew().await?;
            if must_leave(context, import, None).await? {
                return Ok(None);
            }
            renewed = Instant::now();
        }
    }
    Ok(Some(drawing.sample.bounds()))
}

/// Drawing the sample of one file.
struct Drawing<'a> {
    control: &'a PgPool,
    import: &'a Import,
    limits: &'a Limits,
    /// From the header on.
    reader: Option<(Box<dyn Importer>, Header)>,
    sample: Sample,
}

impl Drawing<'_> {
    /// Takes a record: the header, or a line that may be drawn. `false`: the header is none.
    fn take(&mut self, line: i32, source: &Source) -> bool {
        match &self.reader {
            Some((importer, header)) => {
                let width = header.headings.len();
                let key = || {
                    importer
                        .identify(&Cells::new(header, &source.cells(width).texts))
                        .bounded()
                        .key
                        .unwrap_or_else(|| stand_in(line))
                };
                self.sample.take(line, source.bytes_held(width), key);
                true
            }
            None => self.take_header(line, source),
        }
    }

    fn take_header(&mut self, line: i32, source: &Source) -> bool {
        let cells = source.cells(self.limits.columns as usize).texts;
        if is_of_excel(line, &cells) {
            return true;
        }
        let Ok((header, _)) = understand(&cells, line, Expect::of(self.import, self.limits)) else {
            return false;
        };
        self.reader = Some((
            kinds::importer(self.import, header.clone(), self.control),
            header,
        ));
        true
    }
}

/// Bounds between slots, and what a line of each slot weighs on average.
pub(super) struct Bounds {
    pub(super) keys: Vec<String>,
    pub(super) line_weights: Vec<i32>,
}

/// The keys of lines that are drawn by weight, as if at random, but the same ones at every reading.
/// (Efraimidis and Spirakis, *Weighted random sampling with a reservoir*, 2006: those with the
/// smallest lots, where heavier lines have smaller ones.)
struct Sample {
    drawn: Vec<Drawn>,
    /// Greater lots are not among the smallest.
    max: f64,
}

struct Drawn {
    lot: f64,
    weight: f64,
    key: String,
}

impl Sample {
    fn new() -> Self {
        Self {
            drawn: Vec::new(),
            max: f64::INFINITY,
        }
    }

    /// Takes a line that holds so many bytes, if its lot may be among the smallest.
    fn take(&mut self, line: i32, bytes: u64, key: impl FnOnce() -> String) {
        let chance = (xxh3_64(&line.to_le_bytes()) >> 11) as f64 / (1_u64 << 53) as f64;
        let weight = LINE_WEIGHT as f64 + bytes as f64;
        let lot = -(1.0 - chance).ln() / weight;
        if lot > self.max {
            return;
        }
        self.drawn.push(Drawn {
            lot,
            weight,
            key: key(),
        });
        if self.drawn.len() == 2 * SAMPLE {
            self.cut();
        }
    }

    fn cut(&mut self) {
        if self.drawn.len() > SAMPLE {
            let (_, last, _) = self
                .drawn
                .select_nth_unstable_by(SAMPLE - 1, |a, b| a.lot.total_cmp(&b.lot));
            self.max = last.lot;
            self.drawn.truncate(SAMPLE);
        }
    }

    /// How many lines one that was drawn stands for: one that was sure to be, for itself alone.
    fn lines(&self, drawn: &Drawn) -> f64 {
        (self.max.recip() / drawn.weight).max(1.0)
    }

    fn bounds(mut self) -> Bounds {
        self.cut();
        self.drawn.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        let fair = self
            .drawn
            .iter()
            .map(|drawn| self.lines(drawn) * drawn.weight)
            .sum::<f64>()
            / SLOTS as f64;
        let mut bounds = Bounds {
            keys: Vec::new(),
            line_weights: Vec::new(),
        };
        let (mut lines, mut weight) = (0.0, 0.0);
        let mut last = None;
        for drawn in &self.drawn {
            // Lines about one subject are never parted.
            if weight >= fair && bounds.keys.len() + 1 < SLOTS && last != Some(&drawn.key) {
                bounds.keys.push(drawn.key.clone());
                bounds.line_weights.push((weight / lines) as i32);
                (lines, weight) = (0.0, 0.0);
            }
            lines += self.lines(drawn);
            weight += self.lines(drawn) * drawn.weight;
            last = Some(&drawn.key);
        }
        let average = if lines > 0.0 {
            weight / lines
        } else {
            LINE_WEIGHT as f64
        };
        bounds.line_weights.push(average as i32);
        bounds
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_shared::model::slot::Slots;

    const SHORT: i32 = 100;
    const LONG: i32 = 1 << 20;

    /// The bounds of so many lines, whose keys are the numbers from 0 in another order than the
    /// lines', and how many lines each slot has.
    fn divided(lines: i32, bytes: impl Fn(i32) -> i32) -> (Bounds, Vec<i32>) {
        let mut sample = Sample::new();
        let number = |line: i32| (i64::from(line) * 7_919 % i64::from(lines)) as i32;
        for line in 0..lines {
            sample.take(line, bytes(number(line)) as u64, || {
                format!("{:07}", number(line))
            });
        }
        let bounds = sample.bounds();
        let slots = Slots::between(bounds.keys.clone());
        let mut full = vec![0; bounds.line_weights.len()];
        (0..lines).for_each(|number| full[slots.of_key(&format!("{number:07}")) as usize] += 1);
        (bounds, full)
    }

    fn weighs(bytes: i32) -> i32 {
        LINE_WEIGHT as i32 + bytes
    }

    #[test]
    fn slots_of_equal_lines_are_about_equally_full() {
        let (bounds, full) = divided(1_000_000, |_| SHORT);
        assert!(
            bounds.keys.len() > SLOTS * 3 / 4 && bounds.keys.len() < SLOTS,
            "{}",
            bounds.keys.len()
        );
        assert!(
            full.iter().all(|&lines| (1..1_500).contains(&lines)),
            "{:?}",
            full.iter().max()
        );
        assert!(
            bounds
                .line_weights
                .iter()
                .all(|&weight| weight.abs_diff(weighs(SHORT)) <= 1)
        );
        assert!(
            bounds.keys == divided(1_000_000, |_| SHORT).0.keys,
            "the same at every reading"
        );
    }

    #[test]
    fn long_lines_that_are_neighbours_do_not_share_a_slot_with_many() {
        let is_long = |number: i32| (500_000..500_500).contains(&number);
        let (bounds, full) = divided(
            1_000_000,
            |number| if is_long(number) { LONG } else { SHORT },
        );
        let slots = Slots::between(bounds.keys.clone());
        for number in (500_010..500_490).step_by(10) {
            let slot = slots.of_key(&format!("{number:07}")) as usize;
            assert!(
                full[slot] <= 4,
                "{number} shares slot {slot} with {}",
                full[slot]
            );
            assert!(
                bounds.line_weights[slot] > weighs(LONG) / 2,
                "{number}: {}",
                bounds.line_weights[slot]
            );
        }
    }

    #[test]
    fn a_small_file_has_as_many_slots_as_subjects_at_most() {
        let (bounds, full) = divided(50, |_| SHORT);
        assert_eq!(
            (
                bounds.keys.len(),
                bounds.line_weights.len(),
                full.iter().max()
            ),
            (49, 50, Some(&1))
        );
        let (bounds, _) = divided(0, |_| SHORT);
        assert_eq!(
            (bounds.keys.len(), bounds.line_weights),
            (0, vec![weighs(0)])
        );
    }

    #[test]
    fn lines_about_one_subject_are_not_parted() {
        let mut sample = Sample::new();
        (0..100_000).for_each(|line| {
            sample.take(line, 10, || {
                if line < 99_000 {
                    "anna".to_owned()
                } else {
                    stand_in(line)
                }
            });
        });
        let bounds = sample.bounds();
        assert_eq!(bounds.keys.iter().filter(|key| *key == "anna").count(), 1);
    }
}
