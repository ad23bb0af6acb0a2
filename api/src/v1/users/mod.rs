//! People of the LMS.

pub(crate) mod history;
pub(crate) mod list;
pub(crate) mod show;

use serde::Serialize;

/// A person, without what they belong to.
#[derive(Debug, Serialize)]
pub(crate) struct UserView {
    id: i64,
    username: String,
    firstname: String,
    lastname: String,
    email: Option<String>,
    idnumber: Option<String>,
    institution: String,
    department: String,
    city: String,
    country: String,
    auth: String,
    suspended: bool,
    deleted: bool,
    /// The address as it is compared, for paging.
    #[serde(skip)]
    email_key: Option<String>,
}
