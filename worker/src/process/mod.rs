//! What a worker is as a process: its settings, its memory, how it says that it lives, and where
//! tests let it die.

pub(crate) mod config;
pub(crate) mod crash;
pub(crate) mod health;
pub(crate) mod memory;
pub(crate) mod pulse;
