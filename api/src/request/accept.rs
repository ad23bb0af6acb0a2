//! `Accept`: a client that takes neither what an address answers nor anything is told so, before
//! anything is done.

use crate::problem::Problem;
use axum::{
    extract::{MatchedPath, Request},
    http::{HeaderMap, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

/// Refuses what would be answered in a type that the client does not take.
pub(crate) async fn layer(request: Request, next: Next) -> Response {
    let path = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("", MatchedPath::as_str);
    let produced = if path.ends_with("/report.csv") {
        "text/csv"
    } else {
        "application/json"
    };
    if accepts(request.headers(), produced) {
        next.run(request).await
    } else {
        Problem::NotAcceptable(produced).into_response()
    }
}

fn accepts(headers: &HeaderMap, produced: &str) -> bool {
    let mut ranges = headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .peekable();
    ranges.peek().is_none() || ranges.any(|range| takes(range, produced))
}

/// Does a range such as `application/*;q=0.5` hold the type?
fn takes(range: &str, produced: &str) -> bool {
    let mut parts = range.split(';').map(str::trim);
    let name = parts.next().unwrap_or_default().to_ascii_lowercase();
    let is_refused = parts.any(|part| {
        part.strip_prefix("q=")
            .is_some_and(|q| q.parse() == Ok(0.0))
    });
    let family = produced.split('/').next().unwrap_or_default();
    let names_it = name.is_empty()
        || name == "*/*"
        || name == produced
        || name.strip_suffix("/*") == Some(family);
    // Who asks for problems only will be told one, or nothing that matters.
    names_it && !is_refused || name == "application/problem+json" && produced == "application/json"
}

#[cfg(test)]
mod tests {
    use super::takes;

    #[test]
    fn ranges_are_read_as_clients_write_them() {
        for (range, expected) in [
            ("*/*", true),
            ("application/*;q=0.1", true),
            (" Application/JSON ", true),
            ("application/json;q=0", false),
            ("text/html", false),
            ("", true),
        ] {
            assert_eq!(takes(range, "application/json"), expected, "{range}");
        }
        assert!(takes("text/*", "text/csv"));
    }
}
