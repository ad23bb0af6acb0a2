//! Records of a CSV text with the physical line on which each begins. Lines end in CR, LF or CRLF;
//! blank ones are passed over; a quote that never closes costs its own line only. It must never
//! hold more than one record and one piece of the file.

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

/// Begins a text of UTF-8, if its writer likes. Files that were put together from several have some
/// inside, before a record.
const MARK: &[u8] = b"\xEF\xBB\xBF";

/// What comes next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Item {
    /// A record that begins on this line; its cells are in [`Records::cells`].
    Record {
        /// Physical, the first is 1.
        line: i32,
    },
    /// A quote is opened on this line and never closed. The line's text is in [`Records::cells`],
    /// as one cell.
    OpenQuote {
        /// Physical, the first is 1.
        line: i32,
    },
    /// The record that begins on this line is longer than the limit.
    TooLong {
        /// Physical, the first is 1.
        line: i32,
    },
    /// There are more physical lines than have numbers.
    TooManyLines,
    /// More of the file is needed: [`Records::feed`] or [`Records::end`].
    More,
    /// There is nothing more.
    End,
}

/// Records of a CSV text.
#[allow(
    clippy::struct_excessive_bools,
    reason = "what was met so far, each for itself"
)]
pub(crate) struct Records {
    reader: Reader,
    buffer: Vec<u8>,
    start: usize,
    is_ended: bool,
    /// The physical line of `buffer[start]`.
    line: i32,
    /// An open quote was met: from there on records do not span lines, or each further line would
    /// be read to the end of the file.
    is_by_line: bool,
    /// The last read was broken off, so the reader is in the middle of a record.
    is_broken_off: bool,
    /// The byte before `buffer[start]` was a CR, so that a LF there ends no other line.
    after_cr: bool,
    limit: usize,
    cells: Vec<u8>,
    ends: Vec<usize>,
    width: usize,
}

impl Records {
    /// Of a text whose cells are divided by `delimiter` and whose records have at most `limit`
    /// bytes.
    pub(crate) fn new(delimiter: u8, limit: usize) -> Self {
        Self {
            reader: ReaderBuilder::new().delimiter(delimiter).build(),
            buffer: Vec::new(),
            start: 0,
            is_ended: false,
            line: 1,
            is_by_line: false,
            is_broken_off: false,
            after_cr: false,
            limit,
            cells: Vec::new(),
            ends: vec![0; 64],
            width: 0,
        }
    }

