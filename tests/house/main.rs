//! The house's rules as tests: what a reader relies on is checked, not hoped for.

mod arrows;
mod drawings;
mod files;
mod migrations;
mod settings;
mod sites;
mod sources;
