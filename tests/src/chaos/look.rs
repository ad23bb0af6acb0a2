//! What a file looks like: delimiter, encoding, quotes, line ends. The same lines may be written in
//! many ways, and mean the same.

use super::model::Table;
use crate::{
    harness::{gzip, windows_1252},
    make::Chance,
};
use serde_json::{Map, Value};

const DELIMITERS: &[(char, &str)] = &[
    (',', ","),
    (';', ";"),
    ('\t', "tab"),
    ('|', "|"),
    (':', ":"),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Utf8,
    Utf8WithMark,
    Utf16 { is_big: bool },
    Windows,
}

/// What a file looks like.
#[derive(Debug, Clone)]
#[allow(clippy::struct_excessive_bools, reason = "each is chosen for itself")]
pub(super) struct Look {
    delimiter: (char, &'static str),
    encoding: Encoding,
    line_end: &'static str,
    quotes_all: bool,
    is_zipped: bool,
    /// Delimiter and encoding are said, and not left to be found.
    is_said: bool,
    blank_lines: bool,
}

/// A file as it is sent.
#[derive(Debug, Clone)]
pub(super) struct Written {
    pub(super) bytes: Vec<u8>,
    pub(super) content_type: &'static str,
    /// What the admin says of it.
    pub(super) settings: Map<String, Value>,
    /// What it means.
    pub(super) table: Table,
}

impl Look {
    pub(super) fn random(chance: &mut Chance) -> Self {
        let encodings = [
            Encoding::Utf8,
            Encoding::Utf8WithMark,
            Encoding::Utf16 {
                is_big: chance.is(50),
            },
            Encoding::Windows,
        ];
        Self {
            delimiter: *chance.of(DELIMITERS),
            encoding: *chance.of(&encodings),
            line_end: *chance.of(&["\n", "\r\n", "\r\n", "\r"]),
            quotes_all: chance.is(20),
            is_zipped: chance.is(15),
            is_said: chance.is(60),
            blank_lines: chance.is(10),
        }
    }

    /// One that says of itself what it is, in an encoding that has every letter.
    pub(super) fn said(chance: &mut Chance) -> Self {
        let look = Self::random(chance);
        let encoding = if look.encoding == Encoding::Windows {
            Encoding::Utf8
        } else {
            look.encoding
        };
        Self {
            is_said: true,
            encoding,
            ..look
        }
    }

    /// Writes records below their headings.
    pub(super) fn write(&self, headings: Vec<String>, records: Vec<Vec<String>>) -> Written {
        let mut text = self.line(&headings);
        let mut line = 2;
        let mut lines = Vec::with_capacity(records.len());
        for (number, record) in records.into_iter().enumerate() {
            if self.blank_lines && number % 17 == 3 {
                text.push_str(self.line_end);
                line += 1;
            }
            text.push_str(&self.line(&record));
            let breaks = record
                .iter()
                .map(|cell| cell.matches('\n').count())
                .sum::<usize>();
            // A line of nothing but delimiters is blank.
            if record.iter().any(|cell| !cell.trim().is_empty()) {
                lines.push((line, record));
            }
            line += 1 + breaks as u32;
        }
        let mut bytes = self.encoded(&text);
        if self.is_zipped {
            bytes = gzip(&bytes);
        }
        let content_type = if self.is_zipped {
            "application/gzip"
        } else {
            "text/csv"
        };
        Written {
            bytes,
            content_type,
            settings: self.settings(),
            table: Table { headings, lines },
        }
    }

    fn line(&self, cells: &[String]) -> String {
        let cells: Vec<_> = cells.iter().map(|cell| self.cell(cell)).collect();
        cells.join(&self.delimiter.0.to_string()) + self.line_end
    }

    fn cell(&self, cell: &str) -> String {
        let needs_quotes = cell.contains(['"', '\n', '\r', self.delimiter.0]);
        if needs_quotes || self.quotes_all {
            format!("\"{}\"", cell.replace('"', "\"\""))
        } else {
            cell.to_owned()
        }
    }

    fn encoded(&self, text: &str) -> Vec<u8> {
        match self.encoding {
            Encoding::Utf8 => text.as_bytes().to_vec(),
            Encoding::Utf8WithMark => format!("\u{feff}{text}").into_bytes(),
            Encoding::Windows => windows_1252(text),
            Encoding::Utf16 { is_big } => {
                let units = std::iter::once(0xFEFF).chain(text.encode_utf16());
                units
                    .flat_map(|unit| {
                        if is_big {
                            unit.to_be_bytes()
                        } else {
                            unit.to_le_bytes()
                        }
                    })
                    .collect()
            }
        }
    }

    fn settings(&self) -> Map<String, Value> {
        let mut settings = Map::new();
        if self.is_said {
            settings.insert("delimiter".to_owned(), self.delimiter.1.into());
        }
        let encoding = match self.encoding {
            // Which of the many old encodings it is shows only in many accents.
            Encoding::Windows => Some("windows-1252"),
            _ if !self.is_said => None,
            Encoding::Utf8 | Encoding::Utf8WithMark => Some("UTF-8"),
            Encoding::Utf16 { is_big: true } => Some("UTF-16BE"),
            Encoding::Utf16 { is_big: false } => Some("UTF-16LE"),
        };
        settings.extend(encoding.map(|label| ("encoding".to_owned(), label.into())));
        settings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_as_they_stand_in_the_file() {
        let mut look = Look::random(&mut Chance::new(1));
        look.line_end = "\r\n";
        look.blank_lines = false;
        let records = [["a", "x\ny"], ["b", ""], ["c", "\"\n\n"]]
            .map(|record| record.map(str::to_owned).to_vec());
        let written = look.write(vec!["key".to_owned(), "text".to_owned()], records.to_vec());
        let lines: Vec<_> = written.table.lines.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [2, 4, 5]);
    }
}
