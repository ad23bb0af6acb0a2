//! One pass over the file: header, then chunks of records. A lane that takes over reads from the
//! beginning too, which costs a fraction of a second a million lines, and stages only what is not
//! staged yet.

use super::{
    PassEnd, PassResult, must_leave,
    records::Item,
    source::{Cells, READS_ON_BYTES, Source, is_of_excel},
    stage::Chunk,
};
use crate::{
    batch::{claim::Claim, context::Context},
    error::StageError,
    header::{Expect, Header, understand},
    kinds::{self, importer::Importer},
};
use muster_shared::{
    model::{
        budget::{Budget, Load},
        issue::{Code, FileIssue, Issue},
        site::Limits,
        slot::Slots,
        text::{cut, trimmed},
    },
    store::{imports::Import, slots},
};
use sqlx::PgPool;
use std::{mem::take, time::Instant};
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

/// Records shown to the admin.
const SAMPLE_RECORDS: usize = 5;
/// The most bytes of them all: they are in every answer that shows the import.
const SAMPLE_BYTES: usize = 32 << 10;

/// How far a chunk was filled.
enum Filled {
    /// There is more of the file.
    Full,
    /// The file is at its end.
    ToTheEnd,
    /// The file as a whole cannot be taken.
    Rejected(Vec<FileIssue>),
}

/// What was read, on its way to whoever stages it.
pub(super) enum Read {
    /// A chunk, how many bytes and lines were read so far, and at the end what was found in the
    /// whole file.
    Chunk {
        chunk: Chunk,
        bytes: i64,
        lines: i32,
        whole: Option<PassResult>,
    },
    /// The file as a whole cannot be taken.
    Rejected(Vec<FileIssue>),
}

/// What lines are read with once the header is understood.
struct LineReader {
    header: Header,
    importer: Box<dyn Importer>,
}

/// One pass over the file.
pub(super) struct Pass {
    import: Import,
    control: PgPool,
    limits: Limits,
    source: Source,
    slots: Slots,
    /// `None`: the header has not come yet.
    lines_read_by: Option<LineReader>,
    /// Where the lines of the parent are, of which this file says what they should have been.
    parent_lines: Option<usize>,
    resume_after: i32,
    warnings: Vec<FileIssue>,
    sample: Vec<Vec<String>>,
    lines: i32,
}

impl Pass {
    /// Opens the file at its beginning. What is on the lines after `resume_after` will be staged.
    pub(super) async fn open(
        context: &Context,
        import: &Import,
        limits: &Limits,
        resume_after: i32,
    ) -> Result<Self, StageError> {
        let source = Source::open(context, import, limits).await?;
        let mut conn = context.control.acquire().await?;
        let slots = slots::of_import(&mut conn, import.no).await?;
        Ok(Self::over(
            source,
            slots,
            import,
            limits,
            context.control.clone(),
            resume_after,
        ))
    }

    pub(super) fn over(
        source: Source,
        slots: Slots,
        import: &Import,
        limits: &Limits,
        control: PgPool,
        resume_after: i32,
    ) -> Self {
        Self {
            import: import.clone(),
            control,
            limits: limits.clone(),
            source,
            slots,
            lines_read_by: None,
            parent_lines: None,
            resume_after,
            warnings: Vec::new(),
            sample: Vec::new(),
            lines: 0,
        }
    }

