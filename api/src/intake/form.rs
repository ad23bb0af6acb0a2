//! The two shapes of an upload: the file as the body, with parameters; or a form whose fields come
//! first and whose last part is the file.

use super::{
    Destination,
    throttled::{Allowance, throttled},
    upload::{self, StoredFile, UploadError},
    upload_params::{FIELDS, UploadParams},
};
use crate::{
    problem::{Fault, Problem},
    request::query::{Given, pairs},
};
use axum::{
    body::Body,
    extract::{FromRequest, Multipart, Request, multipart::Field},
    http::{HeaderMap, header},
};
use bytes::Bytes;
use futures::{Stream, StreamExt, stream};
use muster_shared::{model::site::Limits, store::imports::Import};
use std::{error::Error, time::Duration};
use tokio::time::timeout;

/// How long nothing may come.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// The most bytes of a field that is no file.
const FIELD_BYTES: usize = 64 << 10;

/// What a form may have around its file.
const FORM_BYTES: u64 = 1 << 20;

/// The types of a file, when it is the body itself. What it is its content says.
const TYPES: &[&str] = &[
    "text/csv",
    "text/plain",
    "application/gzip",
    "application/x-gzip",
    "application/octet-stream",
];

const HINT: &str = "Send the file as it is (curl -H 'Content-Type: text/csv' --data-binary @file) or as multipart/form-data with the fields \
                    first and `file` last.";

/// An upload of which nothing is read yet.
pub(super) enum Form {
    /// The body is the file.
    Raw {
        params: Box<UploadParams>,
        body: Body,
        length: Option<u64>,
    },
    /// The file is a part of the body, which has that length.
    Parts {
        form: Box<Multipart>,
        length: Option<u64>,
        allowance: Allowance,
        parent: Option<Box<Import>>,
    },
}

/// Refuses what can be refused without the body. With a parent it is the one that says what is
/// params.
pub(super) async fn open(
    request: Request,
    limits: &Limits,
    parent: Option<Import>,
) -> Result<Form, Problem> {
    let (parts, body) = request.into_parts();
    let given = pairs(&parts);
    let (media_type, charset) = media_type(&parts.headers);
    let length = length(&parts.headers);
    if media_type == "multipart/form-data" {
        check_length(
            length,
            limits.file_bytes.saturating_add(FORM_BYTES),
            limits.file_bytes,
        )?;
        Given::new(&[], given).finish()?;
        let (body, allowance) = throttled(body, FORM_BYTES);
        let form = Multipart::from_request(Request::from_parts(parts, body), &()).await;
        let form = form.map_err(|_| {
            Problem::UnsupportedMediaType(format!("The form has no boundary. {HINT}"))
        })?;
        return Ok(Form::Parts {
            form: Box::new(form),
            length,
            allowance,
            parent: parent.map(Box::new),
        });
    }
    if !TYPES.contains(&media_type.as_str()) {
        return Err(Problem::UnsupportedMediaType(HINT.to_owned()));
    }
    check_encoding(&parts.headers)?;
    check_length(length, limits.file_bytes, limits.file_bytes)?;
    let known: Vec<_> = FIELDS.iter().copied().chain(["filename"]).collect();
    let params = UploadParams::read(
        Given::new(&known, given),
        charset.as_deref(),
        None,
        parent.as_ref(),
    )?;
    Ok(Form::Raw {
        params: Box::new(params),
        body,
        length,
    })
}

impl Form {
    /// Reads it to its end and stores the file. When this fails nothing is stored.
    pub(super) async fn take(
        self,
        destination: &Destination,
    ) -> Result<(UploadParams, StoredFile), Problem> {
        match self {
            Self::Raw {
                params,
                body,
                length,
            } => {
                let stored = store(destination, body.into_data_stream(), length, &params).await?;
                Ok((*params, stored))
            }
            Self::Parts {
                form,
                length,
                allowance,
                parent,
            } => {
                let taken =
                    take_parts(destination, *form, length, &allowance, parent.as_deref()).await;
                if !allowance.is_used_up() {
                    return taken;
                }
                if taken.is_ok() {
                    destination.discard().await;
                }
                Err(too_much_around())
            }
        }
    }
}

