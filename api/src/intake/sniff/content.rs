//! Is it text at all? If not: what is it, and what is to be done?

use encoding_rs::{Encoding, UTF_16BE, UTF_16LE};
use std::borrow::Cow;

/// Why a file is refused at the door: it is no text, or not plainly so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// What a spreadsheet keeps for itself: xlsx, ods, xls, numbers.
    #[error("This is a workbook, not a text file.")]
    Workbook,
    /// zip, 7z, rar, tar.
    #[error("This is an archive, not a text file.")]
    Archive,
    /// Compressed otherwise than with gzip, or twice.
    #[error("This file is compressed twice, or otherwise than with gzip.")]
    Compressed,
    /// A PDF document.
    #[error("This is a PDF document, not a text file.")]
    Pdf,
    /// HTML or XML.
    #[error("This is a web page or XML, not a table as text.")]
    Html,
    /// A picture.
    #[error("This is an image, not a text file.")]
    Image,
    /// Every second byte is NUL.
    #[error("This looks like UTF-16 without a byte order mark.")]
    UnmarkedUtf16,
    /// UTF-32 by its mark.
    #[error("This is UTF-32, which is not read.")]
    Utf32,
    /// Anything else that is no text.
    #[error("This is not a text file.")]
    Binary,
}

impl Refusal {
    /// What to do instead.
    pub(crate) fn hint(self) -> &'static str {
        match self {
            Self::Workbook => {
                "Open it in the spreadsheet and save it as CSV (UTF-8), then upload that file."
            }
            Self::Archive => {
                "Unpack it and upload the CSV file that is inside. A single file may be compressed with gzip."
            }
            Self::Compressed => {
                "Unpack it and upload the CSV file itself, plain or compressed once with gzip."
            }
            Self::Pdf => {
                "Export the table as CSV (UTF-8) from the program that made it, then upload that file."
            }
            Self::Html => {
                "If it opens as a table in a spreadsheet, save it from there as CSV (UTF-8), then upload that file. \
                 If it was downloaded, see whether a sign-in page came in its place."
            }
            Self::UnmarkedUtf16 => {
                "Give the setting `encoding` (UTF-16LE or UTF-16BE), or save it as UTF-8, then upload it again."
            }
            Self::Utf32 => "Save it as UTF-8, then upload it again.",
            Self::Image | Self::Binary => {
                "Upload a CSV file: plain text, best saved as CSV (UTF-8)."
            }
        }
    }
}

/// What no text begins with: where, what, and which kind of file does.
const SIGNATURES: &[(usize, &[u8], Refusal)] = &[
    (0, b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", Refusal::Workbook),
    (0, b"PK\x05\x06", Refusal::Archive),
    (0, b"PK\x07\x08", Refusal::Archive),
    (0, b"7z\xBC\xAF\x27\x1C", Refusal::Archive),
    (0, b"Rar!\x1A\x07", Refusal::Archive),
    (257, b"ustar", Refusal::Archive),
    (0, b"\x1F\x8B", Refusal::Compressed),
    (0, b"\x1F\x9D", Refusal::Compressed),
    (0, b"BZh91AY&SY", Refusal::Compressed),
    (0, b"\xFD7zXZ\0", Refusal::Compressed),
    (0, b"\x28\xB5\x2F\xFD", Refusal::Compressed),
    (0, b"%PDF-", Refusal::Pdf),
    (0, b"\xEF\xBB\xBF%PDF-", Refusal::Pdf),
    (0, b"\x89PNG\r\n", Refusal::Image),
    (0, b"\xFF\xD8\xFF", Refusal::Image),
    (0, b"GIF87a", Refusal::Image),
    (0, b"GIF89a", Refusal::Image),
    (0, b"\0\0\xFE\xFF", Refusal::Utf32),
    (0, b"\xFF\xFE\0\0", Refusal::Utf32),
    (0, b"\x7FELF", Refusal::Binary),
    (0, b"SQLite format 3\0", Refusal::Binary),
];

/// What begins a web page or XML, in small letters.
const MARKUP: &[&[u8]] = &[
    b"<!doctype",
    b"<html",
    b"<?xml",
    b"<table",
    b"<head",
    b"<body",
    b"<meta",
    b"<style",
    b"<script",
    b"<div",
    b"<!--",
];

/// Names of first entries that only workbooks have; the text documents of the same families are
/// told apart from them no further.
const WORKBOOK_ENTRIES: &[&[u8]] = &[
    b"[Content_Types].xml",
    b"_rels/",
    b"docProps/",
    b"xl/",
    b"Index/",
    b"mimetypeapplication/vnd.",
];

/// Refuses what gives itself away by its first bytes. `utf16` is the encoding when it is one of two
/// bytes.
pub(super) fn check_start(start: &[u8], utf16: Option<&'static Encoding>) -> Result<(), Refusal> {
    let begins = |&&(at, bytes, _): &&(usize, &[u8], Refusal)| {
        start.get(at..).is_some_and(|rest| rest.starts_with(bytes))
    };
    if let Some(&(_, _, refusal)) = SIGNATURES.iter().find(begins) {
        return Err(refusal);
    }
    if start.starts_with(b"PK\x03\x04") {
        // A local header of 30 bytes, then the name of the first entry.
        let entry = start.get(30..).unwrap_or_default();
        let is_workbook = WORKBOOK_ENTRIES.iter().any(|name| entry.starts_with(name));
        return Err(if is_workbook {
            Refusal::Workbook
        } else {
            Refusal::Archive
        });
    }
    if is_markup(start, utf16) {
        Err(Refusal::Html)
    } else {
        Ok(())
    }
}

/// Refuses a head in which too many characters are none of a text. A few NUL bytes are a matter of
/// their lines.
pub(super) fn check_head(head: &[u8]) -> Result<(), Refusal> {
    if unmarked_utf16(head).is_some() {
        return Err(Refusal::UnmarkedUtf16);
    }
    let odd = head.iter().filter(|&&byte| is_odd(byte)).count();
    // In a file of three lines a few are more than 2 %, and still a few.
    if odd > 8 && odd * 50 > head.len() {
        Err(Refusal::Binary)
    } else {
        Ok(())
    }
}

/// The encoding of two bytes that a text with NULs in regular places has.
pub(super) fn unmarked_utf16(head: &[u8]) -> Option<&'static Encoding> {
    let nuls = |first: usize| {
        head.iter()
            .skip(first)
            .step_by(2)
            .filter(|&&byte| byte == 0)
            .count()
    };
    let (even, odd) = (nuls(0), nuls(1));
    // Texts of other alphabets have NULs only in their digits, delimiters and line ends.
    let (many, few) = (even.max(odd), even.min(odd));
    let is_regular = many >= 4 && many * 10 >= head.len() && few * 20 <= many;
    is_regular.then_some(if odd > even { UTF_16LE } else { UTF_16BE })
}

