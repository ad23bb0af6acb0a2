//! A whole Muster for one test, made of real parts: a database, a Redis, a folder, an api and
//! workers that nobody else uses.
//!
//! [`Muster::start`] makes it; when it is dropped nothing of it stays. [`Site`] has a method for
//! whatever an admin may do; [`Muster`] has those that only an operator, or a power cut, can do.
//! Waiting is always for something that can be seen, with a deadline that nothing healthy comes
//! near; a test that waits in vain tells the story of the import.
//!
//! Needs `MUSTER_TEST_DATABASE_URL`, a server on which databases may be created, and `redis-server`
//! on the `PATH` (or in `MUSTER_TEST_REDIS_SERVER`). `deploy/local.sh test` provides both.

mod base;
mod binaries;
mod builder;
mod cluster;
mod copied;
mod database;
mod files;
mod fleet;
mod memory;
mod muster;
mod outage;
mod patience;
mod ports;
mod postgres;
mod process;
mod redis;
mod site;
mod story;

pub use builder::Builder;
pub use cluster::Cluster;
pub use copied::Copied;
pub use database::Database;
pub(crate) use database::migrate;
pub use files::{gzip, sha256, windows_1252};
pub use fleet::{Crew, Fleet, Member};
pub use memory::peak_memory;
pub use muster::{Muster, Worker, program};
pub use patience::{PATIENCE, eventually, within};
pub use process::Process;
pub use redis::Redis;
pub use site::{Order, Site};
pub use story::{lms, story};
