//! What stands between two cells, from the first records.

use csv_core::{ReadRecordResult, ReaderBuilder};
use muster_shared::model::reading::{Delimiter, Found};

/// The candidates. Where two explain a file equally well the earlier one was hardly put there by
/// chance.
const CANDIDATES: [Delimiter; 5] = [
    Delimiter::Tab,
    Delimiter::Semicolon,
    Delimiter::Pipe,
    Delimiter::Comma,
    Delimiter::Colon,
];

/// How well one candidate explains the first records.
struct Fit {
    delimiter: Delimiter,
    /// Records as wide as the header, of all, and less if the headings look as if they should be
    /// split further.
    score: f64,
    /// Records as wide as the header, of all.
    regular: f64,
    records: usize,
    columns: usize,
}

/// Finds the delimiter in the beginning of a text, which is `whole` if there is no more.
pub(super) fn find(text: &str, whole: bool) -> Found<Delimiter> {
    if let Some(delimiter) = declared(text) {
        return Found::guessed(delimiter, 1.0);
    }
    let mut fits: Vec<_> = CANDIDATES
        .iter()
        .filter_map(|&delimiter| fit(text, delimiter, whole))
        .collect();
    // The sort is stable: equals stay in the order of the candidates.
    fits.sort_by(|a, b| b.score.total_cmp(&a.score).then(b.columns.cmp(&a.columns)));
    let Some(best) = fits.first() else {
        // One column, or nothing at all.
        return Found::guessed(Delimiter::Comma, 0.5);
    };
    let rival = fits.get(1).map_or(0.0, |second| second.score / best.score);
    let evidence = 1.0 - 0.2 / best.records as f64;
    Found::guessed(
        best.delimiter,
        super::rounded(evidence * (0.6 + 0.4 * best.regular) * (1.0 - 0.5 * rival)),
    )
}

/// The delimiter that a first line `sep=;` says, as Excel writes it.
fn declared(text: &str) -> Option<Delimiter> {
    let (name, value) = text.lines().next()?.split_at_checked(4)?;
    // `lines` does not end one at a lone CR.
    let value = value.split('\r').next()?;
    let mut candidates = CANDIDATES
        .iter()
        .copied()
        .filter(|_| name.eq_ignore_ascii_case("sep="));
    candidates.find(|delimiter| value.as_bytes() == [delimiter.byte()])
}

/// How well a delimiter explains the records; nothing if it does not split the header.
fn fit(text: &str, delimiter: Delimiter, whole: bool) -> Option<Fit> {
    let (header, widths) = records(text, delimiter, whole);
    let columns = header.len();
    if columns < 2 {
        return None;
    }
    let regular =
        widths.iter().filter(|&&width| width == columns).count() as f64 / widths.len() as f64;
    let split = header
        .iter()
        .filter(|heading| !has_other(heading, delimiter))
        .count() as f64
        / columns as f64;
    Some(Fit {
        delimiter,
        score: regular * (0.5 + 0.5 * split),
        regular,
        records: widths.len(),
        columns,
    })
}

fn has_other(heading: &str, delimiter: Delimiter) -> bool {
    CANDIDATES
        .iter()
        .any(|other| *other != delimiter && heading.as_bytes().contains(&other.byte()))
}

/// The header, and the width of each record, itself included; without the last one where the text
/// is cut off.
fn records(text: &str, delimiter: Delimiter, whole: bool) -> (Vec<String>, Vec<usize>) {
    let mut reader = ReaderBuilder::new().delimiter(delimiter.byte()).build();
    let (mut cells, mut ends) = (vec![0; text.len() + 1], vec![0; text.len() + 1]);
    let (mut input, mut header, mut widths) = (text.as_bytes(), Vec::new(), Vec::new());
    // Where the record goes on that the input has ended in.
    let (mut at, mut width) = (0, 0);
    loop {
        let had_input = !input.is_empty();
        let (result, read, written, ended) =
            reader.read_record(input, &mut cells[at..], &mut ends[width..]);
        input = &input[read..];
        (at, width) = (at + written, width + ended);
        match result {
            ReadRecordResult::Record => {
                if widths.is_empty() {
                    header = headings(&cells, &ends[..width]);
                }
                // Without input this is the record that the end has closed.
                if had_input || whole || widths.is_empty() {
                    widths.push(width);
                }
                (at, width) = (0, 0);
            }
            ReadRecordResult::InputEmpty if had_input => {}
            _ => return (header, widths),
        }
    }
}