    /// More of the file.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.start);
        self.start = 0;
        self.buffer.extend_from_slice(bytes);
    }

    /// There is no more of the file.
    pub(crate) fn end(&mut self) {
        self.is_ended = true;
        // Whatever the last line lacks: with it, a record that is still not whole has an open
        // quote.
        self.buffer.push(b'\n');
    }

    /// How many cells the last item has.
    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// The cells of the last item, raw.
    pub(crate) fn cells(&self) -> impl DoubleEndedIterator<Item = &[u8]> {
        (0..self.width)
            .map(|i| &self.cells[if i == 0 { 0 } else { self.ends[i - 1] }..self.ends[i]])
    }

    /// Takes the next item.
    pub(crate) fn next(&mut self) -> Item {
        if !self.skip_to_record() {
            return Item::More;
        }
        let line = self.line;
        if self.start == self.buffer.len() {
            return if self.is_ended { Item::End } else { Item::More };
        }
        if line == i32::MAX {
            return Item::TooManyLines;
        }
        match self.read() {
            // Its line end does not count.
            Some(length) if length > self.limit.saturating_add(1) => Item::TooLong { line },
            Some(length) => {
                self.pass(length);
                Item::Record { line }
            }
            None if self.buffer.len() - self.start > self.limit => Item::TooLong { line },
            None if self.is_ended => {
                self.is_by_line = true;
                self.take_line();
                Item::OpenQuote { line }
            }
            None => Item::More,
        }
    }

    /// Passes line ends, and marks before a record; `false`: whether there is another needs more of
    /// the file.
    fn skip_to_record(&mut self) -> bool {
        loop {
            self.skip_line_ends();
            let rest = &self.buffer[self.start..];
            if !rest.starts_with(MARK) {
                return self.is_ended || rest.is_empty() || !MARK.starts_with(rest);
            }
            self.pass(MARK.len());
        }
    }

    /// Reads the record at `start`; `None`: it is not whole yet. Returns its bytes, its line end
    /// included.
    fn read(&mut self) -> Option<usize> {
        let mut input = &self.buffer[self.start..];
        if self.is_by_line {
            let length = memchr::memchr2(b'\r', b'\n', input).map_or(input.len(), |at| at + 1);
            input = &input[..length];
        }
        // Unquoting never makes a record longer.
        if self.cells.len() < input.len() {
            self.cells.resize(input.len(), 0);
        }
        loop {
            if self.is_broken_off {
                self.reader.reset();
            }
            let (result, read, _, width) =
                self.reader
                    .read_record(input, &mut self.cells, &mut self.ends);
            self.is_broken_off = !matches!(result, ReadRecordResult::Record);
            match result {
                ReadRecordResult::Record => {
                    self.width = width;
                    return Some(read);
                }
                ReadRecordResult::OutputEndsFull | ReadRecordResult::OutputFull => {
                    self.ends.resize(self.ends.len() * 4, 0);
                }
                ReadRecordResult::InputEmpty | ReadRecordResult::End => return None,
            }
        }
    }

    /// Takes the physical line at `start` as one cell.
    fn take_line(&mut self) {
        let rest = &self.buffer[self.start..];
        let length = memchr::memchr2(b'\r', b'\n', rest).unwrap_or(rest.len());
        self.cells[..length].copy_from_slice(&rest[..length]);
        self.ends[0] = length;
        self.width = 1;
        self.pass(length);
    }

    fn skip_line_ends(&mut self) {
        let ends = self.buffer[self.start..]
            .iter()
            .take_while(|&&byte| byte == b'\r' || byte == b'\n')
            .count();
        self.pass(ends);
    }

    /// Moves `start` on, counting the lines that end on the way.
    fn pass(&mut self, length: usize) {
        let passed = &self.buffer[self.start..self.start + length];
        for at in memchr::memchr2_iter(b'\r', b'\n', passed) {
            let is_second_half = passed[at] == b'\n'
                && if at == 0 {
                    self.after_cr
                } else {
                    passed[at - 1] == b'\r'
                };
            self.line = self.line.saturating_add(i32::from(!is_second_half));
        }
        if let Some(last) = passed.last() {
            self.after_cr = *last == b'\r';
        }
        self.start += length;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads `text` in pieces of `piece` bytes: line, cells; an open quote is marked with `!`.
    fn read(text: &str, piece: usize, limit: usize) -> Vec<(i32, String)> {
        let mut records = Records::new(b',', limit);
        let mut pieces = text.as_bytes().chunks(piece);
        let mut all = Vec::new();
        loop {
            let item = records.next();
            let joined = || {
                records
                    .cells()
                    .map(|cell| String::from_utf8_lossy(cell).into_owned())
                    .collect::<Vec<_>>()
                    .join("|")
            };
            match item {
                Item::Record { line } => all.push((line, joined())),
                Item::OpenQuote { line } => all.push((line, format!("!{}", joined()))),
                Item::TooLong { line } => {
                    all.push((line, "too long".to_owned()));
                    return all;
                }
                Item::TooManyLines => panic!("not in these texts"),
                Item::More => match pieces.next() {
                    Some(piece) => records.feed(piece),
                    None => records.end(),
                },
                Item::End => return all,
            }
        }
    }

    #[test]
    fn lines_are_physical_whatever_ends_them() {
        let cases: &[(&str, &[(i32, &str)])] = &[
            ("", &[]),
            ("\n\r\n\r", &[]),
            ("a,b\nc,d", &[(1, "a|b"), (2, "c|d")]),
            ("a,b\r\nc,d\r\n", &[(1, "a|b"), (2, "c|d")]),
            ("a,b\rc,d\r", &[(1, "a|b"), (2, "c|d")]),
            ("a\n\n\nb\n", &[(1, "a"), (4, "b")]),
            ("a\r\n\r\nb\r\rc", &[(1, "a"), (3, "b"), (5, "c")]),
            ("a,\"x\ny\r\nz\"\nb,c", &[(1, "a|x\ny\r\nz"), (4, "b|c")]),
            ("\"a \"\"b\"\"\",c\n", &[(1, "a \"b\"|c")]),
            (
                "a,b\nc,\"open\nd,e\nf,g",
                &[(1, "a|b"), (2, "!c,\"open"), (3, "d|e"), (4, "f|g")],
            ),
            ("a\n\"b", &[(1, "a"), (2, "!\"b")]),
            (
                "a\"b,\nc,\"d\ne,\"f\"\n\"g\nh",
                &[(1, "a\"b|"), (2, "c|d\ne,f\""), (4, "!\"g"), (5, "h")],
            ),
            (
                "\"a,\"\"\nb,\"c\"\n\"d\nf,g\n",
                &[(1, "a,\"\nb,c\""), (3, "!\"d"), (4, "f|g")],
            ),
            ("a,b\"c\n", &[(1, "a|b\"c")]),
            ("\u{feff}\"a\",b\n", &[(1, "a|b")]),
            ("\u{feff}", &[]),
            ("\u{feff}\n", &[]),
            (
                "a,b\n\u{feff}c,d\n\u{feff}\"e,f\",g\n",
                &[(1, "a|b"), (2, "c|d"), (3, "e,f|g")],
            ),
            ("a\r\n\u{feff}\u{feff}\r\n\u{feff}", &[(1, "a")]),
            ("a\n\u{feff}\nb", &[(1, "a"), (3, "b")]),
            (
                "a,\u{feff}b\n\u{fefe}c",
                &[(1, "a|\u{feff}b"), (2, "\u{fefe}c")],
            ),
            (",\n", &[(1, "|")]),
        ];
        for (text, expected) in cases {
            let expected: Vec<_> = expected
                .iter()
                .map(|(line, cells)| (*line, (*cells).to_owned()))
                .collect();
            for piece in [1, 2, 3, 7, 1000] {
                assert_eq!(
                    read(text, piece, 1000),
                    expected,
                    "{text:?} in pieces of {piece}"
                );
            }
        }
    }

    #[test]
    fn a_record_past_the_limit_is_told_with_its_line() {
        let long = format!("a\n{}\nb", "x".repeat(50));
        let quoted = format!("a\n\"{}", "x\n".repeat(50));
        for text in [long, quoted] {
            for piece in [1, 7, 1000] {
                assert_eq!(
                    read(&text, piece, 20),
                    [(1, "a".to_owned()), (2, "too long".to_owned())],
                    "{text:?}"
                );
            }
        }
    }

    #[test]
    fn a_record_may_have_just_as_much_as_the_limit() {
        for (text, is_too_long) in [
            ("x".repeat(20), false),
            ("x".repeat(21), true),
            (format!("\"{}\"", "x".repeat(18)), false),
        ] {
            for end in ["", "\n", "\r\n"] {
                for piece in [1, 7, 1000] {
                    let told = read(&format!("{text}{end}"), piece, 20);
                    assert_eq!(
                        told == [(1, "too long".to_owned())],
                        is_too_long,
                        "{text}{end:?} in pieces of {piece}"
                    );
                }
            }
        }
    }

    #[test]
    fn lines_without_a_number_are_not_read() {
        let mut records = Records::new(b',', 20);
        records.line = i32::MAX - 2;
        records.feed(b"a\n\nb\n\n\nc\n");
        assert_eq!(
            (records.next(), records.next()),
            (Item::Record { line: i32::MAX - 2 }, Item::TooManyLines)
        );
        assert_eq!(records.next(), Item::TooManyLines, "and it stays so");
    }

    #[test]
    fn many_columns_are_read() {
        let text = vec!["x"; 1000].join(",");
        assert_eq!(read(&text, 100, 10_000), [(1, vec!["x"; 1000].join("|"))]);
    }
}
