//! Wakes: takes them from Redis and hands each import to whoever works on it; the only place of the
//! worker that names apalis.
//!
//! A wake may come twice, late, or not at all (then the rescuer sends another), so nothing here
//! decides what to do: Postgres does. Nothing that happens to Redis may cancel a handler, and
//! nothing a queue contains may stop the worker from taking the next wake.
//!
//! [`supervise()`] is the way in, once per queue.

mod consume;
mod handlers;
mod poll;
mod prune;
mod supervise;

pub(crate) use supervise::{Consume, supervise};
