//! Lines that describe segments.

mod row;
mod sql;

use super::{
    cells::Cells,
    records::{Description, Existing, Read, RecordKind},
    turn::Turn,
};
use crate::error::StageError;
use crate::staging::rows::StagedRow;
use async_trait::async_trait;
use muster_shared::model::{ids::SiteId, issue::Code, kind::Kind};
use sqlx::PgConnection;
use std::collections::HashMap;

/// Positions in a plan's fields.
const FIELDS: usize = 4;
const IDNUMBER: usize = 0;
const NAME: usize = 1;
const DESCRIPTION: usize = 2;
const VISIBLE: usize = 3;

pub(super) static SEGMENTS: Description = Description {
    kind: Kind::Segments,
    table: "lms.segments",
    noun: "segment",
    exists: Code::SegmentExists,
    not_found: Code::SegmentNotFound,
    needed: &[NAME],
    defaults: &[None, None, Some(""), Some("true")],
    derived: &[],
    shown_by: &[],
};

/// Segments of a site.
pub(super) struct Segments {
    pub(super) site: SiteId,
}

#[async_trait]
impl RecordKind for Segments {
    fn description(&self) -> &'static Description {
        &SEGMENTS
    }

    fn read(&self, row: &StagedRow, cells: &Cells<'_>, _before: Option<&Existing>) -> Read {
        row::read(row, cells)
    }

    async fn find(
        &mut self,
        conn: &mut PgConnection,
        keys: &[String],
    ) -> Result<HashMap<String, Existing>, StageError> {
        sql::find(conn, self.site, keys).await
    }

    async fn of_ids(
        &mut self,
        conn: &mut PgConnection,
        ids: &[i64],
    ) -> Result<HashMap<i64, Existing>, StageError> {
        sql::of_ids(conn, self.site, ids).await
    }

    /// Those that have members, and those whose members a rule chooses.
    async fn used(&self, conn: &mut PgConnection, ids: &[i64]) -> Result<Vec<i64>, StageError> {
        sql::used(conn, ids).await
    }

    async fn update(&self, conn: &mut PgConnection, turn: Turn<'_>) -> Result<i64, StageError> {
        sql::update(conn, turn).await
    }

    async fn create(
        &self,
        conn: &mut PgConnection,
        turn: Turn<'_>,
    ) -> Result<(i64, Vec<i64>), StageError> {
        sql::create(conn, turn).await
    }
}
