#![doc = include_str!("../README.md")]
#![allow(
    clippy::missing_panics_doc,
    reason = "a harness tells what went wrong by panicking"
)]

pub mod bench;
pub mod chaos;
pub mod client;
pub mod harness;
pub mod make;