/// Control characters but white space, and the escape by which ISO-2022-JP changes alphabets.
fn is_odd(byte: u8) -> bool {
    matches!(byte, 0..=8 | 0x0E..=0x1A | 0x1C..=0x1F | 0x7F)
}

fn is_markup(start: &[u8], utf16: Option<&'static Encoding>) -> bool {
    let text = match utf16 {
        Some(encoding) => Cow::Owned(
            encoding
                .decode_with_bom_removal(start)
                .0
                .into_owned()
                .into_bytes(),
        ),
        None => Cow::Borrowed(start.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(start)),
    };
    let text = text.trim_ascii_start();
    MARKUP.iter().any(|tag| {
        text.get(..tag.len())
            .is_some_and(|begin| begin.eq_ignore_ascii_case(tag))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zip(entry: &str) -> Vec<u8> {
        let mut bytes = b"PK\x03\x04\x14\0\x06\0\x08\0".to_vec();
        bytes.resize(30, 0);
        bytes.extend_from_slice(entry.as_bytes());
        bytes
    }

    #[test]
    fn what_is_no_text_is_known_by_its_first_bytes() {
        let mut tar = vec![0; 512];
        tar[..9].copy_from_slice(b"users.csv");
        tar[257..262].copy_from_slice(b"ustar");
        let table: &[(&[u8], Refusal)] = &[
            (&zip("[Content_Types].xml"), Refusal::Workbook),
            (&zip("xl/workbook.xml"), Refusal::Workbook),
            (
                &zip("mimetypeapplication/vnd.oasis.opendocument.spreadsheetPK"),
                Refusal::Workbook,
            ),
            (&zip("users.csv"), Refusal::Archive),
            (b"PK\x03\x04", Refusal::Archive),
            (b"PK\x05\x06\0\0", Refusal::Archive),
            (&tar, Refusal::Archive),
            (b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1\0\0", Refusal::Workbook),
            (b"\x1F\x8B\x08\0", Refusal::Compressed),
            (b"%PDF-1.7\n", Refusal::Pdf),
            (b"\x89PNG\r\n\x1A\n", Refusal::Image),
            (b"\x7FELF\x02", Refusal::Binary),
            (b"\xEF\xBB\xBF\r\n  <!DOCTYPE HTML>", Refusal::Html),
            (b"<Html lang=en>", Refusal::Html),
            (b"<?xml version=\"1.0\"?><Workbook>", Refusal::Html),
            (b"<TABLE border=1>", Refusal::Html),
        ];
        for (bytes, refusal) in table {
            assert_eq!(
                check_start(bytes, None),
                Err(*refusal),
                "{}",
                bytes.escape_ascii()
            );
            assert!(!refusal.hint().is_empty());
        }
        let page: Vec<u8> = "<html>".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(check_start(&page, Some(UTF_16LE)), Err(Refusal::Html));
    }

    #[test]
    fn texts_that_begin_a_little_like_that_are_texts() {
        for text in [
            "PK,name\n1,x\n",
            "BMI;x\n",
            "MZ,x\n",
            "<email>,username\n",
            "7z,x\n",
            "ustar,x\n",
            "%PDF,x\n",
            "",
            "\0",
        ] {
            assert_eq!(
                check_start(text.as_bytes(), None).and_then(|()| check_head(text.as_bytes())),
                Ok(()),
                "{text:?}"
            );
        }
    }

    #[test]
    fn a_few_nuls_are_no_reason_and_many_are() {
        let line = b"anna,Anna,Larsen,anna@example.com\n";
        let mut few = line.repeat(20);
        few[40] = 0;
        few[300] = 7;
        assert_eq!(check_head(&few), Ok(()));
        assert_eq!(
            check_head(b"username\nan\0na\n"),
            Ok(()),
            "one in a tiny file"
        );
        let mut many = line.repeat(20);
        many.iter_mut().step_by(13).for_each(|byte| *byte = 1);
        assert_eq!(check_head(&many), Err(Refusal::Binary));
    }

    #[test]
    fn regular_nuls_look_like_utf16() {
        let text = "username;имя\r\nanna;Анна\r\n";
        let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert_eq!(
            (unmarked_utf16(&little), unmarked_utf16(&big)),
            (Some(UTF_16LE), Some(UTF_16BE))
        );
        assert_eq!(check_head(&little), Err(Refusal::UnmarkedUtf16));
        assert_eq!(
            (unmarked_utf16(text.as_bytes()), unmarked_utf16(&[0; 100])),
            (None, None)
        );
    }
}
