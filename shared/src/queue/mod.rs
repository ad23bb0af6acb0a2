//! The queue: a few wakes per import over Redis, and notices of what changed; nothing here may be
//! the only record of anything.
//!
//! Postgres remembers, Redis wakes. A wake says "look at this import" and what there is to do is
//! read from Postgres; a notice says "this import changed" and what changed is read from Postgres.
//! A lost wake is sent again by the rescuer, a lost notice costs a moment. Both processes meet
//! here: the api enqueues and listens, the worker enqueues, publishes, and consumes what
//! [`Queue::config`] describes.

mod backoff;
mod client;
mod connection;
mod error;
mod notify;
mod queues;
mod wake;

pub use backoff::Backoff;
pub use client::{BOUND, Enqueued, QueueClient};
pub use connection::{Connection, install_crypto};
pub use error::QueueError;
pub use notify::Notices;
pub use queues::Queue;
pub use wake::Wake;
