//! What Postgres remembers, as far as both processes need it. Functions take a connection and never
//! commit.

pub mod batches;
pub mod copy;
pub mod error;
pub mod imports;
pub mod lines;
pub mod plans;
pub mod pool;
pub mod retention;
pub mod sites;
pub mod slots;
pub mod uploads;

pub use error::StoreError;
