//! What a report writes is read back: each heading and each cell, whatever is in it.

#![no_main]

use libfuzzer_sys::{arbitrary::Arbitrary, fuzz_target};
use muster_shared::model::{guard::unguarded, reading::Delimiter};

/// What a report adds to each line.
const ADDED: usize = 4;

#[derive(Debug, Arbitrary)]
struct File {
    delimiter: u8,
    columns: Vec<String>,
    lines: Vec<Vec<String>>,
}

fuzz_target!(|file: File| {
    let File { delimiter, columns, mut lines } = file;
    // The columns of a report are guarded already, which is another story.
    if columns.iter().any(|column| column.trim() == "_line") {
        return;
    }
    for line in &mut lines {
        line.resize(columns.len(), String::new());
    }
    let delimiter = [Delimiter::Comma, Delimiter::Semicolon, Delimiter::Tab, Delimiter::Pipe][usize::from(delimiter) % 4];
    let written = muster_api::fuzz::report(delimiter, &columns, &lines);
    let read = muster_worker::fuzz::cells(delimiter, &written);
    assert_eq!(read.len(), lines.len() + 1);
    for (read, written) in read.iter().zip([columns].iter().chain(&lines)) {
        assert_eq!(read.len(), written.len() + ADDED);
        for (i, (read, written)) in read.iter().zip(written).enumerate() {
            // A mark at the beginning of a record is nobody's, unless it stands in quotes.
            let without_mark = if i == 0 { written.trim_start_matches('\u{feff}') } else { written };
            let read = unguarded(read);
            assert!(read == written || read == without_mark, "{read:?} of {written:?}");
        }
    }
});
