//! Version 1 of the JSON API: one file for each operation.

pub(crate) mod courses;
pub(crate) mod imports;
mod moment;
pub(crate) mod paging;
pub(crate) mod report;
pub(crate) mod rows;
pub(crate) mod segments;
pub(crate) mod sites;
pub(crate) mod users;
mod view;