    /// Reads and stages the whole file, or as much of it as is wanted. While Postgres takes one
    /// chunk, the next is read: reading takes half as long.
    pub(super) async fn read(
        self,
        context: &Context,
        claim: &Claim,
    ) -> Result<PassEnd, StageError> {
        let import = self.import.clone();
        let before = claim.batch().progress;
        let (sender, mut reads) = mpsc::channel(1);
        let _reader = AbortOnDropHandle::new(tokio::spawn(self.read_ahead(sender)));
        // When it came to what nobody had read: what others read before is read through first, and
        // does not count.
        let mut since = None;
        while let Some(read) = reads.recv().await {
            let (chunk, bytes, lines, whole) = match read? {
                Read::Chunk {
                    chunk,
                    bytes,
                    lines,
                    whole,
                } => (chunk, bytes, lines, whole),
                Read::Rejected(issues) => return Ok(PassEnd::Rejected(issues)),
            };
            if bytes > before {
                since.get_or_insert_with(Instant::now);
            }
            // A chunk of nothing but blank lines, or lines that are staged already, renews the
            // claim.
            chunk.stage(claim, bytes, lines).await?;
            if let Some(found) = whole {
                return Ok(PassEnd::Whole(found));
            }
            context.publish(import.id);
            if must_leave(context, &import, since).await? {
                return Ok(PassEnd::Stopped);
            }
        }
        Err(StageError::defect("reading the file broke off"))
    }

    /// Reads chunk after chunk, as long as somebody takes them; two are ahead at most.
    async fn read_ahead(mut self, sender: mpsc::Sender<Result<Read, StageError>>) {
        loop {
            let read = self.next().await;
            let is_last = !matches!(read, Ok(Read::Chunk { whole: None, .. }));
            if sender.send(read).await.is_err() || is_last {
                return;
            }
        }
    }

    /// The next chunk.
    pub(super) async fn next(&mut self) -> Result<Read, StageError> {
        let mut chunk = Chunk::new(self.import.no);
        let whole = match self.fill(&mut chunk).await? {
            Filled::Rejected(issues) => return Ok(Read::Rejected(issues)),
            Filled::Full => None,
            Filled::ToTheEnd => Some(self.found()),
        };
        Ok(Read::Chunk {
            chunk,
            bytes: self.source.bytes_read(),
            lines: self.lines,
            whole,
        })
    }

    fn found(&mut self) -> PassResult {
        let headings = self
            .lines_read_by
            .take()
            .map(|by| by.header.headings)
            .unwrap_or_default();
        PassResult {
            headings,
            warnings: take(&mut self.warnings),
            sample: take(&mut self.sample),
            lines: self.lines,
        }
    }

    /// Fills a chunk, as far as that goes without reading on for too long.
    async fn fill(&mut self, chunk: &mut Chunk) -> Result<Filled, StageError> {
        let mut passed = Load::default();
        let until = self.source.read() + READS_ON_BYTES;
        while !chunk.is_full() && !Budget::CHUNK.is_used_up(&passed) && self.source.read() < until {
            let taken = match self.source.next().await? {
                Item::Record { line } => self.take(line, chunk, None),
                Item::OpenQuote { line } => {
                    let issue = Issue::error(
                        Code::OpenQuote,
                        "A quote is opened on this line and never closed. Close it, or take it out.",
                    );
                    self.take(line, chunk, Some(issue))
                }
                Item::TooLong { line } => Err(vec![self.too_long(line)]),
                Item::TooManyLines => Err(vec![limit(
                    i32::MAX,
                    format!("The file has more than {} lines. Split it.", i32::MAX),
                )]),
                Item::More => Ok(()),
                Item::End => {
                    return Ok(self.check_end().map_or(Filled::ToTheEnd, Filled::Rejected));
                }
            };
            if let Err(issues) = taken {
                return Ok(Filled::Rejected(issues));
            }
            passed += Load::of_line(0, 0);
        }
        Ok(Filled::Full)
    }

