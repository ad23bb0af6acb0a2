//! The words of Muster. No input or output happens here.

pub mod access;
pub mod action;
pub mod arrow;
pub mod batch;
pub mod budget;
pub mod column;
pub mod guard;
pub mod ids;
pub mod issue;
pub mod kind;
pub mod kinds;
pub mod progress;
pub mod reading;
pub mod recipe;
pub mod settings;
pub mod site;
pub mod slot;
pub mod stage;
pub mod status;
pub mod suggest;
pub mod tally;
pub mod text;
