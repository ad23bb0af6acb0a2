//! "Did you mean": the nearest of some known words.

/// From 0, nothing in common, to 1, the same: words from here on are near.
const LIKENESS: f64 = 0.6;

/// The known word that `given` was probably meant to be, of equally near ones the first in order; `None` if none is near.
pub fn nearest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let given = given.to_lowercase();
    let length = given.chars().count();
    if length == 0 {
        return None;
    }
    // Whatever else they say, words whose lengths are too far apart are not like each other; comparing costs the product of both.
    let may_be_like = |word: &&str| {
        let other = word.chars().count();
        length.min(other) as f64 >= LIKENESS * length.max(other) as f64
    };
    known
        .into_iter()
        .filter(may_be_like)
        .map(|word| (strsim::normalized_damerau_levenshtein(&given, &word.to_lowercase()), word))
        .filter(|(likeness, _)| *likeness >= LIKENESS)
        .max_by(|a, b| a.0.total_cmp(&b.0).then_with(|| b.1.cmp(a.1)))
        .map(|(_, word)| word)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn only_what_is_near_is_suggested() {
        let known = ["username", "email", "cohort1"];
        for (given, expected) in
            [("emial", Some("email")), ("user name", Some("username")), ("EMAIL", Some("email")), ("xyz", None), ("", None)]
        {
            assert_eq!(nearest(given, known), expected, "{given}");
        }
        assert_eq!(nearest(&"username".repeat(1 << 20), known), None, "in no time, and without a table of that size");
    }
}
