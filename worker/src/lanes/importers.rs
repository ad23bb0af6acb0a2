//! The importers that a lane keeps from batch to batch.

use crate::{
    error::StageError,
    header,
    kinds::{self, importer::Importer},
};
use muster_shared::{model::ids::ImportId, store::imports::Import};
use sqlx::PgPool;

/// So many importers a lane keeps: lanes go from import to import with every batch, and what an
/// importer has looked up (all segments or courses of a site) is not to be looked up with every
/// batch.
const MAX_KEPT: usize = 8;

/// The importers that a lane keeps from batch to batch.
#[derive(Default)]
pub(super) struct Importers {
    /// The last used come last.
    kept: Vec<KeptImporter>,
}

/// The importer of a stage, with what it has looked up, and the version of the status it was made
/// under.
struct KeptImporter {
    import: ImportId,
    version: i32,
    importer: Box<dyn Importer>,
}

impl Importers {
    /// The importer for this stage of this import; a stage that begins looks everything up anew.
    pub(super) fn of(
        &mut self,
        import: &Import,
        control: &PgPool,
    ) -> Result<&mut dyn Importer, StageError> {
        let at = self.kept.iter().position(|kept| kept.import == import.id);
        let kept = match at.map(|at| self.kept.remove(at)) {
            Some(kept) if kept.version == import.status_version => kept,
            _ => KeptImporter {
                import: import.id,
                version: import.status_version,
                importer: kinds::importer(import, header::accepted(import)?, control),
            },
        };
        if self.kept.len() >= MAX_KEPT {
            self.kept.remove(0);
        }
        Ok(&mut *self.kept.push_mut(kept).importer)
    }
}
