//! What a run did, counted: the one line of JSON at its end.

use serde::Serialize;
use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// What a run did.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Figures {
    /// With which it can be repeated.
    pub seed: u64,
    /// How long imports were made.
    pub minutes: f64,
    /// How many sites.
    pub sites: usize,
    /// By final status.
    pub imports: BTreeMap<String, u64>,
    /// Imports that were made twice, since the answer to the first request was lost.
    pub strays: u64,
    /// Those that the admins know of.
    #[serde(skip)]
    pub known: u64,
    /// Lines of all files.
    pub lines: u64,
    /// Previews that were applied.
    pub applies: u64,
    /// Undos that were applied, of undos too.
    pub undos: u64,
    /// Imports that went on with what another left.
    pub continues: u64,
    /// What was asked while imports worked, by request.
    pub requests: BTreeMap<String, u64>,
    /// What was done to processes, by sort.
    pub harm: BTreeMap<String, u64>,
    /// Starts of apis and workers beyond the first.
    pub restarts: u64,
    /// Requests that were repeated, by what came in the way.
    pub retries: BTreeMap<String, u64>,
    /// Lines that were held.
    pub held: u64,
    /// Stored files of no import, left by apis that were killed; the pruner sweeps them some day.
    pub stray_files: u64,
    /// The longest that anybody waited for an import to rest.
    pub longest_wait_seconds: f64,
    /// Rows, lines and counts that were compared.
    pub compared: u64,
    /// Those that were not as they must be.
    pub differences: u64,
    /// There was none.
    pub ok: bool,
}

/// Figures that are written from everywhere.
#[derive(Debug, Default)]
pub(super) struct Counting(Mutex<Figures>);

impl Counting {
    pub(super) fn figures(&self) -> MutexGuard<'_, Figures> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn harm(&self, sort: &str) {
        *self.figures().harm.entry(sort.to_owned()).or_default() += 1;
    }

    pub(super) fn retry(&self, sort: &str) {
        *self.figures().retries.entry(sort.to_owned()).or_default() += 1;
    }

    pub(super) fn request(&self, request: &str) {
        *self
            .figures()
            .requests
            .entry(request.to_owned())
            .or_default() += 1;
    }

    /// Those that are there and that no admin knows of.
    pub(super) fn tell_strays(&self) {
        let mut figures = self.figures();
        figures.strays = figures.imports.values().sum::<u64>() - figures.known;
    }

    /// Something of the sort was done to somebody.
    pub(super) fn harmed(&self, sort: &str) -> u64 {
        self.figures().harm.get(sort).copied().unwrap_or(0)
    }

    pub(super) fn waited(&self, time: Duration) {
        let mut figures = self.figures();
        figures.longest_wait_seconds = figures
            .longest_wait_seconds
            .max((time.as_secs_f64() * 10.0).round() / 10.0);
    }
}
