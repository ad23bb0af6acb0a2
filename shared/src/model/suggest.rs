//! "Did you mean": the nearest of some known words.

/// The known word that `given` was probably meant to be, of equally near ones the first in order; `None` if none is near.
pub fn nearest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let given = given.to_lowercase();
    if given.is_empty() {
        return None;
    }
    known
        .into_iter()
        .map(|word| (strsim::normalized_damerau_levenshtein(&given, &word.to_lowercase()), word))
        .filter(|(likeness, _)| *likeness >= 0.6)
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
    }
}