async fn take_parts(
    destination: &Destination,
    mut form: Multipart,
    length: Option<u64>,
    allowance: &Allowance,
    parent: Option<&Import>,
) -> Result<(UploadParams, StoredFile), Problem> {
    let mut pairs = Vec::new();
    let (params, stored) = loop {
        let Some(field) = next(&mut form).await? else {
            return Err(Fault::new("file", "missing-value", "The form has no part `file`.").into());
        };
        if field.name() == Some("file") {
            let charset = field.content_type().and_then(charset);
            let params = UploadParams::read(
                Given::new(FIELDS, pairs),
                charset.as_deref(),
                field.file_name(),
                parent,
            )?;
            allowance.lift();
            let stored = store(destination, field, length, &params).await?;
            allowance.set(FORM_BYTES);
            break (params, stored);
        }
        let name = field.name().unwrap_or_default().to_owned();
        pairs.push((name.clone(), text(field, &name).await?));
    };
    let rest = match next(&mut form).await {
        Ok(None) => return Ok((params, stored)),
        Ok(Some(field)) => {
            let name: String = field.name().unwrap_or_default().chars().take(100).collect();
            Fault::new(
                &name,
                "field-after-file",
                "Fields come before `file`, so that they are known when it is read.",
            )
            .into()
        }
        Err(problem) => problem,
    };
    destination.discard().await;
    Err(rest)
}

fn too_much_around() -> Problem {
    Problem::TooLarge(format!(
        "The form has more than {FORM_BYTES} bytes beside its file."
    ))
}

async fn next(form: &mut Multipart) -> Result<Option<Field<'_>>, Problem> {
    let field = timeout(IDLE_TIMEOUT, form.next_field())
        .await
        .map_err(|_| Problem::Timeout)?;
    field.map_err(|error| {
        Problem::UnreadableBody(format!(
            "The form cannot be taken apart: {}.",
            error.body_text()
        ))
    })
}

/// The text of a small field.
async fn text(mut field: Field<'_>, name: &str) -> Result<String, Problem> {
    let mut bytes = Vec::new();
    loop {
        let piece = timeout(IDLE_TIMEOUT, field.chunk())
            .await
            .map_err(|_| Problem::Timeout)?;
        let piece = piece.map_err(|error| {
            Problem::UnreadableBody(format!(
                "The form cannot be taken apart: {}.",
                error.body_text()
            ))
        })?;
        let Some(piece) = piece else { break };
        bytes.extend_from_slice(&piece);
        if bytes.len() > FIELD_BYTES {
            return Err(Problem::TooLarge(format!(
                "The field `{name}` has more than {FIELD_BYTES} bytes."
            )));
        }
    }
    String::from_utf8(bytes)
        .map_err(|_| Fault::new(name, "invalid-value", format!("`{name}` is not UTF-8.")).into())
}

/// Why a body did not come to its end.
#[derive(Debug, thiserror::Error)]
enum Interrupted {
    /// Nothing came for too long.
    #[error("nothing came for too long")]
    Silent,
    /// The connection, or what came over it.
    #[error("it broke off")]
    Broken,
}

async fn store<S, E>(
    destination: &Destination,
    body: S,
    declared: Option<u64>,
    params: &UploadParams,
) -> Result<StoredFile, Problem>
where
    S: Stream<Item = Result<Bytes, E>> + Send,
    E: Error,
{
    let patient = stream::unfold(Some(Box::pin(body)), |body| async {
        let mut body = body?;
        match timeout(IDLE_TIMEOUT, body.next()).await {
            Ok(Some(Ok(piece))) => Some((Ok(piece), Some(body))),
            Ok(Some(Err(_))) => Some((Err(Interrupted::Broken), None)),
            Ok(None) => None,
            Err(_) => Some((Err(Interrupted::Silent), None)),
        }
    });
    let limits = &destination.site.settings.limits;
    destination.announce().await?;
    let stored = upload::store(
        &destination.app.files,
        &destination.file_key,
        Box::pin(patient),
        declared,
        limits,
        &params.settings,
    )
    .await;
    // A store that failed may have the file all the same, now or in a moment: its key stays for a
    // worker's pruner.
    if stored
        .as_ref()
        .is_err_and(|error| !matches!(error, UploadError::Files(_)))
    {
        destination.discard().await;
    }
    stored.map_err(Problem::from)
}

impl From<UploadError> for Problem {
    fn from(error: UploadError) -> Self {
        match error {
            UploadError::TooLarge { limit, max } => too_large(limit, max),
            UploadError::Refused(refusal) => {
                Self::UnsupportedMediaType(format!("{refusal} {}", refusal.hint()))
            }
            UploadError::BadGzip(bad) => {
                Self::UnreadableBody(format!("It begins like gzip, but {bad}."))
            }
            UploadError::BrokenOff(why) => match why.downcast_ref() {
                Some(Interrupted::Silent) => Self::Timeout,
                _ => Self::UnreadableBody(
                    "The upload broke off. Nothing of it is kept; send it again.".to_owned(),
                ),
            },
            UploadError::Files(error) => error.into(),
        }
    }
}

