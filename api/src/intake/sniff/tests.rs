//! The sniffer as a whole: real samples of every encoding, in pieces of every size.

use super::*;
use encoding_rs::{EUC_KR, GBK, ISO_8859_2, WINDOWS_1251};
use muster_shared::model::reading::Delimiter;

fn sniff<'a>(
    given: Option<&str>,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Result<Reading, Refusal> {
    let mut sniffer = Sniffer::new(given);
    for piece in pieces {
        sniffer.feed(piece)?;
    }
    sniffer.finish()
}

fn found(bytes: &[u8]) -> (String, Delimiter) {
    let reading = sniff(None, [bytes]).expect("text");
    assert!(!reading.encoding.given && !reading.delimiter.given);
    (reading.encoding.value, reading.delimiter.value)
}

fn utf16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(bytes).collect()
}

/// Files as they come, with what is to be found in them.
fn samples() -> Vec<(Vec<u8>, &'static str, Delimiter)> {
    let table = "username;fornavn\r\nanna;José\r\nøyvind;Müller\r\n";
    let marked = format!("\u{FEFF}{table}");
    let polish = "nazwisko;imię\nŁódź;zażółć\ngęślą;jaźń\nświęto;źródło\nksiążka;część\n";
    let russian = "Имя;Фамилия\nАнна;Иванова\nПётр;Смирнов\nОтдел;продаж\n";
    vec![
        (Vec::new(), "UTF-8", Delimiter::Comma),
        (
            b"username,firstname,email\rr1,F,r1@example.com\rr2,F,r2@example.com".to_vec(),
            "UTF-8",
            Delimiter::Comma,
        ),
        (
            b"username\tfirstname\ns1\tF\n".to_vec(),
            "UTF-8",
            Delimiter::Tab,
        ),
        (b"username\nexist1\n".to_vec(), "UTF-8", Delimiter::Comma),
        (
            "username,firstname\nem1,🙂\nw1,Анна\nw2,李\n".into(),
            "UTF-8",
            Delimiter::Comma,
        ),
        (table.into(), "UTF-8", Delimiter::Semicolon),
        (marked.clone().into(), "UTF-8", Delimiter::Semicolon),
        (
            utf16(&marked, u16::to_le_bytes),
            "UTF-16LE",
            Delimiter::Semicolon,
        ),
        (
            utf16(&marked, u16::to_be_bytes),
            "UTF-16BE",
            Delimiter::Semicolon,
        ),
        (
            b"username,firstname,lastname\nw1,Zo\xEB,M\xFCller\x96L\xFCd\n".to_vec(),
            "windows-1252",
            Delimiter::Comma,
        ),
        (
            b"Jos\xE9;M\xFCller".to_vec(),
            "windows-1252",
            Delimiter::Semicolon,
        ),
        (
            ISO_8859_2.encode(polish).0.into_owned(),
            "ISO-8859-2",
            Delimiter::Semicolon,
        ),
        (
            WINDOWS_1251.encode(russian).0.into_owned(),
            "windows-1251",
            Delimiter::Semicolon,
        ),
        (
            [
                b"username|city\nanna|".as_slice(),
                "é".as_bytes(),
                b"\nbert|\xE9\n",
            ]
            .concat(),
            "UTF-8",
            Delimiter::Pipe,
        ),
        (
            b"username,city\nan\0na,Oslo\n".to_vec(),
            "UTF-8",
            Delimiter::Comma,
        ),
    ]
}

#[test]
fn encodings_and_delimiters_are_found() {
    for (bytes, encoding, delimiter) in samples() {
        assert_eq!(
            found(&bytes),
            (encoding.to_owned(), delimiter),
            "{}",
            bytes.escape_ascii()
        );
    }
}

#[test]
fn pieces_make_no_difference() {
    for (mut bytes, _, _) in samples() {
        // Long enough to go over both borders at which the head is looked at.
        let body = bytes.repeat(1 + (HEAD_BYTES + 5000) / bytes.len().max(1));
        for whole in [std::mem::take(&mut bytes), body] {
            let expected = sniff(None, [whole.as_slice()]);
            for size in [1, 2, 3, 1023, 4097, 65_537] {
                assert_eq!(
                    sniff(None, whole.chunks(size)),
                    expected,
                    "pieces of {size}: {}",
                    whole[..whole.len().min(60)].escape_ascii()
                );
            }
        }
    }
}

