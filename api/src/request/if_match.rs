//! `If-Match`: change it only if it is as I saw it. `ETag` shows the version that is meant.

use crate::problem::{Fault, Problem};
use axum::{
    extract::FromRequestParts,
    http::{HeaderValue, header, request::Parts},
};

/// The versions that a client takes; `None`: any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IfMatch(Option<Vec<i32>>);

impl IfMatch {
    /// Is the version one of those that were asked for?
    pub(crate) fn check(&self, version: i32) -> Result<(), Problem> {
        match &self.0 {
            Some(versions) if !versions.contains(&version) => Err(Problem::Changed { version }),
            _ => Ok(()),
        }
    }

    fn read(text: &str) -> Option<Self> {
        if text.trim() == "*" {
            return Some(Self(None));
        }
        let tags: Option<Vec<&str>> = text
            .split(',')
            .map(|tag| tag.trim().strip_prefix('"')?.strip_suffix('"'))
            .collect();
        // A tag that is not ours is well formed and matches nothing.
        Some(Self(Some(
            tags?
                .into_iter()
                .filter_map(|tag| tag.parse().ok())
                .collect(),
        )))
    }
}

impl<S: Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Some(value) = parts.headers.get(header::IF_MATCH) else {
            return Ok(Self(None));
        };
        let read = value.to_str().ok().and_then(Self::read);
        read.ok_or_else(|| {
            Fault::new(
                "If-Match",
                "invalid-value",
                "It is what `ETag` was, with its quotes, such as \"3\".",
            )
            .into()
        })
    }
}

/// The tag of a version.
pub(crate) fn etag(version: i32) -> HeaderValue {
    // Quotes and digits are visible ASCII, so the fallback is never taken.
    HeaderValue::from_str(&format!("\"{version}\""))
        .unwrap_or_else(|_| HeaderValue::from_static("\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_compared() {
        for (given, version, passes) in [
            ("\"3\"", 3, true),
            ("\"2\", \"3\"", 3, true),
            ("\"2\"", 3, false),
            ("*", 3, true),
            ("\"x\"", 3, false),
        ] {
            assert_eq!(
                IfMatch::read(given).unwrap().check(version).is_ok(),
                passes,
                "{given}"
            );
        }
        assert_eq!(IfMatch::read("3"), None);
        assert_eq!(IfMatch::read("W/\"3\""), None);
    }
}
