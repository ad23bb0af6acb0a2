//! A JSON body: read whole, within bounds, and refused with the place of what is wrong.

use crate::problem::{Fault, Problem, pointer_token};
use axum::{
    body::to_bytes,
    extract::{FromRequest, Request},
    http::{HeaderMap, header},
};
use bytes::Bytes;
use muster_shared::model::suggest::nearest;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use serde_path_to_error::Segment;
use std::time::Duration;

/// The most bytes of a JSON body.
const MAX_BYTES: usize = 1 << 20;

/// How long one may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(15);

/// A JSON object; nothing at all counts as an empty one.
pub(crate) struct Body(pub(crate) Map<String, Value>);

impl<S: Sync> FromRequest<S> for Body {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let is_json = is_json(request.headers());
        let arriving = to_bytes(request.into_body(), MAX_BYTES);
        let arrived = tokio::time::timeout(BODY_TIMEOUT, arriving)
            .await
            .map_err(|_| Problem::Timeout)?;
        let bytes = arrived.map_err(|error| unreadable(&error))?;
        if bytes.is_empty() {
            return Ok(Self(Map::new()));
        }
        if !is_json {
            return Err(Problem::UnsupportedMediaType(
                "The body is JSON here: `Content-Type: application/json`.".to_owned(),
            ));
        }
        read(&bytes).map(Self)
    }
}

/// Does the request say that its body is JSON?
pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    let given = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let name = given
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    name == "application/json" || name == "application/merge-patch+json"
}

fn unreadable(error: &axum::Error) -> Problem {
    let is_long = std::error::Error::source(error)
        .is_some_and(|source| source.to_string().contains("length limit"));
    if is_long {
        return Problem::TooLarge(format!("A JSON body has at most {MAX_BYTES} bytes."));
    }
    Problem::UnreadableBody("It ended before it was complete.".to_owned())
}

fn read(bytes: &Bytes) -> Result<Map<String, Value>, Problem> {
    let value: Value = serde_json::from_slice(bytes).map_err(|error| {
        Problem::from(Fault::new("body", "invalid-json", error.to_string()).at(""))
    })?;
    match value {
        holding_nul if has_nul(&holding_nul) => {
            Err(
                Fault::new("body", "invalid-value", "It holds a NUL character.")
                    .at("")
                    .into(),
            )
        }
        Value::Object(members) => Ok(members),
        _ => Err(Fault::new("body", "invalid-value", "It is a JSON object.")
            .at("")
            .into()),
    }
}

/// A NUL character can be in JSON but in no database.
pub(crate) fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(has_nul),
        Value::Object(members) => members
            .iter()
            .any(|(name, value)| name.contains('\0') || has_nul(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Members of `given` that a complete value of the type does not have, at any depth.
pub(crate) fn unknown_members(
    parameter: &str,
    prefix: &str,
    given: &Map<String, Value>,
    complete: &Value,
) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (name, value) in given {
        if faults.len() >= Fault::MAX {
            break;
        }
        let pointer = format!("{prefix}/{}", pointer_token(name));
        match (value, complete.get(name)) {
            (Value::Object(inner), Some(known @ Value::Object(_))) => {
                faults.extend(unknown_members(parameter, &pointer, inner, known));
            }
            (_, Some(_)) => {}
            (_, None) => {
                let known: Vec<_> = complete
                    .as_object()
                    .into_iter()
                    .flat_map(Map::keys)
                    .map(String::as_str)
                    .collect();
                let suggestion = nearest(name, known.iter().copied());
                let detail = match known[..] {
                    [] => "There are no members here.".to_owned(),
                    _ => format!("There is no such member. There are {}.", known.join(", ")),
                };
                faults.push(
                    Fault::new(parameter, "unknown-member", detail)
                        .at(pointer)
                        .suggest(suggestion),
                );
            }
        }
    }
    faults
}

/// A value as a `T`, or the place at which it is none.
pub(crate) fn typed<T: DeserializeOwned>(
    parameter: &str,
    prefix: &str,
    value: Value,
) -> Result<T, Fault> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let place = error
            .path()
            .iter()
            .fold(prefix.to_owned(), |place, segment| {
                place + "/" + &token(segment)
            });
        Fault::new(parameter, "invalid-value", error.into_inner().to_string()).at(place)
    })
}

fn token(segment: &Segment) -> String {
    match segment {
        Segment::Seq { index } => index.to_string(),
        Segment::Map { key } => pointer_token(key),
        Segment::Enum { variant } => pointer_token(variant),
        Segment::Unknown => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_shared::model::site::SiteSettings;
    use serde_json::json;

    #[test]
    fn unknown_members_are_found_at_any_depth() {
        let given = json!({"limits": {"linse": 5, "lines": 7}, "time": 1});
        let complete = serde_json::to_value(SiteSettings::default()).unwrap();
        let faults = unknown_members(
            "settings",
            "/settings",
            given.as_object().unwrap(),
            &complete,
        );
        let places: Vec<_> = faults
            .iter()
            .map(|fault| {
                (
                    fault.pointer.as_deref().unwrap(),
                    fault.suggestion.as_deref(),
                )
            })
            .collect();
        assert_eq!(
            places,
            [
                ("/settings/limits/linse", Some("lines")),
                ("/settings/time", None)
            ]
        );
    }

    #[test]
    fn a_wrong_type_is_told_with_its_place() {
        let fault =
            typed::<SiteSettings>("settings", "/settings", json!({"limits": {"lines": -1}}))
                .unwrap_err();
        assert_eq!(
            (fault.code, fault.pointer.as_deref()),
            ("invalid-value", Some("/settings/limits/lines"))
        );
    }

    #[test]
    fn only_objects_without_nul_are_taken() {
        for (body, taken) in [
            ("{\"a\":1}", true),
            ("[1]", false),
            ("{\"a\":\"\\u0000\"}", false),
            ("{", false),
        ] {
            assert_eq!(read(&Bytes::from(body)).is_ok(), taken, "{body}");
        }
    }
}
