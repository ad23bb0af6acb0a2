//! Segments of a made-up LMS: every department in every place.

/// What people do there.
pub(super) const DEPARTMENTS: &[&str] = &[
    "Sales",
    "Support",
    "Research",
    "Finance",
    "People",
    "Legal",
    "Logistics",
    "Production",
];

/// Where; with accents, so that a file that is read in the wrong encoding names no segment.
const PLACES: &[&str] = &["Oslo", "Köln", "São Paulo", "Málaga", "Århus"];

/// A segment.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "the columns' names")]
pub struct Segment {
    pub idnumber: String,
    pub name: String,
    pub description: String,
}

/// All forty.
#[must_use]
pub fn segments() -> Vec<Segment> {
    DEPARTMENTS
        .iter()
        .flat_map(|department| PLACES.iter().map(move |place| segment(department, place)))
        .collect()
}

fn segment(department: &str, place: &str) -> Segment {
    Segment {
        idnumber: format!("{department}-{place}")
            .to_lowercase()
            .replace(' ', "-"),
        name: format!("{department}, {place}"),
        description: format!("Everybody who works for \"{department}\" in {place}.\nSet up by HR."),
    }
}
