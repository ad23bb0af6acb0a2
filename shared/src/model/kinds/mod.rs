//! The files of each kind: columns, and the fields that a plan writes. What is done with them is in
//! the worker's `kinds`.

pub mod courses;
pub mod segments;
pub mod users;