#[test]
fn how_sure_is_told_honestly() {
    let sure = |bytes: &[u8]| sniff(None, [bytes]).expect("text").encoding.sureness;
    assert_eq!(
        (sure(b"plain"), sure("é".as_bytes()), sure(b"\xFF\xFEa\0")),
        (1.0, 1.0, 1.0)
    );
    assert_eq!(
        (
            sure(b"\xC3\xA9,\xE9,\xE9,\xE9"),
            sure(&["é".repeat(5000).as_bytes(), b"\xFF"].concat())
        ),
        (0.25, 0.99)
    );
    assert!(sure(b"Zo\xEB") < 0.5, "one byte is not much to go by");
}

#[test]
fn one_valid_sequence_at_the_very_end_decides() {
    let mut bytes = b"Jos\xE9;M\xFCller\n".repeat(100_000);
    assert_eq!(found(&bytes).0, "windows-1252");
    bytes.extend_from_slice("é".as_bytes());
    assert_eq!(found(&bytes).0, "UTF-8");
}

#[test]
fn what_looks_like_utf8_by_chance_in_other_alphabets_decides_nothing() {
    let names = "Пётр Смирнов;Москва\nФёдор Иванов;Отдел продаж\nАнна Кузнецова;«ОТДЕЛ»\n";
    let chinese =
        "姓名;部门\n张伟;销售部\n王芳;市场部\n李娜;人力资源部\n刘洋;财务部\n陈静;技术部\n";
    let korean = "이름;부서\n김민수;영업부\n이영희;마케팅부\n박지훈;인사부\n최수진;재무부\n";
    for (text, encoding) in [(names, WINDOWS_1251), (chinese, GBK), (korean, EUC_KR)] {
        let (bytes, _, _) = encoding.encode(text);
        let mut utf8 = Utf8::default();
        utf8.feed(&bytes);
        assert!(utf8.valid() > 0, "{} has none", encoding.name());
        assert_eq!(
            found(&bytes),
            (encoding.name().to_owned(), Delimiter::Semicolon)
        );
    }
    // Russian in UTF-8 with damaged lines stays what it is, and so does everything Latin.
    let damaged = [
        names.repeat(10).as_bytes(),
        WINDOWS_1251.encode(names).0.as_ref(),
    ]
    .concat();
    assert_eq!(found(&damaged).0, "UTF-8");
    assert_eq!(
        found(&["José\n".as_bytes(), &b"M\xFCller;Jos\xE9\n".repeat(1000)].concat()).0,
        "UTF-8"
    );
}

#[test]
fn the_head_is_looked_at_in_the_encoding_that_is_given() {
    let plain = utf16("username;city\r\nanna;Oslo\r\n", u16::to_le_bytes);
    assert_eq!(sniff(None, [plain.as_slice()]), Err(Refusal::UnmarkedUtf16));
    assert_eq!(
        sniff(Some("windows-1252"), [plain.as_slice()]),
        Err(Refusal::UnmarkedUtf16)
    );
    let reading = sniff(Some("UTF-16LE"), [plain.as_slice()]).expect("text");
    assert_eq!(
        (reading.encoding, reading.delimiter.value),
        (
            Found::guessed("UTF-16LE".to_owned(), 0.9),
            Delimiter::Semicolon
        )
    );
    // What is given is not found: it may be taken back.
    let reading = sniff(Some("UTF-16BE"), ["a,é\n".as_bytes()]).expect("text");
    assert_eq!(reading.encoding, Found::guessed("UTF-8".to_owned(), 1.0));
}

#[test]
fn what_is_no_text_is_refused_as_early_as_can_be() {
    let mut pdf = Sniffer::new(None);
    let refused = b"%PDF-1.7\n"
        .repeat(1000)
        .chunks(100)
        .position(|piece| pdf.feed(piece).is_err());
    assert_eq!(refused, Some(START_BYTES / 100));
    let noise: Vec<u8> = (0..1_000_000_u32)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect();
    let mut binary = Sniffer::new(None);
    assert_eq!(
        noise
            .chunks(1 << 10)
            .position(|piece| binary.feed(piece).is_err()),
        Some((HEAD_BYTES >> 10) - 1)
    );
    assert_eq!(
        sniff(None, [&noise[..500]]),
        Err(Refusal::Binary),
        "a short one at its end"
    );
    assert_eq!(
        sniff(None, [b"\xFF\xFE\0\0a\0\0\0".as_slice()]),
        Err(Refusal::Utf32)
    );
    assert_eq!(
        sniff(None, [utf16("\u{FEFF}<html>", u16::to_be_bytes).as_slice()]),
        Err(Refusal::Html)
    );
}
