//! Lists: `limit`, an opaque `cursor`, `next` and the same in `Link`. Pages follow keys, never
//! `OFFSET`, so that the last page costs what the first does and nothing that is added meanwhile
//! moves a line from one page to another.

use crate::{
    problem::{Fault, Problem},
    request::{
        body::has_nul,
        query::{Given, Parameters, pairs},
    },
};
use axum::{
    Json,
    extract::{FromRequestParts, OriginalUri},
    http::{HeaderValue, header, request::Parts},
    response::{IntoResponse, Response},
};
use serde::{Serialize, Serializer, de::DeserializeOwned, ser::SerializeMap};
use serde_json::Value;
use url::form_urlencoded;

/// The most of one page.
const MAX_PAGE_SIZE: i64 = 200;

/// A page if nothing is said.
const DEFAULT_PAGE_SIZE: i64 = 50;

/// What a list is asked for: filters `F`, and after which key `K` the page begins.
#[derive(Debug)]
pub(crate) struct Page<F, K> {
    /// What is wanted.
    pub(crate) filters: F,
    /// Where the last page ended.
    pub(crate) after: Option<K>,
    /// How many at most.
    pub(crate) limit: i64,
    path: String,
    /// What was asked, without the cursor: so filters survive paging.
    asked: Vec<(String, String)>,
}

impl<F: Parameters, K: DeserializeOwned, S: Sync> FromRequestParts<S> for Page<F, K> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let path = parts
            .extensions
            .get::<OriginalUri>()
            .map_or_else(|| parts.uri.path(), |uri| uri.path())
            .to_owned();
        Self::read(path, pairs(parts))
    }
}

impl<F: Parameters, K: DeserializeOwned> Page<F, K> {
    fn read(path: String, pairs: Vec<(String, String)>) -> Result<Self, Problem> {
        let known: Vec<_> = F::KNOWN
            .iter()
            .copied()
            .chain(["limit", "cursor"])
            .collect();
        let asked = pairs
            .iter()
            .filter(|(name, _)| name != "cursor")
            .cloned()
            .collect();
        let mut given = Given::new(&known, pairs);
        let limit = given
            .number("limit", 1..=MAX_PAGE_SIZE)
            .unwrap_or(DEFAULT_PAGE_SIZE);
        let after = given.text("cursor").and_then(|cursor| {
            let key = decode(&cursor);
            if key.is_none() {
                given.fault(Fault::new(
                    "cursor",
                    "invalid-value",
                    "It is what an earlier page gave as `next`.",
                ));
            }
            key
        });
        let filters = F::read(&mut given);
        given.finish()?;
        Ok(Self {
            filters,
            after,
            limit,
            path,
            asked,
        })
    }
}

impl<F, K: Serialize> Page<F, K> {
    /// How many to look for: one more than fit, to know whether there is a next page.
    pub(crate) fn look_for(&self) -> i64 {
        self.limit + 1
    }

    /// Takes off what is one too many and says after which key the next page begins.
    pub(crate) fn cut<T>(&self, found: &mut Vec<T>, key: impl FnOnce(&T) -> K) -> Option<K> {
        let limit = self.limit as usize;
        if found.len() <= limit {
            return None;
        }
        found.truncate(limit);
        found.last().map(key)
    }

    /// The page as it is answered.
    pub(crate) fn answer(&self, name: &str, items: &impl Serialize, next: Option<&K>) -> Response {
        let cursor = next.map(encode);
        let mut response = Json(List {
            name,
            items,
            next: cursor.as_deref(),
        })
        .into_response();
        if let Some(link) = cursor.and_then(|cursor| self.link(&cursor)) {
            response.headers_mut().insert(header::LINK, link);
        }
        response
    }

    fn link(&self, cursor: &str) -> Option<HeaderValue> {
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(&self.asked)
            .append_pair("cursor", cursor)
            .finish();
        HeaderValue::from_str(&format!("<{}?{query}>; rel=\"next\"", self.path)).ok()
    }
}

/// `{"<name>":[…],"next":"cursor" or null}`
struct List<'a, T> {
    name: &'a str,
    items: &'a T,
    next: Option<&'a str>,
}

impl<T: Serialize> Serialize for List<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_map(Some(2))?;
        members.serialize_entry(self.name, self.items)?;
        members.serialize_entry("next", &self.next)?;
        members.end()
    }
}

