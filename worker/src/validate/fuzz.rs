//! What must hold of reading, whatever the bytes are. The targets in `tests/fuzz` call it with
//! those of a fuzzer, the tests below with what was wrong once.

#![allow(clippy::missing_panics_doc, reason = "a panic is what is looked for")]

use super::{
    pass::{Pass, Read},
    records::{Item, Records},
    source::Source,
};
use crate::header::{Expect, understand};
use bytes::Bytes;
use chrono::DateTime;
use futures::{StreamExt, stream};
use muster_shared::{
    model::{
        ids::{AccountId, ImportId, ImportNo, SiteId},
        issue::{FileIssue, Issue},
        kind::Kind,
        reading::{Delimiter, Found, Reading},
        recipe::Recipe,
        settings::Settings,
        site::Limits,
        slot::Slots,
        status::Status,
    },
    store::imports::{File, Import},
};
use sqlx::{PgPool, postgres::PgPoolOptions};
use std::{collections::BTreeMap, sync::LazyLock};
use tokio::runtime::{Builder, Runtime};

/// The longest input that is read byte by byte too: a record is looked at again with each piece.
const BYTEWISE: usize = 1 << 10;

const DELIMITERS: [Delimiter; 4] = [
    Delimiter::Comma,
    Delimiter::Semicolon,
    Delimiter::Tab,
    Delimiter::Pipe,
];
const ENCODINGS: [&str; 4] = ["UTF-8", "windows-1252", "UTF-16LE", "Shift_JIS"];
const KINDS: [(Recipe, Kind); 4] = [
    (Recipe::CreateOrUpdateUsers, Kind::Users),
    (Recipe::AddToSegments, Kind::Users),
    (Recipe::CreateSegments, Kind::Segments),
    (Recipe::CreateCourses, Kind::Courses),
];

/// The first bytes of every gzip member.
const GZIP: [u8; 2] = [0x1F, 0x8B];

/// The pass over a file comes to the same, in whatever pieces the file comes. The last byte says
/// how it is to be read.
pub fn pass(input: &[u8]) {
    let Some((&choice, file)) = input.split_last() else {
        return;
    };
    let whole = passed(choice, file, file.len());
    for piece in pieces(file.len()) {
        assert_eq!(passed(choice, file, piece), whole, "in pieces of {piece}");
    }
}

/// Records are the same in whatever pieces they come, and those that are well formed are what the
/// `csv` crate reads. The last byte says which delimiter is between the cells.
pub fn records(input: &[u8]) {
    let Some((&choice, text)) = input.split_last() else {
        return;
    };
    let delimiter = chosen(&DELIMITERS, choice).byte();
    let whole = divided(delimiter, text, text.len());
    for piece in pieces(text.len()) {
        assert_eq!(
            divided(delimiter, text, piece),
            whole,
            "in pieces of {piece}"
        );
    }
    assert!(
        whole.is_sorted_by(|one, next| one.line < next.line),
        "a record begins where another does: {whole:?}"
    );
    let has_mark = text.windows(3).any(|bytes| bytes == "\u{feff}".as_bytes());
    if !has_mark && whole.iter().all(|record| record.is_closed) {
        let ours: Vec<_> = whole.into_iter().map(|record| record.cells).collect();
        assert_eq!(ours, of_the_crate(delimiter, text));
    }
}

/// A header is understood or refused for reasons, which have a bound; what is understood is
/// understood once more.
pub fn header(headings: &[String], mapping: &BTreeMap<String, String>, choice: u8) {
    let limits = Limits::default();
    let (recipe, kind) = chosen(&KINDS, choice);
    let expect = Expect {
        recipe,
        kind,
        mapping,
        limits: &limits,
    };
    match understand(headings, 1, expect) {
        Ok((header, warnings)) => {
            check_told(&warnings);
            assert_eq!(header.headings.len(), header.meanings.len());
            let again = understand(&header.headings, 1, expect).map(|(again, _)| again.headings);
            assert_eq!(again.expect("it was understood before"), header.headings);
        }
        Err(reasons) => {
            assert!(!reasons.is_empty(), "refused for nothing");
            check_told(&reasons);
        }
    }
}

/// The cells of a text of UTF-8, record by record.
#[must_use]
pub fn cells(delimiter: Delimiter, text: &[u8]) -> Vec<Vec<String>> {
    let text_of = |cell: Vec<u8>| String::from_utf8(cell).expect("what was written is UTF-8");
    let records = divided(delimiter.byte(), text, text.len());
    records
        .into_iter()
        .map(|record| record.cells.into_iter().map(text_of).collect())
        .collect()
}

fn check_told(issues: &[FileIssue]) {
    assert!(issues.len() <= 102, "{} issues", issues.len());
    for FileIssue { issue, .. } in issues {
        assert!(
            issue.message.chars().count() <= Issue::MESSAGE_CHARS,
            "{}",
            issue.message
        );
    }
}

fn pieces(length: usize) -> impl Iterator<Item = usize> {
    let least = if length <= BYTEWISE { 1 } else { 97 };
    [least, 3, 7, 4_099]
        .into_iter()
        .filter(move |&piece| piece >= least && piece < length)
}

fn chosen<T: Copy, const N: usize>(all: &[T; N], choice: u8) -> T {
    all[choice as usize % N]
}

/// A record, or what stands for one.
#[derive(Debug, PartialEq, Eq)]
struct Divided {
    line: i32,
    is_closed: bool,
    cells: Vec<Vec<u8>>,
}

