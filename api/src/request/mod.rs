//! What a request says, read so that what is wrong with it becomes a problem that says where;
//! axum's own extractors answer in plain text and pass over what they do not know.

pub(crate) mod accept;
pub(crate) mod body;
pub(crate) mod idempotency;
pub(crate) mod if_match;
pub(crate) mod lingering_close;
pub(crate) mod path;
pub(crate) mod query;

pub(crate) use body::Body;
pub(crate) use path::Named;
pub(crate) use query::Query;
