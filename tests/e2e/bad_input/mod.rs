//! Bad input through the door, one test for each sort.

mod categories;
mod continued;
mod control;
mod door;
mod extremes;
mod header;
mod lines;
mod mailboxes;
mod repeated;
mod statuses;
mod told;
pub(crate) mod uploads;