    /// Takes a record: the header, if it is the first, or a line of the chunk.
    fn take(
        &mut self,
        line: i32,
        chunk: &mut Chunk,
        shape: Option<Issue>,
    ) -> Result<(), Vec<FileIssue>> {
        let Some(LineReader { header, importer }) = &self.lines_read_by else {
            let cells = self.source.cells(self.limits.columns as usize);
            return self.take_header(line, &cells, shape);
        };
        let cells = self.source.cells(header.headings.len());
        if cells.are_blank() {
            return Ok(());
        }
        self.lines += 1;
        if self.lines as u64 > self.limits.lines {
            return Err(vec![limit(
                line,
                format!(
                    "The file has more than {} lines. Split it.",
                    self.limits.lines
                ),
            )]);
        }
        take_sample(&mut self.sample, &cells.texts);
        if line <= self.resume_after {
            return Ok(());
        }
        let issues = wrong_shape(header, &cells, shape);
        let identity = importer
            .identify(&kinds::cells::Cells::new(header, &cells.texts))
            .bounded();
        // A record of a wrong shape may have anything in that place.
        let parent_line = self
            .parent_lines
            .filter(|_| issues.is_empty())
            .and_then(|i| line_of_parent(&cells.texts[i]));
        let slot = identity
            .key
            .as_deref()
            .map_or_else(|| self.slots.of_line(line), |key| self.slots.of_key(key));
        chunk.push(line, slot, parent_line, &identity, &cells.texts, &issues);
        Ok(())
    }

    fn take_header(
        &mut self,
        line: i32,
        cells: &Cells,
        shape: Option<Issue>,
    ) -> Result<(), Vec<FileIssue>> {
        if let Some(issue) = shape {
            return Err(vec![FileIssue {
                issue,
                line: Some(line),
                count: 1,
            }]);
        }
        if is_of_excel(line, &cells.texts) {
            return Ok(());
        }
        let import = &self.import;
        let (header, warnings) = understand(&cells.texts, line, Expect::of(import, &self.limits))?;
        self.parent_lines = import.parent.and_then(|_| header.lines_of_report());
        let importer = kinds::importer(import, header.clone(), &self.control);
        self.lines_read_by = Some(LineReader { header, importer });
        self.warnings = warnings;
        Ok(())
    }

    fn too_long(&self, line: i32) -> FileIssue {
        let max = self.limits.record_bytes;
        limit(
            line,
            format!(
                "The record that begins on line {line} is longer than {max} bytes. Is a closing quote missing?"
            ),
        )
    }

    /// A file that ends without a header, or with nothing behind it, cannot be taken.
    fn check_end(&self) -> Option<Vec<FileIssue>> {
        let issue = if self.lines_read_by.is_none() {
            Issue::error(Code::EmptyFile, "The file is empty.")
        } else if self.lines == 0 {
            Issue::error(Code::HeaderOnly, "The file has a header and no lines.")
        } else {
            return None;
        };
        Some(vec![FileIssue {
            issue,
            line: None,
            count: 1,
        }])
    }
}

/// The line of the parent that a cell names: the header is line 1.
fn line_of_parent(cell: &str) -> Option<i32> {
    trimmed(cell).parse().ok().filter(|&line| line > 1)
}

fn limit(line: i32, message: String) -> FileIssue {
    FileIssue {
        issue: Issue::error(Code::Limit, message),
        line: Some(line),
        count: 1,
    }
}

/// All that is wrong with the shape of a record. One with an open quote has no cells to speak of.
fn wrong_shape(header: &Header, cells: &Cells, open_quote: Option<Issue>) -> Vec<Issue> {
    let mut issues: Vec<Issue> = cells
        .bad
        .iter()
        .map(|&i| bad_bytes(header, i, &cells.texts[i]))
        .collect();
    match open_quote {
        Some(issue) => issues.insert(0, issue),
        None => issues.extend(misfit(cells.width, header.headings.len())),
    }
    Issue::told(issues)
}

fn bad_bytes(header: &Header, position: usize, cell: &str) -> Issue {
    let message = "This cell has bytes that are no text in the file's encoding (shown as \u{fffd}). Save the file as UTF-8, or say its encoding.";
    // What is beyond the last heading has none.
    let heading = header.headings.get(position).map_or("", String::as_str);
    let issue = Issue::error(Code::BadBytes, message).at(heading, cell);
    Issue {
        column: issue.column.filter(|heading| !heading.is_empty()),
        ..issue
    }
}

