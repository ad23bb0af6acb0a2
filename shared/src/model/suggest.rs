//! "Did you mean": the nearest of some known words.

/// From 0, nothing in common, to 1, the same: words from here on are near.
const LIKENESS: f64 = 0.6;

/// What has more characters is no slip of the finger, and comparing costs the product of both lengths.
pub const MAX_CHARS: usize = 100;

/// The known word that `given` was probably meant to be, of equally near ones the first in order; `None` if none is near.
pub fn nearest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if given.is_empty() || given.chars().nth(MAX_CHARS).is_some() {
        return None;
    }
    let given = given.to_lowercase();
    known
        .into_iter()
        .filter(|word| word.chars().nth(MAX_CHARS).is_none())
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
        let long = "1".repeat(1 << 20);
        assert_eq!(nearest(&long, [long.as_str()]), None, "in no time");
    }
}
