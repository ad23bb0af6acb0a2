#![doc = include_str!("../README.md")]

pub mod files;
pub mod model;
pub mod ops;
pub mod plan;
pub mod queue;
pub mod store;