/// A key as clients see it: opaque, and safe in an address.
fn encode(key: &impl Serialize) -> String {
    hex::encode(serde_json::to_vec(key).unwrap_or_default())
}

fn decode<K: DeserializeOwned>(cursor: &str) -> Option<K> {
    let key: Value = serde_json::from_slice(&hex::decode(cursor).ok()?).ok()?;
    // Every key is compared with what a database holds.
    if has_nul(&key) {
        None
    } else {
        serde_json::from_value(key).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::v1::moment::Moment;
    use serde_json::json;

    struct Filters(Option<String>);

    impl Parameters for Filters {
        const KNOWN: &'static [&'static str] = &["status"];
        fn read(given: &mut Given) -> Self {
            Self(given.text("status"))
        }
    }

    fn page(query: &str) -> Result<Page<Filters, (i64, String)>, Problem> {
        Page::read(
            "/api/v1/things".to_owned(),
            form_urlencoded::parse(query.as_bytes())
                .into_owned()
                .collect(),
        )
    }

    #[test]
    fn a_cursor_is_one_of_ours() {
        let asked = |cursor: &str| page(&format!("cursor={cursor}"));
        assert_eq!(
            asked(&encode(&(7_i64, "é"))).unwrap().after,
            Some((7, "é".to_owned()))
        );
        for cursor in ["x", "00", &encode(&7), &encode(&(7, "a\0b"))] {
            assert!(asked(cursor).is_err(), "{cursor}");
        }
    }

    #[test]
    fn a_cursor_has_the_range_of_its_key() {
        let at = json!("2026-01-02T03:04:05Z");
        for (key, fits) in [
            (json!([at, i64::MAX, i16::MAX, i64::MIN]), true),
            (json!([at, i128::from(i64::MAX) + 1, 0, 0]), false),
            (json!([at, 0, 32_768, 0]), false),
            (json!([at, 0, -32_769, 0]), false),
            (json!([at, 0, 0.5, 0]), false),
            (json!([at, 0, 0]), false),
            (json!([at, 0, 0, 0, 0]), false),
            (json!(["-5000-01-01T00:00:00Z", 0, 0, 0]), false),
        ] {
            assert_eq!(
                decode::<(Moment, i64, i16, i64)>(&encode(&key)).is_some(),
                fits,
                "{key}"
            );
        }
        for (key, fits) in [
            (json!(i32::MAX), true),
            (json!(i32::MIN), true),
            (json!(2_147_483_648_i64), false),
            (json!("1"), false),
        ] {
            assert_eq!(decode::<i32>(&encode(&key)).is_some(), fits, "{key}");
        }
    }

    #[test]
    fn filters_survive_paging() {
        let first = page("status=a%26b&limit=2").unwrap();
        let mut found = vec![3, 4, 5];
        let next = first.cut(&mut found, |&last| (last, "é".to_owned()));
        assert_eq!((&found[..], first.look_for()), (&[3, 4][..], 3));
        let answer = first.answer("things", &found, next.as_ref());
        let link = answer.headers()[header::LINK].to_str().unwrap().to_owned();
        let query = link
            .split_once('?')
            .unwrap()
            .1
            .split_once('>')
            .unwrap()
            .0
            .to_owned();
        let second = page(&query).unwrap();
        assert_eq!(
            (second.filters.0.as_deref(), second.limit, second.after),
            (Some("a&b"), 2, Some((4, "é".to_owned())))
        );
    }

    #[tokio::test]
    async fn the_last_page_has_no_next() {
        let only = page("").unwrap();
        let mut found = vec![1];
        let next = only.cut(&mut found, |&last| (last, String::new()));
        let answer = only.answer("things", &found, next.as_ref());
        assert!(answer.headers().get(header::LINK).is_none());
        let body = axum::body::to_bytes(answer.into_body(), 1000)
            .await
            .unwrap();
        assert_eq!(&body[..], br#"{"things":[1],"next":null}"#);
    }

    #[test]
    fn cursors_and_limits_are_checked() {
        for query in [
            "limit=0",
            "limit=201",
            "cursor=zz",
            "cursor=5b315d",
            "stauts=x",
        ] {
            assert!(
                matches!(page(query), Err(Problem::InvalidRequest(_))),
                "{query}"
            );
        }
        assert_eq!(page("").unwrap().limit, DEFAULT_PAGE_SIZE);
    }
}
