//! The crash matrix: at every point that `worker/src/process/crash.rs` names, in every stage, of an
//! undo too, the worker dies as in a power cut and another takes over. The story of the import, and
//! what the LMS holds, is that of an import which nothing disturbed.

mod journey;
mod matrix;
mod stopping;
