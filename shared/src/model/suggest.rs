//! "Did you mean": the nearest of some known words.

use std::collections::HashMap;

/// From 0, nothing in common, to 1, the same: words from here on are near.
const LIKENESS: f64 = 0.6;

/// What has more characters is no slip of the finger, and comparing costs the product of both
/// lengths.
pub const MAX_CHARS: usize = 100;

/// The known word that `given` was probably meant to be, of equally near ones the first in order;
/// `None` if none is near.
pub fn nearest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if given.is_empty() || given.chars().nth(MAX_CHARS).is_some() {
        return None;
    }
    let given = given.to_lowercase();
    known
        .into_iter()
        .filter(|word| word.chars().nth(MAX_CHARS).is_none())
        .map(|word| {
            (
                strsim::normalized_damerau_levenshtein(&given, &word.to_lowercase()),
                word,
            )
        })
        .filter(|(likeness, _)| *likeness >= LIKENESS)
        .max_by(|a, b| a.0.total_cmp(&b.0).then_with(|| b.1.cmp(a.1)))
        .map(|(_, word)| word)
}

/// Known words, ordered so that few need to be compared with a given one.
#[derive(Debug, Default)]
pub struct Lexicon {
    /// By their length in characters. Those of a length are in the order of the words.
    by_length: HashMap<usize, Vec<Entry>>,
}

#[derive(Debug)]
struct Entry {
    word: String,
    letters: Letters,
}

impl Lexicon {
    /// Of these words; those that are too long to be compared are left out.
    pub fn of(words: impl IntoIterator<Item = String>) -> Self {
        let mut lexicon = Self::default();
        for word in words {
            let lower = word.to_lowercase();
            let length = lower.chars().count();
            if length <= MAX_CHARS {
                lexicon.by_length.entry(length).or_default().push(Entry {
                    letters: Letters::of(&lower),
                    word,
                });
            }
        }
        for entries in lexicon.by_length.values_mut() {
            entries.sort_unstable_by(|a, b| a.word.cmp(&b.word));
        }
        lexicon
    }

    /// The word that `given` was probably meant to be. Takes what it compares off `comparisons`, in
    /// characters: once none are left the best so far is given.
    pub fn nearest(&self, given: &str, comparisons: &mut u64) -> Option<&str> {
        let lower = given.to_lowercase();
        let length = lower.chars().count();
        if length == 0 || length > MAX_CHARS || *comparisons == 0 {
            return None;
        }
        let letters = Letters::of(&lower);
        let mut candidates: Vec<(usize, &Entry)> = self.candidates(length, letters, comparisons);
        // What has most letters in common first, so that what is left of the budget goes to what is
        // likely.
        candidates.sort_by(|(a, x), (b, y)| a.cmp(b).then_with(|| x.word.cmp(&y.word)));
        let mut best: Option<(f64, &str)> = None;
        for (_, entry) in candidates {
            let cost = (length * entry.word.len()) as u64;
            if *comparisons < cost {
                break;
            }
            *comparisons -= cost;
            let likeness =
                strsim::normalized_damerau_levenshtein(&lower, &entry.word.to_lowercase());
            let is_better = |(max, word): (f64, &str)| {
                likeness > max || likeness.total_cmp(&max).is_eq() && entry.word.as_str() < word
            };
            if likeness >= LIKENESS && best.is_none_or(is_better) {
                best = Some((likeness, &entry.word));
            }
        }
        best.map(|(_, word)| word)
    }

    /// Words that may be near, each with the number of edits that it takes at least. Looking at one
    /// costs a comparison, and none are looked at that are not paid for.
    fn candidates(
        &self,
        length: usize,
        letters: Letters,
        comparisons: &mut u64,
    ) -> Vec<(usize, &Entry)> {
        let mut candidates = Vec::new();
        for other in 1..=MAX_CHARS {
            let longer = length.max(other);
            let most_edits = (longer as f64 * (1.0 - LIKENESS)).floor() as usize;
            if length.abs_diff(other) > most_edits {
                continue;
            }
            let entries = self
                .by_length
                .get(&other)
                .map(Vec::as_slice)
                .unwrap_or_default();
            let entries = &entries[..entries.len().min(*comparisons as usize)];
            *comparisons -= entries.len() as u64;
            let least =
                |entry: &'_ Entry| letters.edits_to(entry.letters).max(length.abs_diff(other));
            candidates.extend(
                entries
                    .iter()
                    .map(|entry| (least(entry), entry))
                    .filter(|(edits, _)| *edits <= most_edits),
            );
        }
        candidates
    }
}

/// Which letters a word has, each as one of 64 bits.
#[derive(Debug, Clone, Copy)]
struct Letters(u64);

impl Letters {
    fn of(word: &str) -> Self {
        Self(
            word.chars()
                .fold(0, |bits, c| bits | 1 << (c as u32 % u64::BITS)),
        )
    }

    /// Edits that it takes at least to get from one word to the other: each adds one letter and
    /// takes away another at most.
    fn edits_to(self, other: Self) -> usize {
        let (added, taken) = (other.0 & !self.0, self.0 & !other.0);
        added.count_ones().max(taken.count_ones()) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLENTY: u64 = u64::MAX;

    #[test]
    fn only_what_is_near_is_suggested() {
        let known = ["username", "email", "cohort1"];
        let lexicon = Lexicon::of(known.map(str::to_owned));
        for (given, expected) in [
            ("emial", Some("email")),
            ("user name", Some("username")),
            ("EMAIL", Some("email")),
            ("xyz", None),
            ("", None),
        ] {
            assert_eq!(nearest(given, known), expected, "{given}");
            assert_eq!(
                lexicon.nearest(given, &mut PLENTY.clone()),
                expected,
                "{given}"
            );
        }
        let long = "1".repeat(1 << 20);
        assert_eq!(nearest(&long, [long.as_str()]), None, "in no time");
        assert_eq!(
            Lexicon::of([long.clone()]).nearest(&long, &mut PLENTY.clone()),
            None
        );
    }

    #[test]
    fn a_lexicon_finds_what_comparing_with_every_word_finds() {
        let words: Vec<String> = (0..500_u32)
            .map(|n| {
                format!(
                    "{}-{}",
                    ["sales", "hr", "legal", "Økonomi"][n as usize % 4],
                    n * 7 % 311
                )
            })
            .collect();
        let lexicon = Lexicon::of(words.clone());
        for given in [
            "sales-7",
            "sale-14",
            "sels-21",
            "okonomi-3",
            "legl-2",
            "HR-1",
            "hr1",
            "nothing",
            "s",
            "økonomi-310",
        ] {
            assert_eq!(
                lexicon.nearest(given, &mut PLENTY.clone()),
                nearest(given, words.iter().map(String::as_str)),
                "{given}"
            );
        }
    }

    #[test]
    fn no_more_is_compared_than_may_be() {
        // All alike in letters and length, so that every one is a candidate.
        let stem = "abcdefghijklmnopqrstuvwxyz".repeat(3);
        let lexicon = Lexicon::of((0..1_000).map(|n| format!("{stem}{n:04}")));
        let mut left = 100_000;
        lexicon.nearest(&format!("0000{stem}"), &mut left);
        assert!(
            left < 10_000,
            "{left} are left: it went on until they were used up"
        );
        let mut few = 100;
        lexicon.nearest(&format!("{stem}0000"), &mut few);
        assert_eq!(
            few, 0,
            "no more words are looked at than there are comparisons"
        );
        let mut none = 0;
        assert_eq!(lexicon.nearest(&format!("{stem}0000"), &mut none), None);
    }
}
