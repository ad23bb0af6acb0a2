//! Which encoding from before Unicode a text most likely has.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::Encoding;

/// The detector weighs some 27 encodings byte by byte, so that it is shown this much of a file, and
/// not more.
const MAX_BYTES: usize = 512 << 10;

/// Blocks without a byte above ASCII tell nothing and are not shown.
const BLOCK_BYTES: usize = 4 << 10;

/// The encodings of Latin letters, of those that the detector knows.
const LATIN: [&str; 8] = [
    "windows-1250",
    "windows-1252",
    "windows-1254",
    "windows-1257",
    "windows-1258",
    "ISO-8859-2",
    "ISO-8859-4",
    "ISO-8859-13",
];

/// Is it an encoding of Latin letters?
pub(super) fn is_latin(encoding: &'static Encoding) -> bool {
    LATIN.contains(&encoding.name())
}

/// Shows the detector the blocks of a stream that tell something.
pub(super) struct Legacy {
    detector: EncodingDetector,
    /// The block that is being filled; before the first byte above ASCII the last bytes that came,
    /// as its context.
    block: Vec<u8>,
    has_begun: bool,
    /// The block before ended within what may be a character of two bytes.
    goes_on: bool,
    shown: usize,
    above_ascii: usize,
}

impl Legacy {
    /// Begins.
    pub(super) fn new() -> Self {
        let detector = EncodingDetector::new(Iso2022JpDetection::Deny);
        Self {
            detector,
            block: Vec::new(),
            has_begun: false,
            goes_on: false,
            shown: 0,
            above_ascii: 0,
        }
    }

    /// Takes the next bytes.
    pub(super) fn feed(&mut self, mut bytes: &[u8]) {
        if !self.has_begun {
            bytes = self.skip_ascii(bytes);
        }
        while !bytes.is_empty() && !self.is_full() {
            let (added, rest) = bytes.split_at(bytes.len().min(BLOCK_BYTES - self.block.len()));
            self.block.extend_from_slice(added);
            bytes = rest;
            if self.block.len() == BLOCK_BYTES {
                self.show();
            }
        }
    }

    /// The most likely encoding, and how sure that is: never much, and less the less there was to
    /// see.
    pub(super) fn guess(mut self) -> (&'static Encoding, f64) {
        if !self.is_full() {
            self.show();
            self.detector.feed(&[], true);
        }
        let seen = self.above_ascii as f64;
        let encoding = self.detector.guess(None, Utf8Detection::Deny);
        (encoding, super::rounded(0.3 + 0.6 * seen / (seen + 20.0)))
    }

    fn is_full(&self) -> bool {
        self.shown >= MAX_BYTES
    }

    /// Blocks are counted from the first byte above ASCII, so that they are the same in whatever
    /// pieces the bytes come.
    fn skip_ascii<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let ascii = Encoding::ascii_valid_up_to(bytes);
        let (before, rest) = bytes.split_at(ascii);
        self.block
            .extend_from_slice(&before[ascii.saturating_sub(2)..]);
        self.block.drain(..self.block.len().saturating_sub(2));
        self.has_begun = !rest.is_empty();
        rest
    }

    fn show(&mut self) {
        let above = self.block.iter().filter(|byte| !byte.is_ascii()).count();
        if above > 0 || self.goes_on {
            self.detector.feed(&self.block, false);
            self.shown += self.block.len();
            self.above_ascii += above;
        }
        self.goes_on = self.block.last().is_some_and(|byte| !byte.is_ascii());
        self.block.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use encoding_rs::{ISO_8859_2, KOI8_R, SHIFT_JIS, WINDOWS_1251, WINDOWS_1252};

    const POLISH: &str = "zażółć gęślą jaźń; Łódź; święto; źródło; Gdańsk; część; śnieg; książka; wąż; pięć; żółw; ćma; ";
    const RUSSIAN: &str =
        "Имя; Фамилия; Город; Анна Иванова; Москва; Пётр Смирнов; Санкт-Петербург; Отдел продаж; ";

    fn guess<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (&'static str, f64) {
        let mut legacy = Legacy::new();
        pieces.into_iter().for_each(|piece| legacy.feed(piece));
        let (encoding, sureness) = legacy.guess();
        (encoding.name(), sureness)
    }

    #[test]
    fn encodings_are_told_apart() {
        let table = [
            ("José;Müller", WINDOWS_1252),
            ("Zoë,Müller–Lüd", WINDOWS_1252),
            ("Bjørn;Åse;Ødegård;Tromsø", WINDOWS_1252),
            (POLISH, ISO_8859_2),
            (RUSSIAN, WINDOWS_1251),
            (RUSSIAN, KOI8_R),
            ("氏名;山田太郎;東京都;カタカナ;ひらがな", SHIFT_JIS),
        ];
        for (text, encoding) in table {
            let (bytes, _, _) = encoding.encode(text);
            // KOI8-U is KOI8-R with four more letters.
            let expected = if encoding == KOI8_R {
                "KOI8-U"
            } else {
                encoding.name()
            };
            let (found, sureness) = guess([bytes.as_ref()]);
            assert_eq!(found, expected, "{text}");
            assert!((0.3..0.9).contains(&sureness), "{text}: {sureness}");
        }
    }

    #[test]
    fn more_to_see_is_surer() {
        let sure =
            |times: usize| guess([WINDOWS_1252.encode(&"Müller;".repeat(times)).0.as_ref()]).1;
        assert!(
            sure(1) < sure(10) && sure(10) < sure(1000),
            "{} {} {}",
            sure(1),
            sure(10),
            sure(1000)
        );
        assert!(sure(1) < 0.4 && sure(100_000) < 0.95);
    }

    #[test]
    fn pieces_make_no_difference() {
        let plain = "plain,text\n".repeat(1000);
        let text = format!("{plain}{POLISH}{plain}{}{plain}", POLISH.repeat(50));
        let (bytes, _, _) = ISO_8859_2.encode(&text);
        let whole = guess([bytes.as_ref()]);
        assert_eq!(whole.0, "ISO-8859-2");
        for size in [1, 2, 3, 1000, 4095, 4097] {
            assert_eq!(guess(bytes.chunks(size)), whole, "pieces of {size}");
        }
    }

    #[test]
    fn characters_of_two_bytes_survive_the_borders_of_blocks() {
        // The second byte of ソ is a backslash: alone it would look like ASCII.
        for shift in 0..3 {
            let text = format!(
                "山{}ソ{}ソ表,{}",
                "a".repeat(BLOCK_BYTES - 3 - shift),
                "b".repeat(3 * BLOCK_BYTES),
                "山田太郎".repeat(9)
            );
            assert_eq!(
                guess([SHIFT_JIS.encode(&text).0.as_ref()]).0,
                "Shift_JIS",
                "shift {shift}"
            );
        }
    }
}