fn headings(cells: &[u8], ends: &[usize]) -> Vec<String> {
    let starts = std::iter::once(0).chain(ends.iter().copied());
    starts
        .zip(ends)
        .map(|(start, &end)| String::from_utf8_lossy(&cells[start..end]).into_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delimiters_are_found() {
        let table = [
            ("username,email\na,a@x.org\nb,b@x.org\n", Delimiter::Comma),
            ("username;amount\na;1,5\nb;2,75\n", Delimiter::Semicolon),
            (
                "username;a;b;c\nx;1,5;2,5;3,5\ny;1,5;2,5;3,5\n",
                Delimiter::Semicolon,
            ),
            ("username\tfirstname\tlastname\ns1\tF\tL\n", Delimiter::Tab),
            ("username|url\nx|http://a\ny|http://b\n", Delimiter::Pipe),
            ("username:email\na:a@x.org\n", Delimiter::Colon),
            (
                "username,email,time\na,a@x.org,10:30:00\nb,mailto:b@x.org,11:30\n",
                Delimiter::Comma,
            ),
            (
                "username,note\na,\"one; two\nthree; \"\"four\"\"; five\"\nb,x\n",
                Delimiter::Comma,
            ),
            (
                "\"name, first\";\"name, last\"\na;b\nc;d\n",
                Delimiter::Semicolon,
            ),
            (
                "name;first, last\nx;Foo, Bar\ny;Foo, Bar\n",
                Delimiter::Semicolon,
            ),
            (
                "username,cohort1\rexist1,seg001\rexist2\r",
                Delimiter::Comma,
            ),
            (
                "username,cohort1\nexist1,\"\tseg001\t\"\n",
                Delimiter::Comma,
            ),
            ("\n\r\nusername;x\na;b\n", Delimiter::Semicolon),
        ];
        for (text, expected) in table {
            let found = find(text, true);
            assert_eq!(found.value, expected, "{text:?}");
            assert!(
                !found.given && (0.4..1.0).contains(&found.sureness),
                "{text:?}: {}",
                found.sureness
            );
        }
    }

    #[test]
    fn without_any_it_is_an_unsure_comma() {
        for text in [
            "",
            "\n",
            "username",
            "username\nexist1\n",
            "username\n10:30\n1;2\n",
        ] {
            assert_eq!(
                find(text, true),
                Found::guessed(Delimiter::Comma, 0.5),
                "{text:?}"
            );
        }
    }

    #[test]
    fn a_first_line_may_say_it() {
        for (text, expected) in [
            ("sep=;\r\na,b,c\n1,2,3\n", Some(Delimiter::Semicolon)),
            ("SEP=\t\na,b\n", Some(Delimiter::Tab)),
            ("sep=|\ra,b\r", Some(Delimiter::Pipe)),
            ("sep=,", Some(Delimiter::Comma)),
            ("sep=#\na,b\n", None),
            ("sep=;;\na,b\n", None),
            ("sepé\n", None),
        ] {
            assert_eq!(declared(text), expected, "{text:?}");
        }
        assert_eq!(
            find("sep=;\r\na,b,c\n", true),
            Found::guessed(Delimiter::Semicolon, 1.0)
        );
    }

    #[test]
    fn more_records_are_surer_and_ragged_ones_less() {
        let sure = |rows: &str| find(&format!("a,b\n{rows}"), true).sureness;
        assert!(sure("") < sure("1,2\n") && sure("1,2\n") < sure(&"1,2\n".repeat(100)));
        assert!(sure("1,2\n1\n1,2,3\n") < sure("1,2\n1,2\n1,2\n"));
    }

    #[test]
    fn a_record_that_is_cut_off_does_not_count() {
        let (_, widths) = records("a,b\n1,2\n3", Delimiter::Comma, false);
        assert_eq!(widths, [2, 2]);
        assert_eq!(records("a,b\n1,2\n3", Delimiter::Comma, true).1, [2, 2, 1]);
        assert_eq!(
            records("a,b", Delimiter::Comma, false).1,
            [2],
            "but if there is no other"
        );
    }
}
