//! What the promises rest on: claims, settling and fencing, shown with real processes. A lane is
//! stopped exactly where a test wants it by a lock that the test itself takes ([`hold`]); that it
//! stands there is seen in Postgres ([`sessions`]). Nothing is decided by how long it took.
//!
//! A lane that waits for a lock gives up after 5 s, puts its batch off and comes again; a claim or
//! a settlement does after 2 s and leaves it to the rescuer. So a state that is waited for comes
//! again and again until the test acts on it.

mod blank;
mod cancelled;
mod carried;
mod copy;
mod fair;
mod files;
pub(crate) mod hold;
mod interleaved;
mod killed;
mod last;
mod ledger;
mod limit;
mod outage;
mod outcome;
mod oversized;
mod retried;
pub(crate) mod sessions;
mod slots;
mod stopped;
mod taken;