fn too_large(limit: &str, max: u64) -> Problem {
    Problem::TooLarge(match limit {
        "expansion_ratio" => format!(
            "The file expands to more than {max} times its size: this site's limit `{limit}`."
        ),
        "expanded_bytes" => {
            format!("The file expands to more than {max} bytes: this site's limit `{limit}`.")
        }
        _ => format!("The file has more than {max} bytes: this site's limit `{limit}`."),
    })
}

/// How long the body says that it is.
fn length(headers: &HeaderMap) -> Option<u64> {
    headers
        .get(header::CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .parse()
        .ok()
}

/// Refuses by its length what would be refused in the end. `max` is for the whole body.
fn check_length(length: Option<u64>, max: u64, limit: u64) -> Result<(), Problem> {
    if length.is_some_and(|length| length > max) {
        Err(too_large("file_bytes", limit))
    } else {
        Ok(())
    }
}

/// Of encodings only gzip is known; whether the file is gzip its content says.
fn check_encoding(headers: &HeaderMap) -> Result<(), Problem> {
    let given = headers
        .get(header::CONTENT_ENCODING)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("identity");
    if ["identity", "gzip", "x-gzip"]
        .iter()
        .any(|known| given.trim().eq_ignore_ascii_case(known))
    {
        return Ok(());
    }
    Err(Problem::UnsupportedMediaType(
        "`Content-Encoding` may be gzip; no other is read.".to_owned(),
    ))
}

/// The type in lower case, and the charset.
fn media_type(headers: &HeaderMap) -> (String, Option<String>) {
    let given = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    (
        given
            .split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase(),
        charset(given),
    )
}

fn charset(content_type: &str) -> Option<String> {
    let parameters = content_type
        .split(';')
        .skip(1)
        .filter_map(|parameter| parameter.split_once('='));
    let mut charsets = parameters.filter(|(name, _)| name.trim().eq_ignore_ascii_case("charset"));
    charsets
        .next()
        .map(|(_, value)| value.trim().trim_matches('"').to_owned())
        .filter(|charset| !charset.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Method;

    async fn opened(headers: &[(&str, &str)], uri: &str) -> Result<Form, Problem> {
        let mut request = Request::builder().method(Method::POST).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        open(
            request.body(Body::empty()).unwrap(),
            &Limits {
                file_bytes: 1000,
                ..Limits::default()
            },
            None,
        )
        .await
    }

    #[tokio::test]
    async fn what_can_be_refused_without_the_body_is() {
        let csv = ("content-type", "text/csv; charset=\"utf-8\"");
        let right = "/?recipe=create-users&filename=a.csv";
        assert!(matches!(opened(&[csv], right).await, Ok(Form::Raw { .. })));
        assert!(matches!(
            opened(&[csv, ("content-encoding", "gzip")], right).await,
            Ok(Form::Raw { .. })
        ));
        assert!(matches!(
            opened(&[csv, ("content-encoding", "br")], right).await,
            Err(Problem::UnsupportedMediaType(_))
        ));
        assert!(matches!(
            opened(&[csv, ("content-length", "1001")], right).await,
            Err(Problem::TooLarge(_))
        ));
        assert!(matches!(
            opened(&[csv], "/?recepie=create-users").await,
            Err(Problem::InvalidRequest(_))
        ));
        assert!(matches!(
            opened(&[], right).await,
            Err(Problem::UnsupportedMediaType(_))
        ));
        let form = ("content-type", "application/x-www-form-urlencoded");
        assert!(matches!(
            opened(&[form], right).await,
            Err(Problem::UnsupportedMediaType(_))
        ));
        assert!(matches!(
            opened(&[("content-type", "multipart/form-data")], "/").await,
            Err(Problem::UnsupportedMediaType(_))
        ));
        let form = ("content-type", "multipart/form-data; boundary=x");
        assert!(
            matches!(
                opened(&[form, ("content-length", "1001")], "/").await,
                Ok(Form::Parts { .. })
            ),
            "the form is larger than its file"
        );
        assert!(
            matches!(
                opened(&[form], right).await,
                Err(Problem::InvalidRequest(_))
            ),
            "parameters have no place beside a form"
        );
    }

    #[test]
    fn charsets_are_found() {
        for (given, expected) in [
            ("text/csv", None),
            ("text/csv; charset=utf-8", Some("utf-8")),
            (
                "text/csv;header=present; Charset=\"latin1\"",
                Some("latin1"),
            ),
            ("text/csv; charset=", None),
        ] {
            assert_eq!(charset(given).as_deref(), expected, "{given}");
        }
    }
}
