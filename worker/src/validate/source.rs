//! What is read: the records of an upload, one after the other, and their cells as text.

use super::{
    decode::Text,
    records::{Item, Records},
};
use crate::{batch::context::Context, error::StageError};
use bytes::Bytes;
use futures::stream::BoxStream;
use muster_shared::{
    files::FilesError,
    model::{budget::Load, reading::Reading, site::Limits, text::trimmed},
    store::imports::Import,
};

/// Bytes after which whoever reads looks up, whatever was read: cell by cell, blank lines, or
/// members of gzip with nothing in them.
pub(super) const READS_ON_BYTES: u64 = 16 << 20;

/// The records of an upload.
pub(super) struct Source {
    text: Text,
    records: Records,
    delimiter: u8,
    is_utf8: bool,
    /// Bytes that were read so far, as they were uploaded and as they are expanded.
    read: u64,
}

/// The cells of a record as text.
pub(super) struct Cells {
    /// Those that were wanted, and all beyond them as one that holds them as CSV.
    pub(super) texts: Vec<String>,
    /// How many there really are, but for empty ones beyond those that were wanted.
    pub(super) width: usize,
    /// The positions of those with bytes that are no text.
    pub(super) bad: Vec<usize>,
}

impl Cells {
    /// Is there nothing in any of them?
    pub(super) fn are_blank(&self) -> bool {
        self.texts.iter().all(|text| trimmed(text).is_empty())
    }
}

impl Source {
    /// Opens the file of the import at its beginning.
    pub(super) async fn open(
        context: &Context,
        import: &Import,
        limits: &Limits,
    ) -> Result<Self, StageError> {
        let reading = import.file.reading(&import.settings);
        let key = import
            .file
            .key
            .as_deref()
            .ok_or_else(|| StageError::defect("an import without a file cannot be read"))?;
        let bytes = context.files.read(key).await?;
        Ok(Self::over(
            bytes,
            import.file.compression.is_some(),
            &reading,
            limits,
        ))
    }

    /// The records of these bytes, which are to be read like that.
    pub(super) fn over(
        bytes: BoxStream<'static, Result<Bytes, FilesError>>,
        is_gzip: bool,
        reading: &Reading,
        limits: &Limits,
    ) -> Self {
        let delimiter = reading.delimiter.value.byte();
        Self {
            text: Text::new(bytes, is_gzip, &reading.encoding.value),
            records: Records::new(delimiter, limits.record_bytes as usize),
            delimiter,
            is_utf8: reading.encoding.value == "UTF-8",
            read: 0,
        }
    }

    /// The next item. [`Item::More`]: much was read, and there was none in it; go on.
    pub(super) async fn next(&mut self) -> Result<Item, StageError> {
        let begun = self.read;
        loop {
            match self.records.next() {
                Item::More if self.read - begun >= READS_ON_BYTES => return Ok(Item::More),
                Item::More => self.feed().await?,
                item => return Ok(item),
            }
        }
    }

    async fn feed(&mut self) -> Result<(), StageError> {
        let uploaded = self.text.bytes_read;
        match self.text.next().await? {
            Some(piece) => {
                self.read += piece.len() as u64;
                self.records.feed(&piece);
            }
            None => self.records.end(),
        }
        self.read += (self.text.bytes_read - uploaded) as u64;
        Ok(())
    }

    /// Bytes that were read so far, as they were uploaded and as they are expanded: what reading
    /// has cost.
    pub(super) fn read(&self) -> u64 {
        self.read
    }

    /// Bytes of the upload that were read.
    pub(super) fn bytes_read(&self) -> i64 {
        self.text.bytes_read
    }

    /// Bytes that the cells of the last item hold once they are text, if so many are wanted.
    pub(super) fn bytes_held(&self, max: usize) -> u64 {
        Load::bytes_of(
            self.records.width().min(max + 1),
            self.records.cells().map(<[u8]>::len).sum(),
        )
    }

    /// The cells of the last item. At most so many are taken apart: a record of a million
    /// delimiters would take fifty times its size.
    pub(super) fn cells(&self, max: usize) -> Cells {
        let mut cells = Cells {
            texts: Vec::new(),
            width: self.records.width(),
            bad: Vec::new(),
        };
        for raw in self.records.cells().take(max) {
            self.add(&mut cells, raw);
        }
        if cells.width > max {
            let blank = self
                .records
                .cells()
                .rev()
                .take_while(|raw| is_blank(raw))
                .count();
            cells.width = (cells.width - blank).max(max);
        }
        if cells.width > max {
            let surplus = self.surplus(max, cells.width);
            self.add(&mut cells, &surplus);
        }
        cells
    }

    fn add(&self, cells: &mut Cells, raw: &[u8]) {
        match std::str::from_utf8(raw) {
            // A NUL is valid UTF-8, and no text to Postgres. In other encodings U+FFFD stands for
            // what could not be read.
            Ok(text) if !text.contains('\0') && (self.is_utf8 || !text.contains('\u{fffd}')) => {
                cells.texts.push(text.to_owned());
            }
            _ => {
                cells.bad.push(cells.texts.len());
                cells
                    .texts
                    .push(String::from_utf8_lossy(raw).replace('\0', "\u{fffd}"));
            }
        }
    }

    /// The cells in `from..to` as a line of CSV.
    fn surplus(&self, from: usize, to: usize) -> Vec<u8> {
        let mut line = Vec::new();
        for (nth, raw) in self.records.cells().take(to).skip(from).enumerate() {
            if nth > 0 {
                line.push(self.delimiter);
            }
            put_quoted(&mut line, raw, self.delimiter, to - from > 1);
        }
        line
    }
}

fn is_blank(raw: &[u8]) -> bool {
    raw.is_empty() || std::str::from_utf8(raw).is_ok_and(|text| trimmed(text).is_empty())
}

/// Adds a cell to a line, in quotes if it needs them there.
fn put_quoted(line: &mut Vec<u8>, raw: &[u8], delimiter: u8, has_neighbours: bool) {
    if !has_neighbours
        || !raw
            .iter()
            .any(|byte| [delimiter, b'"', b'\r', b'\n'].contains(byte))
    {
        return line.extend_from_slice(raw);
    }
    line.push(b'"');
    for &byte in raw {
        line.extend(std::iter::repeat_n(byte, if byte == b'"' { 2 } else { 1 }));
    }
    line.push(b'"');
}

/// Is it the line `sep=;`, which Excel writes for itself? Intake has taken the delimiter from it.
pub(super) fn is_of_excel(line: i32, cells: &[String]) -> bool {
    line == 1
        && cells
            .first()
            .is_some_and(|cell| cell.to_lowercase().starts_with("sep="))
        && cells.iter().skip(1).all(String::is_empty)
}