/// A record has as many cells as the header; empty ones beyond them do not count.
fn misfit(width: usize, of_header: usize) -> Option<Issue> {
    let message = || {
        format!(
            "The line has {width} cells, the header has {of_header}. Is a delimiter missing, or one too many, or a quote?"
        )
    };
    (width != of_header).then(|| Issue::error(Code::Width, message()))
}

/// Keeps the beginnings of the first records.
fn take_sample(sample: &mut Vec<Vec<String>>, cells: &[String]) {
    let bytes = |cells: &[String]| cells.iter().map(String::len).sum::<usize>();
    if sample.len() < SAMPLE_RECORDS {
        let record: Vec<String> = cells
            .iter()
            .map(|cell| cut(cell, Issue::VALUE_CHARS).to_owned())
            .collect();
        if sample.iter().map(|cells| bytes(cells)).sum::<usize>() + bytes(&record) <= SAMPLE_BYTES {
            sample.push(record);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_parent_is_a_whole_number_behind_the_header() {
        for (cell, line) in [
            ("7", Some(7)),
            (" 12 ", Some(12)),
            ("1", None),
            ("0", None),
            ("-3", None),
            ("7.0", None),
            ("", None),
            ("x", None),
        ] {
            assert_eq!(line_of_parent(cell), line, "{cell}");
        }
        assert_eq!(line_of_parent("99999999999"), None);
    }

    fn cells(texts: &[&str], width: usize, bad: &[usize]) -> Cells {
        Cells {
            texts: texts.iter().map(|&text| text.to_owned()).collect(),
            width,
            bad: bad.to_vec(),
        }
    }

    fn told(cells: &Cells, open_quote: Option<Issue>) -> Vec<String> {
        let header = Header {
            headings: vec!["a".to_owned(), "b".to_owned()],
            meanings: vec![None, None],
            is_report: false,
        };
        let issues = wrong_shape(&header, cells, open_quote);
        issues
            .iter()
            .map(|issue| format!("{} {}", issue.code, issue.column.as_deref().unwrap_or("-")))
            .collect()
    }

    #[test]
    fn all_that_is_wrong_with_a_shape_is_told_at_once() {
        assert_eq!(told(&cells(&["x", "y"], 2, &[]), None), [""; 0]);
        assert_eq!(told(&cells(&["x"], 1, &[]), None), ["width -"]);
        assert_eq!(
            told(&cells(&["x", "\u{fffd}"], 2, &[1]), None),
            ["bad-bytes b"]
        );
        assert_eq!(
            told(&cells(&["\u{fffd}", "y", "\u{fffd}"], 3, &[0, 2]), None),
            ["bad-bytes a", "bad-bytes -", "width -"]
        );
        let open = Issue::error(Code::OpenQuote, "Open.");
        assert_eq!(
            told(&cells(&["x,\"\u{fffd}"], 1, &[0]), Some(open)),
            ["open-quote -", "bad-bytes a"]
        );
        let many = cells(&["\u{fffd}"; 300], 300, &(0..300).collect::<Vec<_>>());
        assert_eq!(told(&many, None).len(), Issue::MAX_OF_A_LINE);
    }

    #[test]
    fn the_sample_is_small_whatever_the_records_are() {
        let mut sample = Vec::new();
        for record in [
            vec!["é".repeat(500); 2],
            vec!["x".repeat(300); 500],
            vec!["y".to_owned()],
            vec![String::new(); 2],
            vec!["z".to_owned()],
            vec![],
        ] {
            take_sample(&mut sample, &record);
        }
        let widths: Vec<_> = sample
            .iter()
            .map(|cells| {
                (
                    cells.len(),
                    cells.first().map_or(0, |cell| cell.chars().count()),
                )
            })
            .collect();
        assert_eq!(
            widths,
            [(2, 200), (1, 1), (2, 0), (1, 1), (0, 0)],
            "cut, and without the one that is too wide"
        );
    }
}
