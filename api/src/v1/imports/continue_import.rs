//! `POST …/imports/{id}/continue`: go on with lines that an import left, in a new one. Either those
//! of some outcomes as they are, or a corrected file.

use crate::{
    auth::{Access, Uploader},
    intake,
    problem::{Asked, Fault, Problem},
    request::{
        Body, Named, Query,
        body::{is_json, unknown_members},
    },
    state::App,
    time_limit::in_time,
    v1::imports::{created_response, of_site},
};
use axum::{
    extract::{FromRequest, FromRequestParts, Request, State},
    http::header,
    response::Response,
};
use muster_shared::model::{
    action::{LineResult, Outcome},
    ids::ImportId,
    status::Command,
    suggest::nearest,
};
use serde_json::{Map, Value, json};

/// The lines that may go on as they are: those that did not do what they would.
const LEFT: [LineResult; 5] = [
    LineResult(Some(Outcome::Held)),
    LineResult(Some(Outcome::Failed)),
    LineResult(None),
    LineResult(Some(Outcome::Rejected)),
    LineResult(Some(Outcome::Skipped)),
];

/// Those that do when nothing is said.
const WHEN_NOT_SAID: usize = 3;

/// Makes the new import.
pub(crate) async fn continue_import(
    access: Access<Uploader>,
    Named(parent): Named<ImportId>,
    State(app): State<App>,
    request: Request,
) -> Result<Response, Problem> {
    let import = if has_file(&request) {
        let parent =
            in_time(async { of_site(&mut *app.connection().await?, access.site.id, parent).await })
                .await?;
        if !parent.allows(Command::Continue) {
            return Err(Problem::wrong_status(
                Asked::Command(Command::Continue),
                &parent,
            ));
        }
        intake::accept(
            &app,
            access.account,
            access.site.clone(),
            Some(parent),
            request,
        )
        .await?
    } else {
        let (mut parts, body) = request.into_parts();
        Query::<()>::from_request_parts(&mut parts, &()).await?;
        let Body(body) = Body::from_request(Request::from_parts(parts, body), &()).await?;
        in_time(intake::continue_lines(
            &app,
            access.account,
            &access.site,
            parent,
            outcomes(&body)?,
        ))
        .await?
    };
    created_response(&app, &access.site, import).await
}

/// Whatever is no JSON is meant to be a file; a request without a type says nothing at all.
fn has_file(request: &Request) -> bool {
    request.headers().contains_key(header::CONTENT_TYPE) && !is_json(request.headers())
}

/// The outcomes that are named, each once.
fn outcomes(body: &Map<String, Value>) -> Result<Vec<LineResult>, Problem> {
    let mut faults = unknown_members("body", "", body, &json!({"outcomes": null}));
    let mut wanted = Vec::new();
    match body.get("outcomes") {
        None | Some(Value::Null) => wanted.extend(&LEFT[..WHEN_NOT_SAID]),
        Some(Value::Array(given)) if !given.is_empty() => {
            for (i, value) in given.iter().enumerate() {
                if faults.len() >= Fault::MAX {
                    break;
                }
                match outcome(value) {
                    Ok(became) if wanted.contains(&became) => {}
                    Ok(became) => wanted.push(became),
                    Err(fault) => faults.push(fault.at(format!("/outcomes/{i}"))),
                }
            }
        }
        Some(_) => faults.push(
            Fault::new(
                "body",
                "invalid-value",
                "`outcomes` is a list of at least one outcome.",
            )
            .at("/outcomes"),
        ),
    }
    if faults.is_empty() {
        Ok(wanted)
    } else {
        Err(Problem::InvalidRequest(faults))
    }
}

fn outcome(value: &Value) -> Result<LineResult, Fault> {
    let text = value.as_str().unwrap_or_default();
    text.parse()
        .ok()
        .filter(|became| LEFT.contains(became))
        .ok_or_else(|| {
            let names = LEFT.map(|became| became.to_string());
            let detail = format!("Lines of these outcomes can go on: {}.", names.join(", "));
            Fault::new("body", "unknown-value", detail)
                .suggest(nearest(text, names.iter().map(String::as_str)))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(body: &Value) -> String {
        match outcomes(body.as_object().unwrap()) {
            Ok(outcomes) => outcomes
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(" "),
            Err(Problem::InvalidRequest(faults)) => {
                let fault = |fault: &Fault| {
                    format!(
                        "{} {} {}",
                        fault.pointer.as_deref().unwrap(),
                        fault.code,
                        fault.suggestion.as_deref().unwrap_or("-")
                    )
                };
                faults.iter().map(fault).collect::<Vec<_>>().join("; ")
            }
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn outcomes_are_named_or_not() {
        for (body, expected) in [
            (json!({}), "held failed none"),
            (json!({"outcomes": null}), "held failed none"),
            (
                json!({"outcomes": ["rejected", "held", "rejected"]}),
                "rejected held",
            ),
            (
                json!({"outcomes": ["skiped", "created", 3]}),
                "/outcomes/0 unknown-value skipped; /outcomes/1 unknown-value -; /outcomes/2 unknown-value -",
            ),
            (json!({"outcomes": []}), "/outcomes invalid-value -"),
            (json!({"outcomes": "held"}), "/outcomes invalid-value -"),
            (
                json!({"outcome": ["held"]}),
                "/outcome unknown-member outcomes",
            ),
        ] {
            assert_eq!(told(&body), expected, "{body}");
        }
    }
}