fn divided(delimiter: u8, text: &[u8], piece: usize) -> Vec<Divided> {
    let mut records = Records::new(delimiter, usize::MAX);
    let mut pieces = text.chunks(piece.max(1));
    let mut all = Vec::new();
    loop {
        let (line, is_closed) = match records.next() {
            Item::Record { line } => (line, true),
            Item::OpenQuote { line } => (line, false),
            Item::More => {
                match pieces.next() {
                    Some(piece) => records.feed(piece),
                    None => records.end(),
                }
                continue;
            }
            Item::TooLong { .. } | Item::TooManyLines => panic!("there is no limit"),
            Item::End => return all,
        };
        all.push(Divided {
            line,
            is_closed,
            cells: records.cells().map(<[u8]>::to_vec).collect(),
        });
    }
}

fn of_the_crate(delimiter: u8, text: &[u8]) -> Vec<Vec<Vec<u8>>> {
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .has_headers(false)
        .flexible(true)
        .from_reader(text);
    let records = reader
        .byte_records()
        .map(|record| record.expect("from memory"));
    records
        .map(|record| record.iter().map(<[u8]>::to_vec).collect())
        .collect()
}

/// What a pass comes to.
#[derive(Debug, Default, PartialEq)]
struct Passed {
    rows: Vec<u8>,
    lines: i32,
    found: String,
}

fn passed(choice: u8, file: &[u8], piece: usize) -> Passed {
    static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
        Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime")
    });
    // Nothing is asked of it: it is never connected.
    static NOWHERE: LazyLock<PgPool> = LazyLock::new(|| {
        PgPoolOptions::new()
            .connect_lazy("postgres://nobody@localhost/nothing")
            .expect("an address")
    });
    RUNTIME.block_on(async {
        let import = import(choice);
        let bytes: Vec<_> = file
            .chunks(piece.max(1))
            .map(|piece| Ok(Bytes::copy_from_slice(piece)))
            .collect();
        let limits = Limits {
            record_bytes: 1 << 12,
            ..Limits::default()
        };
        let source = Source::over(
            stream::iter(bytes).boxed(),
            file.starts_with(&GZIP),
            &import.file.found,
            &limits,
        );
        let mut pass = Pass::over(
            source,
            Slots::hashed(),
            &import,
            &limits,
            NOWHERE.clone(),
            0,
        );
        let mut passed = Passed::default();
        loop {
            match pass.next().await {
                Ok(Read::Chunk {
                    chunk,
                    lines,
                    whole,
                    ..
                }) => {
                    passed.rows.extend_from_slice(&chunk.rows.end());
                    passed.lines = lines;
                    if let Some(found) = whole {
                        check_told(&found.warnings);
                        passed.found = format!(
                            "{:?} {:?} {:?}",
                            found.headings, found.sample, found.warnings
                        );
                        return passed;
                    }
                }
                Ok(Read::Rejected(reasons)) => {
                    check_told(&reasons);
                    return Passed {
                        found: format!("{reasons:?}"),
                        ..Passed::default()
                    };
                }
                Err(error) => {
                    return Passed {
                        found: format!("{error:?}"),
                        ..Passed::default()
                    };
                }
            }
        }
    })
}

fn import(choice: u8) -> Import {
    let (recipe, kind) = chosen(&KINDS, choice);
    let encoding = chosen(&ENCODINGS, choice >> 2);
    let found = Reading {
        encoding: Found::guessed(encoding.to_owned(), 1.0),
        delimiter: Found::guessed(chosen(&DELIMITERS, choice >> 4), 1.0),
    };
    let at = DateTime::UNIX_EPOCH;
    Import {
        id: ImportId::fresh(),
        no: ImportNo(1),
        site_id: SiteId(1),
        recipe,
        kind,
        settings: Settings::defaults(recipe, kind),
        mapping: BTreeMap::new(),
        fields: Vec::new(),
        status: Status::Validating,
        status_version: 1,
        stage_failed: None,
        failure: None,
        rejected: None,
        is_small: true,
        file: File {
            name: None,
            key: None,
            bytes: 0,
            expanded_bytes: 0,
            sha256: Vec::new(),
            compression: None,
            found,
            columns: Vec::new(),
            sample: Vec::new(),
            issues: Vec::new(),
        },
        lines: None,
        created_by: AccountId::fresh(),
        created_at: at,
        stage_started_at: at,
        rested_at: None,
        ready_at: None,
        applied_by: None,
        applied_at: None,
        settled_at: None,
        expires_at: at,
        pruned_at: None,
        parent: None,
        carries: None,
        undoes: None,
        lines_of: ImportNo(1),
        same_file_as: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_wrong_once_is_read_the_same_in_all_pieces() {
        for file in [
            "username,firstname\n\u{feff}anna,Anna\n\u{feff}\"bo\",\"B\"\"o\"\r\n\u{feff}\n",
            "username,cohort1\r\nanna,\"open\nbo,\"x\"\n",
            "sep=;\nusername;cohort4294967296\nanna;x\n",
            "username,\u{feff}email\n,,,,\n \t,\nanna,\"a\r\rb\",surplus,\"more, of it\"\n",
            "username\n\r\r\n\n",
            "\u{feff}",
        ] {
            for choice in 0..=u8::MAX {
                let input = [file.as_bytes(), &[choice]].concat();
                pass(&input);
                records(&input);
            }
        }
    }

    #[test]
    fn every_header_has_an_answer() {
        let roles = |count: usize| (0..count).map(|number| format!("role{number}")).collect();
        let strange = [
            "",
            " ",
            "\u{feff}",
            "_line",
            "'=x",
            "cohort1",
            "course99999999999",
        ]
        .map(str::to_owned);
        let headings: [Vec<String>; 4] = [Vec::new(), roles(499), roles(600), strange.to_vec()];
        for headings in &headings {
            for choice in 0..4 {
                header(headings, &BTreeMap::new(), choice);
            }
        }
    }
}
