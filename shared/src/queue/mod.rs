//! The queue: a few wakes per import over Redis, and notices of what changed; nothing here may be
//! the only record of anything.
//!
//! Postgres remembers, Redis rings. A wake says "look at this import" and what there is to do is
//! read from Postgres; a notice says "this import changed" and what changed is read from Postgres.
//! A lost wake is rung again by the rescuer, a lost notice costs a moment. Both processes meet
//! here: the api rings and listens, the worker rings, tells, and consumes what [`Queue::config`]
//! describes.

mod backoff;
mod connection;
mod error;
mod notify;
mod queues;
mod ring;
mod wake;

pub use backoff::Backoff;
pub use connection::{Connection, install_crypto};
pub use error::QueueError;
pub use notify::Notices;
pub use queues::Queue;
pub use ring::{BOUND, Bell, Rung};
pub use wake::Wake;
