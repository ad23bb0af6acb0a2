//! What is read: the records of an upload, one after the other, and their cells as text.

use super::{
    decode::Text,
    records::{Item, Records},
};
use crate::{context::Context, error::StageError};
use muster_shared::{model::site::Limits, store::imports::Import};

/// The records of an upload.
pub(super) struct Source {
    text: Text,
    records: Records,
    is_utf8: bool,
}

impl Source {
    /// Opens the file of the import at its beginning.
    pub(super) async fn open(context: &Context, import: &Import, limits: &Limits) -> Result<Self, StageError> {
        let reading = import.file.reading(&import.settings);
        let key = import
            .file
            .key
            .as_deref()
            .ok_or(StageError::Fail { code: "defect", detail: "An import without a file cannot be read.".to_owned() })?;
        let bytes = context.files.read(key).await?;
        Ok(Self {
            text: Text::new(bytes, import.file.compression.is_some(), &reading.encoding.value),
            records: Records::new(reading.delimiter.value.byte(), limits.record_bytes as usize),
            is_utf8: reading.encoding.value == "UTF-8",
        })
    }

    /// The next item, which is never [`Item::More`].
    pub(super) async fn next(&mut self) -> Result<Item, StageError> {
        loop {
            match self.records.next() {
                Item::More => match self.text.next().await? {
                    Some(piece) => self.records.feed(&piece),
                    None => self.records.end(),
                },
                item => return Ok(item),
            }
        }
    }

    /// Bytes of the cells of the last item.
    pub(super) fn bytes(&self) -> usize {
        self.records.cells().map(<[u8]>::len).sum()
    }

    /// Bytes of the upload that were read.
    pub(super) fn bytes_read(&self) -> i64 {
        self.text.bytes_read
    }

    /// The cells of the last item as text, and the positions of those with bytes that are none.
    pub(super) fn texts(&self) -> (Vec<String>, Vec<usize>) {
        let mut bad = Vec::new();
        let mut text = |(i, raw): (usize, &[u8])| match std::str::from_utf8(raw) {
            // A NUL is valid UTF-8, and no text to Postgres. In other encodings U+FFFD stands for what could not be read.
            Ok(text) if !text.contains('\0') && (self.is_utf8 || !text.contains('\u{fffd}')) => text.to_owned(),
            _ => {
                bad.push(i);
                String::from_utf8_lossy(raw).replace('\0', "\u{fffd}")
            }
        };
        let cells = self.records.cells().enumerate().map(&mut text).collect();
        (cells, bad)
    }
}

/// Is it the line `sep=;`, which Excel writes for itself? Intake has taken the delimiter from it.
pub(super) fn is_of_excel(line: i32, cells: &[String]) -> bool {
    line == 1 && cells.first().is_some_and(|cell| cell.to_lowercase().starts_with("sep=")) && cells.iter().skip(1).all(String::is_empty)
}
