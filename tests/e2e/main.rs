//! Journeys of files through a whole Muster, each test with one of its own: api, workers, Postgres,
//! Redis, over HTTP.

mod bad_input;
mod bench;
mod cells;
mod command_line;
mod counts;
mod crash;
mod crowd;
mod hostile;
mod isolation;
mod journeys;
mod keeping;
mod lanes;
mod lost;
mod moodle;
mod postgres_log;
mod pressure;
mod programs;
mod release;
mod since;
mod together;
mod undo;
