//! The batches of imports: the only SQL on them. Made and summed up for both processes; claimed,
//! done and looked after by the worker, which alone commits what is said here about claims.

mod at_work;
mod claims;
mod make;
mod open;
mod sums;

pub use at_work::{another_site_waits, next_in_turn, settleable, unserved};
pub use claims::{
    Batch, Part, Taken, end_sessions, end_stalled_sessions, fail, finish, lock_claim, put_parts,
    record_progress, release, revoke_expired, snooze, take,
};
pub use make::{
    BATCH_LINES, LINE_WEIGHT, make_apply, make_preview, make_preview_again, make_preview_of_undo,
    make_validate, reset_failed,
};
pub use open::{Open, open};
pub use sums::{Sums, forget_headings, ignored_by_details, never_tried, sums, sums_of};
