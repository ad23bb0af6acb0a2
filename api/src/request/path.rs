//! What stands in the address. A name that cannot be is a name that is not there: 404.

use crate::problem::Problem;
use axum::{
    extract::{FromRequestParts, RawPathParams},
    http::request::Parts,
};
use muster_shared::model::ids::ImportId;

/// A part of the address that names something.
pub(crate) trait PathName: Sized {
    /// The part's name in the route.
    const PART: &'static str;
    /// What is said when there is none.
    const ABSENT: &'static str;
    /// The name, if it can be one.
    fn read(text: &str) -> Option<Self>;
}

/// What the address names.
pub(crate) struct Named<T>(pub(crate) T);

impl<T: PathName, S: Sync> FromRequestParts<S> for Named<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let text = part(parts, T::PART)
            .await
            .ok_or(Problem::NotFound(T::ABSENT))?;
        T::read(&text).map(Self).ok_or(Problem::NotFound(T::ABSENT))
    }
}

/// The text of a part of the address; `None`: it is no text that a database can hold.
pub(crate) async fn part(parts: &mut Parts, name: &str) -> Option<String> {
    let found = RawPathParams::from_request_parts(parts, &()).await.ok()?;
    found
        .iter()
        .find(|(part, _)| *part == name)
        .map(|(_, text)| text.to_owned())
        .filter(|text| !text.contains('\0'))
}

impl PathName for ImportId {
    const PART: &'static str = "import";
    const ABSENT: &'static str = "There is no such import in this site.";

    fn read(text: &str) -> Option<Self> {
        let id = text.parse().ok()?;
        tracing::Span::current().record("import.id", text);
        Some(id)
    }
}

/// The username of a person of the LMS.
pub(crate) struct Username(pub(crate) String);

impl PathName for Username {
    const PART: &'static str = "username";
    const ABSENT: &'static str = "There is nobody of this username in this site.";

    fn read(text: &str) -> Option<Self> {
        Some(Self(text.trim().to_lowercase()))
    }
}
