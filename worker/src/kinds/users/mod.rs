//! Lines that describe people: their details, segments and courses.

mod directory;
mod execute;
mod find;
mod ground;
mod plan;
mod row;
mod take;
mod undo;

use super::{
    cells::Cells,
    importer::{Executed, Identity, Importer, Outline, Piece, Plan, Planned, Shaken, StagedRow, Turn},
};
use crate::{error::StageError, validate::header::Header};
use async_trait::async_trait;
use directory::Directory;
use muster_shared::{
    model::{
        ids::{ImportNo, SiteId},
        kinds::users::standard_username,
        recipe::Recipe,
        settings::{ExistingDetails, Mode},
    },
    store::imports::Import,
};
use row::Columns;
use sqlx::PgConnection;
use std::collections::HashMap;

/// Positions in a plan's fields.
mod field {
    pub(super) const COUNT: usize = 10;
    pub(super) const USERNAME: usize = 0;
    pub(super) const FIRSTNAME: usize = 1;
    pub(super) const LASTNAME: usize = 2;
    pub(super) const EMAIL: usize = 3;
    pub(super) const EMAIL_KEY: usize = 4;
    pub(super) const IDNUMBER: usize = 5;
    pub(super) const INSTITUTION: usize = 6;
    pub(super) const DEPARTMENT: usize = 7;
    pub(super) const CITY: usize = 8;
    pub(super) const COUNTRY: usize = 9;
}

/// Claims that a line makes besides its key: an e-mail address.
pub(super) const CLAIMS: usize = 1;
/// The number of that claim.
const EMAIL_CLAIM: i16 = 1;

/// How people are treated.
#[derive(Debug, Clone, Copy)]
struct Rules {
    recipe: Recipe,
    mode: Mode,
    details: ExistingDetails,
}

impl Rules {
    /// Can a line of this import ever write details?
    fn write_details(self) -> bool {
        self.mode != Mode::UpdateOnly || self.details == ExistingDetails::Override
    }
}

/// Imports people.
pub(super) struct Users {
    columns: Columns,
    header: Header,
    site: SiteId,
    rules: Rules,
    /// Loaded when first needed, kept for the stage.
    directory: Option<Directory>,
}

impl Users {
    pub(super) fn new(import: &Import, header: Header) -> Self {
        let rules =
            Rules { recipe: import.recipe, mode: import.settings.mode, details: import.settings.existing_details.unwrap_or_default() };
        Self { columns: Columns::of(&header), header, site: import.site_id, rules, directory: None }
    }
}

#[async_trait]
impl Importer for Users {
    fn identify(&self, cells: &Cells<'_>) -> Identity {
        let text = |position: Option<usize>| position.and_then(|position| cells.at(position)).and_then(|cell| cell.filled());
        let key = text(self.columns.username).map(standard_username).filter(|key| !key.is_empty());
        // Whether it will be written is for preview to say, whose settings may be others.
        let email = text(self.columns.email).map(str::to_lowercase);
        Identity { key, claims: if email.is_some() { vec![email] } else { Vec::new() } }
    }

    async fn plan(&mut self, conn: &mut PgConnection, rows: &[StagedRow]) -> Result<Planned, StageError> {
        let directory = match self.directory.take() {
            Some(directory) => directory,
            None => Directory::load(conn, self.site, &self.columns).await?,
        };
        let directory = self.directory.insert(directory);
        let read: Vec<_> = rows.iter().map(|row| row::read(row, &Cells::new(&self.header, &row.cells), &self.columns, directory)).collect();
        let repeated = plan::repeated(&read);
        let site = find::find(conn, self.site, self.rules, &read, &repeated).await?;
        Ok(plan::plan(self.rules, read, site, repeated))
    }

    async fn reverse(&mut self, conn: &mut PgConnection, undone: ImportNo, done: &[Plan]) -> Result<Planned, StageError> {
        undo::plan(conn, self.site, undone, done).await
    }

    async fn depended_on(&self, conn: &mut PgConnection, piece: Piece, subjects: &[i64]) -> Result<Vec<i64>, StageError> {
        take::depended_on(conn, piece, subjects).await
    }

    async fn versions(&self, conn: &mut PgConnection, subjects: &[i64], lock: bool) -> Result<HashMap<i64, i64>, StageError> {
        execute::versions(conn, self.site, subjects, lock).await
    }

    async fn shaken(&self, conn: &mut PgConnection, piece: Piece, plans: &[Outline]) -> Result<Shaken, StageError> {
        ground::shaken(conn, piece, plans).await
    }

    async fn execute(&self, conn: &mut PgConnection, turn: Turn<'_>) -> Result<Executed, StageError> {
        execute::turn(conn, turn).await
    }
}
