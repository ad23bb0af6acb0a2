//! Lines that describe people: their details, segments and courses.

mod directory;
mod email;
mod execute;
mod find;
mod memberships;
mod plan;
mod preconditions;
mod row;
mod undo;

use super::{
    cells::Cells,
    importer::{Identity, Importer, Planned, Stale},
    turn::{Executed, SubjectRange, Turn},
};
use crate::{error::StageError, header::Header, staging::rows::Rows};
use async_trait::async_trait;
use directory::Directory;
use email::Email;
use find::Keepers;
use muster_shared::{
    model::{
        ids::{ImportNo, SiteId},
        kinds::users::standard_username,
        recipe::Recipe,
        settings::{ExistingDetails, Mode},
    },
    plan::{DonePlan, PlanSummary},
    store::imports::Import,
};
use plan::Open;
use row::Columns;
use sqlx::PgConnection;
use std::collections::HashMap;
use tokio::task::block_in_place;

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
pub(super) const UNIQUE_VALUES: usize = 1;
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

    /// Whose details lines write: those of people who are there, or of people who are not. `None`:
    /// of both.
    fn write_details_of_existing(self) -> Option<bool> {
        match (self.mode, self.details) {
            (Mode::CreateAndUpdate, ExistingDetails::Override) => None,
            (Mode::CreateOnly | Mode::CreateAndUpdate, _) => Some(false),
            // Whoever is unknown is skipped, or rejected; a line that is rejected keeps what it
            // names.
            (Mode::UpdateOnly, _) => (!self.recipe.spec().unknown_is_error).then_some(true),
        }
    }
}

/// Imports people.
pub(super) struct Users {
    columns: Columns,
    header: Header,
    site: SiteId,
    import_no: ImportNo,
    rules: Rules,
    /// Loaded when first needed, kept for the stage.
    directory: Option<Directory>,
    /// The person about whom the next rows may go on.
    open: Option<Open>,
    keepers: Keepers,
}

impl Users {
    pub(super) fn new(import: &Import, header: Header) -> Self {
        let rules = Rules {
            recipe: import.recipe,
            mode: import.settings.mode,
            details: import.settings.existing_details.unwrap_or_default(),
        };
        Self {
            columns: Columns::of(&header),
            header,
            site: import.site_id,
            import_no: import.no,
            rules,
            directory: None,
            open: None,
            keepers: Keepers::default(),
        }
    }
}

#[async_trait]
impl Importer for Users {
    fn identify(&self, cells: &Cells<'_>) -> Identity {
        let text = |position: Option<usize>| {
            position
                .and_then(|position| cells.at(position))
                .and_then(|cell| cell.filled())
        };
        let key = text(self.columns.username)
            .map(standard_username)
            .filter(|key| !key.is_empty());
        // Whether it will be written is for preview to say, whose settings may be others.
        let email = text(self.columns.email)
            .map(|text| Email::read(text).map_or_else(|| text.to_lowercase(), |email| email.key));
        Identity {
            key,
            unique_values: if email.is_some() {
                vec![email]
            } else {
                Vec::new()
            },
        }
    }

    fn memberships_of_line(&self) -> u64 {
        self.columns.memberships()
    }

    async fn plan(&mut self, conn: &mut PgConnection, rows: &Rows) -> Result<Planned, StageError> {
        let directory = match self.directory.take() {
            Some(directory) => directory,
            None => Directory::load(conn, self.site, &self.columns).await?,
        };
        let directory = self.directory.insert(directory);
        directory.begin();
        let (header, columns) = (&self.header, &self.columns);
        let open = self.open.take().filter(|_| rows.go_on);
        // Looking for what was meant takes a moment, in which nobody else should have to wait for
        // this thread.
        let mut read: Vec<_> = block_in_place(|| {
            rows.all
                .iter()
                .map(|row| row::read(row, &Cells::new(header, &row.cells), columns, directory))
                .collect()
        });
        self.keepers
            .settle(conn, self.import_no, self.site, self.rules, &mut read)
            .await?;
        let last = rows
            .all
            .last()
            .filter(|_| !rows.are_last)
            .and_then(|row| row.key.clone());
        let repeated = plan::repeated(&read, last.iter().chain(open.as_ref().map(Open::key)));
        let site = find::find(
            conn,
            self.site,
            self.rules,
            &read,
            &repeated,
            &mut directory.comparisons,
        )
        .await?;
        let (planned, open) =
            block_in_place(|| plan::plan(self.rules, read, site, repeated, open, last))?;
        self.open = open;
        Ok(planned)
    }

    async fn reverse(
        &mut self,
        conn: &mut PgConnection,
        undone: ImportNo,
        done: &[DonePlan],
    ) -> Result<Planned, StageError> {
        undo::plan(conn, self.site, undone, done).await
    }

    async fn depended_on(
        &self,
        conn: &mut PgConnection,
        range: SubjectRange,
        plans: &[&PlanSummary],
    ) -> Result<Vec<i64>, StageError> {
        preconditions::depended_on(conn, range, plans).await
    }

    async fn versions(
        &self,
        conn: &mut PgConnection,
        subjects: &[i64],
        lock: bool,
    ) -> Result<HashMap<i64, i64>, StageError> {
        execute::versions(conn, self.site, subjects, lock).await
    }

    async fn stale(
        &self,
        conn: &mut PgConnection,
        range: SubjectRange,
        plans: &[PlanSummary],
    ) -> Result<Stale, StageError> {
        preconditions::stale(conn, range, plans).await
    }

    async fn execute(
        &self,
        conn: &mut PgConnection,
        turn: Turn<'_>,
    ) -> Result<Executed, StageError> {
        execute::turn(conn, turn).await
    }
}
